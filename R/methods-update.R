# Making a fit again with something changed, from its data or from what it has stored.

#' Fit a model again
#'
#' `update()` changes arguments of the call and evaluates it. Where the data of the call are not to
#' be found (the fit was made inside a function, or read from a file), the data stored in the fit
#' are used. `refit_response()` fits the same model to another response without going through the
#' formula; `refit()` of lme4 does the same for fits of this package.
#'
#' @param object,fit A fit made by [lmm()] or [glmm()].
#' @param formula. Changes to the formula as in [stats::update.formula()]; bar terms can be added
#'   and taken away like other terms. `.` on the right stands for the fixed part: `. ~ . * x` leaves
#'   the bar terms as they are.
#' @param ... Arguments of [lmm()] or [glmm()] to change or add.
#' @param evaluate Evaluate the new call, or return it?
#' @param y One value for each row used, or for each row of the data: a numeric vector, or, for a
#'   generalized fit, a response of the form that the formula has (a matrix of successes and
#'   failures, a factor), such as [simulate()] gives.
#' @return A fit; with `evaluate = FALSE` a call, which holds the stored data where those of the fit's
#'   call cannot be found.
#' @seealso [drop1()][drop1.tiers_fit] and [stats::step()] for many changes at once,
#'   [simulate()][simulate.tiers_fit] for responses to refit, [lmm()], [glmm()].
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
  validate_fit(object)
  changes <- as.list(substitute(list(...)))[-1L]
  if (length(changes) && (is.null(names(changes)) || any(!nzchar(names(changes))))) {
    stop_input("The arguments of {.fn update} after the formula must have names.")
  }
  change <- if (!missing(formula.)) formula.
  update_in(object, change, changes, user_frame(parent.frame()), evaluate)
}

# `change` of the formula (or NULL) and `changes` of other arguments, as the user's frame `caller`
# means them.
update_in <- function(fit, change, changes, caller, evaluate = TRUE) {
  call <- fit$call
  call$formula <- full_formula(fit)
  if (!is.null(change)) call$formula <- changed_formula(call$formula, change)
  for (name in names(changes)) call[name] <- list(changes[[name]])
  asked <- call
  call[[1L]] <- fitting_function(call[[1L]], caller)
  if (!"family" %in% names(changes)) call <- with_usable_family(call, fit, caller)
  found <- "data" %in% names(changes) || data_found(call, caller)
  if (!found) call <- with_stored_data(call, fit, caller)
  if (!evaluate) return(call)
  if (found) return(eval(call, caller))
  made <- eval_with_stored(call, fit, caller)
  made$call <- light_call(asked, as.character(asked[[1L]]), list())
  made$data_name <- data_name_of(asked)
  made
}

# The frame that the user called from: a search of stats or MASS may stand between.
user_frame <- function(frame) {
  frames <- sys.frames()
  parents <- sys.parents()
  while (environmentName(topenv(frame)) %in% c("stats", "MASS")) {
    at <- Position(function(other) identical(other, frame), frames)
    if (is.na(at)) break
    frame <- if (parents[at] == 0L) globalenv() else frames[[parents[at]]]
  }
  frame
}

# stats::step() puts the terms of the fixed part in the place of the formula.
full_formula <- function(fit) {
  formula <- stats::formula(fit$formula)
  if (length(fit$random_terms) == 0L || has_bar(formula[[3L]])) return(formula)
  bars <- lapply(unname(fit$random_terms), function(term) strip_brackets(str2lang(term$label)))
  formula[[3L]] <- with_bars(formula[[3L]], bars)
  formula
}

# The family as typed where it can still be evaluated, otherwise that of the fit.
with_usable_family <- function(call, fit, caller) {
  if (is.null(call$family)) return(call)
  found <- tryCatch(read_family(eval(call$family, caller), call$family, caller),
                    error = function(e) NULL)
  known <- c("name", "link")
  if (!identical(found[known], fit$family[known])) call$family <- stats::family(fit)
  call
}

# Can the data of the call be found, and are they data? (A name such as `df` finds a function.)
data_found <- function(call, caller) {
  if (is.null(call$data)) return(formula_variables_exist(call$formula))
  found <- tryCatch(eval(call$data, caller), error = function(e) NULL)
  is.list(found) || is.environment(found)
}

# The call with the stored data, which are the variables of the formula for the rows used; weights
# and offset of the fit are columns of them.
with_stored_data <- function(call, fit, caller) {
  data <- fit_data(fit)
  for (argument in c("weights", "offset")) {
    column <- paste0("(", argument, ")")
    as_before <- identical(call[[argument]], fit$call[[argument]])
    if (!as_before || is.null(fit$frame[[column]])) next
    data[[column]] <- fit$frame[[column]]
    call[[argument]] <- as.name(column)
  }
  call$subset <- stored_rows(call, fit, data, caller)
  call$data <- data
  call
}

# The rows of the stored data that a new `subset` means; NULL for all of them. Row numbers count the
# rows of the fit's own data, of which those with missing values are not stored.
stored_rows <- function(call, fit, data, caller) {
  subset <- call$subset
  if (identical(subset, fit$call$subset)) return(NULL)
  if (!is.null(fit$call$subset)) {
    stop_input(c("{.arg subset} cannot be changed: the data of the call (`{fit$data_name}`) cannot be
                  found, and the fit has kept no rows outside of its own subset.",
                 "i" = "Give {.fn update} the data: {.code data = }."))
  }
  rows <- row_argument(subset, stop("The data of the call cannot be found, and the fit has kept only ",
                                    "the variables of its formula."),
                       "subset", data, environment(call$formula), caller)
  omitted <- as.integer(fit$na.action)
  n <- nrow(data)
  if (length(omitted) == 0L || any(all.vars(subset) %in% names(data))) {
    return(subset_rows(rows, n, data))
  }
  if (is.character(rows)) return(subset_rows(setdiff(rows, names(fit$na.action)), n, data))
  kept <- seq_len(n + length(omitted))[-omitted]
  which(kept %in% subset_rows(rows, n + length(omitted), data))
}

eval_with_stored <- function(call, fit, caller) {
  tryCatch(eval(call, caller), tiers_error_input = function(e) {
    name <- e$variable
    kept <- is.null(name) || name %in% names(call$data) || !name %in% all.vars(call$formula)
    if (kept) stop(e)
    stop_input(c(
      "`{name}` is not among the variables that the fit has kept, and the data of the call
       (`{fit$data_name}`) cannot be found any more.",
      "i" = "Give {.fn update} the data: {.code data = }."
    ), variable = name, parent = e)
  })
}

formula_variables_exist <- function(formula) {
  env <- environment(formula)
  if (is.null(env)) return(FALSE)
  all(vapply(all.vars(formula), exists, NA, envir = env))
}

# The fitting function itself, also where the package is not attached in the caller.
fitting_function <- function(name, caller) {
  if (is.symbol(name) && !exists(as.character(name), envir = caller, mode = "function")) {
    return(get(as.character(name), envir = topenv(), mode = "function"))
  }
  name
}

#' @rdname update.tiers_fit
#' @export
refit_response <- function(fit, y) {
  force_arguments(c("fit", "y"))
  if (!inherits(fit, "tiers_fit")) {
    stop_input("{.arg fit} must be a fit made by {.fn lmm} or {.fn glmm}.")
  }
  refit_with(fit, rows_of_fit(fit, y))
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
