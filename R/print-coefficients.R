# Coefficients, standard errors and tests as text. How many decimals an estimate has follows from
# its standard error, so that a coefficient of 1e-17 is 0 and does not turn others into powers of
# ten.

# A table with columns Estimate (or more of its kind), Std. Error, df, a test statistic, a p value;
# any of them may be missing.
print_coefficients <- function(table, digits, signif.stars = FALSE) {
  kind <- ifelse(colnames(table) == "df", "df", ifelse(
    grepl("^Pr\\(", colnames(table)), "p", ifelse(grepl(" value$", colnames(table)), "test",
                                                  "estimate")))
  text <- array("", dim(table), dimnames(table))
  if ("Std. Error" %in% colnames(table)) {
    errors <- table[, "Std. Error"]
    for (j in which(kind == "estimate")) text[, j] <- estimate_text(table[, j], errors, digits)
  } else {
    for (j in which(kind == "estimate")) text[, j] <- estimate_text(table[, j], NULL, digits)
  }
  for (j in which(kind == "test")) text[, j] <- statistic_text(table[, j])
  for (j in which(kind == "df")) text[, j] <- df_text(table[, j])
  text[is.na(text)] <- "NA" # which has a width, as NA has not
  legend <- NULL
  for (j in which(kind == "p")) {
    p <- table[, j]
    text[, j] <- format.pval(p, digits = max(1L, digits - 1L), eps = .Machine$double.eps)
    if (!isTRUE(signif.stars) || !any(p < 0.1, na.rm = TRUE)) next
    stars <- stats::symnum(p, corr = FALSE, na = FALSE, cutpoints = c(0, 0.001, 0.01, 0.05, 0.1, 1),
                           symbols = c("***", "**", "*", ".", " "))
    legend <- attr(stars, "legend")
    starred <- cbind(text, format(stars))
    # Stars are not worth a second block of columns.
    width <- max(nchar(rownames(text)), 0L) + matrix_width(starred)
    if (width <= getOption("width")) text <- starred else legend <- NULL
  }
  print(text, quote = FALSE, right = TRUE)
  if (!is.null(legend)) {
    cat("---\n")
    cat(strwrap(paste("Signif. codes: ", legend), getOption("width") - 1L, exdent = 2L), sep = "\n")
  }
}

# Numbers that are known to within `errors` (NULL: nothing is known of that), with a common point as
# long as the errors are of one order. The smallest error has digits - 1 digits.
estimate_text <- function(x, errors, digits) {
  known <- is.finite(x)
  scale <- if (is.null(errors)) abs(x) else errors
  usable <- is.finite(scale) & scale > 0
  if (!any(usable)) {
    scale <- abs(x)
    usable <- known & x != 0
  }
  if (!any(usable)) return(format(x))
  # Without errors what is small beside the largest is rounded with it.
  scale <- pmax(scale, if (is.null(errors)) 0.05 * max(scale[usable]) else 0)
  scale[!usable] <- min(scale[usable])
  if (max(scale) <= 1e4 * min(scale)) scale[] <- min(scale)
  decimals <- pmax(0, digits - 2 - floor(log10(scale)))
  text <- rep("", length(x))
  powers <- decimals > 8 | (known & abs(x) >= 1e10)
  for (i in seq_along(x)) {
    value <- if (known[i] && abs(x[i]) < 10^-decimals[i] / 2) 0 else x[i]
    text[i] <- if (!known[i] || (powers[i] && value == 0)) format(value) else if (powers[i]) {
      sprintf("%.*e", digits - 1L, value)
    } else {
      sprintf("%.*f", as.integer(decimals[i]), value)
    }
  }
  text
}

statistic_text <- function(x) {
  large <- is.finite(x) & abs(x) >= 1e5
  text <- ifelse(is.finite(x), sprintf("%.3f", x), as.character(x))
  text[large] <- formatC(x[large], digits = 4L, format = "g")
  sub("^-(0\\.0+)$", "\\1", text)
}

# As exact as they are known: degrees of freedom above 1000 keep all their digits before the point.
df_text <- function(x) {
  finite <- x[is.finite(x)]
  whole <- length(finite) == 0L || all(abs(finite - round(finite)) < 1e-6)
  decimals <- if (whole) 0L else if (max(finite) >= 100) 1L else 2L
  ifelse(is.finite(x), sprintf("%.*f", decimals, x), as.character(x))
}

# A named vector in as many lines as it takes: side by side, or below each other where not more than
# two would stand in a line.
estimate_lines <- function(x, errors, digits) {
  if (length(x) == 0L) return("none")
  text <- estimate_text(x, errors, digits)
  each <- max(nchar(c(names(x), text))) + 1L
  if (length(x) > 2L && getOption("width") %/% each <= 2L) {
    return(paste0(" ", format(names(x)), " ", format(text, justify = "right")))
  }
  utils::capture.output(print(stats::setNames(text, names(x)), quote = FALSE))
}
