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
#' @param ... Not used.
#' @return A named vector, one value for each row of `newdata`. Without `newdata`, one for each row
#'   used in the fit; where the fit was made with `na.action = na.exclude`, one for each row of the
#'   data.
#' @details
#' Bases such as `poly(x, 2)` or `splines::ns(x, 3)` and contrasts are those of the fit, also in
#' random terms, and offsets are added. A row that lies outside of what a design with dropped
#' columns can estimate gets `NA`, with a warning of class `tiers_warning_data`.
#' @seealso [fitted()][residuals.tiers_fit] for the rows of the fit,
#'   [simulate()][simulate.tiers_fit] for new responses with their variation, [marginal_coef()],
#'   [coef()][ranef.tiers_fit] for lines by group. Standard errors and intervals of predictions are
#'   not there yet.
#' @concept population average
#' @concept new levels
#' @concept BLUP
#' @examples
#' fit <- lmm(distance ~ poly(age, 2) * Sex + (age | Subject), nlme::Orthodont)
#' new <- data.frame(age = c(9, 11), Sex = "Male", Subject = c("M01", "nobody"))
#' predict(fit, new, allow.new.levels = TRUE)
#' predict(fit, new, re.form = NA)
#'
#' # The chance of bacteria in week 4: for a child in the middle, and in all children
#' bacteria <- glmm(y ~ trt + week + (1 | ID), MASS::bacteria, family = binomial())
#' new <- data.frame(trt = c("placebo", "drug"), week = 4)
#' predict(bacteria, new, type = "response", re.form = NA)
#' predict(bacteria, new, type = "marginal")
#' @export
predict.tiers_fit <- function(object, newdata = NULL, re.form = NULL, allow.new.levels = FALSE,
                              type = c("link", "response", "marginal", "dispersion"),
                              na.action = stats::na.pass, ...) {
  check_dots("predict", ...)
  validate_fit(object)
  type <- match_choice(type, c("link", "response", "marginal", "dispersion"), "type")
  check_flag(allow.new.levels, "allow.new.levels")
  parts <- random_parts(object, if (type == "marginal" && is.null(re.form)) NA else re.form)
  if (!is.null(newdata)) newdata <- ready_newdata(object, newdata)
  if (type == "dispersion") {
    value <- row_dispersion(object, newdata)
  } else {
    value <- linear_predictor(object, parts, newdata, allow.new.levels)
    value <- on_scale(object, value, type, parts, newdata)
  }
  if (is.null(newdata)) {
    return(stats::napredict(object$na.action, stats::setNames(value, row_names(object))))
  }
  handle_missing(stats::setNames(value, row.names(newdata)), na.action)
}

# Fixed part, offset and the random effects in `parts`: from the coefficients also for the rows of
# the fit, so that somebody who changes coefficients (delta method by differences, simulated
# coefficients) gets other predictions.
linear_predictor <- function(fit, parts, newdata, allow_new) {
  value <- fixed_values(fit, newdata) + random_values(fit, parts, newdata, allow_new)
  if (is.null(newdata)) value else blank_inestimable(value, fit, newdata)
}

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

handle_missing <- function(value, na.action) {
  if (!anyNA(value)) return(value)
  na.action <- read_na_action(na.action)
  if (is.null(na.action) || identical(na.action, stats::na.pass)) return(value)
  if (identical(na.action, stats::na.fail)) {
    rows <- first_rows(which(is.na(value)))
    stop_input("The prediction is missing in row {rows} of {.arg newdata}.")
  }
  kept <- na.action(data.frame(value = value))
  stats::napredict(attr(kept, "na.action"), stats::setNames(kept$value, rownames(kept)))
}

# Which random effects are wanted: for each term of the fit the numbers of its columns.
random_parts <- function(fit, re.form) {
  all <- lapply(unname(fit$random), function(term) seq_along(term$columns))
  none <- lapply(all, function(columns) integer())
  if (is.null(re.form)) return(all)
  if (length(re.form) == 1L && is.atomic(re.form) && is.na(re.form)) return(none)
  if (!inherits(re.form, "formula")) {
    stop_input(c("{.arg re.form} must be {.code NULL}, {.code NA} or a one-sided formula.",
                 "x" = "It is {.obj_type_friendly {re.form}}."))
  }
  if (length(re.form) == 3L) stop_formula("{.arg re.form} must be one-sided: {.code ~ (1 | g)}.")
  split <- split_bars(re.form[[2L]], environment(re.form))
  if (length(all.vars(split$fixed))) {
    stop_formula(c("{.arg re.form} takes bar terms only.",
                   "x" = "Without them `{text_of(split$fixed)}` is left."))
  }
  bars <- unlist(lapply(split$bars, expand_bar), recursive = FALSE)
  parts <- none
  for (bar in bars) parts <- add_bar(parts, fit, bar)
  parts
}

# Adds what one bar of re.form names to the selection.
add_bar <- function(parts, fit, bar) {
  at <- which(vapply(fit$random_terms, function(term) {
    setequal(term$components, bar$components)
  }, NA))
  if (length(at) == 0L) {
    known <- unique(term_groups(fit))
    stop_formula(c("{.arg re.form} names the grouping factor `{bar$group}`.",
                   "x" = "The fit has {.val {known}}."))
  }
  wanted <- basis_labels(bar$lhs)
  labels <- lapply(at, column_labels, fit = fit)
  for (i in seq_along(at)) {
    parts[[at[i]]] <- sort(union(parts[[at[i]]], which(labels[[i]] %in% wanted)))
  }
  known <- unique(unlist(labels))
  absent <- setdiff(wanted, known)
  if (length(absent)) {
    stop_formula(c("{.arg re.form} asks for {.val {absent}} by `{bar$group}`.",
                   "x" = "The fit has {.val {known}} there."))
  }
  parts
}

# Labels of the terms left of the bar; "(Intercept)" for the intercept.
basis_labels <- function(left) {
  terms <- stats::terms(stats::as.formula(call("~", left)))
  c(if (attr(terms, "intercept") == 1L) "(Intercept)", attr(terms, "term.labels"))
}

# For each column of a random term the label of the basis term that it belongs to.
column_labels <- function(fit, j) {
  term <- fit$random_terms[[j]]
  if (is.null(term$basis_terms)) return(term$columns)
  basis <- design_matrix(term$basis_terms, fit$frame, term$contrasts, term$label)
  c("(Intercept)", attr(term$basis_terms, "term.labels"))[attr(basis, "assign") + 1L]
}

# Z b of the selected columns.
random_values <- function(fit, parts, newdata = NULL, allow_new = FALSE) {
  value <- numeric(if (is.null(newdata)) nrow(fit$frame) else nrow(newdata))
  for (j in which(lengths(parts) > 0L)) {
    at <- basis_rows(fit, j, newdata, allow_new)
    modes <- fit$random[[j]]$modes[, parts[[j]], drop = FALSE]
    effects <- modes[at$codes, , drop = FALSE]
    effects[at$new, ] <- 0
    value <- value + rowSums(at$basis[, parts[[j]], drop = FALSE] * effects)
  }
  value
}

# Basis and level codes of a term with new levels either refused or marked in `new`.
basis_rows <- function(fit, j, newdata, allow_new) {
  at <- random_basis(fit, j, newdata)
  at$new <- is.na(at$codes)
  if (!allow_new) {
    unseen <- at$new & !is.na(at$labels)
    if (any(unseen)) {
      group <- fit$random[[j]]$group
      levels <- unique(as.character(at$labels[unseen]))
      shown <- if (length(levels) > 5L) c(levels[1:5], "...") else levels
      stop_input(c(
        "`{group}` has {length(levels)} level{?s} that {?is/are} not in the fit: {.val {shown}}.",
        "i" = "Use {.code allow.new.levels = TRUE} to predict them with random effects of zero."
      ), levels = levels)
    }
    at$new[] <- FALSE
  }
  at
}

# Where columns were dropped, a new row can be predicted only if it keeps their dependence on the
# others: x_dropped = x_kept A with the A of the data. Columns are scaled to length 1, so that what
# is rounding and what is a dependence does not hang on the units; rounding in A is set to 0, or
# rows in which all else is 0 would compare noise with noise.
blank_inestimable <- function(value, fit, newdata) {
  kept <- !is.na(fit$coefficients)
  if (all(kept)) return(value)
  X <- used_rows(fit, fixed_matrix(fit))
  scale <- sqrt(colSums(X^2))
  scale[scale == 0] <- 1
  X <- sweep(X, 2L, scale, "/")
  parts <- qr(X[, kept, drop = FALSE], tol = 1e-12)
  dependence <- qr.coef(parts, X[, !kept, drop = FALSE])
  dependence[is.na(dependence) | abs(dependence) < 1e-9] <- 0
  new <- sweep(fixed_matrix(fit, newdata), 2L, scale, "/")
  expected <- new[, kept, drop = FALSE] %*% dependence
  size <- abs(new[, kept, drop = FALSE]) %*% abs(dependence) + abs(new[, !kept, drop = FALSE])
  # An entry of a scaled column is of this size on average.
  size <- size + 1 / sqrt(nrow(X))
  outside <- rowSums(abs(new[, !kept, drop = FALSE] - expected) > 1e-7 * size) > 0
  outside <- outside & !is.na(value)
  if (any(outside, na.rm = TRUE)) {
    rows <- first_rows(which(outside))
    warn_data(c(
      "{sum(outside)} prediction{?s} {?is/are} {.code NA}: these data cannot estimate {?it/them}.",
      "x" = "Row {rows} of {.arg newdata}.",
      "i" = "Columns were dropped from the design: {.val {names(fit$coefficients)[!kept]}}."
    ), rows = which(outside))
    value[outside] <- NA_real_
  }
  value
}
