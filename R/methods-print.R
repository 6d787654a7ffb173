#' Print a fit
#'
#' At most fifteen lines: what was fitted, how well the fit went, and the estimates. What does not
#' fit in is left to [summary()][summary.tiers_fit].
#'
#' @param x A fit made by [lmm()] or [glmm()].
#' @param digits Significant digits.
#' @param ... Not used.
#' @return `x`, invisibly.
#' @seealso [summary()][summary.tiers_fit] for standard errors and tests, [VarCorr()][VarCorr.tiers_fit],
#'   [fixef()][ranef.tiers_fit], [diagnose()].
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' fit
#' @method print tiers_fit
#' @export
print.tiers_fit <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  force_arguments("digits")
  check_digits(digits)
  validate_fit(x)
  lines <- c(
    wrapped("", fit_title(x)),
    shortened(paste0("Formula: ", text_of(full_formula(x)))),
    shortened(paste0("Data: ", x$data_name, ", ", size_words(x))),
    shortened(paste0("Fit: ", status_line(x, brief = TRUE))),
    criteria_line(x)
  )
  components <- VarCorr(x)
  if (length(components) || attr(components, "useSc")) {
    random <- utils::capture.output(print(varcorr_text(components, digits), quote = FALSE,
                                          right = TRUE))
    lines <- c(lines, at_most(random, 6L, "effects"))
  }
  if (!has_residual(x) && !is.null(dispersion_words(x))) {
    lines <- c(lines, shortened(paste0("Dispersion: ", dispersion_words(x))))
  }
  fixed <- fixed_lines(x$coefficients, digits)
  # Names and values come in pairs of lines.
  room <- 15L - length(lines) - 1L
  lines <- c(lines, "Fixed effects:", at_most_pairs(fixed, room))
  cat(lines, sep = "\n")
  invisible(x)
}

shortened <- function(line, width = getOption("width")) {
  if (nchar(line) <= width) line else paste0(substr(line, 1L, width - 4L), " ...")
}

size_words <- function(fit) {
  sizes <- group_sizes(fit)
  words <- paste0(fit$nobs, " rows")
  if (dropped_rows(fit) > 0L) words <- paste0(words, " (", dropped_rows(fit), " dropped)")
  if (length(sizes)) {
    words <- paste0(words, "; levels: ", toString(paste(names(sizes), sizes)))
  }
  words
}

criteria_line <- function(fit) {
  criteria <- criteria_table(fit)
  number <- function(value) format(round(value, 2L), nsmall = 2L)
  reml <- fit$REML
  paste0(
    if (reml) "REML criterion " else "-2 logLik ", number(criteria$value),
    ", AIC ", number(criteria$AIC), ", BIC ", number(criteria$BIC), ", ", criteria$npar,
    " parameters"
  )
}

fixed_lines <- function(coefficients, digits) {
  if (length(coefficients) == 0L) return("none")
  utils::capture.output(print(format(coefficients, digits = digits), quote = FALSE))
}

# Cuts a table short and says so.
at_most <- function(lines, room, what) {
  if (length(lines) <= room) return(lines)
  left <- length(lines) - (room - 1L)
  c(lines[seq_len(room - 1L)], paste0("... and ", left, " more ", what, ": see summary()"))
}

at_most_pairs <- function(lines, room) {
  if (length(lines) <= room) return(lines)
  shown <- 2L * ((room - 1L) %/% 2L)
  c(lines[seq_len(shown)], "... and more: see fixef()")
}
