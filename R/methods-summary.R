#' Summary of a fit
#'
#' @param object A fit made by [lmm()].
#' @param ddf How the denominator degrees of freedom of the tests are found: `"satterthwaite"` (the
#'   default), `"residual"` (rows less columns of the design, right only without random terms), or
#'   `"none"` for estimates and t values alone.
#' @param vcov `NULL`, or a covariance matrix of the fixed effects (or a function of the fit that
#'   returns one, a robust one for instance) to use in place of the model's own. The degrees of
#'   freedom stay those of the model.
#' @param correlation Print the correlations of the fixed effects too?
#' @param ... Not used.
#' @return A list of class `tiers_summary`. Everything that is printed is in it as data:
#'   `coefficients` (a matrix with columns `Estimate`, `Std. Error`, `df`, `t value`, `Pr(>|t|)`,
#'   which `coef()` gets), `random` and `correlations` (data frames of the random effects),
#'   `criteria`, `data`, `groups`, `status`, `title`, `formula` and `vcov`.
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' summary(fit)
#' coef(summary(fit, ddf = "none"))
#' @method summary tiers_lmm
#' @export
summary.tiers_lmm <- function(object, ddf = "satterthwaite", vcov = NULL, correlation = FALSE,
                              ...) {
  check_unused(...)
  validate_fit(object)
  prepared <- prepare_ddf(object, ddf, vcov)
  structure(list(
    title = fit_title(object),
    call = object$call,
    formula = object$formula,
    data = data.frame(name = object$data_name, used = object$nobs,
                      dropped = dropped_rows(object), weight_zero = zero_rows(object)),
    groups = groups_table(object),
    status = status_line(object),
    converged = object$convergence$status != "not_converged",
    criteria = criteria_table(object),
    random = random_table(object),
    correlations = correlation_table(object),
    sigma = object$sigma,
    coefficients = coefficient_table(object, prepared),
    dropped_columns = names(object$coefficients)[is.na(object$coefficients)],
    ddf = prepared$name,
    ddf_label = prepared$label,
    own_vcov = isTRUE(prepared$own_vcov),
    vcov = prepared$vcov,
    show_correlation = isTRUE(correlation)
  ), class = "tiers_summary")
}

fit_title <- function(fit) {
  kind <- if (length(fit$random)) "Linear mixed model" else "Linear model"
  paste(kind, "fitted by", if (fit$REML) "REML" else "maximum likelihood")
}

dropped_rows <- function(fit) length(fit$na.action)

zero_rows <- function(fit) nrow(fit$frame) - fit$nobs

groups_table <- function(fit) {
  sizes <- group_sizes(fit)
  data.frame(group = as.character(names(sizes)), levels = as.integer(sizes))
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
  rows <- lapply(unname(fit$random), function(term) {
    sd <- fit$sigma * sqrt(rowSums(term$Lambda^2))
    k <- length(term$columns)
    data.frame(
      term = term$label, group = term$group, structure = term$structure,
      parameters = covariance_parameter_count(term$structure, k),
      levels = length(term$levels), name = term$columns, variance = unname(sd^2),
      sd = unname(sd), stringsAsFactors = FALSE
    )
  })
  residual <- data.frame(
    term = "Residual", group = "Residual", structure = "id", parameters = 1L,
    levels = NA_integer_, name = "", variance = fit$sigma^2, sd = fit$sigma,
    stringsAsFactors = FALSE
  )
  do.call(rbind, c(rows, list(residual)))
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
  if (length(rows)) return(do.call(rbind, rows))
  data.frame(term = character(), group = character(), name1 = character(), name2 = character(),
             correlation = double())
}

coefficient_table <- function(fit, prepared) {
  tests <- test_rows(kept_coefficients(fit), prepared, kept_rows(fit))
  table <- cbind(
    Estimate = tests$estimate, `Std. Error` = tests$std.error, df = tests$df,
    `t value` = tests$statistic, `Pr(>|t|)` = tests$p.value
  )
  rownames(table) <- names(kept_coefficients(fit))
  if (prepared$name == "none") table <- table[, c(1L, 2L, 4L), drop = FALSE]
  table
}

#' @export
vcov.tiers_summary <- function(object, ...) object$vcov

#' @method print tiers_summary
#' @export
print.tiers_summary <- function(x, digits = max(3L, getOption("digits") - 3L),
                                signif.stars = getOption("show.signif.stars"), ...) {
  cat(x$title, "\n", sep = "")
  cat(wrapped("Formula: ", text_of(x$formula)), sep = "\n")
  cat("Data:    ", data_words(x$data), "\n", sep = "")
  cat(wrapped("Fit:     ", x$status), sep = "\n")
  cat("\n")
  print_criteria(x$criteria)
  if (nrow(x$random) > 1L) cat("\nRandom effects and residual:\n") else cat("\nResidual:\n")
  print(random_text(x$random, x$correlations, digits), quote = FALSE, right = TRUE)
  print_fixed(x, digits, signif.stars)
  if (x$show_correlation && nrow(x$vcov) > 1L) {
    cat("\nCorrelation of fixed effects:\n")
    print(round(stats::cov2cor(x$vcov), 3L), digits = digits)
  }
  invisible(x)
}

wrapped <- function(label, text) {
  strwrap(text, width = max(40L, getOption("width") - 1L), initial = label,
          exdent = nchar(label))
}

data_words <- function(data) {
  words <- paste0(data$name, ", ", data$used, " rows used, ", data$dropped, " dropped")
  if (data$weight_zero > 0) paste0(words, ", ", data$weight_zero, " of weight zero") else words
}

print_criteria <- function(criteria) {
  shown <- data.frame(
    value = criteria$value, logLik = criteria$logLik, AIC = criteria$AIC, BIC = criteria$BIC
  )
  text <- vapply(shown, function(x) format(round(x, 2L), nsmall = 2L), "")
  reml <- criteria$criterion == "REML"
  names(text) <- c(if (reml) "REML criterion" else "-2 logLik", "logLik", "AIC", "BIC")
  if (reml) names(text)[-1L] <- paste(names(text)[-1L], "(REML)")
  print(c(text, npar = format(criteria$npar)), quote = FALSE)
}

print_fixed <- function(x, digits, signif.stars) {
  if (nrow(x$coefficients) == 0L) {
    cat("\nNo fixed effects\n")
    return(invisible())
  }
  method <- if (x$ddf == "none") "no degrees of freedom, so no p values" else {
    paste0("t tests with ", x$ddf_label, " degrees of freedom")
  }
  if (x$own_vcov) method <- paste0(method, ", covariance matrix given by the user")
  cat("\nFixed effects (", method, "):\n", sep = "")
  if (x$ddf == "none") {
    stats::printCoefmat(x$coefficients, digits = digits, has.Pvalue = FALSE)
  } else {
    table <- x$coefficients
    shown <- cbind(table[, 1:2, drop = FALSE], df = signif(table[, 3L], digits),
                   table[, 4:5, drop = FALSE])
    stats::printCoefmat(shown, digits = digits, signif.stars = signif.stars, cs.ind = 1:2,
                        tst.ind = 4L, has.Pvalue = TRUE, P.values = TRUE)
  }
  if (length(x$dropped_columns)) {
    cat(wrapped("Not estimable (NA): ", toString(x$dropped_columns)), sep = "\n")
  }
}

# The table of random effects as text; correlations stand as a lower triangle.
random_text <- function(random, correlations, digits) {
  first <- !duplicated(random$term)
  structure_words <- paste0(random$structure, ", ", random$parameters)
  text <- cbind(
    Term = format(ifelse(first, random$term, "")),
    `Structure, par.` = format(ifelse(first, structure_words, "")),
    Levels = ifelse(first & !is.na(random$levels), random$levels, ""),
    Effect = format(random$name),
    Variance = format_column(random$variance, digits),
    SD = format_column(random$sd, digits)
  )
  if (nrow(correlations)) {
    width <- max(tapply(correlations$name2, correlations$term, function(s) length(unique(s))))
    corr <- matrix("", nrow(text), width)
    for (term in unique(correlations$term)) {
      rows <- which(random$term == term)
      part <- correlations[correlations$term == term, ]
      at <- cbind(rows[match(part$name2, random$name[rows])], match(part$name1, random$name[rows]))
      corr[at] <- sprintf("%.2f", part$correlation)
    }
    colnames(corr) <- c("Corr", rep("", width - 1L))
    text <- cbind(text, corr)
  }
  rownames(text) <- rep("", nrow(text))
  text
}

# Numbers under each other with a common point, unless they differ so much that this would need
# many digits or powers of ten.
format_column <- function(x, digits) {
  size <- range(abs(x[is.finite(x) & x != 0]), 1, na.rm = TRUE)
  if (size[2L] / size[1L] < 1e4) return(format(x, digits = digits))
  format(vapply(x, format, "", digits = digits), justify = "right")
}
