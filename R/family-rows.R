# Rows of a fit as the traits of its family take them, and the way from linear predictor to mean.

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
