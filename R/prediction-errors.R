# Predictions with their standard errors and limits: a matrix with columns fit and, where they are
# asked for, se.fit, df, lwr, upr.

# `asked`: list(se, interval, level, ddf, weights).
prediction_table <- function(fit, parts, newdata, allow_new, type, asked) {
  X <- fixed_matrix(fit, newdata)
  meets <- met_levels(fit, parts, newdata, allow_new)
  eta <- fixed_values(fit, newdata, X) + random_values(fit, parts, newdata, meets = meets)
  if (!is.null(newdata)) eta <- blank_inestimable(eta, fit, X)
  value <- on_scale(fit, eta, type, parts, newdata)
  if (!asked$se && asked$interval == "none") return(cbind(fit = value))
  linear <- is_identity_link(family_of(fit)) || type == "link"
  check_interval(fit, parts, type, asked)
  prepared <- prepare_ddf(fit, asked$ddf)
  errors_told <- NULL
  errors_of <- function(prediction) {
    own <- error_rows(fit, parts, newdata, X, meets, rest = prediction)
    if (prediction && kind_tests(fit)$linear) {
      own$rows$residual <- new_variances(fit, newdata, asked$weights)[own$known]
      if (has_structure(fit)) {
        weights <- new_weights(fit, newdata, asked$weights)
        slopes <- residual_variance_slopes(fit, newdata, weights)
        own$rows$residual_slopes <- slopes[own$known, , drop = FALSE]
      }
    }
    errors <- row_errors(fit, own, prepared, is.na(value))
    if (is.null(errors_told)) {
      warn_unknown_errors(errors$variance, !is.na(value))
      errors_told <<- TRUE
    }
    errors
  }
  out <- cbind(fit = value, se.fit = NA_real_, df = NA_real_)
  prediction <- asked$interval == "prediction"
  if (asked$se || !prediction) {
    errors <- errors_of(FALSE)
    errors <- if (type == "marginal" && !linear) {
      marginal_errors(fit, eta, value, X, newdata, errors)
    } else {
      slope <- if (linear) 1 else abs(slopes_at(fit, eta))
      c(errors, list(centre = eta, se = sqrt(errors$variance) * slope))
    }
    out[, "se.fit"] <- errors$se
    out[, "df"] <- errors$df
  }
  if (prediction) {
    errors <- c(errors_of(TRUE), list(centre = eta))
    if (!kind_tests(fit)$linear) {
      rows <- response_rows(fit, newdata, asked$weights)
      return(cbind(out, predictive_limits(fit, eta, errors$variance, rows, asked$level)))
    }
  }
  if (asked$interval == "none") return(out)
  limits <- normal_limits(errors, asked$level)
  if (!linear) limits <- through_link(fit, limits)
  limits[is.na(value), ] <- NA_real_
  cbind(out, limits)
}

# Limits around the centre. Of an infinite linear predictor the data give none.
normal_limits <- function(errors, level) {
  half <- stats::qt((1 + level) / 2, errors$df) * sqrt(errors$variance)
  half[is.infinite(errors$variance)] <- Inf
  none <- which(is.infinite(half))
  limits <- cbind(lwr = errors$centre - half, upr = errors$centre + half)
  limits[none, ] <- rep(c(-Inf, Inf), each = length(none))
  limits
}

check_interval <- function(fit, parts, type, asked) {
  if (asked$interval == "prediction" && !kind_tests(fit)$linear && type == "link") {
    stop_input(c("Limits for new responses are not on the scale of the linear predictor.",
                 i = "Use {.code type = \"response\"} or {.code type = \"marginal\"}."))
  }
  if (!is.null(asked$weights) && asked$interval != "prediction") {
    stop_input("{.arg weights} are for {.code interval = \"prediction\"}.")
  }
  if (type == "marginal" && is_separated(fit)) {
    stop_model(c("The coefficients of {.val {fit$separation$columns}} are infinite: means over the
                  random effects have no standard errors.", i = "Leave out the separated columns."))
  }
  partial <- type == "marginal" && any(lengths(parts) > 0L) && !is_identity_link(family_of(fit))
  if (partial) {
    stop_input(c("Means over some of the random effects, with the others at their estimates, have no
                  standard errors in this version of tiers.",
                 i = "Leave {.arg re.form} out, or take {.code type = \"response\"}."))
  }
}

# Variances and df of all rows; NA where there is no prediction.
row_errors <- function(fit, own, prepared, missing) {
  rows <- own$rows
  variance <- df <- rep(NA_real_, length(own$known))
  simple <- length(rows$parts) == 0L && (length(rows$residual) == 0L ||
    (length(fit$random) == 0L && !has_structure(fit)))
  found <- if (simple && kind_tests(fit)$linear) {
    L <- kept_columns(fit, rows$fixed)
    extra <- if (length(rows$residual)) random_scale(fit)^2 * rows$residual else 0
    list(variance = row_variances(L, prepared$vcov) + extra, df = prepared$df_rows(L))
  } else {
    kind_row_errors(fit, rows, prepared)
  }
  variance[own$known] <- found$variance
  df[own$known] <- found$df
  variance[missing] <- df[missing] <- NA_real_
  list(variance = variance, df = df)
}

# d mean / d linear predictor, NA outside of the link's domain.
slopes_at <- function(fit, eta) {
  known <- which(!is.na(eta) & in_link_domain(family_of(fit), eta))
  value <- rep(NA_real_, length(eta))
  value[known] <- slope_of(family_at(family_of(fit), known), eta[known])
  value
}

# Limits on the scale of the mean, in order; those beyond the link's domain are its end.
through_link <- function(fit, limits) {
  family <- family_of(fit)
  moved <- limits
  for (j in 1:2) {
    inside <- which(!is.na(limits[, j]) & in_link_domain(family, limits[, j]))
    moved[, j] <- NA_real_
    moved[inside, j] <- mean_of(family_at(family, inside), limits[inside, j])
  }
  ordered <- cbind(lwr = pmin(moved[, 1L], moved[, 2L]), upr = pmax(moved[, 1L], moved[, 2L]))
  ordered
}

# What the family needs to know of new responses. `weights` are trials where it counts successes.
response_rows <- function(fit, newdata, weights) {
  n <- if (is.null(newdata)) nrow(fit$frame) else nrow(newdata)
  rows <- if (is.null(newdata)) family_rows(fit) else new_rows(fit, newdata, n)
  if (!is.null(weights)) {
    rows[[if (is_success_family(fit$family)) "m" else "a"]] <- new_weights(fit, newdata, weights)
  }
  rows[c("m", "a", "d")]
}

# Variances of new responses of a linear model given their means, relative to the scale of the
# random effects.
new_variances <- function(fit, newdata, weights) {
  (row_dispersion(fit, newdata) / random_scale(fit))^2 / new_weights(fit, newdata, weights)
}

# Weights of new responses.
new_weights <- function(fit, newdata, weights) {
  n <- if (is.null(newdata)) nrow(fit$frame) else nrow(newdata)
  if (inherits(weights, "formula")) {
    weights <- eval(weights[[length(weights)]], newdata %||% fit_data(fit), environment(weights))
  }
  if (is.null(weights)) {
    if (is.null(newdata)) return(unname(prior_weights(fit)))
    if (!is.null(stats::model.weights(fit$frame))) {
      warn_data(c("The new responses are taken to have weight 1, those of the fit have weights.",
                  i = "Give {.arg weights}: a number, one for each row, or a formula such as
                       {.code ~ w}."))
    }
    return(rep(1, n))
  }
  ok <- is.numeric(weights) && length(weights) %in% c(1L, n) && all(weights > 0, na.rm = TRUE)
  if (!ok) {
    stop_input(c("{.arg weights} must be a number above 0, or one for each of the {n} row{?s}.",
                 x = "It is {shown(weights)}."))
  }
  rep_len(as.double(weights), n)
}
