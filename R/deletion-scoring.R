# One step of Fisher scoring for the variances after rows are left out (vignettes/algorithm.Rmd,
# section 4.7), in the entries of Sigma and sigma^2, in which V is linear (of Sigma in coordinates
# that do not depend on the origin of a covariate); then the fixed effects.

check_scoring <- function(fit) {
  if (!kind_tests(fit)$linear) {
    stop_input("{.code refit = 1} is for linear models: use {.code refit = Inf}.")
  }
  if (!is.null(fit$constraints)) {
    stop_input(c("{.code refit = 1} is not available for fits with {.arg fix} or {.arg equal}.",
                 i = "Use {.code refit = 0} or {.code refit = Inf}."))
  }
}

scoring_deletions <- function(fit, units) {
  found <- scoring_steps(fit, units)
  kept <- names(kept_coefficients(fit))
  lapply(seq_along(units), function(u) {
    if (is.na(found$sigma2[u])) return(NULL)
    part <- with_variances(fit, found, u)
    beta <- fit$coefficients
    beta[kept] <- beta[kept] + found$change[, u]
    list(coefficients = beta, vcov = unit_block(found$vcov, u, kept),
         parameters = natural_parameters(part), deviance = found$deviance[u])
  })
}

scoring_steps <- function(fit, units) {
  spec <- fit_specification(fit)
  forms <- free_forms(fit)
  A <- even_coordinates(forms, spec$terms)
  psi <- c(form_coefficients(fit, forms, A), fit$sigma^2)
  run_delete_units(spec, fit_lambdas(fit), A, forms, psi, units)
}

# Directions of the free entries of the covariance matrices: list(term, block). Of an effect without
# variance none is.
free_forms <- function(fit) {
  unlist(lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    spread <- diag(term$Sigma) > 0
    E <- covariance_directions(term, term$Sigma)
    E <- E[vapply(E, function(e) !any(e[!spread, ] != 0), NA)]
    lapply(E, function(e) list(term = j, block = e))
  }), recursive = FALSE)
}

# The covariance matrices of the fit, in the coordinates A of each term, as sums of forms.
form_coefficients <- function(fit, forms, A) {
  H <- lapply(seq_along(A), function(j) {
    tcrossprod(solve(A[[j]], fit$sigma * unname(fit$random[[j]]$Lambda), tol = 0))
  })
  form_values(forms, H)
}

# Columns of one unit.
unit_block <- function(matrices, u, names) {
  k <- length(names)
  matrix(matrices[, (u - 1L) * k + seq_len(k)], nrow(matrices), k, dimnames = list(names, names))
}

# The fit with the variances after the step.
with_variances <- function(fit, found, u) {
  fit$sigma <- sqrt(found$sigma2[u])
  for (j in seq_along(fit$random)) {
    fit$random[[j]]$Sigma <- unit_block(found$Sigma[[j]], u, fit$random[[j]]$columns)
  }
  fit
}

# In the order of fit$parameters, from the covariance matrices of the fit.
natural_parameters <- function(fit) {
  table <- fit$parameters
  value <- table$estimate
  value[table$type == "sigma"] <- fit$sigma
  for (j in seq_along(fit$random)) {
    Sigma <- fit$random[[j]]$Sigma
    if (!is_linear_structure(fit$random[[j]])) {
      value[table$term == j] <- covariance_natural(fit$random[[j]], Sigma)$value
      next
    }
    about <- covariance_parameters(fit$random[[j]])
    row <- pmax(about$row, 1L)
    column <- ifelse(about$column > 0L, about$column, nrow(Sigma))
    sd <- sqrt(pmax(diag(Sigma), 0))
    at <- Sigma[cbind(row, column)]
    value[table$term == j] <- ifelse(about$type == "sd", sd[row], at / (sd[row] * sd[column]))
  }
  value
}
