# Tests of the variances and covariances of random effects.

#' Tests of random effects
#'
#' Is a random effect there at all? By default each column of each random term is left out in turn
#' (with its covariances), then each term, and the fit is compared with what is left by a likelihood
#' ratio test. Fixed effects stay, so fits by REML are compared by REML.
#'
#' A variance is zero at the end of its range, so the statistic has no chi-square distribution:
#' `Pr(>Chisq)` takes the mixture of chi-squares that it has in large samples, see
#' [anova()][anova.tiers_fit]; `Naive p` takes the chi-square of all parameters together, as
#' `lmerTest::ranova()` does, and is too large.
#'
#' `method = "exact"` is for small samples: of a linear model with one variance for a term, the
#' (restricted) likelihood ratio statistic has a distribution that is known exactly and is simulated
#' (Crainiceanu and Ruppert 2004), as in the package RLRsim; of a fit by maximum likelihood, that of
#' the likelihood ratio. Where the model has other random effects the distribution is that of a
#' model with the tested one alone, which is an approximation, as in RLRsim; a message says so.
#' Columns that are correlated with others have no exact test.
#'
#' `method = "hlm"` is the chi-square test of the program HLM: with the estimates of each group by
#' least squares, `sum((estimate - fitted)^2 / variance)` over the groups that have them, with the
#' number of groups less that of the coefficients that explain them as degrees of freedom
#' (Raudenbush and Bryk 2002, section 3). It needs groups with more rows than random coefficients.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param test `"terms"`, as above, or a test of all random effects together, as PROC GLIMMIX has
#'   them (`COVTEST`): `"zero_g"`: there are none; `"diag_g"`: they are not correlated;
#'   `"independent"`: the rows are independent, which without correlated residuals is `"zero_g"`;
#'   `"homogeneity"`: the parameters of the residuals are the same in all groups of `by =`.
#' @param method `"lrt"`, `"exact"` or `"hlm"`.
#' @param nsim Number of draws for `"exact"`.
#' @param seed Seed for them, or `NULL` to go on from the session's random numbers. With a seed
#'   these stay where they were.
#' @param ... Not used.
#' @return A data frame of classes `tiers_covtest` and `anova` with a row for each test. With
#'   `"lrt"`: `npar`, `logLik`, `AIC` of the smaller model (and of the fit, in the first row),
#'   `LRT`, `Df`, `Naive p`, `Pr(>Chisq)`. With `"exact"`: `RLRT` or `LRT`, `p.value`. With `"hlm"`:
#'   `groups`, `Chisq`, `Df`, `Pr(>Chisq)`. `tidy()` gives it as a plain data frame with columns
#'   `term`, `statistic`, `df`, `p.value` and others.
#' @references
#' Self SG, Liang KY (1987). Asymptotic properties of maximum likelihood estimators and likelihood
#' ratio tests under nonstandard conditions. Journal of the American Statistical Association 82,
#' 605-610.
#'
#' Crainiceanu CM, Ruppert D (2004). Likelihood ratio tests in linear mixed models with one variance
#' component. Journal of the Royal Statistical Society B 66, 165-185.
#'
#' Raudenbush SW, Bryk AS (2002). Hierarchical linear models, 2nd edition. Sage.
#' @seealso [anova()][anova.tiers_fit] for two fits, [drop1()][drop1.tiers_fit] for fixed terms,
#'   [confint()][vcov.tiers_fit] for intervals, [VarCorr()][VarCorr.tiers_fit].
#' @concept test of random effects
#' @concept variance component test
#' @concept ranova
#' @concept restricted likelihood ratio test
#' @concept boundary
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' covtest(fit)
#' covtest(fit, "diag_g")
#'
#' # Is there a difference between six workers? The exact distribution, in a small sample
#' one <- lmm(score ~ Machine + (1 | Worker), nlme::Machines)
#' covtest(one, method = "exact", nsim = 2000, seed = 1)
#'
#' # The test of the program HLM
#' school <- merge(nlme::MathAchieve[, c("School", "MathAch")], nlme::MathAchSchool)
#' covtest(lmm(MathAch ~ 1 + (1 | School), school), method = "hlm")
#' @export
covtest <- function(fit, test = "terms", method = c("lrt", "exact", "hlm"), nsim = 10000,
                    seed = NULL, ...) {
  force_arguments(c("fit", "test", "method", "nsim", "seed"))
  check_dots("covtest", ...)
  validate_fit(fit)
  if (missing(method)) method <- "lrt"
  method <- match_choice(method, c("lrt", "exact", "hlm"), "method")
  test <- match_choice(test, c("terms", "zero_g", "diag_g", "independent", "homogeneity"), "test")
  if (test == "homogeneity") {
    return(covtest_homogeneity(fit, method, user_frame(parent.frame())))
  }
  check_covtest(fit, test, method)
  table <- switch(
    method,
    lrt = if (test == "terms") covtest_terms(fit) else covtest_joint(fit, test),
    exact = covtest_exact(fit, nsim, seed),
    hlm = covtest_hlm(fit))
  class(table) <- c("tiers_covtest", "anova", "data.frame")
  table
}

check_covtest <- function(fit, test, method) {
  refuse_structure(fit, "Tests of the random effects", "Fit both models and use {.fn anova}.")
  if (length(fit$random) == 0L) stop_input("The fit has no random effects to test.")
  if (method != "lrt" && test != "terms") {
    stop_input("{.code method = {.str {method}}} tests one variance after the other: {.arg test}
                must be {.val terms}.")
  }
  if (method != "lrt" && !kind_tests(fit)$linear) {
    stop_input("{.code method = {.str {method}}} is for linear models, made by {.fn lmm}.")
  }
  if (!is.null(fit$constraints)) {
    stop_input(c("{.fn covtest} cannot take random effects out of a fit with {.arg fix} or
                  {.arg equal}.", i = "Fit the smaller model and give both to {.fn anova}."))
  }
}

#' @rdname covtest
#' @param x The result of `covtest()`.
#' @param digits Significant digits of p values.
#' @param signif.stars Print stars beside them?
#' @export
tidy.tiers_covtest <- function(x, ...) {
  check_dots("tidy", ...)
  tested <- setdiff(rownames(x), "<none>")
  x <- as.data.frame(x)[tested, , drop = FALSE]
  names <- c(LRT = "statistic", RLRT = "statistic", Chisq = "statistic", Df = "df",
             `Naive p` = "p.value.naive", `Pr(>Chisq)` = "p.value")
  known <- names(x) %in% names(names)
  names(x)[known] <- names[names(x)[known]]
  table <- cbind(term = tested, x, stringsAsFactors = FALSE)
  rownames(table) <- NULL
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(table) else table
}

#' @method as.data.frame tiers_covtest
#' @export
as.data.frame.tiers_covtest <- function(x, ...) {
  attr(x, "heading") <- NULL
  class(x) <- "data.frame"
  x
}

# Likelihood ratio tests ---------------------------------------------------------------------------

covtest_terms <- function(fit) {
  smaller <- list()
  labels <- character()
  for (j in seq_along(fit$random)) {
    term <- fit$random[[j]]
    k <- length(term$columns)
    # A variance that is common to the columns does not leave with one of them.
    about <- covariance_parameters(term)
    if (k > 1L && all(about$row > 0L)) for (c in seq_len(k)) {
      smaller <- c(smaller, list(without_columns(fit, j, c)))
      labels <- c(labels, paste(term$columns[c], "in", term$label))
    }
    smaller <- c(smaller, list(without_columns(fit, j, seq_len(k))))
    labels <- c(labels, term$label)
  }
  covtest_table(fit, smaller, labels, "Random effects left out one by one")
}

covtest_joint <- function(fit, test) {
  if (test == "diag_g") {
    correlated <- any(fit$parameters$type == "cor")
    if (any(fit$parameters$type == "structure")) {
      stop_input(c("Correlations that follow from a few parameters cannot be tested together.",
                   i = "Fit the model with {.code diag()} and use {.fn anova}."))
    }
    if (!correlated) stop_input("The random effects of the fit have no correlations to test.")
    return(covtest_table(fit, list(without_correlations(fit)), "diagonal G",
                         "Covariance matrices of the random effects reduced to their diagonals"))
  }
  words <- if (test == "zero_g") "No random effects" else "Independent rows"
  covtest_table(fit, list(without_random(fit)), if (test == "zero_g") "zero G" else "independent",
                words)
}

# The residual structure without `by`, whose parameters have no boundary where groups are alike.
covtest_homogeneity <- function(fit, method, caller) {
  if (is.null(fit$residual$by)) {
    stop_input(c("{.code test = \"homogeneity\"} asks whether groups that have residual parameters
                  of their own differ in them, and the fit has none.",
                 i = "Fit it with, for instance,
                      {.code residual = us(time | subject, by = group)}."))
  }
  if (method != "lrt") stop_input("{.arg method} of {.val homogeneity} must be {.val lrt}.")
  expr <- fit$residual$expr
  expr$by <- NULL
  small <- with_residual(fit, expr, caller)
  lrt <- small$deviance - fit$deviance
  if (lrt < -likelihood_error(fit)) {
    warn_negative("homogeneity")
    lrt <- NA_real_
  }
  df <- fit$npar - small$npar
  p <- stats::pchisq(max(lrt, 0), df, lower.tail = FALSE)
  both <- list(fit, small)
  table <- data.frame(npar = c(fit$npar, small$npar),
                      logLik = -vapply(both, `[[`, 1, "deviance") / 2,
                      AIC = vapply(both, function(one) one$deviance + 2 * one$npar, 1),
                      LRT = c(NA, max(lrt, 0)), Df = c(NA, df), `Naive p` = c(NA, p),
                      `Pr(>Chisq)` = c(NA, p), check.names = FALSE,
                      row.names = c("<none>", "homogeneity"))
  structure(table, heading = c(
    paste0("Parameters of the residuals the same for all ", paste(fit$residual$by, collapse = ":"),
           ": likelihood ratio test by ", if (fit$REML) "REML" else "maximum likelihood"),
    paste0("Model: ", text_of(full_formula(fit)), ", residual ", fit$residual$label),
    "Distribution of LRT: chi-square", ""), class = c("tiers_covtest", "anova", "data.frame"))
}

# `smaller`: list(spec, npar, G, ...) each, as covtest-models.R makes them.
covtest_table <- function(fit, smaller, labels, title) {
  found <- lapply(smaller, fit_smaller, fit = fit)
  npar <- c(fit$npar, vapply(found, `[[`, 1, "npar"))
  deviance <- c(fit$deviance, vapply(found, `[[`, 1, "deviance"))
  lrt <- deviance - fit$deviance
  negative <- which(lrt < -likelihood_error(fit))
  if (length(negative)) warn_negative(c("<none>", labels)[negative])
  lrt <- replace(pmax(lrt, 0), negative, NA)
  lrt[1L] <- NA
  df <- fit$npar - npar
  naive <- stats::pchisq(lrt, df, lower.tail = FALSE)
  shapes <- Map(smaller_shape, smaller, found, MoreArgs = list(fit = fit))
  p <- vapply(seq_along(shapes), function(i) {
    if (is.null(shapes[[i]])) NA_real_ else chi_bar_tail(lrt[i + 1L], shapes[[i]])
  }, 1)
  table <- data.frame(npar = npar, logLik = -deviance / 2, AIC = deviance + 2 * npar, LRT = lrt,
                      Df = c(NA, df[-1L]), `Naive p` = c(NA, naive[-1L]),
                      `Pr(>Chisq)` = c(NA, p), check.names = FALSE,
                      row.names = c("<none>", make.unique(labels)))
  words <- vapply(shapes, function(shape) {
    if (is.null(shape)) "not known, the information is singular" else mixture_words(shape)
  }, "")
  structure(table, heading = c(
    paste0(title, ": likelihood ratio tests by ", if (fit$REML) "REML" else "maximum likelihood"),
    paste0("Model: ", text_of(full_formula(fit))),
    paste0("Distribution of ", if (length(unique(words)) > 1L) paste0(labels, ": ") else "LRT: ",
           words)[!duplicated(words) | length(unique(words)) > 1L], ""))
}
