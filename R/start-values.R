# Starting values: from the user's scale (standard deviations and correlations by name, or an
# earlier fit) to one lower factor per term relative to sigma. NULL: the engine's own start.

with_start <- function(spec, start, terms) {
  if (is.null(start)) return(spec)
  factors <- start_factors(start, spec, terms)
  for (j in seq_along(factors)) {
    if (!is.null(factors[[j]])) spec$terms[[j]]$start <- factors[[j]]
  }
  spec
}

start_factors <- function(start, spec, terms) {
  if (inherits(start, "tiers_fit")) return(factors_of_fit(start, terms))
  names_by_term <- lapply(terms, function(term) {
    covariance_parameter_names(term$structure, term$columns, term$group)
  })
  check_start_names(start, c(unlist(names_by_term), "sigma"))
  sigma <- if ("sigma" %in% names(start)) start[["sigma"]] else rough_sigma(spec)
  Map(function(names, term, built) {
    if (!any(names %in% names(start))) return(NULL)
    start_factor(start, names, term$columns, built$basis, sigma)
  }, names_by_term, terms, spec$terms)
}

# Terms of an earlier fit serve where the same term is in the new model.
factors_of_fit <- function(fit, terms) {
  validate_fit(fit)
  lapply(terms, function(term) {
    for (old in fit$random) {
      same <- identical(old$group, term$group) && identical(old$structure, term$structure) &&
        identical(old$columns, term$columns)
      if (same) return(unname(old$Lambda))
    }
    NULL
  })
}

check_start_names <- function(start, known) {
  if (!is.numeric(start) || is.null(names(start)) || any(!nzchar(names(start)))) {
    stop_input(c("{.arg start} must be a named numeric vector or an earlier fit.",
                 i = "The names are {.val {known}}."))
  }
  unknown <- setdiff(names(start), known)
  if (length(unknown) > 0L) {
    hint <- did_you_mean(unknown[1L], known)
    stop_input(c("{.arg start} names {.val {unknown[1L]}}, which is no parameter of this
                  model{hint}", i = "The parameters are {.val {known}}."))
  }
  repeated <- names(start)[duplicated(names(start))]
  if (length(repeated) > 0L) stop_input("{.arg start} names {.val {repeated[1L]}} twice.")
  for (name in names(start)) check_start_value(start[[name]], name)
}

check_start_value <- function(value, name) {
  correlation <- startsWith(name, "cor_")
  low <- if (correlation) -1 else 0
  high <- if (correlation) 1 else Inf
  ok <- is.finite(value) && value >= low && value <= high && (name != "sigma" || value > 0)
  if (ok) return(invisible())
  rule <- if (correlation) "between -1 and 1" else if (name == "sigma") "above 0" else "0 or above"
  stop_input("{.arg start}: {.val {name}} is {value} and must be {rule}.")
}

# Parameters by name to a factor. What is not named: a standard deviation that makes the column
# matter as much as the residual, and no correlation. Zero is a stationary point of the criterion,
# so a start there, or at a correlation of one, is moved a little inside.
start_factor <- function(start, names, columns, basis, sigma) {
  given <- start[intersect(names, names(start))]
  names(given) <- sub("\\|[^|]*$", "", names(given))
  scale <- if (is.null(basis)) 1 else sqrt(pmax(colMeans(basis^2), .Machine$double.xmin))
  sd <- rep_len(1 / scale, length(columns))
  own <- match(paste0("sd_", columns), names(given))
  sd[!is.na(own)] <- given[own[!is.na(own)]] / sigma
  if ("sd" %in% names(given)) sd[] <- given[["sd"]] / sigma
  sd <- pmax(sd, 1e-3 / scale)
  correlation <- diag(length(columns))
  for (i in seq_along(columns)) for (j in seq_len(i - 1L)) {
    name <- paste0("cor_", columns[i], ".", columns[j])
    if (name %in% names(given)) {
      correlation[i, j] <- correlation[j, i] <- max(-0.999, min(0.999, given[[name]]))
    }
  }
  root <- tryCatch(chol(correlation), error = function(e) {
    stop_input("{.arg start}: the correlations {.val {names(given)}} cannot hold together.")
  })
  t(root) * sd
}

# Residual standard deviation of the fixed part alone.
rough_sigma <- function(spec) {
  y <- if (length(spec$offset)) spec$y - spec$offset else spec$y
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(y))
  residuals <- if (ncol(spec$X)) stats::lm.wfit(spec$X, y, weights)$residuals else y
  used <- weights > 0
  degrees <- max(1, sum(used) - ncol(spec$X))
  max(sqrt(sum((weights * residuals^2)[used]) / degrees), .Machine$double.xmin)
}
