# Fitted values, residuals and leverage.

#' Fitted values and residuals
#'
#' What the model says of each row used, what is left over (on the scale that is asked for), and how
#' much each row weighs in the fit.
#'
#' @param object,model A fit made by [lmm()] or [glmm()].
#' @param level `"conditional"` (or 1): with the random effects. `"marginal"` (or 0): the mean over
#'   the random effects, in a linear model the fixed effects and the offset alone.
#' @param type `"response"`: observed minus fitted (of shares of trials, for binomial kinds).
#'   `"pearson"`: divided by the standard deviation that the mean implies, without the dispersion of
#'   gaussian, Gamma and inverse Gaussian families (but with the row's own where the fit has a model
#'   of the dispersion); in a linear model, times the square root of the weight. `"scaled"`: divided
#'   by the whole standard deviation of the observation. `"studentized"`: divided by the standard
#'   deviation of the residual itself, which is smaller as the fit has followed the observation.
#'   `"normalized"`: scaled residuals that are not correlated in a right model; marginally, those of
#'   a linear model are multiplied by the inverse of the lower Cholesky factor of the covariance
#'   matrix of the observations, so that each row is compared with what the rows before it lead to
#'   expect. `"deviance"`: signed square root of the contribution to the deviance. `"working"`:
#'   divided by the slope of the mean in the linear predictor, and so on its scale. `"quantile"`
#'   (generalized fits): the normal quantile of the probability of a smaller observation, which is
#'   standard normal for a right model whatever the family; for counts and successes a random point
#'   within the probability of the observation.
#' @param scaled `TRUE` divides the type asked for by the residual standard deviation, as in lme4;
#'   of Gamma and inverse Gaussian families by [sigma()]. Families without such a scale, and types
#'   that are in standard deviations already, are not changed.
#' @param seed For quantile residuals: `NULL` to go on with the random numbers of the session, or a
#'   number for [set.seed()]; then the state of the generator is put back afterwards.
#' @param ... Not used.
#' @return A named vector, one value for each row used. With `na.action = na.exclude` in the fit,
#'   one for each row of the data, `NA` where a row was left out. `hatvalues()`: the derivative of
#'   each conditional fitted value by its observation, at the estimated variances; of a generalized
#'   fit in the weighted least squares problem at the estimates, with the square of the slope of the
#'   mean by the variance of the observation as weights. `cooks.distance()`: Cook's distance
#'   `d' V^-1 d / p`, with `d` the change of the `p` fixed effects when the row is left out, all
#'   variances held, and `V` their covariance matrix; the same as by
#'   [influence()][influence.tiers_fit], and without random effects as by [lm()] and [glm()]. `NA`:
#'   without the row a coefficient cannot be estimated.
#' @details
#' Where separated data make the linear predictor infinite the observation is fitted exactly:
#' residuals and leverage are 0, and working residuals have the value that they come to far out, 1
#' or -1 with most links.
#' @seealso [plot()][plot.tiers_fit] draws them, [augment()][tidy.tiers_fit] adds them to the data,
#'   [ranef()][ranef.tiers_fit] are the residuals of the groups; [rstudent()][rstudent.tiers_fit],
#'   [dfbetas()][rstudent.tiers_fit] and [influence()][influence.tiers_fit] for what leaving out
#'   rows or groups does.
#' @references
#' Dunn PK, Smyth GK (1996). Randomized quantile residuals. Journal of Computational and Graphical
#' Statistics 5, 236-244.
#' @concept model checking
#' @concept leverage
#' @concept influence
#' @concept Cook's distance
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' head(cbind(fitted(fit), fitted(fit, level = "marginal")))
#' head(residuals(fit, type = "scaled"))
#' head(cooks.distance(fit))
#'
#' counts <- glmm(y ~ trt + V4 + (1 | subject), MASS::epil, family = nbinom2())
#' head(residuals(counts, type = "quantile", level = "marginal", seed = 1))
#' head(sort(cooks.distance(counts), decreasing = TRUE))
#' @name residuals.tiers_fit
NULL

#' @rdname residuals.tiers_fit
#' @export
fitted.tiers_fit <- function(object, level = c("conditional", "marginal"), ...) {
  check_dots("fitted", ...)
  stats::napredict(object$na.action, fitted_values(object, match_level(level)))
}

#' @rdname residuals.tiers_fit
#' @export
residuals.tiers_lmm <- function(object, type = c("response", "pearson", "scaled", "deviance",
                                                 "working", "studentized", "normalized"),
                                level = c("conditional", "marginal"), scaled = FALSE, ...) {
  check_dots("residuals", ...)
  validate_fit(object)
  known <- c("response", "pearson", "scaled", "deviance", "working", "studentized", "normalized")
  type <- match_choice(type, known, "type")
  level <- match_level(level)
  check_flag(scaled, "scaled")
  value <- observed_response(object) - fitted_values(object, level)
  if (type %in% c("studentized", "normalized")) {
    standard <- if (type == "studentized") studentized_residuals else normalized_residuals
    return(stats::naresid(object$na.action, standard(object, value, level)))
  }
  if (!type %in% c("response", "working")) value <- value * relative_precision(object)
  if (scaled || type == "scaled") value <- value / residual_sd(object, level)
  stats::naresid(object$na.action, value)
}

# What residuals are multiplied by so that all have the variance sigma^2 (or 1, where there is no
# sigma).
relative_precision <- function(fit) {
  root <- sqrt(prior_weights(fit))
  if (!has_structure(fit)) return(root)
  root * random_scale(fit) / residual_row_sd(fit)
}

match_level <- function(level) {
  if (is.numeric(level) && length(level) == 1L && level %in% 0:1) {
    return(c("marginal", "conditional")[level + 1L])
  }
  match_choice(level, c("conditional", "marginal"), "level")
}

fitted_values <- function(fit, level) {
  if (level == "conditional") return(fit$fitted)
  value <- fixed_values(fit)
  family <- family_of(fit)
  if (!is_identity_link(family)) {
    value <- marginal_mean(family, value, random_sd(fit, random_parts(fit, NA)))
  }
  stats::setNames(value, row_names(fit))
}

# Numbers, for binomial kinds shares of the trials.
observed_response <- function(fit) {
  response <- fit_response(fit)
  y <- response$y
  if (length(response$size)) y <- ifelse(response$size > 0, y / response$size, 0)
  stats::setNames(y, row_names(fit))
}

# X beta + offset. A dropped column adds nothing.
fixed_values <- function(fit, newdata = NULL, X = fixed_matrix(fit, newdata)) {
  kept <- !is.na(fit$coefficients)
  value <- if (is_separated(fit)) separated_values(fit, X) else {
    drop(kept_columns(fit, X) %*% fit$coefficients[kept])
  }
  value + fixed_offset(fit, newdata)
}

# Standard deviation of a weighted residual: sigma, or marginally sqrt(w Var(y)).
residual_sd <- function(fit, level) {
  sigma <- random_scale(fit)
  if (level == "conditional" || length(fit$random) == 0L) return(sigma)
  between <- random_sd(fit, random_parts(fit, NA)) / sigma
  sigma * sqrt(1 + relative_precision(fit)^2 * between^2)
}
