# How often tests of variances reject a true hypothesis: p values by the chi-square of all
# parameters, by the mixture at the boundary, and by the exact distribution.
#
#   Rscript bench/boundary-tests.R [replicates]

library(tiers)

replicates <- as.integer(c(commandArgs(trailingOnly = TRUE), "1000")[1L])
levels <- c(0.1, 0.05, 0.01)

show <- function(title, p) {
  cat(title, "\n")
  for (name in names(p)) {
    rate <- vapply(levels, function(level) mean(p[[name]] <= level), 1)
    cat(sprintf("  %-10s %s\n", name, paste(sprintf("%.3f (nominal %.2f)", rate, levels),
                                            collapse = "  ")))
  }
}

# `draw()` gives a response, `test(y)` a named vector of p values.
simulate_p <- function(title, draw, test) {
  one <- function(i) suppressMessages(test(draw()))
  show(title, asplit(vapply(seq_len(replicates), one, one(0L)), 1L))
}

both <- function(table) c(naive = table[["Naive p"]][2L], mixture = table[["Pr(>Chisq)"]][2L])

set.seed(1)
d <- data.frame(g = gl(30, 5), h = gl(10, 1, 150), x = rep(0:4, 30))
at <- function(y) replace(d, "y", list(y))

simulate_p("slope beside an intercept, 30 x 5",
           function() rnorm(30)[d$g] + rnorm(150),
           function(y) both(anova(lmm(y ~ x + (1 | g), at(y)), lmm(y ~ x + (x | g), at(y)))))
simulate_p("intercept and slope together, 30 x 5", function() rnorm(150), function(y) {
  both(covtest(lmm(y ~ x + (x | g), at(y)), "zero_g"))
})
simulate_p("two crossed intercepts together, 30 x 10", function() rnorm(150), function(y) {
  both(covtest(lmm(y ~ x + (1 | g) + (1 | h), at(y)), "zero_g"))
})
small <- data.frame(g = gl(6, 4))
simulate_p("one intercept, 6 x 4", function() rnorm(24), function(y) {
  fit <- lmm(y ~ 1 + (1 | g), replace(small, "y", list(y)))
  c(both(covtest(fit)), exact = covtest(fit, method = "exact", nsim = 500)$p.value)
})
