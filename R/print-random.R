# The table of random effects as text, in the same words in print(), summary() and VarCorr().
#
# `random` has a row for each effect, and one for the residual: term, group, structure, name, sd;
# where they are shown also levels, variance, and lower and upper, the limits of the standard
# deviation. `correlations` has term, name1, name2, correlation.

# `show`: which of "Levels", "Variance", "SD", "SE", "limits".
random_lines <- function(random, correlations, digits, show) {
  columns <- random_columns_text(random, digits, show)
  triangle <- correlation_columns(random, correlations)
  text <- do.call(cbind, c(columns, list(triangle)))
  if (fits_width(text)) return(matrix_lines(text))
  # Correlations below, then without the variances, then with shorter names.
  if ("SD" %in% names(columns) && !fits_width(do.call(cbind, columns))) columns$Variance <- NULL
  text <- do.call(cbind, columns)
  if (!fits_width(text)) {
    extra <- matrix_width(text) - getOption("width")
    wide <- vapply(columns[c("Groups", "Effect")], function(x) max(nchar(x)), 1L)
    longest <- names(wide)[which.max(wide)]
    size <- max(4L, max(nchar(columns[[longest]])) - extra)
    columns[[longest]] <- format(abbreviate(trimws(columns[[longest]]), size, named = FALSE))
    text <- do.call(cbind, columns)
  }
  c(matrix_lines(text), correlation_lines(random, correlations))
}

random_columns_text <- function(random, digits, show) {
  first <- !duplicated(random$term)
  several <- random$term %in% random$term[duplicated(random$term)]
  label <- paste0(random$group, ifelse(several & random$structure != default_covariance,
                                       paste0(" (", random$structure, ")"), ""))
  columns <- list(Groups = format(c("Groups", ifelse(first, label, "")))[-1L])
  if ("Levels" %in% show && !all(is.na(random$levels))) {
    columns$Levels <- ifelse(first & !is.na(random$levels), format(random$levels), "")
  }
  if (any(nzchar(random$name))) columns$Effect <- format(c("Effect", random$name))[-1L]
  if ("Variance" %in% show) columns$Variance <- format_column(random$variance, digits)
  if ("SD" %in% show) columns$SD <- format_column(random$sd, digits)
  if ("SE" %in% show && any(is.finite(random$se))) {
    columns$SE <- limit_text(random$se, digits)
  }
  if ("limits" %in% show && !is.null(random$lower) && any(is.finite(random$lower))) {
    limits <- matrix(limit_text(c(random$lower, random$upper), digits), ncol = 2L)
    columns$lower <- limits[, 1L]
    columns$upper <- limits[, 2L]
  }
  columns
}

# Empty where there is no limit, as at the boundary.
limit_text <- function(x, digits) {
  known <- is.finite(x)
  text <- rep("", length(x))
  text[known] <- format_column(x[known], max(3L, digits - 1L))
  text
}

# The lower triangles of all terms, a column for each but the last effect; NULL without any.
correlation_columns <- function(random, correlations) {
  if (nrow(correlations) == 0L) return(NULL)
  width <- max(tapply(correlations$name2, correlations$term, function(s) length(unique(s))))
  text <- matrix("", nrow(random), width, dimnames = list(NULL, c("Corr", rep("", width - 1L))))
  for (term in unique(correlations$term)) {
    rows <- which(random$term == term)
    part <- correlations[correlations$term == term, ]
    at <- cbind(rows[match(part$name2, random$name[rows])], match(part$name1, random$name[rows]))
    text[at] <- correlation_text(part$correlation)
  }
  text
}

# The same below the table, term by term.
correlation_lines <- function(random, correlations) {
  unlist(lapply(unique(correlations$term), function(term) {
    names <- random$name[random$term == term]
    part <- correlations[correlations$term == term, ]
    R <- diag(length(names))
    at <- cbind(match(part$name2, names), match(part$name1, names))
    R[at] <- R[at[, 2:1, drop = FALSE]] <- part$correlation
    c("", paste0("Correlations of ", random$group[match(term, random$term)], ":"),
      triangle_lines(R, names))
  }))
}

# What the correlations of a term follow from: "ar1 of Subject: cor 0.62".
structure_lines <- function(parameters, structures, digits) {
  own <- parameters[parameters$type == "structure" & !is.na(parameters$estimate), ]
  vapply(unname(split(own, own$term)), function(rows) {
    words <- substr(rows$name, 1L, nchar(sub("\\|.*", "", rows$name)))
    values <- vapply(rows$estimate, format, "", digits = digits)
    shortened(paste0(structures[[rows$term[1L]]], " of ", rows$group[1L], ": ",
                     paste(words, values, collapse = ", ")))
  }, "")
}

# A lower triangle; its columns have short names.
triangle_lines <- function(R, names) {
  p <- nrow(R)
  text <- matrix("", p, p)
  below <- lower.tri(R)
  text[below] <- correlation_text(R[below])
  text <- text[-1L, -p, drop = FALSE]
  dimnames(text) <- list(abbreviate(names[-1L], 12L), abbreviate(names[-p], 5L, strict = TRUE))
  sub(" +$", "", utils::capture.output(print(text, quote = FALSE, right = TRUE)))
}

# Two decimals, but 1 is kept for what is 1.
correlation_text <- function(r) {
  text <- sprintf("%.2f", r)
  near <- !is.na(r) & abs(r) >= 0.995 & abs(r) < 1 - 1e-8
  text[near] <- sprintf("%.4f", sign(r[near]) * pmin(abs(r[near]), 0.9999))
  text[is.na(r)] <- ""
  text
}

# Numbers under each other with a common point, unless they differ so much that this would need
# many digits or powers of ten.
format_column <- function(x, digits) {
  size <- range(abs(x[is.finite(x) & x != 0]), 1, na.rm = TRUE)
  if (size[2L] / size[1L] < 1e4) return(format(x, digits = digits))
  format(vapply(x, format, "", digits = digits), justify = "right")
}

matrix_width <- function(text) {
  sum(1L + pmax(nchar(colnames(text)), apply(nchar(text), 2L, max)))
}

fits_width <- function(text) matrix_width(text) <= getOption("width")

# Heads of columns of words stand at the left.
matrix_lines <- function(text) {
  rownames(text) <- rep("", nrow(text))
  for (j in which(colnames(text) %in% c("Groups", "Effect"))) {
    colnames(text)[j] <- formatC(colnames(text)[j], width = -max(nchar(text[, j])))
  }
  sub(" +$", "", utils::capture.output(print(text, quote = FALSE, right = TRUE)))
}
