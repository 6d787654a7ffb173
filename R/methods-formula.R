# What the fit was made of: formula, terms, frame, matrices, data, weights.

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
#' @seealso [update()][update.tiers_fit] to change the formula, [lme4::getME()][lme4-methods] for
#'   further parts under the names of lme4, [logLik()][logLik.tiers_fit] for sizes.
#' @concept design matrix
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
  check_dots("formula", ...)
  validate_fit(x)
  check_flag(fixed.only, "fixed.only")
  check_flag(random.only, "random.only")
  if (fixed.only && random.only) {
    stop_input("Only one of {.arg fixed.only} and {.arg random.only} can be {.code TRUE}.")
  }
  # step() reads its scopes by as.formula(fit), known by its `env`, and has no use for bar terms.
  full <- if ("env" %in% ...names()) x$formula else full_formula(x)
  if (fixed.only) {
    fixed <- split_bars(full[[3L]], environment(full))$fixed
    full[[3L]] <- if (is.null(fixed)) 1 else fixed
    return(full)
  }
  if (!random.only) return(full)
  right <- with_bars(NULL, split_bars(full[[3L]], environment(full))$bars)
  stats::as.formula(call("~", if (is.null(right)) 0 else right), env = environment(full))
}

# The formula as it was given: stats::step() puts the terms of the fixed part in the place of
# fit$formula.
full_formula <- function(fit) fit$full_formula

#' @rdname formula.tiers_fit
#' @export
terms.tiers_fit <- function(x, ...) {
  check_dots("terms", ...)
  validate_fit(x)
  # stats::step() puts these terms in the place of the call's formula, which must stay a mixed
  # model.
  structure(x$terms, tiers_formula = x$full_formula)
}

#' @rdname formula.tiers_fit
#' @export
model.frame.tiers_fit <- function(formula, fixed.only = FALSE, ...) {
  check_dots("model.frame", ...)
  check_flag(fixed.only, "fixed.only")
  frame <- formula$frame
  if (!fixed.only) return(frame)
  variables <- vapply(as.list(attr(formula$terms, "variables"))[-1L], text_of, "")
  frame[names(frame) %in% variables]
}

#' @rdname formula.tiers_fit
#' @export
model.matrix.tiers_fit <- function(object, type = c("fixed", "random"), ...) {
  check_dots("model.matrix", ...)
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
  Matrix::sparseMatrix(
    i = rep(seq_len(n), k),
    j = rep((basis$codes - 1L) * k, k) + rep(seq_len(k), each = n),
    x = as.double(basis$basis),
    dims = c(n, length(term$levels) * k),
    dimnames = list(row_names(fit), rep(term$levels, each = k))
  )
}

#' @rdname formula.tiers_fit
#' @export
getData.tiers_fit <- function(object) {
  validate_fit(object)
  fit_data(object)
}

#' @rdname formula.tiers_fit
#' @export
family.tiers_lmm <- function(object, ...) {
  check_dots("family", ...)
  stats::gaussian()
}

#' @rdname formula.tiers_fit
#' @export
weights.tiers_fit <- function(object, ...) {
  check_dots("weights", ...)
  validate_fit(object)
  stats::naresid(object$na.action, prior_weights(object))
}
