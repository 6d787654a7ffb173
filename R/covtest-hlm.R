# HLM's chi-square test of each variance (Raudenbush and Bryk 2002, section 3): within each group
# with more rows than random coefficients, these are estimated by least squares from y - X beta,
# which leaves what the group departs from the fixed part: d, with variance sigma^2 (Z'WZ)^-1. The
# sum over groups of d_q^2 / var_q has as many degrees of freedom as groups, less the columns of X
# that explain the coefficient.

covtest_hlm <- function(fit) {
  parts <- counting_parts(fit)
  weights <- unname(prior_weights(fit))
  used <- weights > 0
  response <- as.double(observed_response(fit)) - fixed_offset(fit)
  departure <- response[used] - drop(parts$X %*% kept_coefficients(fit))
  sent <- level_targets(parts)$target
  rows <- lapply(parts$terms, function(part) {
    found <- group_least_squares(part$basis, part$codes, departure, weights[used])
    k <- ncol(part$basis)
    explaining <- vapply(seq_len(k), function(q) {
      sum(sent == paste(part$term$group, q, sep = "\r"), na.rm = TRUE)
    }, 1)
    data.frame(groups = rep(found$groups, k),
               Chisq = colSums(found$estimate^2 / found$variance) / fit$sigma^2,
               Df = pmax(found$groups - explaining, 0),
               row.names = paste(part$term$columns, "in", part$term$label))
  })
  names <- make.unique(unlist(lapply(rows, rownames)))
  table <- do.call(rbind, lapply(rows, `rownames<-`, NULL))
  rownames(table) <- names
  none <- table$Df == 0
  table$Chisq[none] <- NA
  table[["Pr(>Chisq)"]] <- stats::pchisq(table$Chisq, table$Df, lower.tail = FALSE)
  left <- vapply(parts$terms, function(part) max(part$codes), 1L)
  structure(table, heading = c(
    "Chi-square tests of variances from least squares within groups (HLM)",
    paste0("Model: ", text_of(full_formula(fit))),
    if (any(table$groups < rep(left, vapply(parts$terms, function(x) ncol(x$basis), 1L)))) {
      "Groups whose rows do not identify all random coefficients are left out"
    }, ""))
}

# Estimates and their variances at sigma = 1, groups x k, of the groups that have them and a row to
# spare.
group_least_squares <- function(Z, codes, y, weights) {
  k <- ncol(Z)
  rows <- split(seq_along(codes), codes)
  found <- lapply(rows, function(at) {
    if (length(at) <= k) return(NULL)
    root <- sqrt(weights[at])
    parts <- qr(Z[at, , drop = FALSE] * root, tol = 1e-9)
    if (parts$rank < k) return(NULL)
    order <- order(parts$pivot)
    variance <- rowSums(backsolve(qr.R(parts), diag(1, k))^2)
    list(estimate = qr.coef(parts, y[at] * root), variance = variance[order])
  })
  found <- found[lengths(found) > 0L]
  pick <- function(name) {
    matrix(unlist(lapply(found, `[[`, name)), ncol = k, byrow = TRUE)
  }
  list(groups = length(found), estimate = pick("estimate"), variance = pick("variance"))
}
