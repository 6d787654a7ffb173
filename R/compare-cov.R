# One model with several residual covariance structures.

#' Compare covariance structures
#'
#' Fits the model of a fit once for each residual covariance structure and puts the fits side by
#' side.
#'
#' @param object A fit made by [lmm()] with `residual =`.
#' @param structures Names of structures, such as `c("us", "ar1h", "toeph", "cs")`, with arguments
#'   where they have some: `"toep(band = 2)"`. The time, the subject and `by` are those of
#'   `object`.
#' @param x What `compare_cov()` returned.
#' @param digits Digits of the printed numbers.
#' @param ... Not used.
#' @details
#' The likelihoods can be compared because the fixed effects are the same, by REML too. Criteria
#' count all parameters, those of the fixed effects included: `AICc` is
#' `AIC + 2 d (d + 1) / (n - d - 1)` with `d` parameters and `n` rows (less the fixed effects by
#' REML). A structure that is a special case of another one among them, as all are of `"us"` where
#' subjects share their visits, is tested against the largest of these by the likelihood ratio.
#'
#' A structure that cannot be fitted to the data has a row with the reason in its `note`; so has one
#' whose search did not converge.
#' @return A data frame of class `tiers_compare_cov`, the smallest AIC first: `structure`, `npar`,
#'   `logLik`, `AIC`, `AICc`, `BIC`, `against` (the structure it is tested against), `Chisq`, `Df`,
#'   `Pr(>Chisq)`, `note`. Attribute `fits`: the fits by structure.
#' @references
#' Hurvich CM, Tsai CL (1989). Regression and time series model selection in small samples.
#' Biometrika 76, 297-307.
#' @seealso [residual_structures]; [anova()][anova.tiers_fit] of two fits.
#' @concept covariance structures
#' @concept information criterion
#' @concept model selection
#' @examples
#' fit <- lmm(distance ~ age * Sex, nlme::Orthodont, residual = us(age | Subject))
#' compare_cov(fit, c("us", "cs", "ar1", "toep", "ar1h"))
#' @export
compare_cov <- function(object, structures, ...) {
  check_dots("compare_cov", ...)
  validate_fit(object)
  expr <- object$residual$expr
  if (is.null(expr)) {
    stop_input(c("{.arg object} has no residual covariance structure to compare others with.",
                 i = "Fit it with, for instance, {.code residual = us(time | subject)}."))
  }
  if (!is.character(structures) || length(structures) == 0L || anyNA(structures)) {
    stop_input("{.arg structures} must be names of covariance structures, not
                {.cls {class(structures)[1L]}}.")
  }
  structures <- unique(structures)
  calls <- lapply(structures, with_structure, expr = expr)
  caller <- user_frame(parent.frame())
  fits <- lapply(calls, function(expr) {
    tryCatch(with_residual(object, expr, caller), tiers_error = function(condition) condition)
  })
  names(fits) <- structures
  failed <- vapply(fits, inherits, NA, "condition")
  if (all(failed)) {
    stop_model(c("None of the structures can be fitted.",
                 x = paste0("`", structures[1L], "`: ", plain_text(conditionMessage(fits[[1L]])))))
  }
  table <- comparison_rows(fits, failed)
  table <- with_ratio_tests(table, fits, failed)
  table <- table[order(table$AIC, na.last = TRUE), ]
  rownames(table) <- NULL
  structure(table, fits = fits[!failed], reml = isTRUE(object$REML),
            class = c("tiers_compare_cov", "data.frame"))
}

# `ar1(time | id, by = g)` with another structure.
with_structure <- function(structure, expr) {
  parsed <- tryCatch(str2lang(structure), error = function(e) NULL)
  if (!is.name(parsed) && !is.call(parsed)) {
    stop_input("{.arg structures}: {.val {structure}} is no name of a covariance structure.")
  }
  arguments <- if (is.call(parsed)) as.list(parsed)[-1L]
  head <- if (is.call(parsed)) parsed[[1L]] else parsed
  by <- expr[["by"]]
  as.call(c(head, expr[[2L]], arguments, if (!is.null(by)) list(by = by)))
}

# The model with another residual structure, for the rows and the response that the fit holds.
with_residual <- function(fit, expr, caller) {
  suppressMessages(update_in(fit, NULL, list(residual = expr), caller, held = TRUE))
}

comparison_rows <- function(fits, failed) {
  rows <- lapply(names(fits), function(name) {
    fit <- fits[[name]]
    if (failed[[name]]) {
      return(data.frame(structure = name, npar = NA_integer_, logLik = NA_real_, AIC = NA_real_,
                        AICc = NA_real_, BIC = NA_real_, note = conditionMessage(fit)))
    }
    value <- stats::logLik(fit)
    d <- attr(value, "df")
    n <- attr(value, "nobs") - if (isTRUE(fit$REML)) length(kept_coefficients(fit)) else 0L
    spare <- n - d - 1
    status <- fit$convergence$status
    data.frame(structure = name, npar = d, logLik = as.double(value), AIC = stats::AIC(fit),
               AICc = stats::AIC(fit) + if (spare > 0) 2 * d * (d + 1) / spare else NA_real_,
               BIC = stats::BIC(fit), note = if (status == "converged") "" else status)
  })
  do.call(rbind, rows)
}

# Each against the one with the most parameters of those that it is a special case of.
with_ratio_tests <- function(table, fits, failed) {
  table$against <- ""
  table[c("Chisq", "Df", "Pr(>Chisq)")] <- list(NA_real_, NA_integer_, NA_real_)
  for (i in which(!failed)) {
    larger <- which(!failed & table$npar > table$npar[i])
    larger <- larger[vapply(fits[larger], structure_obstacle, "", small = fits[[i]]) == ""]
    if (length(larger) == 0L) next
    full <- larger[which.max(table$npar[larger])]
    table$against[i] <- table$structure[full]
    table$Chisq[i] <- max(2 * (table$logLik[full] - table$logLik[i]), 0)
    table$Df[i] <- as.integer(table$npar[full] - table$npar[i])
    table[["Pr(>Chisq)"]][i] <- stats::pchisq(table$Chisq[i], table$Df[i], lower.tail = FALSE)
  }
  table[c("structure", "npar", "logLik", "AIC", "AICc", "BIC", "against", "Chisq", "Df",
          "Pr(>Chisq)", "note")]
}

#' @rdname compare_cov
#' @export
print.tiers_compare_cov <- function(x, digits = 5, ...) {
  check_digits(digits)
  cat("Residual covariance structures of one model, by ",
      if (attr(x, "reml")) "REML" else "maximum likelihood", "\n", sep = "")
  shown <- as.data.frame(x)
  notes <- shown$note
  shown$note <- NULL
  tested <- !all(is.na(shown$Chisq))
  against <- unique(shown$against[nzchar(shown$against)])
  if (length(against) < 2L) shown$against <- NULL
  if (!tested) shown[c("Chisq", "Df", "Pr(>Chisq)")] <- NULL
  criteria <- c("logLik", "AIC", "AICc", "BIC", "Chisq")
  for (name in intersect(criteria, names(shown))) shown[[name]] <- format_missing(shown[[name]], 2L)
  if (tested) {
    p <- shown[["Pr(>Chisq)"]]
    shown[["Pr(>Chisq)"]] <- ifelse(is.na(p), "", format.pval(p, digits = digits - 1L))
    shown$Df <- ifelse(is.na(shown$Df), "", shown$Df)
  }
  shown$npar <- ifelse(is.na(shown$npar), "", shown$npar)
  print(shown, row.names = FALSE, right = TRUE)
  if (tested) {
    cat("Chisq: likelihood ratio tests against ",
        if (length(against) == 1L) against else "the structure named", "\n", sep = "")
  }
  told <- which(nzchar(notes))
  for (i in told) cat(shown$structure[i], ": ", notes[i], "\n", sep = "")
  invisible(x)
}

format_missing <- function(x, digits) {
  ifelse(is.na(x), "", formatC(x, digits = digits, format = "f"))
}
