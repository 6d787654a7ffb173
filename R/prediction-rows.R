# The rows of a prediction: which random effects they ask for, and which levels they meet.

# Which random effects are wanted: for each term of the fit the numbers of its columns.
random_parts <- function(fit, re.form) {
  all <- lapply(unname(fit$random), function(term) seq_along(term$columns))
  none <- lapply(all, function(columns) integer())
  if (is.null(re.form)) return(all)
  if (length(re.form) == 1L && is.atomic(re.form) && is.na(re.form)) return(none)
  if (!inherits(re.form, "formula")) {
    stop_input(c("{.arg re.form} must be {.code NULL}, {.code NA} or a one-sided formula.",
                 "x" = "It is {.obj_type_friendly {re.form}}."))
  }
  if (length(re.form) == 3L) stop_formula("{.arg re.form} must be one-sided: {.code ~ (1 | g)}.")
  split <- split_bars(re.form[[2L]], environment(re.form))
  if (length(all.vars(split$fixed))) {
    stop_formula(c("{.arg re.form} takes bar terms only.",
                   "x" = "Without them `{text_of(split$fixed)}` is left."))
  }
  bars <- unlist(lapply(split$bars, expand_bar), recursive = FALSE)
  parts <- none
  for (bar in bars) parts <- add_bar(parts, fit, bar)
  parts
}

# Adds what one bar of re.form names to the selection.
add_bar <- function(parts, fit, bar) {
  at <- which(vapply(fit$random_terms, function(term) {
    setequal(term$components, bar$components)
  }, NA))
  if (length(at) == 0L) {
    known <- unique(term_groups(fit))
    stop_formula(c("{.arg re.form} names the grouping factor `{bar$group}`.",
                   "x" = "The fit has {.val {known}}."))
  }
  wanted <- basis_labels(bar$lhs)
  labels <- lapply(at, column_labels, fit = fit)
  for (i in seq_along(at)) {
    parts[[at[i]]] <- sort(union(parts[[at[i]]], which(labels[[i]] %in% wanted)))
  }
  known <- unique(unlist(labels))
  absent <- setdiff(wanted, known)
  if (length(absent)) {
    stop_formula(c("{.arg re.form} asks for {.val {absent}} by `{bar$group}`.",
                   "x" = "The fit has {.val {known}} there."))
  }
  parts
}

# Labels of the terms left of the bar; "(Intercept)" for the intercept.
basis_labels <- function(left) {
  terms <- stats::terms(stats::as.formula(call("~", left)))
  c(if (attr(terms, "intercept") == 1L) "(Intercept)", attr(terms, "term.labels"))
}

# For each column of a random term the label of the basis term that it belongs to.
column_labels <- function(fit, j) {
  term <- fit$random_terms[[j]]
  if (is.null(term$basis_terms)) return(term$columns)
  basis <- design_matrix(term$basis_terms, fit$frame, term$contrasts, term$label)
  c("(Intercept)", attr(term$basis_terms, "term.labels"))[attr(basis, "assign") + 1L]
}

# Z b of the selected columns; `meets` is what met_levels() returned.
random_values <- function(fit, parts, newdata = NULL, allow_new = FALSE,
                          meets = met_levels(fit, parts, newdata, allow_new)) {
  value <- numeric(if (is.null(newdata)) nrow(fit$frame) else nrow(newdata))
  for (j in which(lengths(parts) > 0L)) {
    at <- meets[[j]]
    modes <- fit$random[[j]]$modes[, parts[[j]], drop = FALSE]
    effects <- modes[at$codes, , drop = FALSE]
    effects[at$new, ] <- 0
    value <- value + rowSums(at$basis[, parts[[j]], drop = FALSE] * effects)
  }
  value
}

# Of each term that is asked for what basis_rows() returns, NULL for others.
met_levels <- function(fit, parts, newdata, allow_new) {
  lapply(seq_along(parts), function(j) {
    if (length(parts[[j]])) basis_rows(fit, j, newdata, allow_new)
  })
}

# Basis and level codes of a term with new levels either refused or marked in `new`.
basis_rows <- function(fit, j, newdata, allow_new) {
  at <- random_basis(fit, j, newdata)
  at$new <- is.na(at$codes)
  if (!allow_new) {
    unseen <- at$new & !is.na(at$labels)
    if (any(unseen)) {
      group <- fit$random[[j]]$group
      levels <- unique(as.character(at$labels[unseen]))
      shown <- if (length(levels) > 5L) c(levels[1:5], "...") else levels
      stop_input(c(
        "`{group}` has {length(levels)} level{?s} that {?is/are} not in the fit: {.val {shown}}.",
        "i" = "Use {.code allow.new.levels = TRUE} to predict them with random effects of zero."
      ), levels = levels)
    }
    at$new[] <- FALSE
  }
  at
}

# What the rows ask of fixed and random effects, as kind_row_errors() takes it: the columns in
# `parts` of the levels that they meet; with `rest` the others too, as those of a new level.
# `known`: rows without missing values; the others are left out.
error_rows <- function(fit, parts, newdata, X, meets, rest) {
  pieces <- list()
  for (j in seq_along(parts)) {
    at <- meets[[j]]
    k <- length(fit$random[[j]]$columns)
    if (!is.null(at)) {
      level <- as.integer(at$codes)
      level[at$new] <- 0L
      # A missing group: the row has no prediction.
      pieces <- c(pieces, list(list(term = j, level = level,
                                    basis = only_columns(at$basis, parts[[j]]))))
    }
    others <- setdiff(seq_len(k), parts[[j]])
    if (!rest || length(others) == 0L) next
    basis <- only_columns(random_columns(fit, j, newdata), others)
    pieces <- c(pieces, list(list(term = j, level = integer(nrow(basis)), basis = basis)))
  }
  known <- whole_rows(X)
  for (piece in pieces) known <- known & !is.na(piece$level) & whole_rows(piece$basis)
  pieces <- lapply(pieces, function(piece) {
    list(term = piece$term, level = piece$level[known], basis = known_rows(piece$basis, known))
  })
  list(known = known, rows = list(fixed = known_rows(X, known), parts = pieces,
                                  residual = double()))
}

# Rows without missing values; a matrix without columns has no others.
whole_rows <- function(X) {
  if (ncol(X)) stats::complete.cases(X) else rep(TRUE, nrow(X))
}

# Millions of rows are not copied without need.
known_rows <- function(X, known) {
  if (!all(known)) X <- X[known, , drop = FALSE]
  dimnames(X) <- NULL
  X
}

# The other columns set to zero.
only_columns <- function(basis, columns) {
  basis[, -columns] <- 0
  basis
}
