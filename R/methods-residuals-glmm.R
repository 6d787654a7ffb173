# Residuals of generalized fits.

#' @rdname residuals.tiers_fit
#' @export
residuals.tiers_glmm <- function(object, type = c("deviance", "response", "pearson", "scaled",
                                                  "working", "quantile", "studentized",
                                                  "normalized"),
                                 level = c("conditional", "marginal"), scaled = FALSE, seed = NULL,
                                 ...) {
  check_dots("residuals", ...)
  validate_fit(object)
  known <- c("deviance", "response", "pearson", "scaled", "working", "quantile", "studentized",
             "normalized")
  type <- match_choice(type, known, "type")
  level <- match_level(level)
  check_flag(scaled, "scaled")
  if (level == "marginal" && !type %in% c("response", "quantile")) {
    stop_input(c("Marginal residuals of a generalized fit are of type {.val response} or
                  {.val quantile}.", "x" = "{.arg type} is {.val {type}}."))
  }
  # Given the random effects observations are not correlated.
  in_sds <- type %in% c("scaled", "quantile", "studentized", "normalized")
  value <- if (type == "quantile") quantile_residuals(object, level, seed) else {
    generalized_residuals(object, if (in_sds) "scaled" else type, level)
  }
  if (type == "studentized") value <- value / sqrt(remaining_share(object))
  in_sds <- in_sds || (type == "pearson" && has_own_dispersion(object))
  if (scaled && !in_sds) value <- value / row_scale(object)
  stats::naresid(object$na.action, stats::setNames(value, row_names(object)))
}

# The standard deviation beside the variance function, 1 in families that have none.
row_scale <- function(fit) family_traits(fit$family$name)$scale(dispersion_values(fit))

generalized_residuals <- function(fit, type, level) {
  mu <- unname(fitted_values(fit, level))
  if (type == "response") return(observed_response(fit) - mu)
  if (type == "working") return(working_residuals(fit))
  moments <- row_moments(fit, mu)
  rows <- moments$rows
  distance <- rows$y - count_means(fit, mu, rows)
  if (type == "deviance") {
    part <- family_traits(fit$family$name)$deviance(rows$y, mu, rows$d, rows$m, rows$a)
    return(sign(distance) * sqrt(pmax(part, 0)))
  }
  value <- by_deviation(distance, moments$variance)
  if (type == "pearson" && !has_own_dispersion(fit)) value * row_scale(fit) else value
}

# Has each row a dispersion of its own? Then there is no common one that could be left out.
has_own_dispersion <- function(fit) !is.null(fit$dispersion$terms)

# The rows, with the variances of their responses given the weights.
row_moments <- function(fit, mu) {
  rows <- family_rows(fit)
  traits <- family_traits(fit$family$name)
  variance <- traits$variance(mu, rows$d, rows$m, rows$a)
  list(rows = rows, variance = if (traits$scaled) variance else variance / rows$a)
}

# A row without variance (no trials, a mean at its limit) has nothing to say.
by_deviation <- function(value, variance) {
  ifelse(variance %in% c(0, NaN), 0, value / sqrt(variance))
}

# (y - mu) / mu'(eta), without rounding of a mean to 1 at the edge. At an infinite eta, where this
# is 0 / 0, the value as far out as the link can tell a mean from its limit.
working_residuals <- function(fit) {
  observed <- unname(observed_response(fit))
  ratio <- function(eta, y, family) {
    rest <- complement_of(family, eta)
    distance <- if (is.null(rest)) y - mean_of(family, eta) else {
      ifelse(rest < 0.5, rest - (1 - y), y - mean_of(family, eta))
    }
    distance / slope_of(family, eta)
  }
  value <- ratio(fit$eta, observed, fit$family)
  for (far in 2^(9:0)) {
    open <- which(is.infinite(fit$eta) & !(is.finite(value) & value != 0))
    value[open] <- ratio(sign(fit$eta[open]) * far, observed[open], family_at(fit$family, open))
  }
  value
}

# Normal quantiles of P(Y < y) plus a random part of P(Y = y). Marginally these probabilities are
# means over the random effects.
quantile_residuals <- function(fit, level, seed) {
  state <- start_seed(seed)
  if (!is.null(state$restore)) on.exit(state$restore())
  rows <- family_rows(fit)
  traits <- family_traits(fit$family$name)
  # A row of weight 0 has the distribution of weight 1.
  rows$a[rows$a == 0] <- 1
  tails_at <- function(eta) {
    mu <- mean_of(fit$family, eta)
    mu[!in_link_domain(fit$family, eta)] <- NaN
    traits$tails(rows$y, mu, rows$d, rows$m, rows$a)
  }
  tails <- if (level == "conditional" || length(fit$random) == 0L) tails_at(fit$eta) else {
    average_tails(tails_at, fixed_values(fit), random_sd(fit, random_parts(fit, NA)))
  }
  share <- if (traits$continuous) 0 else stats::runif(length(rows$y))
  below <- tails$below + share * tails$at
  above <- tails$above + (1 - share) * tails$at
  low <- stats::qnorm(pmax(below, .Machine$double.xmin))
  high <- -stats::qnorm(pmax(above, .Machine$double.xmin))
  ifelse(below < above, low, high)
}

# The three probabilities averaged over N(eta, sd^2), on a grid with a random origin: where an
# observation is a sharp step in eta the grid is coarse, and then right on average.
average_tails <- function(tails_at, eta, sd) {
  step <- if (length(eta) > 2e4) 0.25 else 0.1
  nodes <- (seq(-7 / step, 7 / step - 1) + stats::runif(1L)) * step
  weights <- stats::dnorm(nodes)
  weights <- weights / sum(weights)
  total <- list(below = 0, at = 0, above = 0)
  mass <- 0
  for (q in seq_along(nodes)) {
    tails <- suppressWarnings(tails_at(eta + sd * nodes[q]))
    # Linear predictors that the link cannot take do not count.
    inside <- !is.nan(tails$below)
    mass <- mass + weights[q] * inside
    for (part in names(total)) {
      total[[part]] <- total[[part]] + weights[q] * ifelse(inside, tails[[part]], 0)
    }
  }
  lapply(total, function(x) x / mass)
}
