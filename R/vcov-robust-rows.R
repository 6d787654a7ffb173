# The rows that cluster-robust covariance matrices are made of: of a linear fit its own, of a
# generalized one those of the working linear model at the estimates.

# V = R + U U' relative to sigma^2, U = Z Lambda, in a basis X T of the fixed columns in which
# X'V^-1X = I, so that Phi = sigma^2 T T'. All for the rows that count.
#   X, H            n x p: X T and V^-1 X T
#   residual        y - X beta, marginal
#   variance        diag(R)
#   terms, lambda   level codes and basis of each grouping factor, and its factor
#   basis           T
robust_rows <- function(fit) {
  if (has_structure(fit)) return(whitened_rows(fit))
  used <- which(used_row(fit) & root_weights(fit) > 0)
  weight <- root_weights(fit)[used]^2
  fixed <- orthogonal_columns(kept_matrix(fit)[used, , drop = FALSE], sqrt(weight))
  grouped <- grouped_terms(fit, used)
  white <- fixed$X
  H <- weight * white
  if (length(grouped$terms)) H <- H - spread_part(grouped, white, weight)
  # In a basis in which the weighted columns are orthonormal this is as well conditioned as V is.
  information <- crossprod(white, H)
  turn <- backsolve(information_root(information), diag(1, ncol(white)))
  residual <- random_values(fit, random_parts(fit, NULL))[used] + row_scores(fit)[used] / weight
  list(X = white %*% turn, H = H %*% turn, residual = residual, variance = 1 / weight,
       terms = grouped$terms, lambda = grouped$lambda, basis = fixed$map %*% turn, used = used)
}

# X in a basis that is orthonormal with these weights: X map.
orthogonal_columns <- function(X, root) {
  parts <- orthonormal_columns(root * X)
  list(X = parts$X / root, map = parts$map)
}

# The random terms as the engine takes them, those with the same levels as one.
grouped_terms <- function(fit, used) {
  groups <- term_groups(fit)
  by_group <- split(seq_along(groups), factor(groups, unique(groups)))
  terms <- lapply(by_group, function(at) {
    parts <- lapply(at, function(j) random_basis(fit, j))
    basis <- do.call(cbind, lapply(parts, `[[`, "basis"))[used, , drop = FALSE]
    codes <- parts[[1L]]$codes[used]
    codes <- match(codes, unique(codes))
    list(group = groups[at[1L]], codes = codes, n_levels = max(codes), basis = unname(basis),
         intercept = 0L, structure = "us", start = NULL)
  })
  lambda <- lapply(by_group, function(at) {
    as.matrix(Matrix::bdiag(lapply(fit_lambdas(fit)[at], as.matrix)))
  })
  list(terms = unname(terms), lambda = unname(lambda))
}

# R^-1 U (I + U'R^-1U)^-1 U'R^-1 X.
spread_part <- function(grouped, X, weight) {
  root <- sqrt(weight)
  U <- do.call(rbind, Map(function(term, lambda) {
    effects <- root * (term$basis %*% lambda)
    k <- ncol(effects)
    n <- nrow(effects)
    # Lambda'Z'R^-1/2 (levels times columns x n).
    Matrix::sparseMatrix(i = rep((term$codes - 1L) * k, k) + rep(seq_len(k), each = n),
                         j = rep(seq_len(n), k), x = as.double(effects),
                         dims = c(term$n_levels * k, n))
  }, grouped$terms, grouped$lambda))
  factor <- Matrix::Cholesky(Matrix::tcrossprod(U), LDL = FALSE, Imult = 1)
  root * as.matrix(Matrix::crossprod(U, Matrix::solve(factor, U %*% (root * X), system = "A")))
}

# The same of a model with a residual structure: the rows times L^-1 with V = L L', after which they
# are independent. Their own clusters are those of the rows as long as no unit is cut; what corrects
# the bias of a cluster by a root of its covariance matrix (CR2) would depend on which root it is.
whitened_rows <- function(fit) {
  used <- which(used_row(fit))
  y <- unname(observed_response(fit) - fitted_values(fit, "marginal"))
  solved <- run_solve_units(fit, cbind(y, unname(kept_matrix(fit))), marginal = TRUE, half = TRUE)
  solved <- random_scale(fit) * solved[used, , drop = FALSE]
  fixed <- orthogonal_columns(solved[, -1L, drop = FALSE], rep(1, length(used)))
  turn <- backsolve(information_root(crossprod(fixed$X)), diag(1, ncol(fixed$X)))
  white <- fixed$X %*% turn
  list(X = white, H = white, residual = solved[, 1L], variance = rep(1, length(used)),
       terms = list(), lambda = list(), basis = fixed$map %*% turn, used = used)
}

# Clusters of a model with a residual structure contain its subjects and its groups.
check_whole_units <- function(fit, type, clusters) {
  if (!has_structure(fit)) return(invisible())
  if (type == "CR2") {
    stop_input(c("{.code type = \"CR2\"} of a model with a residual structure is not available in
                  this version of tiers.", i = "Use {.code type = \"CR3\"} or {.code \"CR1\"}."))
  }
  used <- used_row(fit)
  groups <- group_codes_of(fit)
  for (name in names(clusters)) for (group in names(groups)) {
    if (nested_in(groups[[group]][used], clusters[[name]][used])) next
    stop_input(c("Clusters of a model with a residual structure must contain its subjects and
                  groups: rows of a level of `{group}` lie in different clusters of `{name}`.",
                 i = "Take larger clusters."))
  }
}

# What cluster_sums_cpp() returns for a clustering, with what its numbers refer to: `contained`,
# whether every level of a random factor lies in one cluster; `clusters`, how many there are.
robust_sums <- function(fit, type, codes, rows = robust_rows(fit)) {
  codes <- codes[rows$used]
  codes <- match(codes, unique(codes))
  rows$cluster <- codes
  rows$clusters <- max(codes)
  rows$contained <- all(vapply(rows$terms, function(term) nested_in(term$codes, codes), NA))
  sums <- run_cluster_sums(rows, robust_types()[[type]]$correction)
  if (length(sums$failed)) stop_cluster(type, sums, rows)
  sums$clusters_used <- rows$clusters
  sums$contained <- rows$contained
  sums$basis <- rows$basis
  sums
}

stop_cluster <- function(type, sums, rows) {
  if (type == "CR3") {
    stop_model(c("{.code type = \"CR3\"} leaves out one cluster after the other, and without
                  {length(sums$failed)} of the {rows$clusters} some coefficient cannot be
                  estimated.", i = "Use {.code type = \"CR2\"}."))
  }
  stop_model(c("{.code type = \"CR2\"} needs a dense matrix of {sums$size} rows for a cluster, more
                than is reasonable.",
               i = "Use {.code type = \"CR1\"}, or clusters that are smaller."))
}

# One clustering's part of the covariance matrix, and whether it is that of a working linear model.
robust_part <- function(fit, type, codes) {
  exact <- kind_cluster_vcov(fit, type, codes)
  if (!is.null(exact)) return(list(vcov = exact, working = FALSE))
  rows <- robust_rows(fit)
  sums <- robust_sums(fit, type, codes, rows)
  half <- rows$basis %*% sums$scores
  factor <- robust_factor(type, sums$clusters_used, length(rows$used), ncol(rows$X))
  list(vcov = factor * tcrossprod(half), working = !kind_tests(fit)$linear)
}

robust_factor <- function(type, J, n, p) {
  factor <- robust_types()[[type]]$factor(J, n, p)
  if (is.finite(factor) && factor > 0) return(factor)
  stop_input(c("{.code type = {.str {type}}} needs more clusters than coefficients.",
               x = "There are {J} clusters and {p} coefficients.",
               i = "Use {.code type = \"CR2\"}."))
}
