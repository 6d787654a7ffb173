# Starting values: from the user's scale (standard deviations and correlations by name, or an
# earlier fit) to one lower factor per term, relative to sigma in a linear model and absolute in a
# generalized one. NULL: the engine's own start.

with_start <- function(spec, start, terms) {
  start <- with_table_names(start, start_parameters(spec, terms))
  start <- with_held_start(start, spec, terms)
  if (is.null(start)) return(spec)
  check_lme4_start(start, spec, terms)
  if (inherits(start, "tiers_fit") && kind_class(start) != kind_class(spec)) {
    stop_input(c("{.arg start} must be a fit of the same kind.",
                 x = "It is of another: {kind_words(start)$title}."))
  }
  factors <- start_factors(start, spec, terms)
  for (j in seq_along(factors)) {
    if (!is.null(factors[[j]])) spec$terms[[j]]$start <- factors[[j]]
  }
  kind_start(spec, start)
}

start_factors <- function(start, spec, terms) {
  if (inherits(start, "tiers_fit")) return(factors_of_fit(start, terms))
  names_by_term <- random_parameter_names(terms)
  check_parameter_values(start, start_parameters(spec, terms), "start")
  sigma <- start_scale(spec, start)
  Map(function(names, term, built) {
    if (!any(names %in% names(start))) return(NULL)
    start_factor(start, names, term, built$basis, sigma)
  }, names_by_term, terms, spec$terms)
}

# A search under constraints starts where they hold, as far as the start says nothing else.
with_held_start <- function(start, spec, terms) {
  if (is.null(spec$held) || inherits(start, "tiers_fit") || is.list(start)) return(start)
  table <- parameters_of(spec, terms)
  random <- table$term > 0L & !is.na(spec$held)
  for (j in which(vapply(seq_along(terms), function(j) any(random & table$term == j), NA))) {
    own <- table$term == j
    cor <- own & table$type != "sd"
    value <- ifelse(table$type[own] == "sd", 1, spec$held[own])
    spec$held[cor] <- completed_natural(value, terms[[j]])[table$type[own] != "sd"]
    random[cor] <- TRUE
  }
  if (!any(random)) return(start)
  held <- stats::setNames(spec$held[random], table$name[random])
  c(start, held[setdiff(names(held), names(start))])
}

# lme4's form, list(theta =, fixef =), has no names that say what is what.
check_lme4_start <- function(start, spec, terms) {
  if (inherits(start, "tiers_fit") || !is.list(start)) return(invisible())
  stop_input(c("{.arg start} must be a named numeric vector or an earlier fit, not a list.",
               i = "Standard deviations, correlations and the rest have the names
                    {.val {start_parameters(spec, terms)$name}}."))
}

# What a start can name.
start_parameters <- function(spec, terms) kind_start_parameters(spec, parameters_of(spec, terms))

# With the fixed effects; one that is called like the dispersion comes first.
with_fixed_parameters <- function(spec, table) {
  columns <- colnames(spec$X)
  constant <- constant_dispersion_name(spec)
  table <- table[table$term > 0L | table$name %in% setdiff(constant, columns), ]
  fixed <- parameter_rows(as.character(columns), "fixed", -Inf)
  rbind(table[table$term > 0L, ], fixed, table[table$term == 0L, ])
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
  name <- setdiff(constant_dispersion_name(spec), columns)
  if (length(name) && name %in% names(start)) spec$start_phi <- log(start[[name]])
  spec
}

# Terms of an earlier fit serve where the same term is in the new model.
factors_of_fit <- function(fit, terms) {
  validate_fit(fit)
  lapply(terms, function(term) {
    for (old in fit$random) {
      same <- identical(old$group, term$group) && identical(old$structure, term$structure) &&
        identical(old$recipe, term$recipe) && identical(old$columns, term$columns)
      if (same) return(unname(old$Lambda))
    }
    NULL
  })
}

# Parameters by name to a factor. What is not named: a standard deviation that makes the column
# matter as much as the residual, and no correlation. Zero is a stationary point of the criterion,
# so a start there, or at a correlation of one, is moved a little inside.
start_factor <- function(start, names, term, basis, sigma) {
  k <- length(term$columns)
  about <- covariance_parameters(term)
  size <- rep_len(if (is.null(basis)) 1 else {
    1 / sqrt(pmax(colMeans(basis^2), .Machine$double.xmin))
  }, k)
  is_sd <- about$type == "sd"
  unit <- rep(0, length(names))
  unit[is_sd] <- vapply(about$row[is_sd], function(a) if (a) size[a] else sqrt(mean(size^2)), 1)
  given <- unname(start[names])
  value <- ifelse(is.na(given), unit, ifelse(is_sd, given / sigma, given))
  value[is_sd] <- pmax(value[is_sd], 1e-3 * unit[is_sd])
  filled <- completed_natural(ifelse(!is_sd & is.na(given), NA, value), term)
  if (!is.null(filled)) value <- filled
  root <- covariance_factor(term, value)
  if (is.null(root)) {
    shown <- intersect(names[!is_sd], names(start))
    stop_input("{.arg start}: the correlations {.val {shown}} cannot hold together.")
  }
  if (!any(diag(root)^2 < 1e-3 * rowSums(root^2))) return(root)
  # A correlation of one is a stationary point.
  value[about$type == "cor"] <- 0.999 * value[about$type == "cor"]
  covariance_factor(term, value)
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
