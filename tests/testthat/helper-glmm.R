# Generalized mixed models by their definition: dense matrices, one Newton iteration for the modes
# with second derivatives from helper-glmm-density.R, adaptive quadrature node by node, and
# integrals over fixed grids that know nothing of modes. Slow, short and obviously right.

# The specification as the compiled code takes it, from plain vectors.
glmm_spec <- function(y, X, terms, family, link, size = double(), weights = double(),
                      offset = double(), dispersion = NULL, points = 1L, start_beta = double(),
                      start_phi = double()) {
  n <- length(y)
  if (is.null(dispersion)) dispersion <- matrix(1, n, if (family %in% glmm_without_phi) 0L else 1L)
  list(y = as.double(y), size = as.double(size), weights = as.double(weights),
       offset = as.double(offset), X = X, terms = terms, family = family, link = link,
       dispersion = dispersion, points = rep_len(as.integer(points), length(terms)),
       start_beta = start_beta, start_phi = start_phi)
}

glmm_term <- function(group, g, basis = NULL, structure = "us") {
  g <- as.factor(g)
  constant <- if (is.null(basis)) 1L else match(TRUE, apply(basis, 2L, function(v) all(v == 1)), 0L)
  if (!is.null(basis)) dimnames(basis) <- NULL
  list(group = group, codes = as.integer(g), n_levels = nlevels(g), basis = basis,
       intercept = constant, structure = structure, start = NULL)
}

# What a row has, at given beta and phi, for the rows that count.
glmm_rows <- function(spec, beta, phi) {
  n <- length(spec$y)
  or <- function(x, value) if (length(x)) x else rep(value, n)
  a <- or(spec$weights, 1)
  used <- a > 0
  kept <- !is.na(beta)
  eta <- drop(spec$X[, kept, drop = FALSE] %*% beta[kept]) + or(spec$offset, 0)
  log_phi <- if (ncol(spec$dispersion)) drop(spec$dispersion %*% phi) else rep(0, n)
  terms <- lapply(spec$terms, function(term) {
    basis <- if (is.null(term$basis)) matrix(1, n, 1L) else term$basis
    list(basis = basis[used, , drop = FALSE], codes = term$codes[used], n_levels = term$n_levels,
         structure = term$structure)
  })
  list(y = spec$y[used], m = or(spec$size, 1)[used], a = a[used], phi = log_phi[used],
       eta = eta[used], terms = terms, kernel = glmm_kernel(spec$family, spec$link),
       domain = glmm_domain(spec$family, spec$link))
}

# Values of one of the kernel's functions; rows outside the domain of eta have no density.
row_values <- function(rows, what, eta, which = seq_along(rows$y)) {
  rows$kernel[[what]](eta, rows$y[which], rows$m[which], rows$a[which], rows$phi[which])
}

row_logp <- function(rows, eta, which = seq_along(rows$y)) {
  value <- row_values(rows, "logp", eta, which)
  value[is.nan(value) | eta <= rows$domain[1L] | eta >= rows$domain[2L]] <- -Inf
  value
}

# U = Z Lambda of all terms next to each other, the columns of a level together.
glmm_u <- function(rows, Lambda) {
  do.call(cbind, Map(function(term, L) {
    dense_z(term) %*% kronecker(diag(term$n_levels), L)
  }, rows$terms, Lambda))
}

# The mode of -2 logp + u'u by Newton's method, with a shift where the Hessian is indefinite.
glmm_mode <- function(rows, U) {
  u <- rep(0, ncol(U))
  value <- function(u) -2 * sum(row_logp(rows, rows$eta + drop(U %*% u))) + sum(u^2)
  at <- value(u)
  if (!is.finite(at)) stop("the linear predictor without random effects is outside its domain")
  for (step in seq_len(500L)) {
    eta <- rows$eta + drop(U %*% u)
    g <- drop(crossprod(U, row_values(rows, "s", eta))) - u
    H <- crossprod(U, -row_values(rows, "h", eta) * U) + diag(ncol(U))
    decomposed <- eigen(H, symmetric = TRUE)
    positive <- pmax(abs(decomposed$values), 1e-8)
    d <- drop(decomposed$vectors %*% (crossprod(decomposed$vectors, g) / positive))
    length <- 1
    while (!isTRUE(value(u + length * d) <= at + 1e-12 * abs(at)) && length > 1e-12) {
      length <- length / 2
    }
    u <- u + length * d
    at <- value(u)
    # One more step after a small one: the error of the mode is squared.
    if (sum(g * d) < 1e-20) break
  }
  eta <- rows$eta + drop(U %*% u)
  H <- crossprod(U, -row_values(rows, "h", eta) * U) + diag(ncol(U))
  list(u = u, H = H, eta = eta, value = value(u))
}

# -2 logLik by Laplace, the modes (levels x k, on the scale of the random effects) and their
# conditional covariance matrices.
glmm_laplace <- function(spec, beta, Lambda, phi = double()) {
  rows <- glmm_rows(spec, beta, phi)
  U <- glmm_u(rows, Lambda)
  mode <- glmm_mode(rows, U)
  inverse <- solve(mode$H)
  first <- cumsum(c(0L, vapply(rows$terms, function(t) ncol(t$basis) * t$n_levels, 1)))
  columns <- lapply(seq_along(rows$terms), function(j) {
    matrix(seq(first[j] + 1, first[j + 1]), nrow = ncol(rows$terms[[j]]$basis))
  })
  list(deviance = mode$value + as.numeric(determinant(mode$H)$modulus),
       modes = Map(function(at, L) t(L %*% matrix(mode$u[at], nrow(at))), columns, Lambda),
       condvar = Map(function(at, L) {
         k <- nrow(at)
         array(apply(at, 2L, function(i) L %*% inverse[i, i] %*% t(L)), c(k, k, ncol(at)))
       }, columns, Lambda))
}

# Nodes and weights for the standard normal density from the Jacobi matrix of its polynomials.
normal_rule <- function(points) {
  jacobi <- matrix(0, points, points)
  i <- seq_len(points - 1L)
  jacobi[cbind(i, i + 1L)] <- jacobi[cbind(i + 1L, i)] <- sqrt(i)
  decomposed <- eigen(jacobi, symmetric = TRUE)
  list(x = decomposed$values, w = decomposed$vectors[1L, ]^2)
}

product_rule <- function(points, k) {
  rule <- normal_rule(points)
  grid <- as.matrix(expand.grid(rep(list(seq_len(points)), k)))
  list(x = matrix(rule$x[grid], ncol = k), w = apply(matrix(rule$w[grid], ncol = k), 1L, prod))
}

log_sum_exp <- function(x) {
  top <- max(x)
  if (!is.finite(top)) return(top)
  top + log(sum(exp(x - top)))
}

# Sum over the rows `at` of the log density at every column of a matrix of linear predictors.
summed_logp <- function(rows, at, eta) {
  if (!length(at)) return(rep(0, ncol(eta)))
  index <- rep(at, ncol(eta))
  colSums(matrix(row_logp(rows, as.vector(eta), index), length(at)))
}

# -2 logLik of one level of the grouping factor of a single term: adaptive quadrature by
# definition.
glmm_quadrature <- function(spec, beta, Lambda, phi = double(), points) {
  rows <- glmm_rows(spec, beta, phi)
  term <- rows$terms[[1L]]
  k <- ncol(term$basis)
  rule <- product_rule(points, k)
  mode <- glmm_mode(rows, glmm_u(rows, Lambda))
  sum(vapply(seq_len(term$n_levels), function(level) {
    at <- which(term$codes == level)
    block <- seq_len(k) + (level - 1L) * k
    root <- chol(mode$H[block, block]) # upper: C'
    u <- mode$u[block] + backsolve(root, t(rule$x))
    eta <- rows$eta[at] + term$basis[at, , drop = FALSE] %*% Lambda[[1L]] %*% u
    l <- summed_logp(rows, at, eta) - colSums(u^2) / 2 + rowSums(rule$x^2) / 2
    2 * sum(log(diag(root))) - 2 * log_sum_exp(log(rule$w) + l)
  }, 1))
}

# The same for units within units, scalar random effects: terms 1 (outer) and 2 (inner).
glmm_nested_quadrature <- function(spec, beta, Lambda, phi = double(), points) {
  rows <- glmm_rows(spec, beta, phi)
  outer <- rows$terms[[1L]]
  inner <- rows$terms[[2L]]
  rule <- normal_rule(points)
  mode <- glmm_mode(rows, glmm_u(rows, Lambda))
  sum(vapply(seq_len(outer$n_levels), function(level) {
    units <- sort(unique(inner$codes[outer$codes == level]))
    inside <- outer$n_levels + units
    # Inner units first, the outer one last: no fill-in.
    block <- c(inside, level)
    root <- chol(mode$H[block, block])
    last <- length(block)
    u_outer <- mode$u[level] + rule$x / root[last, last]
    total <- vapply(seq_along(rule$x), function(q) {
      move <- u_outer[q] - mode$u[level]
      sum(vapply(seq_along(units), function(j) {
        at <- which(inner$codes == units[j] & outer$codes == level)
        u <- mode$u[inside[j]] + (rule$x - root[j, last] * move) / root[j, j]
        eta <- rows$eta[at] + outer$basis[at] * Lambda[[1L]][1L] * u_outer[q] +
          outer_product(inner$basis[at] * Lambda[[2L]][1L], u)
        log_sum_exp(log(rule$w) + summed_logp(rows, at, eta) - u^2 / 2 + rule$x^2 / 2)
      }, 1))
    }, 1)
    2 * sum(log(diag(root))) -
      2 * log_sum_exp(log(rule$w) + total - u_outer^2 / 2 + rule$x^2 / 2)
  }, 1))
}

outer_product <- function(a, b) matrix(a, ncol = 1L) %*% matrix(b, nrow = 1L)

# Exact likelihoods ---------------------------------------------------------------------------
# The trapezoidal rule on an equidistant grid in u: for smooth integrands that vanish at both ends
# its error falls faster than any power of the step.

normal_grid <- function(step, limit) {
  x <- seq(-limit, limit, by = step)
  list(x = x, logw = stats::dnorm(x, log = TRUE) + log(step))
}

# One grouping factor, one or two columns. Also the mean and variance of the random effects given
# the data.
glmm_exact <- function(spec, beta, Lambda, phi = double(), step = NULL, limit = 10) {
  rows <- glmm_rows(spec, beta, phi)
  term <- rows$terms[[1L]]
  k <- ncol(term$basis)
  grid <- normal_grid(if (is.null(step)) c(0.01, 0.1)[k] else step, limit)
  u <- t(as.matrix(expand.grid(rep(list(grid$x), k))))
  logw <- rowSums(as.matrix(expand.grid(rep(list(grid$logw), k))))
  b <- Lambda[[1L]] %*% u
  parts <- lapply(seq_len(term$n_levels), function(level) {
    at <- which(term$codes == level)
    eta <- rows$eta[at] + term$basis[at, , drop = FALSE] %*% b
    l <- logw + summed_logp(rows, at, eta)
    total <- log_sum_exp(l)
    p <- exp(l - total)
    mean <- drop(b %*% p)
    list(deviance = -2 * total, mean = mean, variance = (b - mean) %*% (p * t(b - mean)))
  })
  list(deviance = sum(vapply(parts, `[[`, 1, "deviance")),
       means = do.call(rbind, lapply(parts, `[[`, "mean")),
       variances = array(unlist(lapply(parts, `[[`, "variance")), c(k, k, length(parts))))
}

# Scalar random effects in a chain of nested factors, outermost term first, any depth.
glmm_nested_exact <- function(spec, beta, Lambda, phi = double(), step = 0.1, limit = 9) {
  rows <- glmm_rows(spec, beta, phi)
  grid <- normal_grid(step, limit)
  last <- length(rows$terms)
  # Log integral over the units at `depth` and below, of the rows `at`, for each column of eta.
  inside <- function(depth, at, eta) {
    term <- rows$terms[[depth]]
    total <- rep(0, ncol(eta))
    for (unit in unique(term$codes[at])) {
      mine <- term$codes[at] == unit
      here <- at[mine]
      u <- grid$x
      columns <- rep(seq_len(ncol(eta)), each = length(u))
      moved <- eta[mine, columns, drop = FALSE] +
        outer_product(term$basis[here] * Lambda[[depth]][1L], rep(u, ncol(eta)))
      l <- if (depth == last) summed_logp(rows, here, moved) else inside(depth + 1L, here, moved)
      l <- matrix(l + grid$logw, length(u))
      top <- apply(l, 2L, max)
      total <- total + top + log(colSums(exp(sweep(l, 2L, top))))
    }
    total
  }
  -2 * inside(1L, seq_along(rows$y), matrix(rows$eta))
}

# Calls of the compiled code ---------------------------------------------------------------------

glmm_evaluate <- function(spec, beta, Lambda, phi = double()) {
  evaluate_glmm_cpp(spec, as.double(beta), Lambda, as.double(phi))
}

glmm_deviance <- function(spec, beta, Lambda, phi = double()) {
  glmm_evaluate(spec, beta, Lambda, phi)$deviance
}

glmm_fit <- function(spec, maxit = 200L, tolerance = 1e-12) {
  fit_glmm_cpp(spec, list(maxit = maxit, tolerance = tolerance, trace = FALSE))
}

# All parameters in one vector, in the order of the gradient, and back.
glmm_pack <- function(spec, beta, Lambda, phi = double()) c(beta, dense_pack(spec, Lambda), phi)

glmm_unpack <- function(spec, psi) {
  p <- ncol(spec$X)
  d <- ncol(spec$dispersion)
  list(beta = psi[seq_len(p)],
       Lambda = dense_unpack(spec, psi[p + seq_len(length(psi) - p - d)]),
       phi = psi[length(psi) - d + seq_len(d)])
}

# f(spec, beta, Lambda, phi) as a function of that vector.
of_packed <- function(f, spec) {
  function(psi) {
    part <- glmm_unpack(spec, psi)
    f(spec, part$beta, part$Lambda, part$phi)
  }
}

# Deviances agree relative to 1 + their size.
expect_deviance <- function(value, truth, tolerance = 1e-8, info = NULL) {
  off <- abs(value - truth) / (1 + abs(truth))
  expect(isTRUE(off <= tolerance),
         sprintf("%s: deviance %.12g instead of %.12g, off by %.2g", info, value, truth, off))
}
