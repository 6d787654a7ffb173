# The log dispersion parameter of a family: its formula, its design, its values.

# The model of the log dispersion parameter as terms; NULL for a constant.
read_dispersion <- function(dispersion, family, env) {
  if (!inherits(dispersion, "formula") || length(dispersion) != 2L) {
    stop_formula(c("{.arg dispersion} must be a one-sided formula.",
                   i = "For example {.code dispersion = ~ x}."))
  }
  if (has_bar(dispersion[[2L]]) || is_bar(strip_brackets(dispersion[[2L]]))) {
    stop_formula("{.arg dispersion} cannot have random effects.")
  }
  if ("." %in% all.vars(dispersion)) stop_formula("{.arg dispersion} cannot have a `.`.")
  terms <- stats::terms(dispersion)
  if (!is.null(attr(terms, "offset"))) {
    stop_formula("{.arg dispersion} cannot have an offset.")
  }
  constant <- length(attr(terms, "term.labels")) == 0L && attr(terms, "intercept") == 1L
  if (constant) return(NULL)
  if (!has_dispersion(family)) {
    stop_input(c("The {family$name} family has no dispersion parameter that could depend on
                  {.code {text_of(dispersion[[2L]])}}.",
                 i = family_traits(family$name)$hint))
  }
  if (length(attr(terms, "term.labels")) == 0L) {
    stop_formula("{.arg dispersion} has no column: write {.code ~ 1} or a variable.")
  }
  environment(terms) <- env
  terms
}

check_dispersion_rank <- function(Z) {
  parts <- qr(sweep(Z, 2L, pmax(sqrt(colSums(Z^2)), .Machine$double.xmin), "/"), tol = 1e-9)
  if (parts$rank == ncol(Z)) return(invisible())
  extra <- colnames(Z)[sort(parts$pivot[-seq_len(parts$rank)])]
  stop_model(c("Columns of {.arg dispersion} are linear combinations of others: {.val {extra}}.",
               i = "Leave them out."))
}

# Of a fit --------------------------------------------------------------------------------------

# Design of the log dispersion parameter; NULL where it is a constant (or there is none).
dispersion_matrix <- function(fit, newdata = NULL) {
  stored <- fit$dispersion
  if (is.null(stored$terms)) return(NULL)
  if (is.null(newdata)) {
    return(plain_matrix(design_matrix(stored$terms, fit$frame, stored$contrasts, "dispersion")))
  }
  Z <- new_design(stored$terms, newdata, stored$xlevels, stored$contrasts, stored$columns, fit,
                  "dispersion")
  plain_matrix(Z)
}

# The dispersion parameter on its own scale: one number where it is a constant (1 where the family
# has none), otherwise one a row.
dispersion_values <- function(fit, newdata = NULL) {
  coefficients <- fit$dispersion$coefficients
  if (length(coefficients) == 0L) return(1)
  Z <- dispersion_matrix(fit, newdata)
  if (is.null(Z)) return(exp(unname(coefficients)))
  exp(drop(Z %*% coefficients))
}

# Of most families the dispersion parameter itself, of those with a scale the standard deviation
# that belongs to it.
family_scale <- function(name, d) {
  traits <- family_traits(name)
  if (is.null(traits$dispersion)) return(1)
  if (traits$scaled) traits$scale(d) else d
}

# One log dispersion parameter for all rows, one for each, or none.
row_log_dispersion <- function(fit) {
  if (length(fit$dispersion$coefficients)) log(dispersion_values(fit)) else double()
}

engine_dispersion <- function(fit) unname(fit$dispersion$coefficients)
