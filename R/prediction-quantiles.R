# Limits for a new response of a generalized model: quantiles of its predictive distribution, the
# family's around a linear predictor that is normal with the variance of its prediction error,
#   P(Y <= y) = E F(y | mean(eta + sd Z)),
# by the quadrature of marginal means. Of counts and successes the lower limit is the smallest y
# with P(Y <= y) >= (1 - level) / 2, the upper one the smallest with P(Y <= y) >= (1 + level) / 2:
# at least `level` lies between them, both included.

# `rows`: list(m, a, d) as the traits of a family take them, one value a row. Successes are shares
# of their trials, as the means are.
predictive_limits <- function(fit, eta, variance, rows, level) {
  limits <- matrix(NA_real_, length(eta), 2L, dimnames = list(NULL, c("lwr", "upr")))
  # Of an infinite linear predictor nothing but its sign is known.
  tell_infinite_rows(fit, unname(which(is.infinite(eta) | variance %in% Inf)))
  at <- which(is.finite(eta) & is.finite(variance))
  if (length(at) == 0L) return(limits)
  rows <- lapply(rows, rep_len, length(eta))
  # A few thousand rows at a time: each has a column of nodes.
  for (own in split(at, (seq_along(at) - 1L) %/% 2000L)) {
    family <- family_at(fit$family, own)
    here <- lapply(rows, `[`, own)
    cdf <- predictive_distribution(family, eta[own], sqrt(variance[own]), here)
    mean <- mean_of(family, eta[own])
    limits[own, 1L] <- predictive_quantile(family, cdf, (1 - level) / 2, here$m, mean)
    limits[own, 2L] <- predictive_quantile(family, cdf, (1 + level) / 2, here$m, mean)
  }
  limits
}

tell_infinite_rows <- function(fit, rows) {
  if (length(rows) == 0L) return(invisible())
  inform("tiers_message_data", c(
    "{length(rows)} row{?s} {?has/have} no limits for new responses ({.code NA}): row
     {first_rows(rows)}.",
    x = if (is_separated(fit)) "The data are separated: the linear predictor is infinite there, by
        the coefficients of {.val {fit$separation$columns}}."
      else "The linear predictor is infinite there.",
    i = "{.code interval = \"confidence\"} gives the range of the mean."), rows = rows)
}

# A function of y, one value a row, that gives P(Y <= y). Linear predictors outside of the link's
# domain have no share in it.
predictive_distribution <- function(family, eta, sd, rows) {
  tails <- family_traits(family$name)$tails
  rule <- normal_rule(normal_step(ceiling(log2(max(sd, 0.5)))))
  n <- length(eta)
  count <- length(rule$nodes)
  x <- as.double(eta + outer(sd, rule$nodes))
  row <- rep(seq_len(n), count)
  wide <- family_at(family, row)
  inside <- which(in_link_domain(wide, x))
  mu <- mean_of(family_at(wide, inside), x[inside])
  row <- row[inside]
  weight <- rep(rule$weights, each = n)[inside]
  sums <- function(value) {
    out <- numeric(n * count)
    out[inside] <- value
    rowSums(matrix(out, n))
  }
  whole <- sums(weight)
  own <- lapply(rows, `[`, row)
  function(y) {
    found <- tails(y[row], mu, own$d, own$m, own$a)
    sums(weight * (found$below + found$at)) / whole
  }
}

# The smallest y with cdf(y) >= p, for each row.
predictive_quantile <- function(family, cdf, p, trials, mean) {
  kind <- family_response_kind(family$name)
  if (kind == "success") return(bisect_whole(cdf, p, -1, trials) / trials)
  if (kind == "count") {
    high <- rep(1, length(mean))
    while (any(low <- cdf(high) < p) && max(high) < 1e15) high[low] <- 2 * high[low]
    return(bisect_whole(cdf, p, -1, high))
  }
  # Of continuous responses on a scale without ends.
  back <- switch(kind, real = identity, positive = exp, unit = stats::plogis)
  start <- switch(kind, real = mean, positive = log(mean), unit = stats::qlogis(mean))
  low <- widen(start, -1, function(t) cdf(back(t)) >= p)
  high <- widen(start, 1, function(t) cdf(back(t)) < p)
  for (i in 1:60) {
    middle <- (low + high) / 2
    reached <- cdf(back(middle)) >= p
    high[reached] <- middle[reached]
    low[!reached] <- middle[!reached]
  }
  back((low + high) / 2)
}

# From `start` in steps that double until `goes_on` is false.
widen <- function(start, direction, goes_on) {
  step <- 1e-3 * (1 + abs(start))
  at <- start + direction * step
  for (i in 1:60) {
    further <- goes_on(at)
    if (!any(further)) break
    step <- 2 * step
    at[further] <- at[further] + direction * step[further]
  }
  at
}

# cdf(low) < p <= cdf(high), whole numbers.
bisect_whole <- function(cdf, p, low, high) {
  low <- rep_len(low, length(high))
  while (any(open <- high - low > 1)) {
    middle <- ifelse(open, floor((low + high) / 2), high)
    reached <- cdf(middle) >= p
    high[open & reached] <- middle[open & reached]
    low[open & !reached] <- middle[open & !reached]
  }
  high
}
