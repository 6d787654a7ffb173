# The response families by their textbook densities, written as R expressions of the linear
# predictor and differentiated by stats::D(): the independent truth for the compiled kernels.
# Plain formulas that lose digits far out; the tests stay where they do not.

# Means as functions of eta, and 1 - mean where the mean is a probability.
glmm_means <- list(
  unit = list(
    logit = quote(1 / (1 + exp(-eta))), probit = quote(pnorm(eta)),
    cloglog = quote(-expm1(-exp(eta))), loglog = quote(exp(-exp(-eta))),
    cauchit = quote(0.5 + atan(eta) / pi), log = quote(exp(eta)),
    "doubled logit" = quote(1 / (1 + exp(-2 * eta)))),
  rest = list(
    logit = quote(1 / (1 + exp(eta))), probit = quote(pnorm(-eta)),
    cloglog = quote(exp(-exp(eta))), loglog = quote(-expm1(-exp(-eta))),
    cauchit = quote(0.5 - atan(eta) / pi), log = quote(-expm1(eta)),
    "doubled logit" = quote(1 / (1 + exp(2 * eta)))),
  other = list(
    log = quote(exp(eta)), identity = quote(eta), inverse = quote(1 / eta), sqrt = quote(eta^2),
    "1/mu^2" = quote(1 / sqrt(eta)), softplus = quote(log(1 + exp(eta)))))

# Log densities. y, m (trials), a (prior weight) and phi (log of the dispersion or shape) are
# vectors of rows; mu the mean, nu = 1 - mu.
glmm_densities <- list(
  gaussian = quote(log(a) / 2 - log(2 * pi) / 2 - phi - a * exp(-2 * phi) * (y - mu)^2 / 2),
  binomial = quote(a * (lchoose(m, y) + y * log(mu) + (m - y) * log(nu))),
  poisson = quote(a * (y * log(mu) - mu - lgamma(y + 1))),
  Gamma = quote(a * exp(phi) * (phi + log(a) - log(mu) - y / mu) - lgamma(a * exp(phi)) +
                  (a * exp(phi) - 1) * log(y)),
  inverse.gaussian = quote(0.5 * (phi + log(a) - log(2 * pi) - 3 * log(y)) -
                             a * exp(phi) * (y - mu)^2 / (2 * mu^2 * y)),
  nbinom2 = quote(a * (lgamma(y + exp(phi)) - lgamma(exp(phi)) - lgamma(y + 1) +
                         exp(phi) * (phi - log(exp(phi) + mu)) +
                         y * (log(mu) - log(exp(phi) + mu)))),
  nbinom1 = quote(a * (lgamma(y + mu * exp(-phi)) - lgamma(mu * exp(-phi)) - lgamma(y + 1) -
                         mu * exp(-phi) * log1p(exp(phi)) + y * (phi - log1p(exp(phi))))),
  beta = quote(a * (lgamma(exp(phi)) - lgamma(mu * exp(phi)) - lgamma(nu * exp(phi)) +
                      (mu * exp(phi) - 1) * log(y) + (nu * exp(phi) - 1) * log1p(-y))),
  betabinomial = quote(a * (lchoose(m, y) + lgamma(exp(phi)) - lgamma(m + exp(phi)) +
                              lgamma(y + mu * exp(phi)) - lgamma(mu * exp(phi)) +
                              lgamma(m - y + nu * exp(phi)) - lgamma(nu * exp(phi)))))

glmm_binomial_kinds <- c("binomial", "betabinomial")
glmm_unit_kinds <- c(glmm_binomial_kinds, "beta")
glmm_without_phi <- c("binomial", "poisson")

glmm_unit_links <- c("logit", "probit", "cloglog", "loglog", "cauchit", "log")
glmm_positive_links <- c("log", "identity", "inverse", "sqrt", "1/mu^2")

# Every family with every link that its mean allows and the package knows; the first is the
# default of the family.
glmm_links <- list(
  gaussian = c("identity", "log", "inverse"),
  binomial = glmm_unit_links,
  poisson = glmm_positive_links,
  nbinom2 = glmm_positive_links,
  nbinom1 = glmm_positive_links,
  Gamma = c("inverse", "log", "identity", "sqrt", "1/mu^2"),
  inverse.gaussian = c("1/mu^2", "log", "identity", "inverse", "sqrt"),
  beta = glmm_unit_links,
  betabinomial = glmm_unit_links)

# One row for each pair.
glmm_pairs <- function(links = glmm_links) {
  data.frame(family = rep(names(links), lengths(links)), link = unlist(links, use.names = FALSE))
}

glmm_link_name <- function(link) if (is.character(link)) link else link$name

# Where eta gives a mean that the family can have.
glmm_domain <- function(family, link) {
  link <- glmm_link_name(link)
  if (family == "gaussian") return(c(-Inf, Inf))
  if (family %in% glmm_unit_kinds) return(c(-Inf, if (link == "log") 0 else Inf))
  c(if (link %in% setdiff(glmm_positive_links, "log")) 0 else -Inf, Inf)
}

glmm_kernels <- new.env()

# Functions of (eta, y, m, a, phi): the mean, the log density, its first and second derivative
# in eta.
glmm_kernel <- function(family, link) {
  link <- glmm_link_name(link)
  key <- paste(family, link)
  if (is.null(glmm_kernels[[key]])) glmm_kernels[[key]] <- make_glmm_kernel(family, link)
  glmm_kernels[[key]]
}

make_glmm_kernel <- function(family, link) {
  mu <- glmm_means[[if (family %in% glmm_unit_kinds) "unit" else "other"]][[link]]
  density <- do.call(substitute, list(glmm_densities[[family]],
                                      list(mu = mu, nu = glmm_means$rest[[link]])))
  # D() does not know lchoose(), which is a constant here.
  constant <- quote(lchoose(m, y))
  varying <- replace_call(density, constant)
  first <- stats::D(varying, "eta")
  rows <- function(body) {
    f <- function(eta, y, m, a, phi) NULL
    # `0 * eta`: derivatives that do not depend on the row have length one.
    body(f) <- bquote(suppressWarnings(.(body) + 0 * eta))
    environment(f) <- baseenv_with_stats()
    f
  }
  list(mean = rows(mu), logp = rows(density), s = rows(first), h = rows(stats::D(first, "eta")))
}

baseenv_with_stats <- function() asNamespace("stats")

# `what` within an expression becomes 0.
replace_call <- function(expr, what) {
  if (identical(expr, what)) return(0)
  if (!is.call(expr)) return(expr)
  expr[] <- lapply(expr, replace_call, what)
  expr
}

# Random responses with mean mu.
glmm_draw <- function(family, mu, m, a, phi) {
  n <- length(mu)
  shape <- exp(phi)
  switch(family,
    gaussian = stats::rnorm(n, mu, shape / sqrt(a)),
    binomial = stats::rbinom(n, m, mu),
    poisson = stats::rpois(n, mu),
    Gamma = stats::rgamma(n, shape * a, shape * a / mu),
    inverse.gaussian = draw_inverse_gaussian(mu, shape * a),
    nbinom2 = stats::rnbinom(n, size = shape, mu = mu),
    nbinom1 = stats::rnbinom(n, size = mu / shape, mu = mu),
    beta = pmin(pmax(stats::rbeta(n, mu * shape, (1 - mu) * shape), 1e-6), 1 - 1e-6),
    betabinomial = stats::rbinom(n, m, stats::rbeta(n, mu * shape, (1 - mu) * shape)))
}

# Of the two roots that give one chi-square variate, the smaller with its probability.
draw_inverse_gaussian <- function(mu, lambda) {
  n <- length(mu)
  z <- stats::rnorm(n)^2 * mu / lambda
  root <- mu * (1 + z / 2 - sqrt(z + z^2 / 4))
  ifelse(stats::runif(n) < mu / (mu + root), root, mu^2 / root)
}
