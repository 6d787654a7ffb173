# Limits from the replicates of one statistic (Davison and Hinkley 1997, chapter 5). Quantiles are
# interpolated on the scale of the normal distribution between the order statistics number
# (R + 1) p.

boot_quantiles <- function(t, p) {
  t <- sort(t[!is.na(t)])
  R <- length(t)
  if (R < 2L) return(rep(NA_real_, length(p)))
  place <- (R + 1) * p
  below <- pmin(pmax(floor(place + 1e-9), 0), R)
  vapply(seq_along(p), function(i) {
    k <- below[i]
    if (is.na(k)) return(NA_real_)
    if (k < 1) return(t[1L])
    if (k >= R || abs(k - place[i]) < 1e-9 || t[k] == t[k + 1]) return(t[k])
    z <- stats::qnorm(c(p[i], k / (R + 1), (k + 1) / (R + 1)))
    t[k] + (z[1L] - z[2L]) / (z[3L] - z[2L]) * (t[k + 1] - t[k])
  }, 1)
}

# Do so many replicates reach that far?
too_few_replicates <- function(R, tails) R < 2L || (R + 1) * min(tails) < 1

boot_limits <- function(t, t0, tails, type, acceleration = NULL) {
  t <- t[!is.na(t)]
  if (length(t) < 2L) return(c(NA_real_, NA_real_))
  switch(
    type,
    percentile = boot_quantiles(t, tails),
    basic = 2 * t0 - boot_quantiles(t, rev(tails)),
    norm = {
      t <- t[is.finite(t)]
      2 * t0 - mean(t) + stats::qnorm(tails) * stats::sd(t)
    },
    bca = boot_quantiles(t, bca_tails(t, t0, tails, acceleration)),
    shortest = shortest_limits(t, tails[2L] - tails[1L]))
}

# The shortest interval that holds this share of the replicates; the first of several.
shortest_limits <- function(t, level) {
  t <- sort(t)
  inside <- min(max(ceiling(level * length(t) - 1e-9), 1), length(t))
  first <- seq_len(length(t) - inside + 1L)
  width <- t[first + inside - 1L] - t[first]
  at <- which.min(width)
  if (length(at) == 0L) return(c(NA_real_, NA_real_))
  t[c(at, at + inside - 1L)]
}

# Efron (1987): the quantiles that are right after a transformation to a normal distribution with a
# bias (from the share of replicates below the estimate, ties half) and a standard deviation that
# changes with the mean at the rate `a`.
bca_tails <- function(t, t0, tails, a) {
  z0 <- stats::qnorm((sum(t < t0) + sum(t == t0) / 2) / length(t))
  if (!is.finite(z0) || !is.finite(a)) return(c(NA_real_, NA_real_))
  z <- z0 + stats::qnorm(tails)
  stats::pnorm(z0 + z / (1 - a * z))
}

# sum D^3 / (6 (sum D^2)^1.5), D = mean - statistic without a unit: `values` has a row for each.
jackknife_acceleration <- function(values) {
  apply(values, 2L, function(value) {
    D <- mean(value) - value
    if (anyNA(D) || any(!is.finite(D))) return(NA_real_)
    squares <- sum(D^2)
    if (squares == 0) 0 else sum(D^3) / (6 * squares^1.5)
  })
}

# Units that are left out in turn: clusters, the groups of the outermost factor, rows of a model
# without random effects. Many are left out in blocks, whose statistics have the same third moments.
jackknife_blocks <- function(fit, cluster, most = 200L) {
  units <- if (!is.null(cluster)) case_clusters(fit, cluster)$rows else jackknife_units(fit)
  if (length(units) <= most) return(units)
  unname(lapply(split(units, (seq_along(units) - 1L) %% most), unlist))
}

# Where factors are crossed, those of the factor with most levels.
jackknife_units <- function(fit) {
  if (length(fit$random) == 0L) return(case_clusters(fit, NULL)$rows)
  groups <- group_codes_of(fit)
  contains <- vapply(groups, function(outer) all(vapply(groups, nested_in, NA, outer = outer)), NA)
  codes <- if (any(contains)) groups[[which(contains)[1L]]] else {
    groups[[which.max(vapply(groups, max, 1))]]
  }
  used <- used_row(fit)
  unname(split(which(used), codes[used]))
}

# Statistics of fits without each unit, one row each.
jackknife_values <- function(boot) {
  fit <- boot$fit
  spec <- warm_specification(fit)
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  rows <- lapply(jackknife_blocks(fit, boot$cluster), function(out) {
    spec$weights <- replace(weights, out, 0)
    if (is.null(boot$FUN)) {
      found <- tryCatch(kind_replicates(fit, spec, matrix(spec$y)), tiers_error = function(e) NULL)
      if (is.null(found)) return(NULL)
      row <- replicate_rows(fit, found)
      row[nzchar(replicate_failures(fit, found)), ] <- NA_real_
      return(row)
    }
    part <- quietly_fitted(function() refitted(fit, spec))
    if (is.character(part)) return(NULL)
    tryCatch(matrix(read_statistics(boot$FUN(part), boot$t0), 1L), error = function(e) NULL)
  })
  rows <- do.call(rbind, rows[lengths(rows) > 0L])
  rows[stats::complete.cases(rows[, colSums(!is.na(rows)) > 0L, drop = FALSE]), , drop = FALSE]
}
