# Adding and dropping single terms of the fixed part, which is what stats::step() goes by. The
# defaults of stats would look for the data in the formula's environment only.

#' Add or drop single terms of the fixed part
#'
#' The table of AIC (and of likelihood ratio tests) of the models with one term more or less. Random
#' terms stay as they are. [stats::step()] searches through models with these methods. Fits by REML
#' are compared by maximum likelihood. All models are fitted to the rows and the response of the
#' fit, also where the data have changed since; rows that only a dropped term left out stay out.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param scope The terms to look at: a formula such as `~ . + x`, where bar terms do not matter,
#'   or labels of terms. `drop1()` without it takes every term that no other term contains.
#' @param scale Not used.
#' @param test `"Chisq"` or `"LRT"` for likelihood ratio tests.
#' @param k The penalty for a parameter: 2 for AIC.
#' @param trace A number above 1 (as from [stats::step()]) says which model is being fitted.
#' @param ... Not used.
#' @return A data frame of class `anova` with columns `Df`, `AIC` and, with a test, `LRT` and
#'   `Pr(>Chi)`.
#' @seealso [anova()][anova.tiers_fit] for F tests and for comparisons of two fits,
#'   [update()][update.tiers_fit], [AIC()][logLik.tiers_fit].
#' @concept model selection
#' @concept stepwise
#' @examples
#' fit <- glmm(y ~ trt + lbase + lage + (1 | subject), MASS::epil, family = nbinom2())
#' drop1(fit, test = "Chisq")
#' add1(fit, ~ . + V4 + trt:lbase)
#' step(fit, trace = 0)
#' @name drop1.tiers_fit
NULL

#' @rdname drop1.tiers_fit
#' @importFrom stats drop1
#' @export
drop1.tiers_fit <- function(object, scope, scale = 0, test = c("none", "Chisq", "LRT"), k = 2,
                            trace = FALSE, ...) {
  check_dots("drop1", ...)
  validate_fit(object)
  check_trace(trace)
  none <- missing(scope) || is.null(scope)
  if (!none) check_scope(scope)
  labels <- if (none) stats::drop.scope(terms(object)) else if (is.character(scope)) {
    scope
  } else {
    attr(scope_terms(object, scope), "term.labels")
  }
  absent <- setdiff(labels, attr(terms(object), "term.labels"))
  if (length(absent)) {
    stop_input("{.arg scope} of {.fn drop1} has {.val {absent}}, which {?is/are} no fixed term{?s}
                of the fit.")
  }
  single_terms(object, labels, "-", test, k, trace, user_frame(parent.frame()))
}

#' @rdname drop1.tiers_fit
#' @importFrom stats add1
#' @export
add1.tiers_fit <- function(object, scope, scale = 0, test = c("none", "Chisq", "LRT"), k = 2,
                           trace = FALSE, ...) {
  check_dots("add1", ...)
  validate_fit(object)
  if (missing(scope) || is.null(scope)) {
    stop_input("{.fn add1} needs a {.arg scope}, for instance {.code ~ . + x}.")
  }
  check_trace(trace)
  check_scope(scope)
  labels <- if (is.character(scope)) scope else added_terms(object, scope)
  for (label in labels[vapply(labels, is_bar_label, NA)]) check_bar_in_model(object, label)
  if (length(labels) == 0L) stop_input("{.arg scope} of {.fn add1} has no fixed term to add.")
  single_terms(object, labels, "+", test, k, trace, user_frame(parent.frame()))
}

check_scope <- function(scope) {
  is_term <- function(label) {
    !is.na(label) && !inherits(try(str2lang(label), silent = TRUE), "try-error")
  }
  if (inherits(scope, "formula")) return(invisible())
  if (is.character(scope) && all(vapply(scope, is_term, NA))) return(invisible())
  stop_input(c("{.arg scope} must be a formula such as {.code ~ . + x}, or labels of terms.",
               "x" = "It is {shown(scope)}."))
}

# As stats::step() gives it: a flag, or a number of how much is to be said.
check_trace <- function(trace) {
  if (!is.logical(trace)) return(check_number(trace, "trace", 0, Inf))
  check_flag(trace, "trace")
}

added_terms <- function(fit, scope) {
  tryCatch(stats::add.scope(terms(fit), scope_terms(fit, scope)), error = function(e) {
    if (inherits(e, "tiers_error")) stop(e)
    stop_input(c("{.arg scope} of {.fn add1} must have all fixed terms of the fit.",
                 "i" = "Begin it with a dot: {.code ~ . + x}."), parent = e)
  })
}

# Terms of the fixed part of a scope.
scope_terms <- function(fit, scope) {
  full <- changed_formula(expanded_formula(fit), scope)
  fixed <- split_bars(full[[3L]], environment(full))$fixed
  full[[3L]] <- if (is.null(fixed)) 1 else fixed
  stats::terms(full)
}

# To step() the bar terms of a scope are terms like others. Those of the fit add nothing.
is_bar_label <- function(label) has_bar(str2lang(label))

check_bar_in_model <- function(fit, label) {
  own <- vapply(fit$random_terms, `[[`, "", "label")
  if (all(vapply(expand_bar(str2lang(label)), `[[`, "", "label") %in% own)) return(invisible())
  stop_input(c("{.fn add1} adds fixed terms only: `{label}` is none.",
               "i" = "Add it with {.fn update} and compare the fits with {.fn anova}."))
}

single_terms <- function(fit, labels, sign, test, k, trace, caller) {
  test <- match_choice(test, c("none", "Chisq", "LRT"), "test")
  check_number(k, "k", 0, Inf)
  labels <- unique(labels)
  if (fit$REML) {
    fit <- as_candidate(fit_by_ml(fit))
    fit$call$REML <- FALSE
  }
  own <- stats::extractAIC(fit, k = k)
  criteria <- vapply(labels, function(label) {
    if (is_bar_label(label)) return(own)
    if (trace > 1) cat("trying", sign, label, "\n")
    changed <- as_candidate(
      update_in(fit, paste("~ .", sign, label), list(), caller, held = TRUE))
    if (changed$nobs != fit$nobs) {
      stop_input(c("With or without `{label}` the model uses other rows ({changed$nobs}) than the
                    fit ({fit$nobs}).", "i" = "Drop rows with missing values before fitting."))
    }
    stats::extractAIC(changed, k = k)
  }, c(0, 0))
  df <- if (sign == "+") criteria[1L, ] - own[1L] else own[1L] - criteria[1L, ]
  table <- data.frame(Df = c(NA, df), AIC = c(own[2L], criteria[2L, ]),
                      row.names = c("<none>", labels))
  deviance <- table$AIC - k * c(own[1L], criteria[1L, ])
  gain <- c(NA, (deviance[-1L] - deviance[1L]) * if (sign == "+") -1 else 1)
  negative <- which(gain < -likelihood_error(fit) & c(FALSE, df > 0))
  if (length(negative)) warn_negative(rownames(table)[negative])
  if (test != "none") {
    table$LRT <- replace(pmax(gain, 0), negative, NA)
    table[["Pr(>Chi)"]] <- stats::pchisq(table$LRT, replace(table$Df, c(FALSE, df <= 0), NA),
                                         lower.tail = FALSE)
  }
  structure(table, class = c("anova", "data.frame"), heading = c(
    paste("Single term", if (sign == "+") "additions" else "deletions"), "\nModel:",
    text_of(full_formula(fit))))
}

# A fit for one row of a table: what the user's fit has said of its groups holds for all of them,
# and a variance of zero is as good an estimate as any.
as_candidate <- function(fit) {
  muffle <- function(m) invokeRestart("muffleMessage")
  withCallingHandlers(fit, tiers_message_groups = muffle, tiers_message_singular = muffle)
}

# More than two optima of nested models can differ by rounding and, in -2 log-likelihood, by what
# quadrature leaves.
likelihood_error <- function(fit) {
  bound <- fit$accuracy[["total"]]
  2e-4 + if (is.null(bound) || !is.finite(bound)) 0 else 2 * bound
}

warn_negative <- function(labels) {
  warn_notconverged(c(
    "The likelihood is higher without {.val {labels}} than with {cli::qty(labels)}{?it/them}: one of
     the two fits is not at its optimum, and there is no test.",
    "i" = "Fit both models by {.fn update} and look at them with {.fn tiers::diagnose}."))
}
