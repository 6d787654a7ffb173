# Comparison of two fits by a parametric bootstrap (Halekoh and Hojsgaard 2014): responses are drawn
# from the smaller fit and both models fitted to each, so that the likelihood ratio has the
# distribution that it has in a sample of this size.

# The table of compare_fits() with what the bootstrap says about it.
compare_by_bootstrap <- function(fits, names, refit, nsim, seed, workers) {
  check_number(nsim, "nsim", 1, 1e7)
  if (length(fits) != 2L) {
    stop_input("{.code method = \"bootstrap\"} compares two fits, not {length(fits)}.")
  }
  own <- vapply(fits, inherits, NA, what = "tiers_fit")
  if (!all(own)) {
    stop_input(c("{.code method = \"bootstrap\"} compares fits made by {.fn lmm} and {.fn glmm}:
                  {.val {names[!own]}} is none.",
                 i = "{.fn lmm} and {.fn glmm} fit models without random effects too."))
  }
  table <- compare_fits(fits, names, refit)
  if (is.na(table$Chisq[2L])) {
    stop_input(c("These fits have no likelihood ratio test.",
                 x = grep("^No test", attr(table, "heading"), value = TRUE)))
  }
  fits <- suppressMessages(comparable_likelihoods(fits, refit))[match(rownames(table), names)]
  if (nrow(fits[[1L]]$frame) != nrow(fits[[2L]]$frame)) {
    stop_input("The fits must have the same rows, those of weight zero too.")
  }
  random <- start_streams(seed, as.integer(nsim))
  on.exit(random$restore())
  found <- run_streams(random$streams, ratio_runner(fits), workers, chunk_size(fits[[1L]]))
  ratio <- unlist(lapply(found, `[[`, "ratio"))
  why <- unlist(lapply(found, `[[`, "why"))
  if (all(nzchar(why))) {
    stop_numeric("None of {nsim} replicates could be fitted by both models: {unique(why)}.",
                 specification = NULL)
  }
  with_bootstrap(table, ratio[!nzchar(why)], why[nzchar(why)], random$seed)
}

# Likelihood ratios of responses drawn from the first fit.
ratio_runner <- function(fits) {
  for (i in 1:2) fits[[i]]$control$trace <- FALSE
  draw <- parametric_drawer(fits[[1L]])
  response <- fit_response(fits[[1L]])
  specs <- lapply(fits, warm_specification)
  function(streams) {
    y <- draw_responses(fits[[1L]], streams, draw, response)
    dim(y) <- c(nrow(fits[[1L]]$frame), length(streams))
    found <- Map(response_replicates, fits, specs, list(y))
    why <- Map(replicate_failures, fits, found)
    list(ratio = pmax(found[[1L]]$deviance - found[[2L]]$deviance, 0),
         why = ifelse(nzchar(why[[1L]]), why[[1L]], why[[2L]]))
  }
}

with_bootstrap <- function(table, ratio, why, seed) {
  tests <- ratio_tests(table$Chisq[2L], table$Df[2L], ratio)
  # At the boundary of variances the ratio has no distribution like these.
  if ("Naive p" %in% names(table)) tests <- tests["bootstrap", ]
  table[["Pr(boot)"]] <- c(NA, tests["bootstrap", "p.value"])
  others <- rownames(tests)[-1L]
  lines <- c(
    paste0("Pr(boot): ", length(ratio), " replicates from ", rownames(table)[1L], " (seed ", seed,
           "), standard error ", format(tests["bootstrap", "std.error"], digits = 2L)),
    if (length(why)) {
      paste0(length(why), " failed and count nowhere: ", toString(unique(why)))
    },
    if (length(others)) {
      p <- vapply(tests[others, "p.value"], format.pval, "", digits = 3L)
      paste0("p by the moments of the replicates: ", toString(paste(others, p)))
    }, "")
  heading <- attr(table, "heading")
  structure(table, heading = c(heading[-length(heading)], lines), bootstrap = tests,
            replicates = ratio, seed = seed)
}

# The tests of Halekoh and Hojsgaard (2014), section 5: the share of replicates above; a chi-square
# of the statistic times df / mean (Bartlett); a gamma distribution with mean and variance of the
# replicates; an F whose denominator gives it their mean, where that is above df.
ratio_tests <- function(statistic, df, ratio) {
  n <- length(ratio)
  p <- (1 + sum(ratio >= statistic - 1e-9 * max(statistic, 1))) / (1 + n)
  mean <- mean(ratio)
  variance <- if (n > 1L) stats::var(ratio) else NA_real_
  ddf <- if (mean > df) 2 * mean / (mean - df) else NA_real_
  data.frame(
    statistic = c(statistic, statistic * df / mean, statistic, statistic / df),
    df = c(NA, df, NA, df), ddf = c(NA, NA, NA, ddf),
    p.value = c(p, stats::pchisq(statistic * df / mean, df, lower.tail = FALSE),
                stats::pgamma(statistic, mean^2 / variance, mean / variance, lower.tail = FALSE),
                stats::pf(statistic / df, df, ddf, lower.tail = FALSE)),
    std.error = c(sqrt(p * (1 - p) / n), NA, NA, NA),
    row.names = c("bootstrap", "Bartlett", "gamma", "F"))
}
