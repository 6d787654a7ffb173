#' Print a fit
#'
#' What was fitted, how well the fit went, and the estimates: how much groups differ, and all fixed
#' effects. Standard errors and tests are left to [summary()][summary.tiers_fit].
#'
#' @param x A fit made by [lmm()] or [glmm()].
#' @param digits Significant digits.
#' @param ... Not used.
#' @return `x`, invisibly.
#' @seealso [summary()][summary.tiers_fit] for standard errors and tests,
#'   [VarCorr()][VarCorr.tiers_fit], [fixef()][ranef.tiers_fit], [diagnose()].
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
    formula_lines(text_of(full_formula(x))),
    shortened(paste0("Data: ", x$data_name, ", ", size_words(x))),
    shortened(paste0("Fit: ", status_line(x, brief = TRUE))),
    if (is_inaccurate(x)) wrapped("Accuracy: ", accuracy_words(x)),
    if (!is.null(held_words(x))) wrapped("Held: ", held_words(x)),
    wrapped("", criteria_line(x))
  )
  random <- random_table(x)
  if (nrow(random)) {
    table <- random_lines(random, correlation_table(x), digits, c("Levels", "SD"))
    structures <- vapply(x$random, `[[`, "", "structure")
    lines <- c(lines, at_most(table, 20L), structure_lines(x$parameters, structures, digits))
  }
  lines <- c(lines, at_most(residual_lines(residual_table(x), residual_words(x), digits), 20L))
  if (!has_residual(x) && !is.null(dispersion_words(x))) {
    lines <- c(lines, shortened(paste0("Dispersion: ", dispersion_words(x))))
  }
  lines <- c(lines, "Fixed effects:",
             estimate_lines(x$coefficients, fixed_errors(x), digits))
  cat(lines, sep = "\n")
  invisible(x)
}

# At most three lines.
formula_lines <- function(text) {
  lines <- wrapped("Formula: ", text)
  if (length(lines) <= 3L) return(lines)
  c(lines[1:2], shortened(paste0(lines[3L], " ..."), getOption("width") - 1L))
}

size_words <- function(fit) {
  words <- paste0(fit$nobs, " rows")
  if (dropped_rows(fit) > 0L) words <- paste0(words, " (", dropped_rows(fit), " dropped)")
  words
}

# Standard errors of all coefficients, NA where there is none.
fixed_errors <- function(fit) {
  errors <- sqrt(diag(fit$vcov))
  unname(errors[match(names(fit$coefficients), rownames(fit$vcov))])
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

# Cuts a long table of random effects short and says so.
at_most <- function(lines, room) {
  if (length(lines) <= room) return(lines)
  left <- length(lines) - (room - 1L)
  c(lines[seq_len(room - 1L)], paste0("... and ", left, " more lines: see VarCorr()"))
}
