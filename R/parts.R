# Parts of a fit that methods, printouts and the interfaces to other packages ask for.

# Rows -----------------------------------------------------------------------------------------

row_names <- function(fit) names(fit$fitted)

# Without the padding of na.exclude.
plain_rows <- function(fit) {
  fit$na.action <- NULL
  fit
}

# Of binomial kinds the trials times the weights, as in glm().
prior_weights <- function(fit) {
  weights <- stats::model.weights(fit$frame)
  if (is_success_family(family_of(fit))) {
    rows <- family_rows(fit)
    weights <- rows$m * rows$a
  }
  if (is.null(weights)) weights <- rep(1, nrow(fit$frame))
  stats::setNames(as.double(weights), row_names(fit))
}

# Fixed effects --------------------------------------------------------------------------------

kept_coefficients <- function(fit) {
  fit$coefficients[!is.na(fit$coefficients)]
}

# The columns that beta belongs to.
kept_matrix <- function(fit) {
  X <- fixed_matrix(fit)
  kept <- !is.na(fit$coefficients)
  if (all(kept)) X else structure(X[, kept, drop = FALSE], assign = attr(X, "assign")[kept])
}

# The columns of a matrix, one for each coefficient, whose coefficients were estimated.
kept_columns <- function(fit, X) {
  kept <- !is.na(fit$coefficients)
  if (all(kept)) X else X[, kept, drop = FALSE]
}

# beta as the engine takes it: a number for every column.
engine_coefficients <- function(fit) {
  beta <- unname(fit$coefficients)
  beta[is.na(beta)] <- 0
  beta
}

# Random effects -------------------------------------------------------------------------------

# Grouping factor of each term (several terms may share one).
term_groups <- function(fit) vapply(fit$random, function(term) term$group, "", USE.NAMES = FALSE)

# Levels of each grouping factor, in the order of the formula.
group_sizes <- function(fit) {
  sizes <- vapply(fit$random, function(term) length(term$levels), 1L)
  names(sizes) <- term_groups(fit)
  sizes[!duplicated(names(sizes))]
}
