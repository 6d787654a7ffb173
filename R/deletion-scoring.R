# One step of Fisher scoring for the variances after rows are left out (vignettes/algorithm.Rmd,
# section 4.7), in the entries of Sigma and sigma^2, in which V is linear. Rows times
# root w / sigma:
# V = I + Z Sigma Z', K = P (REML) or V^-1 (ML), z = Z'Py, M = Z'KZ. Without the rows I
#   M_(I) = M - Z'K_.I K_II^-1 K_I.Z,   z_(I) = z - Z'P_.I P_II^-1 (Py)_I,
# gradient of -2 log-likelihood  tr(K_(I) V_a) - z_(I)'G_a z_(I)  and its expected second
# derivatives tr(K_(I) V_a K_(I) V_b) = <G_a M_(I), (G_b M_(I))'>. For sigma^2, K V K = K brings the
# traces of K and KK back to M.

check_scoring <- function(fit) {
  if (!kind_tests(fit)$linear) {
    stop_input("{.code refit = 1} is for linear models: use {.code refit = Inf}.")
  }
  if (!is.null(fit$constraints)) {
    stop_input(c("{.code refit = 1} is not available for fits with {.arg fix} or {.arg equal}.",
                 i = "Use {.code refit = 0} or {.code refit = Inf}."))
  }
  q <- sum(lengths(lapply(fit$random, `[[`, "modes")))
  if (as.double(q) * max(q, nrow(fit$frame)) > 3e7) {
    stop_input(c("{.code refit = 1} works with a dense matrix of {q} random effects by rows, too
                  large here.", i = "Use {.code refit = 0} or {.code refit = Inf}."))
  }
}

scoring_deletions <- function(fit, units) {
  model <- scoring_model(fit)
  lapply(units, function(rows) {
    psi <- scoring_step(model, rows[model$root[rows] > 0])
    if (is.null(psi)) return(NULL)
    part <- with_variances(fit, psi, model)
    solved <- generalized_least_squares(part, model$spec, rows)
    if (is.null(solved)) return(NULL)
    beta <- replace(fit$coefficients, !is.na(fit$coefficients), solved$coefficients)
    list(coefficients = beta, vcov = solved$vcov, parameters = part$parameters$estimate,
         deviance = deviance_at(part, model$spec, engine_coefficients(list(coefficients = beta))))
  })
}

# What all units share.
#   FK, FP      q x n: Z'K and Z'P;  C1, white: P = I - C1'C1 - white white'
#   directions  list of sparse q x q matrices G_a, then Sigma itself
scoring_model <- function(fit) {
  model <- deletion_model(fit)
  white <- unname(white_columns(model))
  n <- length(model$root)
  C1 <- if (is.null(model$U)) matrix(0, 0L, n) else as.matrix(forward_solve(model, model$U))
  Z <- unname(as.matrix(model$root * random_matrix(fit))) / fit$sigma
  FK <- t(Z) - crossprod(tcrossprod(C1, t(Z)), C1)
  FP <- FK - tcrossprod(crossprod(Z, white), white)
  if (fit$REML) FK <- FP
  spaces <- free_directions(fit)
  Sigma <- Matrix::bdiag(lapply(unname(fit$random), function(term) {
    Matrix::kronecker(Matrix::Diagonal(length(term$levels)), term$Sigma)
  }))
  m <- fit$nobs - if (fit$REML) nrow(fit$vcov) else 0L
  z <- drop(crossprod(Z, model$residual))
  c(model, list(C1 = C1, white = white, FK = FK, FP = FP, M = FK %*% Z, z = z, m = m,
                reml = fit$REML, sigma2 = fit$sigma^2, places = spaces,
                spec = fit_specification(fit),
                squares = sum(model$residual^2) + quadratic(Sigma, z),
                directions = c(lapply(spaces, `[[`, "G"), list(Sigma))))
}

quadratic <- function(G, z) sum(z * as.vector(G %*% z))

# Directions of the free entries of the covariance matrices: list(term, E, G). Of an effect without
# variance none is.
free_directions <- function(fit) {
  sizes <- vapply(fit$random, function(term) length(term$modes), 1L)
  unlist(lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    k <- length(term$columns)
    spread <- diag(term$Sigma) > 0
    E <- covariance_directions(term$structure, k)
    E <- E[vapply(E, function(e) !any(e[!spread, ] != 0), NA)]
    lapply(E, function(e) {
      parts <- lapply(sizes, function(size) Matrix::Matrix(0, size, size, sparse = TRUE))
      parts[[j]] <- Matrix::kronecker(Matrix::Diagonal(length(term$levels)), e)
      list(term = j, E = e, G = methods::as(Matrix::bdiag(unname(parts)), "CsparseMatrix"))
    })
  }), recursive = FALSE)
}

# The free parameters without the rows, after one step; NULL where the step leads nowhere.
scoring_step <- function(model, rows) {
  if (length(rows) == 0L) return(numeric(length(model$directions)))
  C <- model$C1[, rows, drop = FALSE]
  V <- diag(1, length(rows)) - crossprod(C)
  P <- V - tcrossprod(model$white[rows, , drop = FALSE])
  K <- if (model$reml) P else V
  root <- tryCatch(chol(K), error = function(e) NULL)
  delta <- tryCatch(solve(P, model$residual[rows], tol = 0), error = function(e) NULL)
  if (is.null(root) || is.null(delta)) return(NULL)
  N <- backsolve(root, t(model$FK[, rows, drop = FALSE]), transpose = TRUE)
  M <- model$M - crossprod(N)
  z <- model$z - drop(model$FP[, rows, drop = FALSE] %*% delta)
  squares <- model$squares - sum(model$residual[rows] * delta)
  moved <- lapply(model$directions, function(G) as.matrix(G %*% M))
  S <- length(moved)
  products <- matrix(0, S, S)
  for (a in seq_len(S)) for (b in seq_len(a)) {
    products[a, b] <- products[b, a] <- sum(moved[[a]] * t(moved[[b]]))
  }
  traces <- vapply(moved, function(m) sum(diag(m)), 0)
  forms <- vapply(model$directions, quadratic, 0, z = z)
  s2 <- model$sigma2
  trace_K <- model$m - length(rows) - traces[S]
  own <- seq_len(S - 1L)
  gradient <- c(traces[own] - forms[own], (trace_K - squares + forms[S]) / s2)
  information <- matrix(0, S, S)
  information[own, own] <- products[own, own]
  information[own, S] <- information[S, own] <- (traces[own] - products[own, S]) / s2
  information[S, S] <- (trace_K - traces[S] + products[S, S]) / s2^2
  step <- tryCatch(solve(information, gradient, tol = 0), error = function(e) NULL)
  if (is.null(step) || !all(is.finite(step)) || s2 - step[S] <= 0) return(NULL)
  step
}

# The fit with the variances after the step; a covariance matrix that is none is taken back to the
# nearest.
with_variances <- function(fit, step, model) {
  S <- length(step)
  fit$sigma <- sqrt(model$sigma2 - step[S])
  for (a in seq_len(S - 1L)) {
    j <- model$places[[a]]$term
    fit$random[[j]]$Sigma <- fit$random[[j]]$Sigma - step[a] * model$places[[a]]$E
  }
  for (j in seq_along(fit$random)) {
    parts <- eigen(fit$random[[j]]$Sigma, symmetric = TRUE)
    values <- pmax(parts$values, 0)
    fit$random[[j]]$Sigma[] <- parts$vectors %*% (values * t(parts$vectors))
    fit$random[[j]]$Lambda[] <- parts$vectors %*% diag(sqrt(values), length(values)) / fit$sigma
  }
  fit$parameters$estimate <- natural_parameters(fit)
  fit
}

# In the order of fit$parameters, from the covariance matrices of the fit.
natural_parameters <- function(fit) {
  table <- fit$parameters
  value <- table$estimate
  value[table$type == "sigma"] <- fit$sigma
  for (j in seq_along(fit$random)) {
    Sigma <- fit$random[[j]]$Sigma
    about <- covariance_parameters(fit$random[[j]]$structure, nrow(Sigma))
    row <- pmax(about$row, 1L)
    column <- ifelse(about$column > 0L, about$column, nrow(Sigma))
    sd <- sqrt(pmax(diag(Sigma), 0))
    at <- Sigma[cbind(row, column)]
    value[table$term == j] <- ifelse(about$type == "sd", sd[row], at / (sd[row] * sd[column]))
  }
  value
}

# Fixed effects without rows at the variances of the fit.
generalized_least_squares <- function(fit, spec, rows) {
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  root <- sqrt(replace(weights, rows, 0))
  X <- root * kept_matrix(fit)
  y <- root * (spec$y - if (length(spec$offset)) spec$offset else 0)
  fixed <- orthonormal_columns(X)
  white <- cbind(fixed$X, y)
  if (length(fit$random)) {
    U <- Matrix::crossprod(relative_factor(fit), Matrix::t(root * random_matrix(fit)))
    L <- Matrix::Cholesky(Matrix::tcrossprod(U), LDL = FALSE, Imult = 1)
    white <- white - as.matrix(Matrix::crossprod(U, Matrix::solve(L, U %*% white, system = "A")))
  }
  p <- ncol(X)
  information <- crossprod(fixed$X, white)
  inverse <- tryCatch(solve(information[, seq_len(p), drop = FALSE]), error = function(e) NULL)
  if (is.null(inverse) || !all(is.finite(fixed$map))) return(NULL)
  vcov <- fit$sigma^2 * fixed$map %*% inverse %*% t(fixed$map)
  dimnames(vcov) <- dimnames(fit$vcov)
  list(coefficients = drop(fixed$map %*% inverse %*% information[, p + 1L]), vcov = vcov)
}
