# Random effects in contrasts, as users write them for estimate().

# For each term a matrix contrasts x (k levels), the columns of a level next to each other.
# `count`: how many contrasts there are, NULL where only `random` says.
random_rows <- function(fit, random, count) {
  if (length(fit$random) == 0L) stop_input("The fit has no random effects for {.arg random}.")
  example <- term_groups(fit)[1L]
  if (!is.list(random) || is.data.frame(random) || is.null(names(random)) ||
        anyDuplicated(names(random))) {
    stop_input(c("{.arg random} must be a list named by grouping factors.",
                 i = "For example {.code random = list({example} = c(level = 1))}."))
  }
  at <- vapply(names(random), match_term, 1L, fit = fit)
  lists <- lapply(random, function(one) if (is.list(one) && !is.data.frame(one)) one else list(one))
  sizes <- lengths(lists)
  if (is.null(count)) count <- max(sizes)
  if (any(sizes != count)) {
    stop_input(c("{.arg random} has {sizes[sizes != count][1L]} element{?s} for
                  `{names(random)[sizes != count][1L]}`, and there {?is/are} {count} contrast{?s}.",
                 i = "For several contrasts give a list with a vector or matrix for each,
                      {.code NULL} for none."))
  }
  lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    out <- matrix(0, count, length(term$columns) * length(term$levels))
    for (i in which(at == j)) {
      for (row in seq_len(count)) out[row, ] <- random_row(lists[[i]][[row]], term)
    }
    out
  })
}

match_term <- function(name, fit) {
  groups <- term_groups(fit)
  labels <- vapply(fit$random, function(term) term$label, "")
  at <- which(labels == name)
  if (length(at) == 0L) at <- which(groups == name)
  if (length(at) == 0L) {
    hint <- did_you_mean(name, c(groups, labels))
    stop_input("{.arg random} names `{name}`, and the fit has {.val {unique(groups)}}{hint}")
  }
  if (length(at) > 1L) {
    stop_input(c("`{name}` has several terms: {.val {unname(labels[at])}}.",
                 i = "Name the term in {.arg random}."))
  }
  at
}

# One contrast of one term.
random_row <- function(value, term) {
  k <- length(term$columns)
  out <- matrix(0, k, length(term$levels))
  if (is.null(value)) return(as.double(out))
  if (is.data.frame(value)) value <- as.matrix(value)
  if (!is.numeric(value) || anyNA(value)) {
    stop_input("Coefficients in {.arg random} must be numbers.")
  }
  if (!is.matrix(value)) {
    if (k > 1L) {
      stop_input(c("The term of `{term$group}` has the columns {.val {term$columns}}.",
                   i = "Give a matrix with levels as row names and these as column names."))
    }
    value <- matrix(value, ncol = 1L, dimnames = list(names(value), term$columns))
  }
  if (is.null(colnames(value)) && ncol(value) == k) colnames(value) <- term$columns
  check_names(rownames(value), term$levels, paste0("levels of `", term$group, "`"))
  check_names(colnames(value), term$columns, paste0("columns of `", term$group, "`"))
  out[match(colnames(value), term$columns), match(rownames(value), term$levels)] <- t(value)
  as.double(out)
}

check_names <- function(given, known, what) {
  what <- plain_text(what)
  if (is.null(given)) stop_input(paste0("{.arg random} must name the ", what, "."))
  unknown <- setdiff(given, known)
  if (length(unknown)) {
    hint <- did_you_mean(unknown[1L], known)
    stop_input(paste0("{.arg random} asks for {.val {unknown[1L]}}, which is none of the ", what,
                      "{hint}"))
  }
}

# "Subject 308, 309" for each contrast.
random_words <- function(fit, pieces) {
  words <- lapply(seq_along(pieces), function(j) {
    term <- fit$random[[j]]
    k <- length(term$columns)
    apply(pieces[[j]], 1L, function(row) {
      levels <- term$levels[unique((which(row != 0) - 1L) %/% k + 1L)]
      if (length(levels) == 0L) return("")
      shown <- if (length(levels) > 3L) c(levels[1:3], "...") else levels
      paste(term$group, toString(shown))
    })
  })
  apply(do.call(cbind, words), 1L, function(row) paste(row[nzchar(row)], collapse = "; "))
}
