# The specification: the only object that goes to the compiled code. Plain vectors and matrices;
# what names and labels belong to them stays on the R side.

model_specification <- function(y, X, built, frame, reml) {
  offset <- stats::model.offset(frame)
  weights <- frame[["(weights)"]]
  list(
    y = y,
    offset = if (is.null(offset)) double() else as.double(offset),
    weights = if (is.null(weights)) double() else as.double(weights),
    X = X,
    reml = reml,
    terms = lapply(built, term_specification))
}

`%||%` <- function(a, b) if (is.null(a)) b else a

# `built` is what random_term() returns: the stored term, its basis and its codes.
term_specification <- function(built) {
  term <- built$term
  list(group = term$group, codes = built$codes, n_levels = length(term$levels),
       basis = built$basis, intercept = term$intercept, structure = term$structure, start = NULL)
}

# The same from a fit: what was fitted, from the frame that the fit keeps.
fit_specification <- function(fit) {
  built <- lapply(fit$random_terms, function(term) {
    list(term = term, basis = term_basis(term, fit$frame),
         codes = build_groups(term, fit$frame)$codes)
  })
  y <- suppressMessages(numeric_response(fit$frame[[1L]], names(fit$frame)[1L]))
  model_specification(y, plain_matrix(fixed_matrix(fit)), built, fit$frame, fit$REML)
}

# The fixed part for the fit's own rows or new ones ------------------------------------------------

# n x p model matrix with all columns, those dropped from the fit too. A missing value in `newdata`
# gives a row of NA. Attributes "assign" and "contrasts" as model.matrix() sets them.
fixed_matrix <- function(fit, newdata = NULL) {
  X <- if (is.null(newdata)) {
    design_matrix(fit$terms, fit$frame, fit$contrasts)
  } else {
    new_design(stats::delete.response(fit$terms), as_newdata(newdata), fit$xlevels, fit$contrasts,
               names(fit$coefficients), fit)
  }
  if (ncol(X) != length(fit$coefficients)) stop_sizes()
  X
}

# Sum of the offsets in the formula and in the argument; 0 without any.
fixed_offset <- function(fit, newdata = NULL) {
  if (is.null(newdata)) {
    offset <- stats::model.offset(fit$frame)
    return(if (is.null(offset)) rep(0, nrow(fit$frame)) else as.double(offset))
  }
  newdata <- as_newdata(newdata)
  env <- environment(fit$terms)
  variables <- attr(fit$terms, "predvars") %||% attr(fit$terms, "variables")
  total <- rep(0, nrow(newdata))
  for (i in attr(fit$terms, "offset")) {
    expr <- variables[[i + 1L]]
    check_newdata_columns(all.vars(expr), newdata, fit)
    total <- total + as.double(eval(expr, newdata, env))
  }
  if (!is.null(fit$frame[["(offset)"]])) total <- total + argument_offset(fit, newdata, env)
  total
}

argument_offset <- function(fit, newdata, env) {
  value <- tryCatch(eval(fit$call$offset, newdata, env), error = function(e) NULL)
  if (!is.numeric(value) || !length(value) %in% c(1L, nrow(newdata))) {
    stop_input(c("The offset of the fit ({.code offset = {deparse(fit$call$offset)[1L]}}) cannot be
                  found in {.arg newdata}.",
                 i = "Give {.arg newdata} the variables of the offset."))
  }
  as.double(value)
}

# New data -------------------------------------------------------------------------------------

as_newdata <- function(newdata) {
  if (is.data.frame(newdata)) return(newdata)
  if (is.list(newdata)) return(as.data.frame(newdata, optional = TRUE))
  stop_input("{.arg newdata} must be a data frame, not {.cls {class(newdata)[1L]}}.")
}

check_newdata_columns <- function(needed, newdata, fit) {
  absent <- setdiff(intersect(needed, fit$variables), names(newdata))
  if (length(absent) == 0L) return(invisible())
  hint <- did_you_mean(absent[1L], names(newdata))
  stop_input("`{absent[1L]}` not in {.arg newdata}{hint}", variable = absent)
}

# Model frame of new rows that have no missing value.
new_frame <- function(terms, newdata, xlevels) {
  refuse <- function(e) {
    if (inherits(e, "tiers_error")) stop(e)
    stop_input(c("{.arg newdata} does not fit the model.", x = "{conditionMessage(e)}"), parent = e)
  }
  not_a_factor <- function(w) if (grepl("is not a factor", conditionMessage(w))) refuse(w)
  frame <- tryCatch(
    withCallingHandlers(
      stats::model.frame.default(terms, newdata, na.action = stats::na.pass, xlev = xlevels),
      warning = not_a_factor),
    error = refuse)
  tryCatch(stats::.checkMFClasses(attr(terms, "dataClasses"), frame), error = refuse)
  frame
}

# Design matrix of new data. Rows with a missing value become rows of NA without being evaluated,
# since poly() and its like refuse them.
new_design <- function(terms, newdata, xlevels, contrasts, columns, fit, label = NULL) {
  needed <- all.vars(attr(terms, "variables"))
  check_newdata_columns(needed, newdata, fit)
  variables <- newdata[intersect(needed, names(newdata))]
  complete <- if (length(variables)) stats::complete.cases(variables) else rep(TRUE, nrow(newdata))
  if (all(complete) && nrow(newdata) > 0L) {
    return(design_matrix(terms, new_frame(terms, newdata, xlevels), contrasts, label))
  }
  X <- matrix(NA_real_, nrow(newdata), length(columns), dimnames = list(NULL, columns))
  if (!any(complete)) return(X)
  part <- newdata[complete, , drop = FALSE]
  filled <- design_matrix(terms, new_frame(terms, part, xlevels), contrasts, label)
  X[complete, ] <- filled
  attr(X, "assign") <- attr(filled, "assign")
  attr(X, "contrasts") <- attr(filled, "contrasts")
  X
}

# A new response --------------------------------------------------------------------------------

# The same model for another response, in the rows of the fit: what refit() and the parametric
# bootstrap use.
refit_with <- function(fit, y) {
  validate_fit(fit)
  y <- numeric_response(y, "new response")
  if (length(y) != nrow(fit$frame)) {
    stop_input("The new response has length {length(y)}, the fit has {nrow(fit$frame)} row{?s}.")
  }
  labels <- frame_row_labels(fit$frame)
  check_finite(y, "new response", labels)
  spec <- fit_specification(fit)
  spec$y <- y
  check_response(y, "new response", if (length(spec$weights)) which(spec$weights > 0))
  result <- run_fit(spec, fit$control)
  update_lmm_fit(fit, spec, result)
}
