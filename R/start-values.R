# Starting values: from the user's scale (standard deviations and correlations by name, or an
# earlier fit) to one lower factor per term, relative to sigma in a linear model and absolute in a
# generalized one. NULL: the engine's own start.

with_start <- function(spec, start, terms) {
  if (is.null(start)) return(spec)
  generalized <- !is.null(spec$family)
  if (inherits(start, "tiers_fit") && kind_class(start) != kind_class(spec)) {
    stop_input(c("{.arg start} must be a fit of the same kind.",
                 x = "It is one of a {if (generalized) 'linear' else 'generalized'} model."))
  }
  factors <- start_factors(start, spec, terms)
  for (j in seq_along(factors)) {
    if (!is.null(factors[[j]])) spec$terms[[j]]$start <- factors[[j]]
  }
  if (generalized) with_generalized_start(spec, start) else spec
}

start_factors <- function(start, spec, terms) {
  if (inherits(start, "tiers_fit")) return(factors_of_fit(start, terms))
  names_by_term <- lapply(terms, function(term) {
    covariance_parameter_names(term$structure, term$columns, term$group)
  })
  check_start_names(start, c(unlist(names_by_term), other_start_names(spec)),
                    positive_start_names(spec))
  sigma <- if (!is.null(spec$family)) 1 else if ("sigma" %in% names(start)) start[["sigma"]] else {
    rough_sigma(spec)
  }
  Map(function(names, term, built) {
    if (!any(names %in% names(start))) return(NULL)
    start_factor(start, names, term$columns, built$basis, sigma)
  }, names_by_term, terms, spec$terms)
}

# Parameters beside those of the random effects.
other_start_names <- function(spec) {
  if (is.null(spec$family)) return("sigma")
  c(colnames(spec$X), constant_dispersion_name(spec))
}

# Those of them that must be above 0. A fixed effect of the same name comes first.
positive_start_names <- function(spec) {
  if (is.null(spec$family)) "sigma" else setdiff(constant_dispersion_name(spec), colnames(spec$X))
}

# What a dispersion that is a constant is called.
constant_dispersion_name <- function(spec) {
  if (identical(colnames(spec$dispersion), "(Intercept)")) family_traits(spec$family)$dispersion
}

# Fixed effects and log dispersion of a generalized model. An earlier fit gives what it has; of
# named values all fixed effects are needed, or none.
with_generalized_start <- function(spec, start) {
  columns <- colnames(spec$X)
  if (inherits(start, "tiers_fit")) {
    old <- start$coefficients[columns]
    spec$start_beta <- unname(ifelse(is.finite(old), old, 0))
    phi <- start$dispersion$coefficients
    same <- identical(start$family$name, spec$family) &&
      identical(names(phi), colnames(spec$dispersion))
    if (same) spec$start_phi <- unname(phi)
    return(spec)
  }
  given <- columns %in% names(start)
  if (any(given) && !all(given)) {
    stop_input(c("{.arg start} names some fixed effects: all of them are needed, or none.",
                 x = "It has no {.val {columns[!given]}}."))
  }
  if (any(given)) spec$start_beta <- unname(as.double(start[columns]))
  name <- positive_start_names(spec)
  if (length(name) && name %in% names(start)) spec$start_phi <- log(start[[name]])
  spec
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

check_start_names <- function(start, known, positive) {
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
  for (name in names(start)) check_start_value(start[[name]], name, positive)
}

check_start_value <- function(value, name, positive) {
  rule <- if (grepl("^cor_.*\\|", name)) "between -1 and 1" else if (grepl("^sd.*\\|", name)) {
    "0 or above"
  } else if (name %in% positive) {
    "above 0"
  } else {
    "a number"
  }
  ok <- is.finite(value) && switch(
    rule, `between -1 and 1` = abs(value) <= 1, `0 or above` = value >= 0, `above 0` = value > 0,
    TRUE)
  if (ok) return(invisible())
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
