# Fits of one model to many responses: what the bootstrap is made of. The specification is built
# once, and every search starts at the estimates of the fit.

# The parameters that a replicate estimates, by name: coefficients that are there, and what the
# table of parameters has free.
replicate_statistics <- function(fit) {
  free <- !fit$parameters$fixed
  c(kept_coefficients(fit), stats::setNames(fit$parameters$estimate, fit$parameters$name)[free])
}

# The same of replicates (`found` as kind_replicates() returns it), one row each. A column of X that
# is not the fit's own means that its coefficients are others: no statistics.
replicate_rows <- function(fit, found) {
  kept <- !is.na(fit$coefficients)
  free <- !fit$parameters$fixed
  rows <- t(rbind(found$coefficients[kept, , drop = FALSE], found$parameters[free, , drop = FALSE]))
  rows[is.nan(rows)] <- NA_real_
  colnames(rows) <- names(replicate_statistics(fit))
  rows
}

# Of each replicate: "" where it is usable, or why it is not.
replicate_failures <- function(fit, found) {
  why <- replicate_words[found$status]
  kept <- !is.na(fit$coefficients)
  other <- !why %in% replicate_words[c("perfect_fit", "undefined", "unidentified")] &
    colSums(is.na(found$coefficients) == kept) > 0L
  why[other] <- "other columns of the fixed effects"
  unname(why)
}

replicate_words <- c(
  converged = "", boundary = "", not_converged = "not converged",
  perfect_fit = "no residual variance", undefined = "no finite likelihood",
  unidentified = "variances not identified", no_response = "no response could be drawn",
  unfitted = "could not be fitted")

# Responses ----------------------------------------------------------------------------------------

# A response in the form that the user wrote it in, as the engine has it: successes of binomial
# kinds, numbers otherwise. The other way is form_response().
engine_response <- function(y, response) {
  if (is.matrix(y)) return(as.double(y[, 1L]))
  if (is.factor(y)) return(as.double(as.integer(y) != 1L))
  y <- as.double(y)
  if (length(response$size)) round(y * response$size) else y
}

# A fit to another response, from the specification that was made once.
replicate_fit <- function(fit, spec, y) {
  fit$frame[[1L]] <- y
  spec$y <- fit_response(fit, "new response")$y
  refitted(fit, spec)
}

refitted <- function(fit, spec) {
  result <- kind_run(spec, fit$control)
  check_perfect_fit(result)
  with_estimates(fit, spec, result)
}

# Draws --------------------------------------------------------------------------------------------

# A function that draws a response of the fitted model, as simulate() does.
parametric_drawer <- function(fit) {
  terms <- drawn_terms(fit, random_parts(fit, NA), NULL)
  centre <- unname(fixed_values(fit))
  draw_response <- response_drawer(fit, NULL, length(centre))
  function() {
    for (term in terms) centre <- centre + draw_random(term)
    draw_response(centre)
  }
}

# A function that draws a response by resampling (Carpenter, Goldstein and Rasbash 2003): modes of
# the random effects and residuals times root w, centred and rescaled so that their covariances in
# the sample are the estimates. The modes are shrunken, and so are the residuals.
residual_drawer <- function(fit) {
  if (!kind_tests(fit)$linear) {
    stop_input(c("{.code type = \"residual\"} is for linear models: a generalized model has no
                  residuals that could be drawn anew.",
                 i = "Use {.code type = \"parametric\"}, or {.code type = \"cases\"}, which draws
                      groups."))
  }
  refuse_structure(fit, "Bootstrap samples of residuals", "Use {.code type = \"parametric\"}.")
  terms <- lapply(seq_along(fit$random), function(j) {
    at <- random_basis(fit, j)
    c(at[c("basis", "codes")], list(modes = rescaled_modes(fit$random[[j]])))
  })
  root <- unname(sqrt(prior_weights(fit)))
  used <- root > 0
  errors <- unname(root * (observed_response(fit) - fit$fitted))[used]
  errors <- errors - mean(errors)
  errors <- errors * fit$sigma / sqrt(mean(errors^2))
  centre <- unname(fixed_values(fit))
  root[!used] <- 1
  function() {
    y <- centre
    for (term in terms) {
      levels <- nrow(term$modes)
      b <- term$modes[sample.int(levels, levels, replace = TRUE), , drop = FALSE]
      y <- y + rowSums(term$basis * b[term$codes, , drop = FALSE])
    }
    y + errors[sample.int(length(errors), length(y), replace = TRUE)] / root
  }
}

# b L_S^-T L_Sigma' for the rows b of centred modes with S = b'b / q and lower triangular roots: the
# covariance is then Sigma. Where S is singular its generalized inverse is taken, and directions
# without modes stay without.
rescaled_modes <- function(term) {
  b <- unname(term$modes)
  b <- sweep(b, 2L, colMeans(b))
  S <- lower_root(crossprod(b) / nrow(b))
  parts <- svd(S)
  seen <- parts$d > 1e-10 * max(parts$d)
  inverse <- parts$v[, seen, drop = FALSE] %*%
    (t(parts$u[, seen, drop = FALSE]) / parts$d[seen])
  b %*% t(lower_root(unname(term$Sigma)) %*% inverse)
}

# L with S = L L', lower triangular; columns of zeros where S is singular.
lower_root <- function(S) {
  k <- nrow(S)
  L <- matrix(0, k, k)
  for (j in seq_len(k)) {
    before <- seq_len(j - 1L)
    rest <- S[j:k, j] - L[j:k, before, drop = FALSE] %*% L[j, before]
    if (rest[1L] > 1e-12 * S[j, j]) L[j:k, j] <- rest / sqrt(rest[1L])
  }
  L
}
