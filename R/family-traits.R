# What R needs to know of a response family beyond the compiled log density: the form of its
# response, its variance, deviance, random numbers and distribution function.
#
#   response    "real", "positive", "count", "success" (y of m trials) or "unit" (inside 0 .. 1)
#   continuous  has it a density (counts and successes have probabilities)?
#   from_stats  does stats have a family object of this name?
#   dispersion  what exp(phi) is called; NULL without one
#   hint        without one: which families have it
#   inverse_words    what 1 / exp(phi) is called, where that is worth printing
#   residual    is the dispersion the standard deviation of a residual that is added to the mean?
#   limit       the family that this one comes to without overdispersion; NULL without one
#   needs_trials     is the dispersion not estimable where every row has one trial?
#   variance_words   the variance as a formula, for printouts
#   scaled      do prior weights divide the dispersion, as in glm()? Else they multiply logp
#   scale(d)    the standard deviation that residuals are divided by to be "scaled"
#   variance(mu, d, m, a)   of the response as it stands (successes, not shares)
#   deviance(y, mu, d, m, a)   2 (logp at the best mean - logp), without the scale, times a
#   random(mu, d, m, a)     one response for each mean
#   tails(y, mu, d, m, a)   list(below = P(Y < y), at = P(Y = y), above = P(Y > y))
# mu is the mean of one trial, d the dispersion parameter exp(phi), m the trials, a the prior
# weights; all have the length of y. variance() takes complex mu and d as well: errors of shares of
# the variance are made of its derivatives.

# One entry a family, added below; nothing else in R knows a family by its name.
family_registry <- list()

family_traits <- function(name) {
  family_registry[[name]] %||% stop_input("There is no family {.val {name}}.")
}

# An entry: what is not said is so.
family_entry <- function(...) {
  utils::modifyList(list(from_stats = FALSE, residual = FALSE, needs_trials = FALSE,
                         scaled = FALSE, scale = function(d) 1), list(...))
}

continuous_tails <- function(distribution) {
  function(y, mu, d, m, a) {
    list(below = distribution(y, mu, d, m, a, TRUE), at = 0,
         above = distribution(y, mu, d, m, a, FALSE))
  }
}

# x log(x / mu), 0 at x = 0.
x_log_ratio <- function(x, mu) ifelse(x == 0, 0, x * log(x / mu))

family_registry$gaussian <- family_entry(
  response = "real", continuous = TRUE, from_stats = TRUE, dispersion = "sigma", residual = TRUE,
  scaled = TRUE, variance_words = "sigma^2",
  scale = function(d) d,
  variance = function(mu, d, m, a) d^2 / a + 0 * mu,
  deviance = function(y, mu, d, m, a) a * (y - mu)^2,
  random = function(mu, d, m, a) mu + d / sqrt(a) * stats::rnorm(length(mu)),
  tails = continuous_tails(function(y, mu, d, m, a, lower) {
    stats::pnorm(y, mu, d / sqrt(a), lower.tail = lower)
  }))

family_registry$binomial <- family_entry(
  response = "success", continuous = FALSE, from_stats = TRUE,
  hint = "{.fn betabinomial} has one.",
  variance = function(mu, d, m, a) m * mu * (1 - mu),
  deviance = function(y, mu, d, m, a) {
    2 * a * (x_log_ratio(y, m * mu) + x_log_ratio(m - y, m * (1 - mu)))
  },
  random = function(mu, d, m, a) stats::rbinom(length(mu), m, mu),
  tails = function(y, mu, d, m, a) {
    list(below = stats::pbinom(y - 1, m, mu), at = stats::dbinom(y, m, mu),
         above = stats::pbinom(y, m, mu, lower.tail = FALSE))
  })

family_registry$poisson <- family_entry(
  response = "count", continuous = FALSE, from_stats = TRUE,
  hint = "{.fn nbinom2} and {.fn nbinom1} have one.",
  variance = function(mu, d, m, a) mu,
  deviance = function(y, mu, d, m, a) 2 * a * (x_log_ratio(y, mu) - (y - mu)),
  random = function(mu, d, m, a) stats::rpois(length(mu), mu),
  tails = function(y, mu, d, m, a) {
    list(below = stats::ppois(y - 1, mu), at = stats::dpois(y, mu),
         above = stats::ppois(y, mu, lower.tail = FALSE))
  })

# `size` is the size parameter of dnbinom().
nbinom_tails <- function(y, mu, size) {
  list(below = stats::pnbinom(y - 1, size = size, mu = mu),
       at = stats::dnbinom(y, size = size, mu = mu),
       above = stats::pnbinom(y, size = size, mu = mu, lower.tail = FALSE))
}

family_registry$nbinom2 <- family_entry(
  response = "count", continuous = FALSE, dispersion = "size",
  inverse_words = "1/size", limit = "poisson", variance_words = "mu + mu^2 / size",
  variance = function(mu, d, m, a) mu + mu^2 / d,
  deviance = function(y, mu, d, m, a) {
    2 * a * (x_log_ratio(y, mu) - (y + d) * log1p((y - mu) / (mu + d)))
  },
  random = function(mu, d, m, a) stats::rnbinom(length(mu), size = d, mu = mu),
  tails = function(y, mu, d, m, a) nbinom_tails(y, mu, d))

family_registry$nbinom1 <- family_entry(
  response = "count", continuous = FALSE, dispersion = "overdispersion", limit = "poisson",
  variance_words = "mu (1 + overdispersion)",
  variance = function(mu, d, m, a) mu * (1 + d),
  deviance = function(y, mu, d, m, a) {
    logp <- function(mu) stats::dnbinom(y, size = mu / d, mu = mu, log = TRUE)
    # The best mean solves psi(y + r) - psi(r) = log(1 + d) in r = mu / d.
    best <- d * exp(solve_decreasing(function(log_r, at) {
      r <- exp(log_r)
      digamma(y[at] + r) - digamma(r) - log1p(rep_len(d, length(y))[at])
    }, y > 0))
    2 * a * pmax(ifelse(y > 0, logp(best), 0) - logp(mu), 0)
  },
  random = function(mu, d, m, a) stats::rnbinom(length(mu), size = mu / d, mu = mu),
  tails = function(y, mu, d, m, a) nbinom_tails(y, mu, mu / d))

family_registry$Gamma <- family_entry(
  response = "positive", continuous = TRUE, from_stats = TRUE, dispersion = "shape",
  scaled = TRUE, variance_words = "mu^2 / shape",
  scale = function(d) 1 / sqrt(d),
  variance = function(mu, d, m, a) mu^2 / (a * d),
  deviance = function(y, mu, d, m, a) 2 * a * ((y - mu) / mu - log(y / mu)),
  random = function(mu, d, m, a) stats::rgamma(length(mu), shape = a * d, scale = mu / (a * d)),
  tails = continuous_tails(function(y, mu, d, m, a, lower) {
    stats::pgamma(y, shape = a * d, scale = mu / (a * d), lower.tail = lower)
  }))

family_registry$inverse.gaussian <- family_entry(
  response = "positive", continuous = TRUE, from_stats = TRUE, dispersion = "shape",
  scaled = TRUE, variance_words = "mu^3 / shape",
  scale = function(d) 1 / sqrt(d),
  variance = function(mu, d, m, a) mu^3 / (a * d),
  deviance = function(y, mu, d, m, a) a * (y - mu)^2 / (y * mu^2),
  random = function(mu, d, m, a) random_inverse_gaussian(mu, a * d),
  tails = continuous_tails(function(y, mu, d, m, a, lower) {
    inverse_gaussian_probability(y, mu, a * d, lower)
  }))

family_registry$beta <- family_entry(
  response = "unit", continuous = TRUE, dispersion = "precision",
  variance_words = "mu (1 - mu) / (1 + precision)",
  variance = function(mu, d, m, a) mu * (1 - mu) / (1 + d),
  deviance = function(y, mu, d, m, a) {
    logp <- function(mu) stats::dbeta(y, d * mu, d * (1 - mu), log = TRUE)
    # The best mean solves logit(y) = psi(d mu) - psi(d (1 - mu)).
    best <- stats::plogis(solve_decreasing(function(eta, at) {
      size <- rep_len(d, length(y))[at]
      stats::qlogis(y[at]) - digamma(size * stats::plogis(eta)) +
        digamma(size * stats::plogis(-eta))
    }, rep(TRUE, length(y))))
    2 * a * pmax(logp(best) - logp(mu), 0)
  },
  random = function(mu, d, m, a) stats::rbeta(length(mu), d * mu, d * (1 - mu)),
  tails = continuous_tails(function(y, mu, d, m, a, lower) {
    stats::pbeta(y, d * mu, d * (1 - mu), lower.tail = lower)
  }))

family_registry$betabinomial <- family_entry(
  response = "success", continuous = FALSE, dispersion = "precision",
  limit = "binomial", needs_trials = TRUE,
  variance_words = "m mu (1 - mu) (m + precision) / (1 + precision), m trials",
  variance = function(mu, d, m, a) m * mu * (1 - mu) * (m + d) / (1 + d),
  deviance = function(y, mu, d, m, a) {
    logp <- function(mu) log_beta_binomial(y, mu, d, m)
    inside <- y > 0 & y < m
    # The best mean solves psi(y + A) - psi(A) = psi(m - y + B) - psi(B), A = d mu, B = d - A.
    best <- stats::plogis(solve_decreasing(function(eta, at) {
      size <- rep_len(d, length(y))[at]
      A <- size * stats::plogis(eta)
      B <- size * stats::plogis(-eta)
      digamma(y[at] + A) - digamma(A) - digamma((m - y)[at] + B) + digamma(B)
    }, inside))
    2 * a * pmax(ifelse(inside, logp(best), 0) - logp(mu), 0)
  },
  random = function(mu, d, m, a) {
    stats::rbinom(length(mu), m, stats::rbeta(length(mu), d * mu, d * (1 - mu)))
  },
  tails = function(y, mu, d, m, a) beta_binomial_tails(y, mu, d, m))

# Distributions that base R does not have -----------------------------------------------------

# Roots of decreasing functions of one variable, one for each row that is `wanted` (NA elsewhere),
# by halving an interval that holds every root that a double can show.
solve_decreasing <- function(f, wanted) {
  root <- rep(NA_real_, length(wanted))
  at <- which(wanted)
  low <- rep(-700, length(at))
  high <- rep(700, length(at))
  for (i in 1:70) {
    middle <- (low + high) / 2
    above <- f(middle, at) > 0
    # Where the function cannot be told from a difference of infinities the mean is too small.
    above[is.na(above)] <- middle[is.na(above)] < 0
    low[above] <- middle[above]
    high[!above] <- middle[!above]
  }
  root[at] <- (low + high) / 2
  root
}

# Michael, Schucany and Haas (1976): the smaller root of the equation that turns y into a
# chi-square, taken with probability mu / (mu + root).
random_inverse_gaussian <- function(mu, shape) {
  n <- length(mu)
  v <- stats::rnorm(n)^2 * mu / (2 * shape)
  root <- mu / (1 + v + sqrt(v * (2 + v)))
  ifelse(stats::runif(n) * (mu + root) <= mu, root, mu^2 / root)
}

inverse_gaussian_probability <- function(y, mu, shape, lower) {
  root <- sqrt(shape / y)
  first <- stats::pnorm(root * (y / mu - 1), lower.tail = lower)
  second <- exp(2 * shape / mu + stats::pnorm(-root * (y / mu + 1), log.p = TRUE))
  if (lower) pmin(first + second, 1) else pmax(first - second, 0)
}

log_beta_binomial <- function(y, mu, d, m) {
  lchoose(m, y) + lbeta(y + d * mu, m - y + d * (1 - mu)) - lbeta(d * mu, d * (1 - mu))
}

beta_binomial_tails <- function(y, mu, d, m) {
  below <- above <- at <- numeric(length(y))
  d <- rep_len(d, length(y))
  for (k in 0:max(m, 0)) {
    rows <- which(m >= k)
    p <- exp(log_beta_binomial(k, mu[rows], d[rows], m[rows]))
    less <- k < y[rows]
    more <- k > y[rows]
    below[rows[less]] <- below[rows[less]] + p[less]
    above[rows[more]] <- above[rows[more]] + p[more]
    same <- !less & !more
    at[rows[same]] <- p[same]
  }
  list(below = below, at = at, above = above)
}
