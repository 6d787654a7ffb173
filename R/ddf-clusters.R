# Degrees of freedom that come with a cluster-robust covariance matrix.
#
# "clusters": their number less one, for CR0 and CR1 (as Stata). "bell-mccaffrey": the variance
# l'V l of a contrast is a quadratic form in the residuals, sum_i (a_i'r_i)^2; with P the covariance
# matrix of the a_i'r_i over the clusters under the model, a scaled chi-square with the same mean
# and variance has  df = tr(P)^2 / sum P_ij^2  (Bell and McCaffrey 2002). For several rows
# Hotelling's T^2 with eta degrees of freedom, from the sum of the variances of all entries
# (Pustejovsky and Tipton 2018, "HTZ").
#
# In the basis of robust_rows() Phi is I; a = T'l, and with B_i, M_i'V_ii M_i and Y_i = U'M_i of the
# sums
#   P_ij = (Y_i a)'(Y_j a) - (B_i a)'(B_j a), i != j;  P_ii = a'(M_i'V_ii M_i) a - |B_i a|^2,
# where the first part is there only for random factors that cross clusters.

prepare_clusters <- function(fit, vcov, robust) {
  constant_ddf(vcov, min(vapply(attr(robust, "clusters"), max, 1L)) - 1)
}

# Of several clusterings the smallest df.
prepare_bell_mccaffrey <- function(fit, vcov, robust) {
  rows <- robust_rows(fit)
  parts <- lapply(attr(robust, "clusters"), function(codes) {
    sums <- robust_sums(fit, attr(robust, "type"), codes, rows)
    if (!sums$contained) check_crossed_clusters(sums)
    sums
  })
  list(
    vcov = vcov,
    df_rows = function(L) {
      vapply(seq_len(nrow(L)), function(i) {
        min(vapply(parts, function(sums) cluster_row_df(L[i, ], sums), 1))
      }, 1)
    },
    df_joint = function(L) {
      eta <- vapply(parts, function(sums) hotelling_df(L, sums), c(eta = 1, rank = 1))
      eta <- eta[, which.min(eta["eta", ])]
      df <- eta[["eta"]] - eta[["rank"]] + 1
      if (!is.finite(df) || df <= 0) return(list(df = NA_real_, scale = 1))
      list(df = df, scale = df / eta[["eta"]])
    })
}

# Products between all pairs of clusters are formed a block at a time.
check_crossed_clusters <- function(sums) {
  if (sums$clusters_used <= 20000L) return(invisible())
  stop_input(c("{.code ddf = \"bell-mccaffrey\"} with random factors that cross {sums$clusters_used}
                clusters would compare all pairs of them.", i = "Use {.code ddf = \"clusters\"}."))
}

# For the contrasts A = T'L' (p x l): B_i A by cluster (p x J x l), and `own(s, t)`, the covariances
# a_s'M_i'V_ii M_i a_t of each.
contrast_sums <- function(L, sums) {
  A <- crossprod(sums$basis, t(L))
  p <- nrow(A)
  J <- sums$clusters_used
  by_cluster <- function(blocks) {
    # p x pJ to pJ x p, cluster by cluster.
    matrix(aperm(array(blocks, c(p, p, J)), c(1L, 3L, 2L)), p * J)
  }
  fixed <- array(by_cluster(sums$fixed) %*% A, c(p, J, ncol(A)))
  middle <- array(by_cluster(sums$variances) %*% A, c(p, J, ncol(A)))
  own <- function(s, t) drop(crossprod(A[, s], middle[, , t]))
  random <- if (!sums$contained) crossprod(sums$random, A)
  list(fixed = fixed, own = own, random = random, l = ncol(A), J = J)
}

cluster_row_df <- function(l, sums) {
  at <- contrast_sums(rbind(l), sums)
  own <- cluster_own(at, 1L, 1L)
  sum(own)^2 / pair_sum(at, sums, 1L, 1L, 1L, 1L, own, own)
}

# P_ii of contrasts s and t.
cluster_own <- function(at, s, t) {
  at$own(s, t) - colSums(matrix(at$fixed[, , s] * at$fixed[, , t], ncol = at$J))
}

# sum_ij P^{st}_ij P^{uv}_ij, with P^{st}_ij = Cov(a_s'r_i, a_t'r_j); `first` and `second` are the
# diagonals.
pair_sum <- function(at, sums, s, t, u, v, first, second) {
  fixed <- function(k) matrix(at$fixed[, , k], ncol = at$J)
  if (sums$contained) {
    # Off the diagonal only -b_i'b_j is left: by traces in p dimensions.
    products <- sum(tcrossprod(fixed(s), fixed(u)) * tcrossprod(fixed(t), fixed(v)))
    own <- colSums(fixed(s) * fixed(t)) * colSums(fixed(u) * fixed(v))
    return(sum(first * second) + products - sum(own))
  }
  level <- function(k) {
    Matrix::sparseMatrix(i = sums$coordinate + 1L, j = sums$cluster + 1L, x = at$random[, k],
                         dims = c(max(sums$coordinate) + 1L, at$J))
  }
  pairs <- function(a, b, columns) {
    as.matrix(Matrix::crossprod(level(a), level(b)[, columns, drop = FALSE])) -
      crossprod(fixed(a), fixed(b)[, columns, drop = FALSE])
  }
  total <- 0
  for (columns in split(seq_len(at$J), (seq_len(at$J) - 1L) %/% 500L)) {
    P <- pairs(s, t, columns)
    Q <- pairs(u, v, columns)
    diagonal <- cbind(columns, seq_along(columns))
    P[diagonal] <- first[columns]
    Q[diagonal] <- second[columns]
    total <- total + sum(P * Q)
  }
  total
}

# eta and the number of independent rows. E V = I after the turn, so that eta = l(l + 1) / (sum of
# the variances of all entries of V).
hotelling_df <- function(L, sums) {
  expected <- function(L) {
    at <- contrast_sums(L, sums)
    outer(seq_len(at$l), seq_len(at$l), Vectorize(function(s, t) sum(cluster_own(at, s, t))))
  }
  turn <- whitening(expected(L))
  l <- nrow(turn)
  if (l == 0L) return(c(eta = NA_real_, rank = 0))
  at <- contrast_sums(turn %*% L, sums)
  own <- lapply(seq_len(l), function(s) lapply(seq_len(l), function(t) cluster_own(at, s, t)))
  total <- 0
  for (s in seq_len(l)) for (t in seq_len(l)) {
    # Var V_st = sum_ij P^{ss}_ij P^{tt}_ij + P^{st}_ij P^{ts}_ij.
    total <- total + pair_sum(at, sums, s, s, t, t, own[[s]][[s]], own[[t]][[t]]) +
      pair_sum(at, sums, s, t, t, s, own[[s]][[t]], own[[t]][[s]])
  }
  c(eta = l * (l + 1) / total, rank = l)
}
