#' Predictions
#'
#' What the model expects for the rows of the fit or for new ones: of a known group, of the typical
#' group, or on average over the population of groups.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param newdata A data frame with the variables of the formula; `NULL` for the rows of the fit.
#'   Grouping factors are needed only for the random terms that are asked for.
#' @param re.form Which random effects to add: `NULL` all (but see `type = "marginal"`), `NA` or
#'   `~ 0` none, a one-sided formula such as `~ (1 | school)` those of its bar terms. A bar term may
#'   name part of a term of the fit: `~ (1 | Subject)` takes the intercepts of `(Days | Subject)`.
#' @param allow.new.levels May grouping factors have levels that the fit has not seen? These get
#'   random effects of zero. By default they are an error. A missing group counts as a new level
#'   with `TRUE` and makes the prediction `NA` otherwise.
#' @param type `"link"`: the linear predictor. `"response"`: the mean of the response (of one trial,
#'   for binomial kinds) given the random effects that are added; with `re.form = NA` that is the
#'   median group, not the population. `"marginal"`: the mean of the response over the population of
#'   groups. Here `re.form = NULL` means, unlike elsewhere, that all random effects are integrated
#'   over, as with `NA`; those that a formula names are kept at their estimates. `"dispersion"`: the
#'   dispersion parameter of the row. For a linear model the first two are the same.
#' @param na.action What to do with rows of `newdata` that have missing values: with `na.pass`
#'   (the default) their prediction is `NA`, `na.omit` leaves them out, `na.fail` stops.
#' @param se.fit Add standard errors of the predictions?
#' @param interval `"confidence"`: limits of what is predicted, `"prediction"`: limits of a new
#'   response. A new response of a group that `re.form` leaves out is one of a group that has not
#'   been seen: with `re.form = NA` all variances count, those of the random effects and the
#'   residual's. Of a generalized fit they are quantiles of the response around a linear predictor
#'   with the prediction's error (shares of trials for binomial kinds), for `type = "response"` or
#'   `"marginal"`.
#' @param level Confidence level of the limits.
#' @param ddf How the degrees of freedom of the limits are found: see [summary.tiers_fit()].
#'   Those of `"satterthwaite"` and `"kenward-roger"` are of each row's own variance, random effects
#'   included, to which Kenward and Roger's method adds what the estimation of the variances costs;
#'   methods that count take those of the row's fixed part.
#' @param weights Weights of new responses, for `interval = "prediction"`: a number, one for each
#'   row, or a one-sided formula such as `~ w`. By default those of the fit for its own rows, and 1
#'   for new ones. Of binomial kinds they are the trials, by default found in `newdata`.
#' @param output `"values"`: as `predict.lm()` returns them. `"data.frame"`: a data frame with
#'   columns `fit`, `se.fit`, `df` and, with an interval, `lwr` and `upr`.
#' @param random.only Only the part of the random effects in the linear predictor, `z'b`?
#' @param ... Not used.
#' @return A named vector, one value for each row of `newdata`. Without `newdata`, one for each row
#'   used in the fit; where the fit was made with `na.action = na.exclude`, one for each row of the
#'   data. With an `interval` a matrix with columns `fit`, `lwr` and `upr`. With `se.fit` a list of
#'   `fit` (either of these), `se.fit`, `df` and `residual.scale`. As in `predict.lm()` the standard
#'   error is that of what is predicted, also with limits for a new response.
#' @details
#' Bases such as `poly(x, 2)` or `splines::ns(x, 3)` and contrasts are those of the fit, also in
#' random terms, and offsets are added. A row that lies outside of what a design with dropped
#' columns can estimate gets `NA`, with a warning of class `tiers_warning_data`.
#'  The error of a prediction is that of the fixed and of the random effects together, `Var(b -
#' predicted b)` and its covariance with the coefficients (Henderson 1975); a new level has the
#' variance of the term. In a linear model the variance parameters count as known but for the
#' degrees of freedom; with few rows a group `ddf = "kenward-roger"` adds what their estimation
#' costs. In a generalized model the modes of the random effects follow the variance parameters,
#' whose uncertainty is in the standard error (Booth and Hobert 1998), but for fits with
#' `nAGQ = 0`. Standard errors of `"response"` and `"marginal"` are those of the delta method,
#' limits are those of the linear predictor taken through the link; for `"marginal"` the variances
#' of the random effects are among what is estimated.
#' @seealso [fitted()][residuals.tiers_fit] for the rows of the fit,
#'   [simulate()][simulate.tiers_fit] for new responses with their variation, [marginal_coef()],
#'   [coef()][ranef.tiers_fit] for lines by group, [estimate()] for differences and ratios of
#'   predictions.
#' @references
#' Henderson CR (1975). Best linear unbiased estimation and prediction under a selection model.
#' Biometrics 31, 423-447.
#'
#' Booth JG, Hobert JP (1998). Standard errors of prediction in generalized linear mixed models.
#' Journal of the American Statistical Association 93, 262-272.
#' @concept prediction interval
#' @concept confidence band
#' @concept population average
#' @concept new levels
#' @concept BLUP
#' @examples
#' fit <- lmm(distance ~ poly(age, 2) * Sex + (age | Subject), nlme::Orthodont)
#' new <- data.frame(age = c(9, 11), Sex = "Male", Subject = c("M01", "nobody"))
#' predict(fit, new, allow.new.levels = TRUE)
#' predict(fit, new, re.form = NA)
#'
#' # Limits for a boy's mean distance, and for a new boy's measurement
#' boys <- data.frame(age = c(8, 11, 14), Sex = "Male")
#' predict(fit, boys, re.form = NA, interval = "confidence")
#' predict(fit, boys, re.form = NA, interval = "prediction")
#'
#' # The chance of bacteria in week 4: for a child in the middle, and in all children
#' bacteria <- glmm(y ~ trt + week + (1 | ID), MASS::bacteria, family = binomial())
#' new <- data.frame(trt = c("placebo", "drug"), week = 4)
#' predict(bacteria, new, type = "response", re.form = NA)
#' predict(bacteria, new, type = "marginal", interval = "confidence")
#' @export
predict.tiers_fit <- function(object, newdata = NULL, re.form = NULL, allow.new.levels = FALSE,
                              type = c("link", "response", "marginal", "dispersion"),
                              na.action = stats::na.pass, se.fit = FALSE,
                              interval = c("none", "confidence", "prediction"), level = 0.95,
                              ddf = NULL, weights = NULL, output = c("values", "data.frame"),
                              random.only = FALSE, ...) {
  check_dots("predict", ...)
  validate_fit(object)
  check_flag(random.only, "random.only")
  type <- match_choice(type, c("link", "response", "marginal", "dispersion"), "type")
  interval <- match_choice(interval, c("none", "confidence", "prediction"), "interval")
  output <- match_choice(output, c("values", "data.frame"), "output")
  check_flag(allow.new.levels, "allow.new.levels")
  check_flag(se.fit, "se.fit")
  check_level(level)
  parts <- random_parts(object, if (type == "marginal" && is.null(re.form)) NA else re.form)
  if (!is.null(newdata)) newdata <- ready_newdata(object, newdata)
  asked <- list(se = se.fit || output == "data.frame", interval = interval, level = level,
                ddf = ddf, weights = weights)
  table <- if (random.only) {
    if (asked$se || interval != "none" || type != "link") {
      stop_input(c("{.arg random.only} has no standard errors, limits or other types than
                    {.val link}.", i = "{.fn estimate} has errors of random effects."))
    }
    cbind(fit = random_values(object, parts, newdata, allow.new.levels))
  } else if (type == "dispersion") {
    if (asked$se || interval != "none") {
      stop_input(c("{.arg se.fit} and {.arg interval} are for means, not for the dispersion.",
                   i = "Its standard error is in {.code vcov(fit, component = \"dispersion\")}."))
    }
    cbind(fit = row_dispersion(object, newdata))
  } else {
    prediction_table(object, parts, newdata, allow.new.levels, type, asked)
  }
  rownames(table) <- if (is.null(newdata)) row_names(object) else row.names(newdata)
  table <- if (is.null(newdata)) stats::napredict(object$na.action, table) else {
    handle_missing(table, na.action)
  }
  # Millions of row names that say nothing but the number are not made.
  plain <- !is.null(newdata) && nrow(table) == nrow(newdata) && .row_names_info(newdata) < 0L
  returned_prediction(table, object, se.fit, interval, output, plain)
}

# What predict.lm() returns.
returned_prediction <- function(table, fit, se.fit, interval, output, plain) {
  limits <- intersect(c("lwr", "upr"), colnames(table))
  if (output == "data.frame") {
    if (plain) rownames(table) <- NULL
    return(as.data.frame(table[, c("fit", "se.fit", "df", limits), drop = FALSE]))
  }
  value <- if (interval == "none") table[, "fit"] else table[, c("fit", limits), drop = FALSE]
  if (interval == "none") names(value) <- rownames(table)
  if (!se.fit) return(value)
  df <- table[, "df"]
  list(fit = value, se.fit = stats::setNames(table[, "se.fit"], rownames(table)),
       df = if (length(fit$random)) stats::setNames(df, rownames(table)) else unique_value(df),
       residual.scale = fit$sigma)
}

# Without random effects all rows have the same df.
unique_value <- function(x) if (all(is.na(x))) NA_real_ else mean(x, na.rm = TRUE)

on_scale <- function(fit, eta, type, parts, newdata) {
  if (type == "link") return(eta)
  family <- family_of(fit)
  if (!is.null(family$custom$size) && length(eta) != length(family$custom$at)) {
    stop_link_rows(family$custom, length(eta))
  }
  value <- eta
  known <- !is.na(eta)
  here <- family_at(family, known)
  value[known] <- if (type == "marginal" && !is_identity_link(family)) {
    marginal_mean(here, eta[known], random_sd(fit, parts, newdata)[known])
  } else {
    mean_of(here, eta[known])
  }
  outside <- which(known & !in_link_domain(family, eta))
  if (length(outside)) {
    value[outside] <- NA_real_
    warn_data(c("{length(outside)} prediction{?s} {?is/are} {.code NA}: the linear predictor lies
                 outside of what the {family$link} link can take.",
                x = "Row {first_rows(outside)}."), rows = outside)
  }
  value
}

handle_missing <- function(table, na.action) {
  missing <- is.na(table[, "fit"])
  if (!any(missing)) return(table)
  na.action <- read_na_action(na.action)
  if (is.null(na.action) || identical(na.action, stats::na.pass)) return(table)
  if (identical(na.action, stats::na.fail)) {
    rows <- first_rows(which(missing))
    stop_input("The prediction is missing in row {rows} of {.arg newdata}.")
  }
  kept <- na.action(data.frame(value = table[, "fit"], row.names = rownames(table)))
  table <- table[rownames(kept), , drop = FALSE]
  stats::napredict(attr(kept, "na.action"), table)
}

# Where columns were dropped, a new row can be predicted only if it keeps their dependence on the
# others: x_dropped = x_kept A with the A of the data. Columns are scaled to length 1, so that what
# is rounding and what is a dependence does not hang on the units; rounding in A is set to 0, or
# rows in which all else is 0 would compare noise with noise.
blank_inestimable <- function(value, fit, new) {
  outside <- !is_estimable(fit, new) & !is.na(value)
  if (any(outside, na.rm = TRUE)) {
    rows <- first_rows(which(outside))
    kept <- !is.na(fit$coefficients)
    warn_data(c(
      "{sum(outside)} prediction{?s} {?is/are} {.code NA}: these data cannot estimate {?it/them}.",
      "x" = "Row {rows} of {.arg newdata}.",
      "i" = "Columns were dropped from the design: {.val {names(fit$coefficients)[!kept]}}."
    ), rows = which(outside))
    value[outside] <- NA_real_
  }
  value
}

# Can the data of the fit estimate these rows (of all columns of X)?
is_estimable <- function(fit, new) {
  kept <- !is.na(fit$coefficients)
  if (all(kept)) return(rep(TRUE, nrow(new)))
  found <- column_dependence(fit)
  new <- sweep(new, 2L, found$scale, "/")
  expected <- new[, kept, drop = FALSE] %*% found$coefficients
  size <- abs(new[, kept, drop = FALSE]) %*% abs(found$coefficients) +
    abs(new[, !kept, drop = FALSE])
  # An entry of a scaled column is of this size on average.
  size <- size + 1 / sqrt(found$n)
  rowSums(abs(new[, !kept, drop = FALSE] - expected) > 1e-7 * size) == 0
}

# A of the columns over `scale`, and the number of rows.
column_dependence <- function(fit) {
  kept <- !is.na(fit$coefficients)
  X <- used_rows(fit, fixed_matrix(fit))
  scale <- sqrt(colSums(X^2))
  scale[scale == 0] <- 1
  X <- sweep(X, 2L, scale, "/")
  parts <- qr(X[, kept, drop = FALSE], tol = 1e-12)
  coefficients <- qr.coef(parts, X[, !kept, drop = FALSE])
  coefficients[is.na(coefficients) | abs(coefficients) < 1e-9] <- 0
  list(coefficients = coefficients, scale = unname(scale), n = nrow(X))
}
