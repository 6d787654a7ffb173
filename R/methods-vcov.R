# Covariance matrix of the fixed effects and Wald intervals.

#' Covariance matrix and confidence intervals of the fixed effects
#'
#' How well the coefficients are known: the covariance matrix of their estimates, and Wald intervals
#' from it, with t quantiles by Satterthwaite's degrees of freedom in a linear model.
#'
#' @section Cluster-robust covariance matrices:
#' With `type` the matrix is right in large samples whatever the true covariances within the
#' clusters are, as long as different clusters are independent. `"CR0"` is the plain sandwich
#' (`EMPIRICAL` in PROC MIXED, HLM's robust standard errors); too small with few clusters. `"CR1"`
#' multiplies it by J/(J - 1) for J clusters (as Stata's mixed does), `"CR1p"` by J/(J - p),
#' `"CR1S"` by J(n - 1)/((J - 1)(n - p)). `"CR2"` corrects the residuals of each cluster so that the
#' matrix has no bias if the model is right (where slopes vary by cluster that the model does not
#' have, its variances are a tenth too small with twelve clusters), and is the one to take with few
#' clusters; `"CR3"` is close to the jackknife that leaves out one cluster at a time, and errs on
#' the safe side.
#'
#' Clusters are by default the levels of the grouping factor that contains all others. Clusters that
#' cut levels of a random factor leave out the covariances in it, which is warned of. Factors that
#' are crossed need several clusterings, `cluster = ~ subject + item`: the sum of their matrices
#' less that of the cells (Cameron, Gelbach and Miller 2011).
#'
#' Tests with the matrix take their degrees of freedom from it: `"bell-mccaffrey"` for CR2 and CR3,
#' which is Satterthwaite's method for the matrix (Bell and McCaffrey 2002; with several rows
#' Hotelling's T-squared, "HTZ" of Pustejovsky and Tipton 2018; the defaults of clubSandwich), and
#' `"clusters"`, J - 1, for the others; either can be asked for by `ddf`.
#'
#' Of a generalized fit CR0, CR1 and CR3 are made of the exact scores of the likelihood in all
#' parameters where clusters contain the groups. CR2, degrees of freedom, and all types for other
#' clusters are those of the working linear model at the estimates; printouts say so.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param complete Have rows and columns of `NA` for coefficients that could not be estimated, as
#'   in `lm()`? With `FALSE` they are left out.
#' @param which `"beta"`: of the fixed effects. `"theta"`: of the variance parameters, standard
#'   deviations and correlations of the random effects with `sigma` or the dispersion parameter, on
#'   the scale on which they are printed, from the observed information. Rows and columns of those
#'   at the end of their range (a variance of zero) are `NA`.
#' @param component `"conditional"`: the fixed effects. `"dispersion"`: the coefficients of the log
#'   dispersion parameter of a generalized fit; `confint()` gives a dispersion parameter that is the
#'   same in all rows on its own scale and under its name, as `summary()` does.
#' @param full The covariance matrix of the fixed effects and the prediction errors of the random
#'   effects together: the rows of the fixed effects, then those of each term, level by level
#'   (`"age|Subject:M01"`). It has as many rows as there are effects.
#' @param type `NULL`, or one of `"CR0"`, `"CR1"`, `"CR1p"`, `"CR1S"`, `"CR2"` and `"CR3"`: a
#'   cluster-robust covariance matrix of the fixed effects, see below. Of `confint()` with
#'   `method = "boot"`: the type of the limits, see [bootstrap()].
#' @param cluster What the clusters are: a formula such as `~ school`, `~ a:b` or, for several
#'   clusterings, `~ a + b`, of variables of the data (in the formula or not); or a vector with one
#'   value a row. `NULL`: the outermost grouping factor of the random effects.
#' @param parm Names or numbers of the coefficients; all of them by default. Names of variance
#'   parameters, such as `"sd_(Intercept)|Subject"`, `"cor_age.(Intercept)|Subject"` or `"sigma"`,
#'   give limits for these; `"theta_"` stands for all variance parameters, `"beta_"` for all fixed
#'   effects, `"all"` for both.
#' @param level Confidence level.
#' @param method `"wald"`: estimate plus and minus a quantile times the standard error; of
#'   standard deviations and dispersion parameters on the log scale, of correlations on Fisher's z
#'   scale, both with the normal quantile; a standard deviation or correlation at the end of its
#'   range, or a standard deviation below its standard error, has the limits of its profile, and a
#'   message says so (tables such as `summary()` leave them empty). `"profile"`: where the deviance,
#'   minimized over all other parameters, has risen by the chi-square quantile, found to a millionth
#'   of a standard error; see [profile()][profile.tiers_fit]. `"satterthwaite"` (linear models):
#'   standard deviations as the
#'   roots of limits of their variances, multiples of a chi-square of `2 (v / se)^2` degrees of
#'   freedom (option `CL` of PROC MIXED), fixed effects as `"wald"` with Satterthwaite's degrees of
#'   freedom. `"boot"`: from a parametric bootstrap, see [bootstrap()], which
#'   has other kinds of it.
#' @param nsim,seed,workers Of the bootstrap: number of replicates, seed and processes.
#' @param scale `"sd"`: limits of standard deviations as such. `"var"`: of their squares.
#' @param ddf How the degrees of freedom of the t quantile are found: see [summary.tiers_fit()].
#'   `"asymptotic"` and `"none"` take the normal quantile.
#' @param vcov `NULL`, a covariance matrix of the fixed effects to use in place of the model's own,
#'   a function of the fit that returns one, or the name of a cluster-robust one such as `"CR2"`.
#' @param ... Not used.
#' @return `vcov()`: a matrix with the names of the coefficients; with `type` it is of class
#'   `tiers_vcov`, which knows its clusters. `confint()`: a matrix with one
#'   row for each coefficient and the lower and upper limit in its columns, which knows (attributes
#'   `method`, `ddf`, `level`) and prints how the limits were found: `NA` where a coefficient
#'   or dispersion parameter has no finite estimate from these data (columns that were dropped, no
#'   overdispersion), infinite limits where separated data leave a coefficient without any.
#' @seealso [summary()][summary.tiers_fit] for tests, [VarCorr()][VarCorr.tiers_fit] for the
#'   variances of the random effects, [tidy()][tidy.tiers_fit] for limits in a table,
#'   [profile()][profile.tiers_fit] for the profile likelihood as a curve, [bootstrap()].
#' @references
#' Bell RM, McCaffrey DF (2002). Bias reduction in standard errors for linear regression with
#'   multi-stage samples. Survey Methodology 28, 169-181.
#'
#' Cameron AC, Gelbach JB, Miller DL (2011). Robust inference with multiway clustering. Journal of
#'   Business and Economic Statistics 29, 238-249.
#'
#' Liang KY, Zeger SL (1986). Longitudinal data analysis using generalized linear models. Biometrika
#'   73, 13-22.
#'
#' Pustejovsky JE, Tipton E (2018). Small-sample methods for cluster-robust variance estimation and
#'   hypothesis testing in fixed effects models. Journal of Business and Economic Statistics 36,
#'   672-683.
#' @concept confidence interval
#' @concept cluster-robust standard errors
#' @concept clubSandwich
#' @concept empirical standard errors
#' @concept profile likelihood
#' @concept bootstrap
#' @concept robust standard errors
#' @concept sandwich
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' sqrt(diag(vcov(fit)))
#' confint(fit)
#' confint(fit, "age", level = 0.9, ddf = "none")
#'
#' # Robust against a wrong model of the covariances within a child
#' vcov(fit, type = "CR2")
#' summary(fit, vcov = "CR2")
#' confint(fit, vcov = "CR2")
#' anova(fit, vcov = "CR2")
#'
#' # Standard deviations and correlations of the random effects, and sigma
#' confint(fit, "theta_")
#' sqrt(diag(vcov(fit, which = "theta")))
#' confint(fit, "theta_", method = "profile")
#' confint(fit, "theta_", method = "boot", nsim = 200, seed = 1)
#'
#' counts <- glmm(y ~ trt + lbase + (1 | subject), MASS::epil, family = nbinom2())
#' confint(counts, component = "dispersion")
#' @name vcov.tiers_fit
NULL

#' @rdname vcov.tiers_fit
#' @export
vcov.tiers_fit <- function(object, complete = TRUE, component = c("conditional", "dispersion"),
                           which = c("beta", "theta"), type = NULL, cluster = NULL, full = FALSE,
                           ...) {
  check_dots("vcov", ...)
  check_flag(full, "full")
  if (full) {
    if (!is.null(type) || which[1L] != "beta" || component[1L] != "conditional") {
      stop_input("{.arg full} goes without {.arg type}, {.arg which} and {.arg component}.")
    }
    return(full_vcov(object))
  }
  check_robust_call(type, cluster, which, component)
  if (match_choice(which, c("beta", "theta"), "which") == "theta") {
    validate_fit(object)
    return(object$vcov_parameters)
  }
  component <- match_choice(component, c("conditional", "dispersion"), "component")
  check_flag(complete, "complete")
  if (component == "dispersion") {
    value <- dispersion_part(object)$vcov
    return(replace(value, is.nan(value), NA_real_))
  }
  if (!is.null(type)) return(robust_vcov(object, type, cluster, complete))
  if (complete) with_dropped(object$vcov, object) else object$vcov
}

# As Henderson's (1975) equations give it, with what the estimated fixed effects add.
full_vcov <- function(fit) {
  validate_fit(fit)
  kept <- which(!is.na(fit$coefficients))
  p <- length(kept)
  sizes <- vapply(fit$random, function(term) length(term$modes), 1L)
  count <- p + sum(sizes)
  if (count > 5000L) {
    stop_input(c("{.arg full}: the matrix has {count} rows and columns.",
                 i = "{.fn estimate} has standard errors of functions of single random effects,
                      {.fn ranef} their conditional variances."))
  }
  if (length(sizes) == 0L) return(fit$vcov)
  identity <- diag(1, count)
  ends <- p + cumsum(sizes)
  fixed <- matrix(0, count, length(fit$coefficients))
  fixed[, kept] <- identity[, seq_len(p)]
  random <- lapply(seq_along(sizes), function(j) {
    identity[, ends[j] - sizes[j] + seq_len(sizes[j]), drop = FALSE]
  })
  value <- kind_block_errors(fit, list(fixed = fixed, random = random),
                             prepare_ddf(fit, "asymptotic"))$variance
  names <- c(names(fit$coefficients)[kept], unlist(lapply(unname(fit$random), function(term) {
    paste0(term$columns, "|", term$group, ":", rep(term$levels, each = length(term$columns)))
  })))
  matrix(value, count, count, dimnames = list(names, names))
}

check_robust_call <- function(type, cluster, which, component) {
  if (is.null(type)) {
    if (!is.null(cluster)) {
      stop_input(c("{.arg cluster} goes with {.arg type}.", i = "As in {.code type = \"CR2\"}."))
    }
  } else if (!which[1L] == "beta" || component[1L] != "conditional") {
    stop_input("{.arg type} is for the fixed effects alone.")
  }
}

# The coefficients of the log dispersion parameter, with their covariance matrix.
dispersion_part <- function(fit) {
  if (has_structure(fit)) {
    stop_input(c("Coefficients of the residual standard deviation are parameters of the variances.",
                 i = "Use {.code vcov(fit, which = \"theta\")} and
                      {.code confint(fit, \"theta_\")}."))
  }
  if (is.null(fit$dispersion)) {
    stop_input("A linear model has no coefficients of the dispersion: see {.fn sigma}.")
  }
  fit$dispersion
}
