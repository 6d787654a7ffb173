# Thousands of well-posed random data sets: no warning, no crash, no condition without a class.
#   Rscript bench/random-designs.R [first seed] [last seed]
# The first 150 run in make test. Prints what went wrong and exits with 1, or the count.

suppressPackageStartupMessages(library(tiers))
Sys.setenv(TESTTHAT = "true") # the helpers find their fixtures as they do in a test
for (file in c("helper-conditions.R", "helper-hard-data.R", "helper-designs.R")) {
  text <- parse(file.path("tests", "testthat", file))
  for (expression in text) eval(expression, globalenv())
}
seeds <- as.integer(commandArgs(TRUE))
seeds <- if (length(seeds) == 2L) seq(seeds[1L], seeds[2L]) else 1:2000

check_fit <- function(label, formula, data, reml) {
  heard <- listen(lmm(formula, data, REML = reml))
  bad <- Filter(function(x) !inherits(x, "message") || length(without_class(list(x))),
                heard$conditions)
  if (length(bad)) cat(label, condition_texts(bad), sep = "\n  ")
  steps <<- max(steps, heard$value$convergence$iterations)
  length(bad) > 0L
}

steps <- 0L
wrong <- 0L
for (seed in seeds) {
  d <- random_hard(seed)
  wrong <- wrong + check_fit(paste("random_hard", seed), random_hard_formula(d), d, seed %% 2 == 0)
  design <- random_design(seed)
  wrong <- wrong + check_fit(design$name, design$formula, design$data, design$reml)
}
cat(2L * length(seeds), "fits,", wrong, "with a warning, an error or an unclassed condition;",
    "at most", steps, "iterations\n")
quit(status = as.integer(wrong > 0L))
