#' Summary of a fit
#'
#' What was fitted to which data and how that went, the variances of the random effects, and the
#' fixed effects with their tests.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param ddf How the denominator degrees of freedom of the tests are found: `"satterthwaite"` (the
#'   default for linear models), `"asymptotic"` (z and chi-square tests, the default for generalized
#'   models), `"kenward-roger"` (see [ddf_kr()]), by counting `"between-within"` and
#'   `"containment"` (as PROC MIXED), `"inner-outer"` (as nlme), `"level"` (as HLM) and `"residual"`
#'   (rows less columns of the design, right only without random terms), with a cluster-robust
#'   `vcov` also `"bell-mccaffrey"` and `"clusters"`, or `"none"` for estimates and t or z values
#'   alone. A vector named by terms or coefficients, such as `c(Machine = 10)`,
#'   gives them.
#' @param vcov `NULL`, a covariance matrix of the fixed effects to use in place of the model's own,
#'   a function of the fit that returns one, or the name of a cluster-robust one such as `"CR2"`
#'   (see [vcov()][vcov.tiers_fit]), which brings its own degrees of freedom.
#' @param cluster With such a name, the clusters: as in [vcov()][vcov.tiers_fit].
#' @param correlation Print the correlations of the fixed effects too?
#' @param both With a `vcov`, show the standard errors of the model beside it too, in a column
#'   `Model SE`?
#' @param ... Not used.
#' @return A list of class `tiers_summary`. Everything that is printed is in it as data:
#'   `coefficients` (a matrix with columns `Estimate`, `Std. Error`, `df`, `t value`, `Pr(>|t|)`,
#'   or `z value`, `Pr(>|z|)` without `df`, which `coef()` gets), `random` and `correlations` (data
#'   frames of the random effects, with standard errors and 95% limits), `dispersion` (of a
#'   generalized model: a matrix of the coefficients of the log dispersion parameter), `criteria`,
#'   `data`, `groups`, `status`, `title`, `formula` and `vcov`, and of a fit with a residual
#'   structure `residual`, a data frame of its parameters.
#'   For scripts written for lme4 there are also `varcor`, `ngrps`, `AICtab` and `residuals` (scaled
#'   Pearson residuals).
#' @seealso [anova()][anova.tiers_fit] for tests of whole terms, [confint()][vcov.tiers_fit],
#'   [VarCorr()][VarCorr.tiers_fit], [tidy()][tidy.tiers_fit] for data frames, [diagnose()].
#'   [ddf_kr()] for Kenward and Roger's method.
#' @references
#' Satterthwaite FE (1946). An approximate distribution of estimates of variance components.
#' Biometrics Bulletin 2, 110-114.
#'
#' Giesbrecht FG, Burns JC (1985). Two-stage analysis based on a mixed model: large-sample
#'   asymptotic theory and small-sample simulation results. Biometrics 41, 477-486.
#' @concept p values
#' @concept Satterthwaite degrees of freedom
#' @concept Kenward-Roger degrees of freedom
#' @concept robust standard errors
#' @concept t tests of coefficients
#' @concept correlation of fixed effects
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' summary(fit)
#' coef(summary(fit, ddf = "none"))
#' coef(summary(fit, vcov = "CR2", both = TRUE))
#'
#' # Presence of bacteria in 50 children
#' summary(glmm(y ~ trt + I(week > 2) + (1 | ID), MASS::bacteria, family = binomial()))
#' @method summary tiers_fit
#' @export
summary.tiers_fit <- function(object, ddf = NULL, vcov = NULL, cluster = NULL, correlation = FALSE,
                              both = FALSE, ...) {
  check_dots("summary", ...)
  validate_fit(object)
  check_flag(correlation, "correlation")
  check_flag(both, "both")
  prepared <- prepare_ddf(object, ddf, vcov, cluster)
  if (both && is.null(prepared$vcov_words)) {
    stop_input(c("{.arg both} shows the standard errors of the model beside others.",
                 i = "Name the others: {.code vcov = \"CR2\"}."))
  }
  structure(list(
    title = fit_title(object),
    call = object$call,
    formula = full_formula(object),
    data = data.frame(name = object$data_name, used = object$nobs,
                      dropped = dropped_rows(object), weight_zero = zero_rows(object)),
    missing = object$missing,
    groups = groups_table(object),
    status = status_line(object),
    held = held_words(object),
    converged = is_at_optimum(object),
    criteria = criteria_table(object),
    random = random_table(object),
    correlations = correlation_table(object),
    sigma = object$sigma,
    has_residual = has_residual(object),
    residual = residual_table(object),
    residual_words = residual_words(object),
    dispersion = dispersion_table(object),
    dispersion_words = dispersion_words(object),
    accuracy_words = accuracy_words(object),
    coefficients = coefficient_table(object, prepared, both),
    unknown_errors = unknown_errors_words(object),
    dropped_columns = names(object$coefficients)[is.na(object$coefficients)],
    ddf = prepared$name,
    ddf_label = prepared$label,
    vcov_words = prepared$vcov_words,
    vcov = prepared$vcov,
    show_correlation = isTRUE(correlation),
    varcor = VarCorr.tiers_fit(object),
    ngrps = group_sizes(object),
    AICtab = information_criteria(object),
    residuals = stats::residuals(object, type = "pearson", scaled = TRUE)
  ), class = "tiers_summary")
}

# As lme4 names them: the criterion alone of a REML fit.
information_criteria <- function(fit) {
  if (fit$REML) return(c(REML = fit$deviance))
  loglik <- stats::logLik(fit)
  c(AIC = stats::AIC(loglik), BIC = stats::BIC(loglik), logLik = as.double(loglik),
    deviance = fit$deviance, df.resid = stats::df.residual(fit))
}

fit_title <- function(fit) kind_words(fit)$title

dropped_rows <- function(fit) length(fit$na.action)

zero_rows <- function(fit) nrow(fit$frame) - fit$nobs

# Levels of each grouping factor and the rows that they have.
groups_table <- function(fit) {
  groups <- term_groups(fit)
  first <- which(!duplicated(groups))
  rows <- vapply(fit$random_terms[first], `[[`, c(smallest = 0, mean = 0, largest = 0), "rows")
  data.frame(
    group = as.character(groups[first]),
    levels = vapply(unname(fit$random[first]), function(term) length(term$levels), 1L),
    smallest = rows["smallest", ], mean = rows["mean", ], largest = rows["largest", ],
    row.names = NULL
  )
}

criteria_table <- function(fit) {
  loglik <- stats::logLik(fit)
  data.frame(
    criterion = if (fit$REML) "REML" else "ML", value = fit$deviance,
    logLik = as.double(loglik), AIC = stats::AIC(loglik), BIC = stats::BIC(loglik),
    npar = fit$npar
  )
}

# One row for each random effect and one for the residual.
random_table <- function(fit) {
  rows <- lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    sd <- random_scale(fit) * sqrt(rowSums(term$Lambda^2))
    data.frame(
      term = term$label, group = term$group, structure = term$structure,
      parameters = covariance_parameter_count(term),
      levels = length(term$levels), name = term$columns, variance = unname(sd^2),
      sd = unname(sd), stringsAsFactors = FALSE
    )
  })
  at <- lapply(seq_along(fit$random), function(j) {
    columns <- fit$random[[j]]$columns
    parameter_places(fit, rep(j, length(columns)), columns, rep(NA_character_, length(columns)))
  })
  if (has_residual(fit)) {
    at <- c(at, residual_place(fit$parameters))
    rows <- c(rows, list(data.frame(
      term = "Residual", group = "Residual", structure = "id", parameters = 1L,
      levels = NA_integer_, name = "", variance = fit$sigma^2, sd = fit$sigma,
      stringsAsFactors = FALSE)))
  }
  if (length(rows)) return(with_limits(do.call(rbind, rows), fit, unlist(at)))
  data.frame(term = character(), group = character(), structure = character(),
             parameters = integer(), levels = integer(), name = character(), variance = double(),
             sd = double(), std.error = double(), lower = double(), upper = double(),
             fixed = logical())
}

# A table of parameters, by their numbers, with standard errors and 95% limits, and whether they
# were held.
with_limits <- function(table, fit, at) {
  limits <- unname(parameter_limits(fit, c(0.025, 0.975)))
  table$std.error <- unname(parameter_errors(fit))[at]
  table$lower <- limits[at, 1L]
  table$upper <- limits[at, 2L]
  table$fixed <- fit$parameters$fixed[at]
  table
}

# Coefficients of the log dispersion parameter; NULL where the family has none.
dispersion_table <- function(fit) {
  if (length(fit$dispersion$coefficients) == 0L) return(NULL)
  se <- dispersion_errors(fit)
  estimate <- fit$dispersion$coefficients
  estimate[is.na(se)] <- NA
  z <- ifelse(is.finite(se), estimate / se, NA_real_)
  cbind(Estimate = estimate, `Std. Error` = se, `z value` = z,
        `Pr(>|z|)` = 2 * stats::pnorm(-abs(z)))
}

# Standard errors; NA of coefficients about which no row says anything.
dispersion_errors <- function(fit) {
  variances <- diag(fit$dispersion$vcov)
  sqrt(replace(variances, !(variances > 0), NA))
}

# The dispersion in words: its value where it is a constant, else what the table is about.
dispersion_words <- function(fit, digits = 4L) {
  table <- dispersion_table(fit)
  if (is.null(table)) return(NULL)
  traits <- family_traits(fit$family$name)
  if (!is.null(fit$dispersion$terms)) {
    right <- stats::formula(fit$dispersion$terms)[[2L]]
    return(paste0("log(", traits$dispersion, ") ~ ", text_of(right)))
  }
  limit <- dispersion_limit(fit)
  if (!is.null(limit)) {
    return(paste0(traits$dispersion, " at its limit, no more variation than in the ", limit,
                  " family"))
  }
  d <- dispersion_values(fit)
  inverse <- if (!is.null(traits$inverse_words)) {
    paste0(" (", traits$inverse_words, " ", format(1 / d, digits = digits), ")")
  }
  paste0(traits$dispersion, " ", format(d, digits = digits), inverse, ", Var(y) = ",
         traits$variance_words)
}

correlation_table <- function(fit) {
  components <- VarCorr(fit)
  shown <- which(shows_correlation(components))
  rows <- lapply(shown, function(j) {
    correlation <- attr(components[[j]], "correlation")
    below <- which(lower.tri(correlation), arr.ind = TRUE)
    names <- rownames(correlation)
    data.frame(term = fit$random[[j]]$label, group = fit$random[[j]]$group,
               name1 = names[below[, 2L]], name2 = names[below[, 1L]],
               correlation = correlation[below], stringsAsFactors = FALSE)
  })
  if (length(rows)) {
    table <- do.call(rbind, rows)
    term <- rep(shown, vapply(rows, nrow, 1L))
    return(with_limits(table, fit, parameter_places(fit, term, table$name2, table$name1)))
  }
  data.frame(term = character(), group = character(), name1 = character(), name2 = character(),
             correlation = double(), std.error = double(), lower = double(), upper = double(),
             fixed = logical())
}

coefficient_table <- function(fit, prepared, both = FALSE) {
  tests <- test_rows(kept_coefficients(fit), prepared, kept_rows(fit))
  table <- cbind(
    Estimate = tests$estimate, `Std. Error` = tests$std.error, df = tests$df,
    `t value` = tests$statistic, `Pr(>|t|)` = tests$p.value
  )
  rownames(table) <- names(kept_coefficients(fit))
  if (prepared$name == "none") table <- table[, c(1L, 2L, 4L), drop = FALSE]
  if (prepared$name == "asymptotic") table <- table[, -3L, drop = FALSE]
  if (has_normal_tests(fit, prepared)) {
    colnames(table) <- sub("t|", "z|", sub("t value", "z value", colnames(table)), fixed = TRUE)
  }
  if (both) {
    own <- sqrt(row_variances(kept_rows(fit), fit$vcov))
    table <- cbind(table[, 1:2, drop = FALSE], `Model SE` = own, table[, -(1:2), drop = FALSE])
  }
  table
}

#' @export
vcov.tiers_summary <- function(object, ...) object$vcov

#' @method print tiers_summary
#' @export
print.tiers_summary <- function(x, digits = max(3L, getOption("digits") - 3L),
                                signif.stars = getOption("show.signif.stars"), ...) {
  force_arguments(c("digits", "signif.stars"))
  check_digits(digits)
  cat(wrapped("", x$title), sep = "\n")
  cat(wrapped("Formula: ", text_of(x$formula)), sep = "\n")
  cat(wrapped("Data:    ", data_words(x$data, x$missing)), sep = "\n")
  if (nrow(x$groups)) cat(wrapped("Groups:  ", groups_words(x$groups)), sep = "\n")
  cat(wrapped("Fit:     ", x$status), sep = "\n")
  if (!is.null(x$held)) cat(wrapped("Held:    ", x$held), sep = "\n")
  if (!is.null(x$accuracy_words)) cat(wrapped("Accuracy: ", x$accuracy_words), sep = "\n")
  cat("\n")
  print_criteria(x$criteria)
  print_random(x, digits)
  print_residual(x, digits)
  print_fixed(x, digits, signif.stars)
  print_dispersion(x, digits, signif.stars)
  if (x$show_correlation && nrow(x$vcov) > 1L) {
    cat("\nCorrelation of fixed effects:\n")
    cat(triangle_lines(stats::cov2cor(x$vcov), rownames(x$vcov)), sep = "\n")
  }
  invisible(x)
}

print_random <- function(x, digits) {
  effects <- nrow(x$random) - x$has_residual
  if (nrow(x$random) == 0L) return(invisible())
  title <- if (effects == 0L) "Residual" else if (x$has_residual) {
    "Random effects and residual"
  } else {
    "Random effects"
  }
  limits <- if (any(is.finite(x$random$lower))) " (lower, upper: 95% limits of the SD)"
  cat("\n", title, limits, ":\n", sep = "")
  lines <- random_lines(x$random, x$correlations, digits, c("Levels", "Variance", "SD", "limits"))
  known <- attr(x$varcor, "known")$parameters
  cat(c(lines, structure_lines(known, attr(x$varcor, "structures"), digits)), sep = "\n")
}

print_residual <- function(x, digits) {
  if (is.null(x$residual_words)) return(invisible())
  cat("", residual_lines(x$residual, x$residual_words, digits, "limits"), sep = "\n")
}

# A constant that is the residual standard deviation stands with the random effects.
print_dispersion <- function(x, digits, signif.stars) {
  if (is.null(x$dispersion)) return(invisible())
  if (nrow(x$dispersion) == 1L && rownames(x$dispersion) == "(Intercept)") {
    if (!x$has_residual) cat("", wrapped("Dispersion: ", x$dispersion_words), sep = "\n")
    return(invisible())
  }
  cat("\nDispersion model, ", x$dispersion_words, " (z tests):\n", sep = "")
  print_coefficients(x$dispersion, digits, signif.stars)
}

print_criteria <- function(criteria) {
  values <- unlist(criteria[c("value", "logLik", "AIC", "BIC")])
  reml <- criteria$criterion == "REML"
  names <- paste0(c("logLik", "AIC", "BIC"), if (reml) " (REML)")
  text <- rbind(c(format(round(values, 2L), nsmall = 2L, trim = TRUE), format(criteria$npar)))
  colnames(text) <- c(if (reml) "REML criterion" else "-2 logLik", names, "npar")
  cat(matrix_lines(text), sep = "\n")
}

print_fixed <- function(x, digits, signif.stars) {
  if (nrow(x$coefficients) == 0L) {
    cat("\nNo fixed effects\n")
    return(invisible())
  }
  method <- switch(
    x$ddf, none = "no degrees of freedom, so no p values", asymptotic = "z tests",
    paste0("t tests with ", x$ddf_label, " degrees of freedom"))
  if (!is.null(x$vcov_words)) method <- paste0(method, ", ", x$vcov_words)
  cat("", wrapped("", paste0("Fixed effects (", method, "):")), sep = "\n")
  print_coefficients(x$coefficients, digits, signif.stars)
  if (!is.null(x$unknown_errors)) cat(wrapped("", x$unknown_errors), sep = "\n")
  if (length(x$dropped_columns)) {
    cat(wrapped("Not estimable (NA): ", toString(x$dropped_columns)), sep = "\n")
  }
}
