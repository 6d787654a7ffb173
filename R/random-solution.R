# The predicted random effects with errors and tests, the "solution for random effects" of PROC
# MIXED.

#' @rdname ranef.tiers_fit
#' @param ddf How degrees of freedom are found: see [summary.tiers_fit()].
#' @export
summary.tiers_ranef <- function(object, ddf = NULL, ...) {
  check_dots("summary", ...)
  fit <- attr(object, "fit")
  if (is.null(fit)) {
    stop_input(c("These random effects have lost the fit that they belong to.",
                 i = "Use {.code summary(ranef(fit))}, without taking parts out before."))
  }
  prepared <- prepare_ddf(fit, ddf)
  groups <- term_groups(fit)
  tables <- lapply(which(groups %in% names(object)), function(j) {
    solution_table(fit, j, prepared)
  })
  table <- do.call(rbind, tables[order(match(groups[groups %in% names(object)], names(object)))])
  tell_means(object)
  structure(table, class = c("tiers_ranef_summary", "data.frame"),
            statistic = if (has_normal_tests(fit, prepared)) "z" else "t",
            ddf = ddf_of_limits(fit, prepared))
}

# One term: its effects in the order of ranef().
solution_table <- function(fit, j, prepared) {
  term <- fit$random[[j]]
  k <- length(term$columns)
  n <- length(term$levels)
  basis <- matrix(0, n * k, k)
  basis[cbind(seq_len(n * k), rep(seq_len(k), each = n))] <- 1
  fixed <- matrix(0, n * k, length(fit$coefficients))
  part <- list(term = j, level = rep(seq_len(n), k), basis = basis)
  # Without a fixed part there are no df that are counted from it.
  counted <- kind_tests(fit)$linear && is.null(prepared$random)
  rows <- list(fixed = fixed, parts = list(part), residual = double())
  if (counted) prepared$df_rows <- function(L) rep(Inf, nrow(L))
  found <- kind_row_errors(fit, rows, prepared)
  estimate <- as.double(term$modes)
  error <- sqrt(pmax(found$variance, 0))
  # An effect without variance is zero for certain.
  df <- ifelse(error > 0, found$df, NA_real_)
  statistic <- ifelse(error > 0, estimate / error, NA_real_)
  data.frame(group = term$group, level = rep(term$levels, k),
             term = rep(term$columns, each = n), estimate = estimate, std.error = error, df = df,
             statistic = statistic, p.value = 2 * stats::pt(-abs(statistic), df),
             stringsAsFactors = FALSE)
}

tell_means <- function(object) {
  if (identical(attr(object, "type"), "mean")) {
    inform("tiers_message_data", "The tests are of the modes of the random effects.")
  }
}

#' @method print tiers_ranef_summary
#' @export
print.tiers_ranef_summary <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  force_arguments("digits")
  check_digits(digits)
  ddf <- attr(x, "ddf")
  with <- if (!is.null(ddf) && ddf != "asymptotic") paste0(" (", ddf, " degrees of freedom)")
  cat("Random effects, predicted, with standard errors of prediction", with, "\n\n", sep = "")
  letter <- attr(x, "statistic")
  table <- as.data.frame(unclass_table(x))
  names(table)[names(table) == "statistic"] <- paste(letter, "value")
  if (identical(letter, "z")) table$df <- NULL
  table$p.value <- format.pval(table$p.value, digits = max(1L, digits - 3L))
  names(table)[names(table) == "p.value"] <- sprintf("Pr(>|%s|)", letter)
  print(table, digits = digits, row.names = FALSE)
  invisible(x)
}

unclass_table <- function(x) structure(x, class = "data.frame", statistic = NULL, ddf = NULL)
