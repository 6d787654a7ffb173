# The specification: the only object that goes to the compiled code. Plain vectors and matrices;
# what names and labels belong to them stays on the R side.

# What all kinds have in common; the class is that of the kind. `response` is list(y, weights), for
# a generalized model also size (see read_response()).
common_specification <- function(kind, response, X, built, frame, reml) {
  offset <- stats::model.offset(frame)
  structure(class = c(kind_classes(kind), "tiers_specification"), list(
    y = response$y,
    offset = if (is.null(offset)) double() else as.double(offset),
    weights = response$weights,
    X = X,
    reml = reml,
    terms = lapply(built, term_specification)))
}

frame_weights <- function(frame) {
  weights <- frame[["(weights)"]]
  if (is.null(weights)) double() else as.double(weights)
}

`%||%` <- function(a, b) if (is.null(a)) b else a

# `built` is what random_term() returns: the stored term, its basis and its codes.
term_specification <- function(built) {
  term <- built$term
  list(group = term$group, codes = built$codes, n_levels = length(term$levels),
       basis = built$basis, intercept = term$intercept, structure = structure_recipe(term),
       start = NULL)
}

# The same from a fit: what was fitted, from the frame that the fit keeps. `name` is what the
# response is called in an error.
fit_specification <- function(fit, name = names(fit$frame)[1L]) {
  spec <- kind_specification(fit, fit_response(fit, name), plain_matrix(fixed_matrix(fit)),
                             fit_built_terms(fit), fit$frame, dispersion_matrix(fit))
  spec[names(fit$constraints)] <- fit$constraints
  spec
}

# For a generalized model at the estimates: there the search for the modes starts from those of the
# fit. From zero it may not start where the link allows only some linear predictors.
with_modes <- function(spec, fit) {
  spec$modes <- lapply(unname(fit$random), function(term) unname(term$modes))
  spec
}

fit_built_terms <- function(fit) {
  lapply(fit$random_terms, function(term) {
    list(term = term, basis = term_basis(term, fit$frame),
         codes = build_groups(term, fit$frame)$codes)
  })
}

# The response as the engine takes it; what was said about it at the fit is not said again.
fit_response <- function(fit, name = names(fit$frame)[1L]) {
  suppressMessages(kind_response(fit, fit$frame, name, frame_row_labels(fit$frame)))
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
  if (!is.list(newdata)) {
    stop_input("{.arg newdata} must be a data frame, not {.cls {class(newdata)[1L]}}.")
  }
  tryCatch(as.data.frame(newdata, optional = TRUE), error = function(e) {
    stop_input(c("{.arg newdata} must be a data frame, or a list that can be made one.",
                 x = "{conditionMessage(e)}"), parent = e)
  })
}

check_newdata_columns <- function(needed, newdata, fit) {
  absent <- setdiff(intersect(needed, fit$variables), names(newdata))
  if (length(absent) == 0L) return(invisible())
  typed <- data_in_formula(full_formula(fit)[[3L]], absent[1L])
  outside <- is.null(typed) && absent[1L] %in% c(names(fit$data$outside), fit$local)
  hint <- if (outside) "." else did_you_mean(absent[1L], names(newdata))
  stop_input(c("`{absent[1L]}` not in {.arg newdata}{hint}",
               i = if (!is.null(typed)) "The formula has `{text_of(typed)}`: write the names of
                 columns and give {.code data = {absent[1L]}}, so that new data can take its
                 place." else if (outside) "It was a variable beside the data when the model was
                 fitted: give {.arg newdata} a column of this name."),
             variable = absent)
}

# The first `name$column` or `name[[...]]` in an expression, or NULL.
data_in_formula <- function(expr, name) {
  if (!is.call(expr)) return(NULL)
  extracts <- identical(expr[[1L]], quote(`$`)) || identical(expr[[1L]], quote(`[[`))
  if (extracts && identical(expr[[2L]], as.name(name))) return(expr)
  for (part in as.list(expr)[-1L]) {
    found <- data_in_formula(part, name)
    if (!is.null(found)) return(found)
  }
  NULL
}

# Model frame of new rows that have no missing value. What R warns of on the way is a warning about
# the data, but not that a factor brings contrasts along: those of the fit are the ones used.
new_frame <- function(terms, newdata, xlevels) {
  refuse <- function(e) {
    if (inherits(e, "tiers_error")) stop(e)
    stop_input(c("{.arg newdata} does not fit the model.", x = "{conditionMessage(e)}"), parent = e)
  }
  heard <- function(w) {
    text <- conditionMessage(w)
    if (inherits(w, "tiers_warning")) return(invisible())
    if (any(endsWith(text, r_text("variable '%s' is not a factor", names(xlevels))))) refuse(w)
    if (!text %in% r_text("contrasts dropped from factor %s", names(xlevels))) return(invisible())
    tryInvokeRestart("muffleWarning")
  }
  frame <- tryCatch(
    with_data_warnings(withCallingHandlers(
      stats::model.frame.default(terms, newdata, na.action = stats::na.pass, xlev = xlevels),
      warning = heard), "{.arg newdata}: "),
    error = refuse)
  tryCatch(stats::.checkMFClasses(comparable_classes(attr(terms, "dataClasses"), frame), frame),
           error = refuse)
  frame
}

# A text of R's own, about each of `names`, in the language of the session.
r_text <- function(text, names) gettextf(text, names, domain = "R-stats")

# To a model a number and a matrix of one column, as scale() makes it, are the same.
comparable_classes <- function(classes, frame) {
  classes <- classes[names(classes) %in% names(frame)]
  own <- vapply(frame[names(classes)], stats::.MFclass, "")
  column <- c("numeric", "nmatrix.1")
  same <- classes %in% column & own %in% column
  replace(classes, same, own[same])
}

is_plain_list <- function(x) is.list(x) && !is.data.frame(x) && !inherits(x, "POSIXlt")

# Design matrix of new data. Rows with a missing value become rows of NA without being evaluated,
# since poly() and its like refuse them.
new_design <- function(terms, newdata, xlevels, contrasts, columns, fit, label = NULL) {
  needed <- all.vars(attr(terms, "variables"))
  check_newdata_columns(needed, newdata, fit)
  variables <- newdata[intersect(needed, names(newdata))]
  for (name in names(variables)[vapply(variables, is_plain_list, NA)]) {
    stop_input("`{name}` of {.arg newdata} is a list: it must be a vector.", variable = name)
  }
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
  if (NROW(y) != nrow(fit$frame)) {
    stop_input("The new response has length {NROW(y)}, the fit has {nrow(fit$frame)} row{?s}.")
  }
  fit$frame[[1L]] <- y
  spec <- fit_specification(fit, "new response")
  if (family_traits(family_of(fit)$name)$continuous) {
    check_response(spec$y, "new response", if (length(spec$weights)) which(spec$weights > 0))
  }
  update_fit(fit, spec, kind_run(spec, fit$control))
}
