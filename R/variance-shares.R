# The parts of the variance of an observation: fixed effects, random effects of each grouping
# factor, rest (vignettes/algorithm.Rmd, section 4.8). With their derivatives by the fixed effects
# and the variance parameters, so that what is made of them has standard errors.
#
# A part is list(value, slope): slope has the p kept coefficients, then the parameters of
# fit$parameters.

# list(scale, fixed, between, residual, groups, of_groups): `between` is the part of all random
# effects, of_groups() that of some of the grouping factors, `groups` their names.
variance_shares <- function(fit, scale = NULL) {
  refuse_structure(fit, "Shares of the variance")
  scale <- match_share_scale(fit, scale)
  rows <- used_share_rows(fit)
  if (scale == "response" && !adds_residual(fit)) return(response_shares(fit, rows))
  X <- kept_matrix(fit)[rows, , drop = FALSE]
  beta <- kept_coefficients(fit)
  S <- if (length(rows) > 1L && ncol(X)) stats::cov(X) else diag(0, ncol(X))
  fixed <- list(value = sum(beta * (S %*% beta)),
                slope = c(drop(2 * S %*% beta), numeric(nrow(fit$parameters))))
  terms <- lapply(seq_along(fit$random), function(j) {
    term_variance(fit, j, random_columns(fit, j, NULL)[rows, , drop = FALSE], 1 / length(rows))
  })
  groups <- by_group(fit, terms)
  list(scale = scale, fixed = fixed, between = add_parts(groups), groups = names(groups),
       of_groups = function(names) add_parts(groups[names]),
       residual = if (scale == "latent") latent_part(fit, rows) else residual_part(fit, rows))
}

# "response", or "latent" where the linear predictor has a residual of its own.
match_share_scale <- function(fit, scale) {
  latent <- has_latent_scale(fit)
  if (is.null(scale)) scale <- if (latent) "latent" else "response"
  scale <- match_choice(scale, c("latent", "response"), "scale")
  family <- family_of(fit)
  if (scale == "latent" && !latent && !adds_residual(fit)) {
    stop_input(c("There is no {.val latent} scale for {family_words(family)}.",
                 i = "Use {.code scale = \"response\"}."))
  }
  if (adds_residual(fit)) scale <- "response"
  if (scale == "latent" && is_separated(fit)) {
    stop_model(c("The linear predictor is infinite in some rows: it has no variance.",
                 i = "Use {.code scale = \"response\"}."))
  }
  scale
}

# A residual added to the linear predictor: observed and latent scale are one.
adds_residual <- function(fit) {
  family <- family_of(fit)
  family_traits(family$name)$residual && is_identity_link(family)
}

# Variance of the distribution that a link of binary responses is the quantile function of.
link_variances <- c(logit = pi^2 / 3, probit = 1, cloglog = pi^2 / 6)

has_latent_scale <- function(fit) {
  family <- family_of(fit)
  if (!is.null(family$custom)) return(FALSE)
  traits <- family_traits(family$name)
  if (traits$response == "success") {
    return(is.null(traits$dispersion) && family$link %in% names(link_variances))
  }
  traits$response %in% c("count", "positive") && family$link == "log"
}

used_share_rows <- function(fit) which(unname(prior_weights(fit)) > 0)

# Weights that divide the variance of a row; those of other families are numbers of equal rows.
share_weights <- function(fit, rows) {
  weights <- stats::model.weights(fit$frame)
  if (is.null(weights) || !family_traits(family_of(fit)$name)$scaled) rep(1, length(rows)) else {
    as.double(weights)[rows]
  }
}

# Random effects ----------------------------------------------------------------------------------

# sum_i g_i z_i'Sigma z_i of a term.
term_variance <- function(fit, j, basis, g) {
  moments <- crossprod(basis, g * basis)
  slope <- numeric(nrow(fit$vcov) + nrow(fit$parameters))
  own <- which(fit$parameters$term == j)
  even <- fit$even[[j]]
  slope[nrow(fit$vcov) + own] <- if (is.null(even)) moment_slopes(fit$random[[j]], moments) else {
    moment_slopes(even$term, t(even$A) %*% moments %*% even$A)
  }
  list(value = sum(fit$random[[j]]$Sigma * moments), slope = slope)
}

# Derivatives of sum(Sigma * moments) by the parameters of the term.
moment_slopes <- function(term, moments) {
  vapply(sigma_slopes(term), function(D) sum(D * moments), 0)
}

# Derivatives of a covariance matrix by its standard deviations and correlations. Where a standard
# deviation is 0 it has no error, and no derivative is needed.
sigma_slopes <- function(term) {
  Sigma <- term$Sigma
  if (!is_linear_structure(term)) return(covariance_natural(term, Sigma)$directions)
  k <- nrow(Sigma)
  sd <- sqrt(pmax(diag(Sigma), 0))
  inverse <- ifelse(sd > 0, 1 / sd, 0)
  about <- covariance_parameters(term)
  lapply(seq_along(about$type), function(a) {
    if (about$type[a] == "sd") {
      own <- inverse * (about$row[a] == 0L | seq_len(k) == about$row[a])
      return(Sigma * outer(own, own, "+"))
    }
    at <- if (about$row[a] == 0L) 1 - diag(k) else {
      place <- matrix(0, k, k)
      place[about$row[a], about$column[a]] <- place[about$column[a], about$row[a]] <- 1
      place
    }
    at * outer(sd, sd)
  })
}

by_group <- function(fit, terms) {
  groups <- term_groups(fit)
  lapply(split(terms, factor(groups, unique(groups))), add_parts)
}

add_parts <- function(parts) {
  list(value = sum(vapply(parts, `[[`, 0, "value")),
       slope = Reduce(`+`, lapply(parts, `[[`, "slope"), 0))
}

# The rest ----------------------------------------------------------------------------------------

# Derivative of something by the dispersion of each row, taken to the parameters.
dispersion_slope <- function(fit, g, rows, newdata = NULL) {
  slope <- numeric(nrow(fit$vcov) + nrow(fit$parameters))
  own <- which(fit$parameters$component %in% c("residual", "dispersion"))
  if (length(own) == 0L) return(slope)
  Z <- dispersion_matrix(fit, newdata)
  if (is.null(Z)) {
    slope[nrow(fit$vcov) + own] <- sum(g)
  } else {
    d <- row_dispersion(fit, newdata)[rows]
    slope[nrow(fit$vcov) + own] <- crossprod(Z[rows, , drop = FALSE], d * g)
  }
  slope
}

share_dispersion <- function(fit, rows, newdata = NULL) {
  if (any(fit$parameters$component %in% c("residual", "dispersion"))) {
    return(row_dispersion(fit, newdata)[rows])
  }
  rep(1, length(rows))
}

residual_part <- function(fit, rows) {
  d <- share_dispersion(fit, rows)
  w <- share_weights(fit, rows)
  list(value = mean(d^2 / w), slope = dispersion_slope(fit, 2 * d / w / length(rows), rows))
}

# Of binary responses the variance of the link's distribution; with a log link that of the logarithm
# of a lognormal variable of the same coefficient of variation, log(1 + V(m) / m^2) at the mean m of
# all rows (Nakagawa, Johnson and Schielzeth 2017).
latent_part <- function(fit, rows) {
  family <- family_of(fit)
  none <- numeric(nrow(fit$vcov) + nrow(fit$parameters))
  if (is_success_family(family)) {
    return(list(value = link_variances[[family$link]], slope = none))
  }
  n <- length(rows)
  means <- exp(fixed_values(fit)[rows] + random_sd(fit, random_parts(fit, NA))[rows]^2 / 2)
  m <- mean(means)
  d <- mean(share_dispersion(fit, rows))
  variance <- family_traits(family$name)$variance
  ratio <- variance(m, d, 1, 1) / m^2
  by_mean <- (complex_slope(function(x) variance(x, d, 1, 1), m) - 2 * m * ratio) / m^2
  by_d <- complex_slope(function(x) variance(m, x, 1, 1), d) / m^2
  slope <- by_mean * mean_slope(fit, rows, means / n, means / n / 2) +
    dispersion_slope(fit, rep(by_d / n, n), rows)
  list(value = log1p(ratio), slope = slope / (1 + ratio))
}

# Derivative, exact to rounding, of what is made of sums, products and quotients of x.
complex_slope <- function(f, x) Im(f(complex(real = x, imaginary = 1e-100))) / 1e-100

# Slopes of sum_i F_i(eta_i, s_i^2), s_i^2 = z_i'Sigma z_i, from those by eta and s^2; those by the
# variances of the terms in `own` may be others.
mean_slope <- function(fit, rows, by_eta, by_variance, own = integer(), by_own = by_variance) {
  X <- kept_matrix(fit)[rows, , drop = FALSE]
  terms <- lapply(seq_along(fit$random), function(j) {
    term_variance(fit, j, random_columns(fit, j, NULL)[rows, , drop = FALSE],
                  if (j %in% own) by_own else by_variance)
  })
  c(drop(crossprod(X, by_eta)), numeric(nrow(fit$parameters))) + add_parts(terms)$slope
}
