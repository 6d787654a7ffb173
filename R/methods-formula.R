# What the fit was made of: formula, terms, frame, matrices, data, weights; and making it again.

#' Formula, model frame, model matrices and data of a fit
#'
#' All of these come from what the fit has stored. They do not need the data to exist any more.
#'
#' @param x,object,formula A fit made by [lmm()] or [glmm()].
#' @param fixed.only,random.only Only the fixed part of the formula, or only its bar terms?
#' @param type `"fixed"`: the matrix X of the fixed effects. `"random"`: the matrix Z of the random
#'   effects, sparse; the effects of a level stand next to each other and terms follow the formula.
#' @param ... Not used.
#' @return `formula()`: the formula with its bar terms. `terms()`: the terms of the fixed part.
#'   `model.frame()`: the rows used, the response first, grouping factors, `(offset)` and
#'   `(weights)` included. `model.matrix()`: see `type`. `getData()`: a data frame of the variables
#'   that the formula is written in, for the rows used. `family()`: the response family,
#'   `gaussian()` of a linear model. `weights()`: the prior weights, 1 where none were given; of
#'   binomial kinds they are the numbers of trials, as in `glm()`.
#' @examples
#' fit <- lmm(score ~ Machine + (1 | Worker), nlme::Machines)
#' formula(fit)
#' formula(fit, fixed.only = TRUE)
#' head(model.frame(fit))
#' head(model.matrix(fit))
#' dim(model.matrix(fit, type = "random"))
#' @name formula.tiers_fit
NULL

#' @rdname formula.tiers_fit
#' @export
formula.tiers_fit <- function(x, fixed.only = FALSE, random.only = FALSE, ...) {
  if (fixed.only && random.only) {
    stop_input("Only one of {.arg fixed.only} and {.arg random.only} can be {.code TRUE}.")
  }
  full <- x$formula
  if (fixed.only) {
    fixed <- split_bars(full[[3L]], environment(full))$fixed
    full[[3L]] <- if (is.null(fixed)) 1 else fixed
    return(full)
  }
  if (!random.only) return(full)
  bars <- split_bars(full[[3L]], environment(full))$bars
  bars <- lapply(bars, function(bar) if (is_bar(bar)) call("(", bar) else bar)
  right <- if (length(bars)) Reduce(function(a, b) call("+", a, b), bars) else 0
  stats::as.formula(call("~", right), env = environment(full))
}

#' @rdname formula.tiers_fit
#' @export
terms.tiers_fit <- function(x, ...) x$terms

#' @rdname formula.tiers_fit
#' @export
model.frame.tiers_fit <- function(formula, fixed.only = FALSE, ...) {
  frame <- formula$frame
  if (!fixed.only) return(frame)
  variables <- vapply(as.list(attr(formula$terms, "variables"))[-1L], text_of, "")
  frame[names(frame) %in% variables]
}

#' @rdname formula.tiers_fit
#' @export
model.matrix.tiers_fit <- function(object, type = c("fixed", "random"), ...) {
  validate_fit(object)
  type <- match_choice(type, c("fixed", "random"), "type")
  if (type == "fixed") fixed_matrix(object) else random_matrix(object)
}

# Z, rows x (sum of levels times columns), columns in the order of fit$random.
random_matrix <- function(fit) {
  blocks <- lapply(seq_along(fit$random), function(j) random_block(fit, j))
  if (length(blocks) == 0L) return(Matrix::Matrix(0, nrow(fit$frame), 0L, sparse = TRUE))
  do.call(cbind, blocks)
}

random_block <- function(fit, j) {
  term <- fit$random[[j]]
  basis <- random_basis(fit, j)
  k <- length(term$columns)
  n <- length(basis$codes)
  values <- if (is.null(basis$basis)) matrix(1, n, 1L) else basis$basis
  Matrix::sparseMatrix(
    i = rep(seq_len(n), k),
    j = rep((basis$codes - 1L) * k, k) + rep(seq_len(k), each = n),
    x = as.double(values),
    dims = c(n, length(term$levels) * k),
    dimnames = list(row_names(fit), rep(term$levels, each = k))
  )
}

row_names <- function(fit) names(fit$fitted)

#' @rdname formula.tiers_fit
#' @export
getData.tiers_fit <- function(object) fit_data(object)

#' @rdname formula.tiers_fit
#' @export
family.tiers_lmm <- function(object, ...) stats::gaussian()

#' @rdname formula.tiers_fit
#' @export
weights.tiers_fit <- function(object, ...) {
  check_unused(...)
  validate_fit(object)
  stats::naresid(object$na.action, prior_weights(object))
}

# Of binomial kinds the trials times the weights, as in glm().
prior_weights <- function(fit) {
  weights <- stats::model.weights(fit$frame)
  if (is_generalized(fit) && is_success_family(fit$family)) {
    rows <- family_rows(fit)
    weights <- rows$m * rows$a
  }
  if (is.null(weights)) weights <- rep(1, nrow(fit$frame))
  stats::setNames(as.double(weights), row_names(fit))
}

#' Fit a model again
#'
#' `update()` changes arguments of the call and evaluates it. Where the data of the call are not to
#' be found (the fit was made inside a function, or read from a file), the data stored in the fit
#' are used. `refit_response()` fits the same model to another response without going through the
#' formula; `refit()` of lme4 does the same for fits of this package.
#'
#' @param object,fit A fit made by [lmm()] or [glmm()].
#' @param formula. Changes to the formula as in [stats::update.formula()]; bar terms can be added
#'   and taken away like other terms.
#' @param ... Arguments of [lmm()] or [glmm()] to change or add.
#' @param evaluate Evaluate the new call, or return it?
#' @param y One value for each row used, or for each row of the data: a numeric vector, or, for a
#'   generalized fit, a response of the form that the formula has (a matrix of successes and
#'   failures, a factor), such as [simulate()] gives.
#' @return A fit (with `evaluate = FALSE` a call).
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' update(fit, . ~ . + Sex, REML = FALSE)
#'
#' # One step of a parametric bootstrap
#' y <- simulate(fit, seed = 1)[[1]]
#' fixef(refit_response(fit, y))
#' @name update.tiers_fit
NULL

#' @rdname update.tiers_fit
#' @method update tiers_fit
#' @export
update.tiers_fit <- function(object, formula., ..., evaluate = TRUE) {
  validate_fit(object)
  call <- object$call
  changes <- as.list(substitute(list(...)))[-1L]
  if (length(changes) && (is.null(names(changes)) || any(!nzchar(names(changes))))) {
    stop_input("The arguments of {.fn update} after the formula must have names.")
  }
  formula <- object$formula
  if (!missing(formula.)) formula <- stats::update.formula(formula, formula.)
  call$formula <- formula
  for (name in names(changes)) call[name] <- list(changes[[name]])
  if (!evaluate) return(call)
  caller <- parent.frame()
  call[[1L]] <- fitting_function(call[[1L]], caller)
  if (is_generalized(object) && !"family" %in% names(changes)) {
    call <- with_usable_family(call, object, caller)
  }
  if ("data" %in% names(changes) || data_found(call, caller)) return(eval(call, caller))
  eval_with_stored(call, object, caller)
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

# Evaluates the call with the stored data under the name that the call has for them. These are the
# rows used, so `subset` is done with; weights and offset are columns of them.
eval_with_stored <- function(call, fit, caller) {
  data <- fit_data(fit)
  call$subset <- NULL
  for (argument in c("weights", "offset")) {
    column <- paste0("(", argument, ")")
    if (is.null(call[[argument]]) || is.null(fit$frame[[column]])) next
    data[[column]] <- fit$frame[[column]]
    call[[argument]] <- as.name(column)
  }
  if (!is.symbol(call$data)) call$data <- as.name("<data>")
  env <- new.env(parent = caller)
  assign(as.character(call$data), data, envir = env)
  tryCatch(eval(call, env), tiers_error_input = function(e) {
    name <- e$variable
    kept <- is.null(name) || name %in% names(data) || !name %in% all.vars(call$formula)
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
  if (!inherits(fit, "tiers_fit")) {
    stop_input("{.arg fit} must be a fit made by {.fn lmm} or {.fn glmm}.")
  }
  refit_with(fit, rows_of_fit(fit, y))
}

# `y` for the rows used, from one for them or for all rows of the data.
rows_of_fit <- function(fit, y) {
  if (is.list(y) && length(y) == 1L) y <- y[[1L]]
  check_new_response(fit, y)
  if (!is_generalized(fit)) y <- as.double(y)
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
  if (is_generalized(fit) && is.factor(old) && is.factor(y)) return(invisible())
  if (!is.numeric(y) && !is.logical(y)) {
    stop_input("The new response must be numeric, not {.cls {class(y)[1]}}.")
  }
  pairs <- is_generalized(fit) && is.matrix(old) && ncol(old) == 2L
  if (pairs != (is.matrix(y) && ncol(y) == 2L)) {
    stop_input("The new response must have {if (pairs) 2L else 1L} column{?s}, as that of the fit.")
  }
}

# Small helpers of all methods ----------------------------------------------------------------

# A misspelt argument must not be ignored.
check_unused <- function(...) {
  if (...length() == 0L) return(invisible())
  names <- ...names()
  given <- if (is.null(names)) rep("", ...length()) else names
  given[is.na(given) | !nzchar(given)] <- "(without a name)"
  stop_input("Unused argument{?s}: {.arg {given}}.")
}

match_choice <- function(value, choices, name) {
  if (identical(value, choices)) return(choices[1L])
  at <- if (is.character(value) && length(value) == 1L) pmatch(value, choices) else NA
  if (is.na(at)) {
    stop_input(c("{.arg {name}} must be one of {.val {choices}}.", "x" = "It is {.val {value}}."))
  }
  choices[at]
}

