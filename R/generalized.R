# What the methods of a generalized fit are made of: dispersion, trials and weights of its rows, the
# way from linear predictor to mean.

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

# Has the model a residual with one standard deviation beside its random effects?
has_residual <- function(fit) {
  family_traits(family_of(fit)$name)$residual && !is.na(fit$sigma)
}

# Rows as the traits of a family take them.
family_rows <- function(fit, response = fit_response(fit)) {
  n <- length(response$y)
  list(y = response$y, m = if (length(response$size)) response$size else rep(1, n),
       a = if (length(response$weights)) response$weights else rep(1, n),
       d = dispersion_values(fit))
}

mean_of <- function(family, eta) unname(link_of(family)$linkinv(eta))

slope_of <- function(family, eta) unname(link_of(family)$mu.eta(eta))

is_success_family <- function(family) family_response_kind(family$name) == "success"

# Means of the response as it stands: of successes, not of shares.
count_means <- function(fit, mu, rows) if (is_success_family(fit$family)) rows$m * mu else mu

# beta as the engine takes it: a number for every column.
engine_coefficients <- function(fit) {
  beta <- unname(fit$coefficients)
  beta[is.na(beta)] <- 0
  beta
}

# One log dispersion parameter for all rows, one for each, or none.
row_log_dispersion <- function(fit) {
  if (length(fit$dispersion$coefficients)) log(dispersion_values(fit)) else double()
}

engine_dispersion <- function(fit) unname(fit$dispersion$coefficients)
