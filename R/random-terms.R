# Random terms: level codes and basis columns of each bar term, at the fit and for new data.
#
# A random term, as stored in the fit (plain data, all that predict() needs):
#   label, group, structure     "(Days | Subject)", "Subject", "us"
#   arguments, recipe           those of the structure; what it is made from, NULL: its name
#   lhs, component_exprs, components   basis and grouping variables as expressions and as text
#   basis_terms, xlevels, contrasts    how to build the basis; NULL basis_terms: intercept only
#   columns, intercept          column names; which column is identically 1 (0: none)
#   levels                      display labels of the levels in use
#   rows                        smallest, mean and largest number of rows of a level
#   component_levels, level_codes      levels of each grouping variable; for a pair a:b the codes
#                               of its variables at each level (levels x variables)

random_term <- function(bar, frame, contrasts) {
  basis <- build_basis(bar, frame, contrasts)
  groups <- build_groups(bar, frame)
  bar$basis_terms <- NULL
  term <- c(bar, basis$stored, groups$stored)
  term$recipe <- term_recipe(term)
  term$rows <- rows_of_levels(groups$codes, length(term$levels), stats::model.weights(frame))
  if (bar$double_bar) note_double_bar(term)
  list(term = term, basis = basis$basis, codes = groups$codes)
}

# Rows of weight zero do not count.
rows_of_levels <- function(codes, levels, weights) {
  if (!is.null(weights)) codes <- codes[weights > 0]
  counts <- tabulate(codes, levels)
  c(smallest = min(counts), mean = mean(counts), largest = max(counts))
}

# Basis ---------------------------------------------------------------------------------------

# The basis of `(1 | g)` is not stored at all.
intercept_only <- list(basis_terms = NULL, xlevels = NULL, contrasts = NULL,
                       columns = "(Intercept)", intercept = 1L)

build_basis <- function(bar, frame, contrasts) {
  if (is.null(bar$basis_terms)) return(list(basis = NULL, stored = intercept_only))
  terms <- bar$basis_terms
  basis <- design_matrix(terms, frame, contrasts, bar$label)
  stored <- list(basis_terms = terms, xlevels = stats::.getXlevels(terms, frame),
                 contrasts = contrast_matrices(basis, frame),
                 columns = colnames(basis), intercept = intercept_column(basis))
  list(basis = plain_matrix(basis), stored = stored)
}

intercept_column <- function(basis) {
  found <- which(attr(basis, "assign") == 0L)
  if (length(found) == 1L) found else 0L
}

# Groups --------------------------------------------------------------------------------------

# Level codes 1..n_levels in the order of factor(), empty levels dropped.
build_groups <- function(bar, frame) {
  parts <- lapply(bar$components, function(name) group_codes(frame[[name]], name))
  if (length(parts) == 1L) {
    part <- parts[[1L]]
    stored <- list(levels = part$levels, component_levels = list(part$levels), level_codes = NULL)
    return(list(codes = part$codes, stored = stored))
  }
  combined <- combine_codes(parts)
  level_codes <- combined$level_codes
  labels <- Map(function(part, i) part$levels[level_codes[, i]], parts, seq_along(parts))
  labels <- level_labels(labels)
  stored <- list(levels = labels, component_levels = lapply(parts, `[[`, "levels"),
                 level_codes = level_codes)
  list(codes = combined$codes, stored = stored)
}

# Labels of combined levels, for display. 'a:b' with 'c' and 'a' with 'b:c' would read the same:
# there the names with a colon are quoted.
level_labels <- function(parts) {
  labels <- do.call(paste, c(parts, sep = ":"))
  same <- labels %in% labels[duplicated(labels)]
  if (!any(same)) return(labels)
  quoted <- lapply(parts, function(part) {
    part <- part[same]
    ifelse(grepl(":", part, fixed = TRUE), paste0("'", part, "'"), part)
  })
  labels[same] <- do.call(paste, c(quoted, sep = ":"))
  make.unique(labels)
}

# Codes and levels of one grouping variable of any type.
group_codes <- function(x, name) {
  if (is.factor(x)) return(compact_codes(as.integer(x), levels(x)))
  if (!is.atomic(x) || is.raw(x) || length(dim(x)) > 1L) {
    stop_input("The grouping variable `{name}` must be a vector or a factor, not
                {.cls {class(x)[1L]}}.")
  }
  if (inherits(x, "integer64") && !requireNamespace("bit64", quietly = TRUE)) {
    stop_input("`{name}` is of class integer64; install the package {.pkg bit64} to use it.")
  }
  if (inherits(x, "integer64")) return(integer64_codes(x))
  x <- plain_number(x)
  if (inherits(x, "POSIXct")) return(time_codes(x))
  if (is.object(x)) {
    x <- factor(x)
    return(list(codes = as.integer(x), levels = levels(x)))
  }
  if (is.integer(x)) return(integer_codes(x))
  values <- sort(unique(x))
  if (is.double(x)) note_near_values(values, name)
  list(codes = match(x, values), levels = group_labels(values))
}

# Numbers of classes such as AsIs or those of imported data; dates and times are no numbers to
# is.numeric().
plain_number <- function(x) {
  if (is.object(x) && is.double(x) && is.numeric(x)) as.double(x) else x
}

# To match() the bits of integer64 are those of other numbers; their text is exact.
integer64_codes <- function(x) {
  levels <- as.character(sort(unique(x)))
  list(codes = match(as.character(x), levels), levels = levels)
}

time_codes <- function(x) {
  values <- sort(unique(as.double(x)))
  labels <- time_labels(.POSIXct(values, attr(x, "tzone")))
  list(codes = match(labels, unique(labels))[match(as.double(x), values)], levels = unique(labels))
}

# Groups are numbers, and numbers that differ only by rounding are different groups, which is
# hardly ever meant. (Between whole numbers a difference of 1 is one.)
note_near_values <- function(values, name) {
  apart <- diff(values)
  broken <- values != round(values)
  near <- which(apart < 1e-14 * abs(values[-1L]) & (broken[-1L] | broken[-length(values)]))
  if (length(near) == 0L) return(invisible())
  pair <- number_labels(values[near[1L] + 0:1])
  inform("tiers_message_groups", c(
    "`{name}` has values that differ by rounding only, such as {pair[1L]} and {pair[2L]}: they are
     different groups.",
    i = "If they are the same group, use {.code round({name}, 10)}."))
}

# Integers need no sorting when they lie close together.
integer_codes <- function(x) {
  low <- min(x, na.rm = TRUE)
  span <- as.double(max(x, na.rm = TRUE)) - low + 1
  if (span > 4 * length(x) + 1000) {
    values <- sort(unique(x))
    return(list(codes = match(x, values), levels = as.character(values)))
  }
  present <- which(tabulate(x - low + 1L, span) > 0L)
  codes <- integer(span)
  codes[present] <- seq_along(present)
  list(codes = codes[x - low + 1L], levels = as.character(present - 1L + low))
}

compact_codes <- function(codes, levels) {
  counts <- tabulate(codes, length(levels))
  levels <- enc2utf8(levels)
  if (all(counts > 0L)) return(list(codes = codes, levels = levels))
  present <- which(counts > 0L)
  map <- integer(length(counts))
  map[present] <- seq_along(present)
  list(codes = map[codes], levels = levels[present])
}

# Codes of the combinations in use, the first variable varying slowest.
combine_codes <- function(parts) {
  codes <- parts[[1L]]$codes
  level_codes <- matrix(seq_along(parts[[1L]]$levels), ncol = 1L)
  for (part in parts[-1L]) {
    size <- length(part$levels)
    pair <- compact_pairs(codes, part$codes, nrow(level_codes), size)
    before <- as.integer((pair$present - 1) %/% size) + 1L
    last <- as.integer((pair$present - 1) %% size) + 1L
    level_codes <- cbind(level_codes[before, , drop = FALSE], last, deparse.level = 0)
    codes <- pair$codes
  }
  list(codes = codes, level_codes = level_codes)
}

compact_pairs <- function(first, second, n_first, n_second) {
  total <- as.double(n_first) * n_second
  if (total <= 4 * length(first) + 1000) {
    key <- (first - 1L) * as.integer(n_second) + second
    present <- which(tabulate(key, total) > 0L)
    map <- integer(total)
    map[present] <- seq_along(present)
    return(list(codes = map[key], present = present))
  }
  key <- (first - 1) * n_second + second
  present <- sort(unique(key))
  list(codes = match(key, present), present = present)
}

# New data ------------------------------------------------------------------------------------

#' Basis and level codes of one random term
#'
#' @param fit A fit.
#' @param j Number of the random term.
#' @param newdata `NULL` for the rows of the fit.
#' @return `basis` (n x k), `codes` (NA for a new level or a missing group), `labels` (the level
#'   that each row asks for).
#' @noRd
random_basis <- function(fit, j, newdata = NULL) {
  term <- fit$random_terms[[j]]
  if (is.null(newdata)) {
    basis <- term_basis(term, fit$frame)
    codes <- build_groups(term, fit$frame)$codes
    return(list(basis = full_basis(basis, nrow(fit$frame), term), codes = codes,
                labels = term$levels[codes]))
  }
  newdata <- as_newdata(newdata)
  check_newdata_columns(unlist(lapply(term$component_exprs, all.vars)), newdata, fit)
  basis <- NULL
  if (!is.null(term$basis_terms)) {
    basis <- new_design(term$basis_terms, newdata, term$xlevels, term$contrasts, term$columns, fit,
                        term$label)
  }
  groups <- new_groups(term, newdata, environment(fit$terms))
  list(basis = full_basis(basis, nrow(newdata), term), codes = groups$codes,
       labels = groups$labels)
}

full_basis <- function(basis, n, term) {
  if (is.null(basis)) basis <- matrix(1, n, 1L)
  dimnames(basis) <- list(NULL, term$columns)
  attr(basis, "assign") <- attr(basis, "contrasts") <- NULL
  basis
}

# The basis of the rows of the fit again; NULL for the intercept alone.
term_basis <- function(term, frame) {
  if (is.null(term$basis_terms)) return(NULL)
  plain_matrix(design_matrix(term$basis_terms, frame, term$contrasts, term$label))
}

new_groups <- function(term, newdata, env) {
  labels <- lapply(term$component_exprs, function(e) {
    value <- group_labels(eval(e, newdata, env))
    if (length(value) != nrow(newdata)) value <- rep_len(value, nrow(newdata))
    value
  })
  list(codes = match_groups(term, labels), labels = joined_labels(labels))
}

# What the levels of a grouping variable are called, row by row.
group_labels <- function(x) {
  if (is.factor(x)) return(enc2utf8(levels(x))[as.integer(x)])
  if (inherits(x, "integer64")) return(as.character(x))
  x <- plain_number(x)
  if (inherits(x, "POSIXct")) return(time_labels(x))
  if (is.object(x)) return(as.character(factor(x)))
  if (is.double(x)) return(number_labels(x))
  enc2utf8(as.character(x))
}

# A label of its own for each number: whole numbers with all their digits, as the same integers
# have them; of others as many digits as tell them apart.
number_labels <- function(x) {
  labels <- as.character(x)
  whole <- which(is.finite(x) & x == round(x) & abs(x) < 1e22)
  labels[whole] <- sprintf("%.0f", x[whole] + 0)
  other <- setdiff(which(is.finite(x)), whole)
  labels[other] <- sprintf("%.15g", x[other])
  other <- other[as.double(labels[other]) != x[other]]
  labels[other] <- sprintf("%.17g", x[other])
  labels
}

# A label for each time to the microsecond, the same whatever other times there are (as.character()
# leaves out midnight's hours where all are midnight, and fractions of a second always). The zone
# stands where the clock shows an hour twice.
time_labels <- function(x) {
  value <- round(as.double(x), 6L)
  second <- .POSIXct(floor(value), attr(x, "tzone"))
  clock <- format(second, "%Y-%m-%d %H:%M:%S")
  read <- as.double(as.POSIXct(clock, tz = c(attr(x, "tzone"), "")[1L], "%Y-%m-%d %H:%M:%S"))
  twice <- which(read != floor(value))
  fraction <- sub("[.]?0+$", "", sub("^[0-9]+", "", sprintf("%.6f", value - floor(value))))
  labels <- ifelse(nzchar(fraction), paste0(clock, fraction), sub(" 00:00:00$", "", clock))
  labels[twice] <- paste(labels[twice], format(second[twice], "%Z"))
  labels[is.na(value)] <- NA_character_
  labels
}

# The same labels for numbers that R has written as text, as factor(1e5) does.
plain_labels <- function(labels) {
  number <- suppressWarnings(as.double(labels))
  written <- which(!is.na(number) & labels == as.character(number))
  labels[written] <- number_labels(number[written])
  labels
}

# Place of each label among the levels; numbers and their texts are the same.
match_labels <- function(labels, levels) {
  found <- match(labels, levels, incomparables = NA)
  absent <- which(is.na(found) & !is.na(labels))
  if (length(absent) == 0L) return(found)
  found[absent] <- match(plain_labels(labels[absent]), plain_labels(levels))
  found
}

joined_labels <- function(labels) {
  if (length(labels) == 1L) return(labels[[1L]])
  joined <- do.call(paste, c(labels, sep = ":"))
  joined[Reduce(`|`, lapply(labels, is.na))] <- NA_character_
  joined
}

match_groups <- function(term, labels) {
  codes <- Map(match_labels, labels, term$component_levels)
  if (length(codes) == 1L) return(codes[[1L]])
  level_codes <- term$level_codes
  sizes <- lengths(term$component_levels)
  row_key <- as.double(codes[[1L]])
  level_key <- as.double(level_codes[, 1L])
  for (i in seq_along(codes)[-1L]) {
    # Keys are brought back to 1..levels after each variable, so that products stay exact.
    row_key <- (row_key - 1) * sizes[i] + codes[[i]]
    level_key <- (level_key - 1) * sizes[i] + level_codes[, i]
    known <- unique(level_key)
    row_key <- match(row_key, known)
    level_key <- match(level_key, known)
  }
  match(row_key, level_key, incomparables = NA)
}

# The message about `||` with a factor or a matrix, where lme4 means something else; said once.
note_double_bar <- function(term) {
  factors <- names(term$contrasts)
  classes <- attr(term$basis_terms, "dataClasses")
  matrices <- names(classes)[startsWith(classes, "nmatrix.") & classes != "nmatrix.1"]
  about <- if (length(factors)) {
    paste0("the factor `", factors[1L], "`")
  } else if (length(matrices)) {
    paste0("the columns of `", matrices[1L], "`")
  } else {
    return(invisible())
  }
  inform_once(paste("double_bar", length(factors) > 0L), c(
    "`||` with {about}: one variance for each column and no correlations.",
    i = "lme4 would keep the correlations between the
         {if (length(factors)) 'levels of the factor' else 'columns'}; write
         `({text_of(term$lhs)} | {term$group})` for all of them."))
}
