# Satterthwaite's degrees of freedom (Giesbrecht and Burns 1985; Fai and Cornelius 1996).
#
# For one row l:  v = l' Phi l is an estimate with variance g' C g, where
#   g_i = l' (d Phi / d psi_i) l   and   C = asymptotic covariance of the covariance parameters psi
# (inverse of half the observed Hessian of the criterion); a scaled chi-square with the same mean
# and variance has  df = 2 v^2 / (g' C g). The result does not depend on how psi is chosen.
#
# For several rows the rows are first turned so that their estimates are uncorrelated
# (L Phi L' = U D U', rows U' L); nu_m = df of row m. F has r numerator df and the denominator df
# for which the mean of F matches:  E = sum of nu_m / (nu_m - 2),  df = 2 E / (E - r); 2 where some
# nu_m are not above 2 and the mean does not exist, as in lmerTest.

prepare_satterthwaite <- function(fit, vcov) {
  inference <- fit$inference
  phi <- fit$vcov
  covariance <- inference$vcov_psi
  derivatives <- inference$dvcov
  random <- contrast_df(covariance, function(variance, gradient) {
    satterthwaite_df(variance, covariance, gradient)
  })
  c(list(vcov = vcov, random = random), satterthwaite_df(phi, covariance, derivatives))
}

satterthwaite_df <- function(phi, covariance, derivatives) {
  df_rows <- function(L) matching_rows_df(L, phi, derivatives, covariance)
  list(df_rows = df_rows, df_joint = function(L) {
    list(df = joint_df(df_rows(uncorrelated_rows(L, phi))), scale = 1)
  })
}

# Rows with the same row space whose estimates are uncorrelated under phi. Which ones, and with them
# the df of several rows, is a matter of the units of the rows: as they are given, unless rounding
# would leave too little of the smaller variances.
uncorrelated_rows <- function(L, phi) {
  if (nrow(L) == 1L) return(L)
  V <- L %*% phi %*% t(L)
  turn <- whitening(V)
  parts <- eigen(V, symmetric = TRUE)
  use <- seq_along(parts$values) <= nrow(turn)
  if (!all(parts$values[use] > 1e-8 * max(parts$values))) return(turn %*% L)
  crossprod(parts$vectors[, use, drop = FALSE], L)
}

# E - r is summed as it stands, so that large or equal df lose no digits.
joint_df <- function(nu) {
  if (anyNA(nu)) return(NA_real_)
  if (length(nu) == 1L) return(nu)
  if (any(nu <= 2)) return(2)
  excess <- sum(2 / (nu - 2))
  if (excess == 0) return(Inf)
  2 * sum(ifelse(is.infinite(nu), 1, nu / (nu - 2))) / excess
}

# The factors, one for each random term, as the engine takes them.
fit_lambdas <- function(fit) {
  lapply(unname(fit$random), function(term) unname(term$Lambda))
}
