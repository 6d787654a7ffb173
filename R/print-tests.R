# Tables of likelihood ratio tests as text: covtest() and anova() of several fits. As print.anova(),
# but p values are p values in every column, and what is too wide for the console is numbered rather
# than broken into blocks.

#' @rdname covtest
#' @method print tiers_covtest
#' @export
print.tiers_covtest <- function(x, digits = 4L, signif.stars = getOption("show.signif.stars"),
                                ...) {
  print_test_table(x, digits, signif.stars, numbered = setdiff(rownames(x), "<none>"))
}

#' @method print tiers_comparison
#' @export
print.tiers_comparison <- function(x, digits = 4L, signif.stars = getOption("show.signif.stars"),
                                   ...) {
  print_test_table(x, digits, signif.stars)
}

# `numbered`: row names that may stand above the table, with a number in it.
print_test_table <- function(x, digits, signif.stars, numbered = character()) {
  force_arguments(c("digits", "signif.stars"))
  check_digits(digits)
  heading <- attr(x, "heading")
  text <- vapply(names(x), function(name) test_column(x[[name]], name, digits),
                 character(nrow(x)))
  dim(text) <- dim(x)
  dimnames(text) <- list(rownames(x), names(x))
  width <- function(text) max(nchar(rownames(text)), 0L) + matrix_width(text)
  if (width(text) > getOption("width") && length(numbered)) {
    at <- match(numbered, rownames(x))
    rownames(text)[at] <- paste0("[", seq_along(at), "]")
    heading <- numbered_heading(heading, numbered)
  }
  last <- names(x)[length(x)]
  p <- if (grepl("^(Pr\\(|p\\.value)", last)) x[[last]]
  legend <- NULL
  if (isTRUE(signif.stars) && any(p < 0.1, na.rm = TRUE)) {
    stars <- stats::symnum(p, corr = FALSE, na = FALSE, cutpoints = c(0, 0.001, 0.01, 0.05, 0.1, 1),
                           symbols = c("***", "**", "*", ".", " "))
    starred <- cbind(text, format(stars))
    if (width(starred) <= getOption("width")) {
      text <- starred
      legend <- c("---", paste("Signif. codes: ", attr(stars, "legend")))
    }
  }
  for (line in heading) {
    cat(if (nchar(line) > getOption("width")) wrapped("", line) else line, sep = "\n")
  }
  print(text, quote = FALSE, right = TRUE)
  if (length(legend)) cat(strwrap(legend, getOption("width") - 1L, exdent = 2L), sep = "\n")
  invisible(x)
}

# Lines that begin with a label, or have it after "Distribution of", get its number; without such
# lines the labels stand in lines of their own.
numbered_heading <- function(heading, labels) {
  number <- paste0("[", seq_along(labels), "] ")
  found <- FALSE
  for (i in seq_along(labels)) {
    start <- paste0("Distribution of ", labels[i], ": ")
    own <- startsWith(heading, start)
    found <- found || any(own)
    heading[own] <- paste0(number[i], labels[i], ": ", substring(heading[own], nchar(start) + 1L))
  }
  if (found) return(heading)
  c(heading[nzchar(heading)], paste0(number, labels), "")
}

test_column <- function(x, name, digits) {
  text <- if (grepl("^(Pr\\(|p\\.value|Naive p)", name)) {
    vapply(x, format.pval, "", digits = digits, eps = .Machine$double.eps)
  } else if (name %in% c("LRT", "RLRT", "Chisq")) {
    statistic_text(x)
  } else if (name %in% c("AIC", "BIC", "logLik", "deviance")) {
    trimws(formatC(x, digits = 2L, format = "f"))
  } else {
    format(x, trim = TRUE)
  }
  ifelse(is.na(x), "", text)
}
