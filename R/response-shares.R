# Shares of the variance of the response itself, whatever the family: with m1 = E mu, m2 = E mu^2
# and v = E Var(y | mu) of each row, integrals over one normal variable, the fixed effects have
# var(m1), the random effects the mean of m2 - m1^2, the rest the mean of v. Of some of the grouping
# factors it is what two observations have in common that share the levels of these alone, the mean
# of c - m1^2 with c = E (E(mu | their effects))^2; such parts do not add up.

response_shares <- function(fit, rows) {
  check_share_integrals(fit)
  n <- length(rows)
  at <- row_integrals(fit, fixed_values(fit)[rows], random_sd(fit, random_parts(fit, NA))[rows],
                      family_at(family_of(fit), rows), share_dispersion(fit, rows),
                      share_weights(fit, rows))
  centred <- at$m1 - mean(at$m1)
  # The derivative of each part by m1, m2 and v of a row.
  fixed <- 2 * centred / max(n - 1, 1)
  between <- -2 * at$m1 / n
  slope <- function(by_m1, by_m2, by_v) {
    mean_slope(fit, rows, by_m1 * at$m1_eta + by_m2 * at$m2_eta + by_v * at$v_eta,
               by_m1 * at$m1_s2 + by_m2 * at$m2_s2 + by_v * at$v_s2)
  }
  # Infinite coefficients have no error.
  known <- function(value, part) {
    list(value = value, slope = if (is_separated(fit)) NA_real_ * part else part)
  }
  groups <- term_groups(fit)
  total <- known(mean(at$m2 - at$m1^2), slope(between, 1 / n, 0))
  of_groups <- function(names) {
    own <- which(groups %in% names)
    if (length(own) == length(groups)) return(total)
    pair <- pair_integrals(fit, rows, own)
    moved <- mean_slope(fit, rows, (pair$c_eta - 2 * at$m1 * at$m1_eta) / n,
                        (pair$c_rest - 2 * at$m1 * at$m1_s2) / n, own,
                        (pair$c_own - 2 * at$m1 * at$m1_s2) / n)
    known(mean(pair$c - at$m1^2), moved)
  }
  list(scale = "response", groups = unique(groups), of_groups = of_groups,
       fixed = known(stats::var(at$m1), slope(fixed, 0, 0)), between = total,
       residual = known(mean(at$v), slope(0, 0, 1 / n) +
                          dispersion_slope(fit, at$v_d / n, rows)))
}

# E mu_1 mu_2 of two observations like the row that have the effects of the terms `own` in common:
# with M(x) = E mu(x + r W), W for the other terms, c = E M(eta + a Z)^2; and its derivatives by
# eta, a^2 and r^2. `newdata`: as for random_sd().
pair_integrals <- function(fit, rows, own, newdata = NULL) {
  held <- random_parts(fit, NULL)
  rest <- random_sd(fit, replace(held, -own, list(integer())), newdata)[rows]
  spread <- random_sd(fit, replace(held, own, list(integer())), newdata)[rows]
  eta <- fixed_values(fit, newdata)[rows]
  family <- family_of(fit)
  # Equal rows once.
  key <- if (is.null(family$custom)) paste(eta, spread, rest) else seq_along(rows)
  first <- which(!duplicated(key))
  value <- matrix(NA_real_, length(first), 4L)
  infinite <- is.infinite(eta[first])
  at <- function(i) family_at(family, if (is.null(newdata)) rows[i] else 1L)
  series <- if (has_closed_mean(family)) integer() else which(!infinite & rest[first] > 0)
  value[series, ] <- pair_series(at, first[series], eta, spread, rest)
  by_nodes <- !infinite & is.na(value[, 1L])
  class <- ceiling(log2(pmax(spread[first], 0.5)))
  for (size in unique(class[by_nodes])) {
    here <- which(class == size & by_nodes)
    i <- first[here]
    mean <- at(i)
    f <- function(x) {
      M <- marginal_mean(mean, x, rest[i])
      by_x <- 2 * M * marginal_slope(mean, x, rest[i])
      z <- ifelse(spread[i] > 0, (x - eta[i]) / spread[i], 0)
      cbind(M^2, by_x, by_x * z, 2 * M * marginal_curvature(mean, x, rest[i]))
    }
    # exp(2 eta) has its mass at 2 sd.
    reach <- 8.5 + if (identical(family$link, "log")) 2 * 2^size else 0
    value[here, ] <- average_rows(f, eta[i], spread[i], normal_step(size), reach = reach)
  }
  value[infinite, ] <- cbind(mean_of(family_at(family, rows[first[infinite]]),
                                     eta[first[infinite]])^2, 0, 0, 0)
  value <- value[match(key, key[first]), , drop = FALSE]
  list(c = value[, 1L], c_eta = value[, 2L],
       c_own = ifelse(spread > 0, value[, 3L] / (2 * spread), 0), c_rest = value[, 4L])
}

# The same by Mehler's series (vignettes/algorithm.Rmd, section 4.8), of the rows i: with
# orthonormal Hermite polynomials h_k, the total s^2 = a^2 + r^2 and the correlation
# rho = a^2 / s^2,
#   m_k = E mu(eta + s Z) h_k(Z),  d_k = E mu'(eta + s Z) h_k(Z),  E mu_1 mu_2 = sum rho^k m_k^2,
#   E mu_1' mu_2 = sum rho^k m_k d_k,  E mu_1'' mu_2 = sum rho^k m_k d_k+1 sqrt(k + 1) / s.
# Columns as average_rows() has them in pair_integrals(): the derivative by a is 2 a times that by
# a^2, E mu_1' mu_2' + E mu_1'' mu_2. NA where the series is too long.
pair_series <- function(at, i, eta, spread, rest, order = 64L) {
  value <- matrix(NA_real_, length(i), 4L)
  s <- sqrt(spread[i]^2 + rest[i]^2)
  rho <- (spread[i] / s)^2
  class <- ceiling(log2(pmax(s, 0.5)))
  for (size in unique(class)) {
    rule <- normal_rule(normal_step(size))
    H <- rule$weights * hermite_polynomials(rule$nodes, order)
    for (here in row_chunks(which(class == size))) {
      mean <- at(i[here])
      value[here, ] <- mehler_sums(
        vapply(rule$nodes, function(z) mean_of(mean, eta[i[here]] + s[here] * z), s[here]),
        vapply(rule$nodes, function(z) slope_of(mean, eta[i[here]] + s[here] * z), s[here]),
        H, rule$weights, s[here], rho[here], spread[i[here]])
    }
  }
  value
}

# mu and mu' at the nodes: rows x nodes.
mehler_sums <- function(mu, slope, H, weights, s, rho, spread) {
  dim(mu) <- dim(slope) <- c(length(s), length(weights))
  k <- seq_len(ncol(H)) - 1L
  m <- mu %*% H
  d <- slope %*% H
  power <- outer(rho, k, "^")
  last <- ncol(H)
  second <- cbind(d[, -1L, drop = FALSE], 0) * rep(sqrt(k + 1), each = length(s)) / s
  by_cov <- rowSums(power * d^2)
  by_var <- rowSums(power * m * second)
  # What is left out of a sum is at most rho^K times the rest of the squares.
  left <- function(x, coefficients) {
    all <- drop(x^2 %*% weights)
    rho^(last - 1) * (pmax(all - rowSums(coefficients[, -last, drop = FALSE]^2), 0) / all + 1e-15)
  }
  out <- cbind(rowSums(power * m^2), 2 * rowSums(power * m * d), 2 * spread * (by_cov + by_var),
               by_var)
  out[!(pmax(left(mu, m), left(slope, d)) < 1e-12), ] <- NA_real_
  out
}

# h_0, h_1, ... at the nodes: nodes x order.
hermite_polynomials <- function(nodes, order) {
  H <- matrix(1, length(nodes), order)
  H[, 2L] <- nodes
  for (k in seq_len(order - 2L)) {
    H[, k + 2L] <- (nodes * H[, k + 1L] - sqrt(k) * H[, k]) / sqrt(k + 1)
  }
  H
}

row_chunks <- function(rows, size = 20000L) split(rows, (seq_along(rows) - 1L) %/% size)

check_share_integrals <- function(fit) {
  family <- family_of(fit)
  spread <- any(random_sd(fit, random_parts(fit, NA)) > 0)
  if (!spread) return(invisible())
  check_mean_exists(family, 1)
  if (is.null(family$custom) && family$link == "log" && is_success_family(family)) {
    stop_input(c("Shares of the variance are not available for a probability with a log link: normal
                  random effects take it above 1.", i = "Use a logit or probit link."))
  }
}

# The nine integrals of each row and v_d, the derivative of v by the dispersion. Derivatives by s
# are those of E f(eta + s Z): E f'(eta + s Z) Z, and by s^2 a (2 s)th of it.
row_integrals <- function(fit, eta, sd, family, d, w) {
  variance <- family_traits(family$name)$variance
  n <- length(eta)
  value <- matrix(NA_real_, n, 10L)
  integrand <- function(rows) {
    here <- family_at(family, rows)
    function(x) {
      mu <- mean_of(here, x)
      slope <- slope_of(here, x)
      # At the ends of the scale nothing moves.
      slope[is.infinite(x)] <- 0
      z <- ifelse(sd[rows] > 0, (x - eta[rows]) / sd[rows], 0)
      z[is.infinite(x)] <- 0
      own <- function(mu, d) variance(mu, d, 1, w[rows])
      by_mu <- slope * complex_slope(function(x) own(x, d[rows]), mu)
      cbind(mu, mu^2, own(mu, d[rows]), slope, 2 * mu * slope, by_mu,
            slope * z, 2 * mu * slope * z, by_mu * z,
            complex_slope(function(x) own(mu, x), d[rows]))
    }
  }
  flat <- sd == 0 | is.infinite(eta)
  if (any(flat)) value[flat, ] <- integrand(which(flat))(eta[flat])
  # As in average_normal(), rows with similar spread share their nodes. exp(3 eta) has its mass at
  # 3 sd.
  class <- ceiling(log2(pmax(sd, 0.5)))
  for (size in unique(class[!flat])) {
    rows <- which(!flat & class == size)
    reach <- 8.5 + if (identical(family$link, "log")) 3 * 2^size else 0
    value[rows, ] <- average_rows(integrand(rows), eta[rows], sd[rows],
                                  step = min(0.25, 0.22 / 2^size), reach = reach)
  }
  by_s2 <- ifelse(sd > 0, 0.5 / sd, 0)
  list(m1 = value[, 1L], m2 = value[, 2L], v = value[, 3L], m1_eta = value[, 4L],
       m2_eta = value[, 5L], v_eta = value[, 6L], m1_s2 = by_s2 * value[, 7L],
       m2_s2 = by_s2 * value[, 8L], v_s2 = by_s2 * value[, 9L], v_d = value[, 10L])
}
