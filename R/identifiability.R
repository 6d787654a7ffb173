# What is said where the data cannot tell variances apart. The engine finds it before the search (by
# the rank of the derivatives of the response's covariance); here it gets the user's words.
#
# `what` is result$unidentified: `entries`, a row (term, row, column) for each variance or
# covariance; `gram`, their m x m Gram matrix (with the residual's variance last, where `residual`);
# `tangent`, their derivatives (entries and residual x free directions); `by_fixed`, whether only
# the fixed effects make it so (under REML).

check_identified <- function(result, terms, spec) {
  if (!identical(result$status, "unidentified")) return(invisible())
  what <- result$unidentified
  involved <- involved_entries(what)
  kept <- setdiff(seq_len(nrow(what$entries)), involved)
  term <- unique(what$entries[involved, 1L])
  labels <- vapply(terms[term], `[[`, "", "label")
  lines <- c(
    unidentified_headline(what, involved, terms),
    x = unidentified_reason(what, involved, terms, spec),
    i = paste0("Leave out ", leave_out_words(what, terms, term), "."))
  stop_model(as_texts(lines), terms = labels)
}

as_texts <- function(lines) stats::setNames(plain_text(lines), names(lines))

# The null space ---------------------------------------------------------------------------------

# The parameters of what is left with some of the entries only, as columns over all entries.
kept_parameters <- function(what, keep) {
  scale <- entry_scale(what)
  columns <- what$tangent * c(keep, if (what$residual) TRUE) * scale
  columns <- columns[, colSums(columns^2) > 0, drop = FALSE]
  parts <- qr(columns, tol = 1e-9)
  columns[, parts$pivot[seq_len(parts$rank)], drop = FALSE]
}

# Square roots of the entries' own weights; 1 for an entry that no row depends on.
entry_scale <- function(what) {
  size <- sqrt(pmax(diag(what$gram), 0))
  ifelse(size > 1e-9 * max(size), size, 1)
}

# Combinations of parameters, one a column over the (scaled) entries, that change nothing.
null_combinations <- function(what, keep = rep(TRUE, nrow(what$entries))) {
  columns <- kept_parameters(what, keep)
  if (ncol(columns) == 0L) return(columns)
  scale <- entry_scale(what)
  gram <- crossprod(columns, (what$gram / tcrossprod(scale)) %*% columns)
  size <- sqrt(pmax(diag(gram), 0))
  size[size <= 1e-9 * max(size)] <- 1
  parts <- eigen(gram / tcrossprod(size), symmetric = TRUE)
  columns %*% (parts$vectors[, parts$values < 1e-8, drop = FALSE] / size)
}

deficiency <- function(what, keep) ncol(null_combinations(what, keep))

involved_entries <- function(what) {
  null <- null_combinations(what)[seq_len(nrow(what$entries)), , drop = FALSE]
  size <- sqrt(rowSums(null^2))
  which(size > 1e-6 * max(size))
}

residual_involved <- function(what) {
  if (!what$residual) return(FALSE)
  null <- null_combinations(what)
  size <- sqrt(rowSums(null^2))
  size[length(size)] > 1e-6 * max(size)
}

# Words ------------------------------------------------------------------------------------------

# Are only covariances involved, on which no row depends?
is_empty_correlation <- function(what, involved) {
  entries <- what$entries[involved, , drop = FALSE]
  all(entries[, 2L] != entries[, 3L]) && all(diag(what$gram)[involved] <= 1e-18 * max(what$gram))
}

unidentified_headline <- function(what, involved, terms) {
  term <- unique(what$entries[involved, 1L])
  labels <- vapply(terms[term], `[[`, "", "label")
  if (is_empty_correlation(what, involved)) {
    pair <- what$entries[involved[1L], ]
    columns <- terms[[pair[1L]]]$columns
    count <- length(involved)
    more <- if (count > 1L) paste0(" (", count, " correlations in all)") else ""
    return(paste0("The correlation of `", columns[pair[3L]], "` and `", columns[pair[2L]], "` in `",
                  labels[1L], "` cannot be estimated", more, "."))
  }
  residual <- residual_involved(what)
  shown <- c(paste0("`", labels, "`"), if (residual) "the residual")
  if (length(shown) == 1L) {
    return(paste0("The variances and correlations of ", shown, " cannot be told apart."))
  }
  paste0("The variances of ", words_and(shown), " cannot be told apart: different values of them",
         " mean the same for the data.")
}

words_and <- function(x, last = " and ") {
  if (length(x) < 2L) return(x)
  paste0(paste(x[-length(x)], collapse = ", "), last, x[length(x)])
}

# What about the data makes it so, where that can be said in a sentence.
unidentified_reason <- function(what, involved, terms, spec) {
  if (isTRUE(what$by_fixed)) {
    return("The fixed effects take up what would tell them apart, and REML sees only what is left.")
  }
  if (is_empty_correlation(what, involved)) {
    return(paste0("No level of `", terms[[what$entries[involved[1L], 1L]]]$group, "` has both."))
  }
  term <- unique(what$entries[involved, 1L])
  used <- weighted_rows(spec$weights)
  for (j in term) for (i in term[term < j]) {
    same <- same_partition(used_codes(spec$terms[[i]]$codes, used),
                           used_codes(spec$terms[[j]]$codes, used))
    if (same && !setequal(terms[[i]]$components, terms[[j]]$components)) {
      return(paste0("`", terms[[i]]$group, "` and `", terms[[j]]$group,
                    "` split the rows into the same groups: the terms are confounded."))
    }
  }
  for (j in term) {
    own <- what$entries[involved, 1L] == j
    columns <- sort(unique(c(what$entries[involved, 2:3, drop = FALSE][own, ])))
    fixed <- columns[vapply(columns, constant_within, NA, spec_term = spec$terms[[j]], used = used)]
    fixed <- setdiff(fixed, which(terms[[j]]$columns == "(Intercept)"))
    if (length(fixed) > 0L && length(columns) > 1L || length(fixed) > 0L && length(term) > 1L) {
      return(paste0(words_and(paste0("`", terms[[j]]$columns[fixed], "`")),
                    if (length(fixed) > 1L) " do" else " does", " not vary within the levels of `",
                    terms[[j]]$group, "`."))
    }
  }
  NULL
}

# Is a column of a term's basis the same in all rows of each level?
constant_within <- function(column, spec_term, used) {
  if (is.null(spec_term$basis)) return(TRUE)
  values <- spec_term$basis[, column]
  codes <- spec_term$codes
  if (!is.null(used)) {
    values <- values[used]
    codes <- codes[used]
  }
  all(values == values[match(codes, codes)])
}

# What to leave out ------------------------------------------------------------------------------

# One thing to leave out where one is enough (two of these to choose from), otherwise one after the
# other, each time what loses least.
leave_out_words <- function(what, terms, involved) {
  options <- leave_out_options(what, terms, involved)
  keep <- rep(TRUE, nrow(what$entries))
  chosen <- character()
  repeat {
    left <- vapply(options, function(option) deficiency(what, keep & option$keep), 1L)
    told <- vapply(options, function(option) {
      ncol(kept_parameters(what, keep & option$keep))
    }, 1L) - left
    ranks <- vapply(options, `[[`, 1, "rank")
    enough <- which(left == 0L)
    if (length(chosen) == 0L && length(enough) > 0L) {
      best <- enough[order(ranks[enough], -told[enough])]
      best <- best[seq_len(min(2L, length(best)))]
      return(words_and(vapply(options[best], `[[`, "", "words"), ", or "))
    }
    best <- order(left > 0L & told < max(told), -told, left, ranks)[1L]
    if (left[best] == deficiency(what, keep)) break
    chosen <- c(chosen, options[[best]]$words)
    keep <- keep & options[[best]]$keep
    if (left[best] == 0L) break
  }
  words_and(chosen, ", and ")
}

# Single columns (those of a factor together), terms and correlations; `rank` says what to name
# first.
leave_out_options <- function(what, terms, involved) {
  entries <- what$entries
  alone <- length(involved) == 1L && !residual_involved(what)
  options <- list()
  add <- function(words, out, rank) {
    options[[length(options) + 1L]] <<- list(words = words, keep = !out, rank = rank)
  }
  for (j in rev(involved)) {
    mine <- entries[, 1L] == j
    label <- terms[[j]]$label
    for (block in rev(column_blocks(terms[[j]]))) {
      if (length(block$columns) == length(terms[[j]]$columns)) next
      add(paste0("`", block$name, "` in `", label, "`"),
          mine & (entries[, 2L] %in% block$columns | entries[, 3L] %in% block$columns), 1)
    }
    add(paste0("`", label, "`"), mine, if (alone) 3 else 1)
    apart <- mine & entries[, 2L] != entries[, 3L]
    if (any(apart)) add(paste0("the correlations in `", label, "` (write `||`)"), apart, 2)
  }
  options
}

# Columns of a term's basis, with the several columns of one factor as one block.
column_blocks <- function(term) {
  owner <- term$columns
  for (name in names(term$contrasts)) {
    own <- startsWith(owner, name) & !grepl(":", owner, fixed = TRUE)
    if (sum(own) > 1L) owner[own] <- name
  }
  lapply(unique(owner), function(name) list(name = name, columns = which(owner == name)))
}
