# Residuals of generalized fits.

#' @rdname residuals.tiers_fit
#' @export
residuals.tiers_glmm <- function(object, type = c("deviance", "response", "pearson", "scaled",
                                                  "working", "quantile"),
                                 level = c("conditional", "marginal"), seed = NULL, ...) {
  check_unused(...)
  validate_fit(object)
  known <- c("deviance", "response", "pearson", "scaled", "working", "quantile")
  type <- match_choice(type, known, "type")
  level <- match_level(level)
  if (level == "marginal" && !type %in% c("response", "quantile")) {
    stop_input(c("Marginal residuals of a generalized fit are of type {.val response} or
                  {.val quantile}.", "x" = "{.arg type} is {.val {type}}."))
  }
  value <- if (type == "quantile") quantile_residuals(object, level, seed) else {
    generalized_residuals(object, type, level)
  }
  stats::naresid(object$na.action, stats::setNames(value, row_names(object)))
}

generalized_residuals <- function(fit, type, level) {
  observed <- observed_response(fit)
  mu <- unname(fitted_values(fit, level))
  if (type == "response") return(observed - mu)
  # Without rounding of a mean to 1 at the edge.
  if (type == "working") return((observed - mu) / slope_of(fit$family, fit$eta))
  rows <- family_rows(fit)
  traits <- family_traits(fit$family$name)
  if (type == "deviance") {
    part <- traits$deviance(rows$y, mu, rows$d, rows$m, rows$a)
    return(sign(observed - mu) * sqrt(pmax(part, 0)))
  }
  variance <- traits$variance(mu, rows$d, rows$m, rows$a)
  if (!traits$scaled) variance <- variance / rows$a
  value <- (rows$y - count_means(fit, mu, rows)) / sqrt(variance)
  value[variance == 0 | rows$m == 0] <- 0
  if (type == "pearson" && traits$scaled) value * traits$scale(rows$d) else value
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
