# Random designs at the edges of what a mixed model can be
# (tests/testthat/helper-degenerate-designs.R), fitted in child processes with a time limit: no
# crash, no hang, no condition without a class, no false warning, variances that cannot be told
# apart refused and no others, and no likelihood below lme4's.
#   Rscript bench/random-degenerate.R [first seed] [last seed] [--generalized]

suppressPackageStartupMessages(library(tiers))
Sys.setenv(TESTTHAT = "true") # the helpers find their fixtures as they do in a test
for (file in c("helper-conditions.R", "helper-dense.R", "helper-glmm-random.R",
               "helper-degenerate-designs.R", "helper-guarded.R")) {
  for (expression in parse(file.path("tests", "testthat", file))) eval(expression, globalenv())
}
arguments <- commandArgs(TRUE)
families <- if ("--generalized" %in% arguments) list(stats::poisson(), stats::binomial())
seeds <- as.integer(grep("^--", arguments, value = TRUE, invert = TRUE))
seeds <- if (length(seeds) == 2L) seq(seeds[1L], seeds[2L]) else 1:2000

# Of the same model by lme4; NA where it cannot say.
peer_log_lik <- function(case) {
  quiet <- function(expr) suppressWarnings(suppressMessages(tryCatch(expr, error = function(e) NA)))
  ignore <- list(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore",
                 check.nobs.vs.rankZ = "ignore")
  if (grepl("f || g", deparse1(case$formula), fixed = TRUE)) return(NA)
  if (is.null(case$family)) {
    control <- do.call(lme4::lmerControl, ignore)
    quiet(as.numeric(logLik(lme4::lmer(case$formula, case$data, REML = case$reml,
                                       control = control))))
  } else {
    # At its default tolerance of the modes glmer()'s log-likelihood is off by up to 1e-5.
    control <- do.call(lme4::glmerControl, c(ignore, tolPwrss = 1e-10))
    # The weights by their column's name, which is looked up in the data.
    quiet(as.numeric(logLik(lme4::glmer(case$formula, case$data, case$family, weights = m,
                                        control = control))))
  }
}

fit_and_judge <- function(seed) {
  case <- degenerate_design(seed, families)
  clock <- proc.time()
  bad <- degenerate_complaints(case)
  seconds <- sum((proc.time() - clock)[1:2])
  log_lik <- tryCatch(as.numeric(logLik(suppressWarnings(suppressMessages(fit_degenerate(case))))),
                      error = function(e) NA)
  list(bad = bad, log_lik = log_lik, seconds = seconds)
}

compared <- lower <- refused <- wrong <- 0L
slowest <- 0
results <- guarded_each(seeds, fit_and_judge, limit = 30)
for (i in seq_along(seeds)) {
  case <- degenerate_design(seeds[i], families)
  result <- results[[i]]
  bad <- if (is.list(result)) result$bad else paste(case$name, ":", result)
  if (is.list(result)) {
    slowest <- max(slowest, result$seconds)
    refused <- refused + is.na(result$log_lik)
    peer <- if (is.na(result$log_lik)) NA else peer_log_lik(case)
    if (isTRUE(is.finite(peer))) {
      compared <- compared + 1L
      lower <- lower + (peer < result$log_lik - 1e-6)
      if (peer > result$log_lik + 1e-6) {
        bad <- c(bad, sprintf("%s: lme4 has log-likelihood %.7f, above %.7f", case$name, peer,
                              result$log_lik))
      }
    }
  }
  if (length(bad)) cat(bad, sep = "\n")
  wrong <- wrong + (length(bad) > 0L)
}
cat(length(seeds), "data sets,", wrong, "with something wrong;", refused, "refused;", compared,
    "compared with lme4,", lower, "of them lower there; at most", format(slowest, digits = 2),
    "s of computing\n")
quit(status = as.integer(wrong > 0L))
