# AIC and BIC by the conventions of different programs.

#' @rdname logLik.tiers_fit
#' @param convention How parameters and observations are counted. `"lme4"`: all parameters,
#'   fixed effects too, and all rows. `"sas"`, as PROC MIXED and PROC GLIMMIX print them: of a REML
#'   fit the variance parameters alone, with the criterion for reference coding of the factors;
#'   variances at zero and correlations at their ends do not count; `BIC()` takes the number of
#'   subjects, levels of the grouping factor that contains all others (rows where there is none).
#' @export
AIC.tiers_fit <- function(object, ..., k = 2, convention = c("lme4", "sas")) {
  force_arguments(c("k", "convention"))
  check_number(k, "k", 0, Inf)
  criteria_by(list(object, ...), "AIC", function(value) k, convention, sys.call())
}

#' @rdname logLik.tiers_fit
#' @export
BIC.tiers_fit <- function(object, ..., convention = c("lme4", "sas")) {
  force_arguments("convention")
  criteria_by(list(object, ...), "BIC", function(value) log(attr(value, "nobs")), convention,
              sys.call())
}

# As stats has it: a number for one fit, for several a data frame with a row each.
criteria_by <- function(fits, name, penalty, convention, call) {
  convention <- match_choice(convention, c("lme4", "sas"), "convention")
  named <- names(fits)
  if (!is.null(named) && !all(vapply(fits[nzchar(named)], is_comparable, NA))) {
    wrong <- named[nzchar(named)][1L]
    stop_input("Unused argument of {.fn {name}}: {.arg {wrong}}{did_you_mean(wrong, 'convention')}")
  }
  values <- lapply(fits, function(fit) {
    if (convention == "lme4" || !inherits(fit, "tiers_fit")) stats::logLik(fit) else sas_loglik(fit)
  })
  df <- vapply(values, function(value) as.double(attr(value, "df")), 1)
  criterion <- vapply(values, function(value) -2 * as.double(value), 1) +
    vapply(values, penalty, 1) * df
  if (length(fits) == 1L) return(criterion)
  rows <- vapply(values, function(value) as.double(attr(value, "nobs") %||% NA), 1)
  if (convention == "lme4" && !all(rows == rows[1L]) %in% TRUE) {
    warn_data("The fits do not all have the same number of rows.")
  }
  call <- as.list(call)[-1L]
  if (!is.null(names(call))) call <- call[!names(call) %in% c("k", "convention")]
  names <- vapply(call, function(arg) text_of(arg), "")
  table <- data.frame(df = df, criterion, row.names = make.unique(unname(names)))
  names(table)[2L] <- name
  table
}

sas_loglik <- function(fit) {
  validate_fit(fit)
  value <- stats::logLik(fit, coding = "reference")
  at_end <- sum(fit$parameters$boundary & !fit$parameters$fixed)
  groups <- if (length(fit$random)) {
    tryCatch(outermost_groups(fit), tiers_error_input = function(e) NULL)
  }
  fixed <- if (fit$REML) sum(!is.na(fit$coefficients)) else 0L
  attr(value, "df") <- fit$npar - fixed - at_end
  attr(value, "nobs") <- if (is.null(groups)) fit$nobs else {
    length(unique(groups[[1L]][used_row(fit)]))
  }
  value
}

# What the restricted log-likelihood has more with treatment contrasts for all factors: the
# restricted likelihood is that of the rows A y with A X = 0, up to a constant that depends on the
# columns of X, log det(X'X) / 2.
reference_shift <- function(fit) {
  X <- kept_matrix(fit)
  if (ncol(X) == 0L || length(fit$contrasts) == 0L) return(0)
  reference <- lapply(fit$contrasts, function(own) "contr.treatment")
  Y <- used_rows(fit, design_matrix(fit$terms, fit$frame, reference))
  X <- used_rows(fit, X)
  # Of dependent columns those that the fit has dropped.
  parts <- qr(unit_columns(Y), tol = 1e-7)
  if (parts$rank != ncol(X)) return(NA_real_)
  Y <- Y[, sort(parts$pivot[seq_len(parts$rank)]), drop = FALSE]
  log_size <- function(M) sum(log(abs(diag(qr.R(qr(M, tol = 0))))))
  log_size(X) - log_size(Y)
}
