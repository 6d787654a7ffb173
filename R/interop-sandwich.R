# Methods for sandwich and clubSandwich, whose defaults would take a fit of tiers for something
# else. They are registered when those packages are loaded.

# Rows whose sums over clusters are the scores of vcov(fit, type = "CR0"): for a linear fit those of
# V^-1 X times the marginal residual. Of a generalized fit the exact score of a group, as far as it
# moves the fixed effects, is spread evenly over its rows: right for clusters that contain groups.
#' @exportS3Method sandwich::estfun
estfun.tiers_fit <- function(x, ...) {
  validate_fit(x)
  check_robust_fit(x)
  value <- kind_row_scores(x)
  dimnames(value) <- list(row_names(x), rownames(x$vcov))
  value
}

# n vcov, n the rows of estfun(), as sandwich() wants it.
#' @exportS3Method sandwich::bread
bread.tiers_fit <- function(x, ...) {
  validate_fit(x)
  nrow(x$frame) * x$vcov
}

# Of the (working) linear model, n x p.
working_scores <- function(fit) {
  rows <- robust_rows(fit)
  value <- matrix(0, nrow(fit$frame), ncol(rows$X))
  value[rows$used, ] <- (rows$H * rows$residual) %*% solve(rows$basis) / random_scale(fit)^2
  value
}

# clubSandwich ------------------------------------------------------------------------------------

# The method of clubSandwich itself, from the parts below: clusters must contain the groups. `...`
# are `target`, `inverse_var` and `form` of vcovCR().
#' @exportS3Method clubSandwich::vcovCR
vcovCR.tiers_fit <- function(obj, cluster = NULL, type = NULL, ...) {
  force_arguments(c("cluster", "type"))
  validate_fit(obj)
  refuse_structure(obj, "Covariance matrices by {.pkg clubSandwich}",
                   "Use {.code vcov(fit, type = \"CR3\")}.")
  type <- if (identical(type, "CR4")) type else match_robust_type(type)
  if (!kind_tests(obj)$linear) {
    stop_input(c("{.fn clubSandwich::vcovCR} is for linear fits.",
                 i = "Use {.code vcov(fit, type = {.str {type}})}."))
  }
  clusters <- read_clusters(obj, cluster)
  cut <- cut_levels(obj, clusters)
  if (length(clusters) > 1L || length(cut)) {
    stop_input(c("{.fn clubSandwich::vcovCR} needs one clustering that contains all groups.",
                 i = "Use {.code vcov(fit, type = {.str {type}}, cluster = )}, which does not."))
  }
  codes <- factor(clusters[[1L]][used_row(obj)])
  default <- utils::getS3method("vcovCR", "default", envir = asNamespace("clubSandwich"))
  arguments <- list(...)
  arguments$inverse_var <- arguments$inverse_var %||% is.null(arguments$target)
  do.call(default, c(list(obj, cluster = codes, type = type), arguments))
}

#' @exportS3Method clubSandwich::coef_CS
coef_CS.tiers_fit <- function(obj) obj$coefficients

#' @exportS3Method clubSandwich::model_matrix
model_matrix.tiers_fit <- function(obj) fixed_matrix(obj)[used_row(obj), , drop = FALSE]

#' @exportS3Method clubSandwich::residuals_CS
residuals_CS.tiers_fit <- function(obj) robust_rows(obj)$residual

#' @exportS3Method clubSandwich::v_scale
v_scale.tiers_fit <- function(obj) nrow(obj$frame)

# V_i relative to sigma^2, as of lmer(): clubSandwich sets small eigenvalues to zero by their size.
#' @exportS3Method clubSandwich::targetVariance
targetVariance.tiers_fit <- function(obj, cluster = NULL) {
  force_arguments("cluster")
  rows <- robust_rows(obj)
  lapply(split(seq_along(cluster), cluster), function(at) {
    V <- diag(rows$variance[at], length(at))
    for (j in seq_along(rows$terms)) {
      term <- rows$terms[[j]]
      effects <- term$basis[at, , drop = FALSE] %*% rows$lambda[[j]]
      V <- V + tcrossprod(effects) * outer(term$codes[at], term$codes[at], "==")
    }
    V
  })
}

#' @exportS3Method clubSandwich::weightMatrix
weightMatrix.tiers_fit <- function(obj, cluster = NULL) {
  force_arguments("cluster")
  structure(lapply(targetVariance.tiers_fit(obj, cluster), function(V) chol2inv(chol(V))),
            w_scale = 1 / obj$sigma^2)
}
