# Making a fit again with something changed (see update-call.R), or with another response.

#' Fit a model again
#'
#' `update()` changes arguments of the call and evaluates it. `refit_response()` fits the same model
#' to another response without going through the formula; `refit()` of lme4 does the same for fits
#' of this package.
#'
#' `update()` evaluates the call where it is called, as for other models: where the data have
#' changed since, it takes them as they are now, with a message of class `tiers_message_data`. Where
#' the name of the data stands for nothing any more or for something else (the fit was made inside a
#' function, in a loop over data sets, behind a pipe, or read from a file), it takes the data frame
#' that the fit has kept, all columns of it; so with variables, weights and settings of the call
#' that are gone. A new response given by `refit_response()` stays, unless the call of `update()`
#' has `data`.
#'
#' What compares models ([drop1()][drop1.tiers_fit], `add1()`, [stats::step()]) always takes the
#' rows and the response of the fit.
#'
#' @param object,fit A fit made by [lmm()] or [glmm()].
#' @param formula. Changes to the formula as in [stats::update.formula()]; bar terms can be added
#'   and taken away like other terms: `(x || g)` without `(0 + x | g)` is `(1 | g)`. `.` on the
#'   right stands for the fixed part: `. ~ . * x` leaves the bar terms as they are.
#' @param ... Arguments of [lmm()] or [glmm()] to change or add.
#' @param evaluate Evaluate the new call, or return it?
#' @param y One value for each row used, or for each row of the data: a numeric vector, or, for a
#'   generalized fit, a response of the form that the formula has (a matrix of successes and
#'   failures, a factor), such as [simulate()] gives.
#' @return A fit; with `evaluate = FALSE` a call, which holds the kept data where those of the fit's
#'   call cannot be found.
#' @seealso [drop1()][drop1.tiers_fit] and [stats::step()] for many changes at once,
#'   [simulate()][simulate.tiers_fit] for responses to refit, [bootstrap()] for many of them,
#'   [lmm()], [glmm()].
#' @concept parametric bootstrap
#' @concept refit
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' update(fit, . ~ . + Sex, REML = FALSE)
#'
#' # One step of a parametric bootstrap
#' y <- simulate(fit, seed = 1)[[1]]
#' fixef(refit_response(fit, y))
#'
#' # The same for the girls only
#' update(fit, subset = Sex == "Female")
#' @name update.tiers_fit
NULL

#' @rdname update.tiers_fit
#' @method update tiers_fit
#' @export
update.tiers_fit <- function(object, formula., ..., evaluate = TRUE) {
  force_arguments(c("formula.", "evaluate"))
  validate_fit(object)
  check_flag(evaluate, "evaluate")
  changes <- as.list(substitute(list(...)))[-1L]
  if (length(changes) && (is.null(names(changes)) || any(!nzchar(names(changes))))) {
    stop_input("The arguments of {.fn update} after the formula must have names.")
  }
  change <- if (!missing(formula.)) read_change(formula.)
  frame <- parent.frame()
  caller <- user_frame(frame)
  if (!is_search(frame)) return(update_in(object, change, changes, caller, evaluate))
  # What step() and its like evaluate is this function itself: no name in it can come to mean
  # something else.
  call <- as.call(list(update_in, object, change, changes, caller, held = TRUE))
  if (evaluate) eval(call) else call
}

# A formula, from itself or from text; NULL changes nothing.
read_change <- function(change) {
  if (is.null(change) || inherits(change, "formula")) return(change)
  read <- if (is_text(change) || is.call(change)) {
    tryCatch(stats::as.formula(change), error = function(e) NULL)
  }
  if (inherits(read, "formula")) return(change)
  stop_formula(c("The first change of {.fn update} must be a formula such as {.code . ~ . + x}.",
                 "x" = "It is {shown(change)}."))
}

#' @rdname update.tiers_fit
#' @export
refit_response <- function(fit, y) {
  force_arguments(c("fit", "y"))
  if (missing(fit) || missing(y)) {
    stop_input("{.fn refit_response} needs a fit and a new response:
                {.code refit_response(fit, y)}.")
  }
  if (!inherits(fit, "tiers_fit")) {
    stop_input("{.arg fit} must be a fit made by {.fn lmm} or {.fn glmm}.")
  }
  fit <- refit_with(fit, rows_of_fit(fit, y))
  fit$refitted <- TRUE
  fit
}

# `y` for the rows used, from one for them or for all rows of the data.
rows_of_fit <- function(fit, y) {
  if (is.list(y) && length(y) == 1L) y <- y[[1L]]
  check_new_response(fit, y)
  n <- nrow(fit$frame)
  omitted <- fit$na.action
  if (NROW(y) == n + length(omitted) && length(omitted)) {
    y <- if (is.matrix(y)) y[-as.integer(omitted), , drop = FALSE] else y[-as.integer(omitted)]
  }
  if (NROW(y) != n) {
    stop_input("The new response must have {n} values (one for each row used), not {NROW(y)}.")
  }
  bad <- sum(if (is.factor(y)) is.na(y) else !is.finite(y))
  if (bad > 0L) stop_input("The new response has {bad} missing or infinite value{?s}.")
  y
}

# The form of the response must be that of the fit: a column of numbers, successes and failures, or
# classes.
check_new_response <- function(fit, y) {
  old <- fit$frame[[1L]]
  if (is.factor(old) && is.factor(y)) return(invisible())
  if (!is.numeric(y) && !is.logical(y)) {
    stop_input("The new response must be numeric, not {.cls {class(y)[1]}}.")
  }
  pairs <- is.matrix(old) && ncol(old) == 2L
  if (pairs != (is.matrix(y) && ncol(y) == 2L)) {
    stop_input("The new response must have {if (pairs) 2L else 1L} column{?s}, as that of the fit.")
  }
}
