# Methods for generics of other packages that test coefficients or give their limits, registered
# when those packages are loaded. Their defaults take coef() for a vector, and of a mixed model it
# is not; df are those of summary().

# The covariance matrix that such a function was given: `...` are for one that is a function.
vcov_of_call <- function(fit, vcov, ..., generic) {
  if (is.function(vcov)) return(vcov(fit, ...))
  check_dots(generic, ...)
  vcov
}

# What the generic cannot do without.
check_given <- function(given, arg, generic) {
  if (!given) stop_input("{.fn {generic}} needs {.arg {arg}}.")
}

stop_infinite <- function(fit, what) {
  if (!is_separated(fit)) return(invisible())
  stop_model(c("The coefficients of {.val {fit$separation$columns}} are infinite: {what} of them
                cannot be found.", i = "{.fn summary} and {.fn estimate} answer for the others."))
}

# `df`: one number, 0 and Inf for z tests, in place of those of the fit.
#' @exportS3Method lmtest::coeftest
coeftest.tiers_fit <- function(x, vcov. = NULL, df = NULL, ..., ddf = NULL, cluster = NULL) {
  force_arguments(c("vcov.", "df", "ddf", "cluster"))
  validate_fit(x)
  if (!is.null(df)) check_number(df, "df", 0, Inf)
  if (identical(as.double(df), 0)) df <- Inf
  prepared <- prepare_ddf(x, if (is.null(df)) ddf else "asymptotic",
                          vcov_of_call(x, vcov., ..., generic = "coeftest"), cluster)
  tests <- test_rows(kept_coefficients(x), prepared, kept_rows(x))
  if (!is.null(df)) {
    tests$df <- rep(df, nrow(tests))
    tests$p.value <- 2 * stats::pt(abs(tests$statistic), df, lower.tail = FALSE)
  }
  letter <- if (is.null(df) && has_normal_tests(x, prepared) || identical(df, Inf)) "z" else "t"
  value <- cbind(tests$estimate, tests$std.error, tests$statistic, tests$p.value)
  dimnames(value) <- list(names(kept_coefficients(x)),
                          c("Estimate", "Std. Error", paste(letter, "value"),
                            sprintf("Pr(>|%s|)", letter)))
  with <- c(if (letter == "t" && is.null(df)) paste(prepared$label, "degrees of freedom"),
            prepared$vcov_words)
  method <- paste0(letter, " test of coefficients",
                   if (length(with)) paste0(" (", paste(with, collapse = "; "), ")"))
  structure(value, method = method, df = tests$df, nobs = stats::nobs(x),
            logLik = stats::logLik(x), class = "coeftest")
}

#' @exportS3Method lmtest::waldtest
waldtest.tiers_fit <- function(object, ...) {
  stop_input(c("Fits of tiers are compared by {.fn anova}.",
               i = "{.code anova(fit, L = )} and {.code estimate(fit, L, joint = TRUE)} are Wald
                    tests of any hypothesis."))
}

#' @exportS3Method car::linearHypothesis
linearHypothesis.tiers_fit <- function(model, hypothesis.matrix, rhs = NULL,
                                       test = c("Chisq", "F"), vcov. = NULL, ddf = NULL,
                                       cluster = NULL, ...) {
  check_given(!missing(hypothesis.matrix), "hypothesis.matrix", "linearHypothesis")
  force_arguments(c("hypothesis.matrix", "rhs", "test", "vcov.", "ddf", "cluster"))
  validate_fit(model)
  test <- match_choice(test, c("Chisq", "F"), "test")
  prepared <- prepare_ddf(model, if (test == "Chisq") "asymptotic" else ddf,
                          vcov_of_call(model, vcov., ..., generic = "linearHypothesis"), cluster)
  parts <- fixed_functions(model, hypothesis.matrix, rhs %||% 0, prepared)
  found <- test_joint(parts$estimate, parts$test, parts$rows, parts$against)
  table <- if (test == "Chisq") {
    data.frame(Df = c(NA, found$num_df), Chisq = c(NA, found$statistic * found$num_df),
               `Pr(>Chisq)` = c(NA, found$p.value), check.names = FALSE)
  } else {
    data.frame(Res.Df = found$den_df + c(found$num_df, 0), Df = c(NA, found$num_df),
               F = c(NA, found$statistic), `Pr(>F)` = c(NA, found$p.value), check.names = FALSE)
  }
  with_equals <- grepl("=", parts$labels, fixed = TRUE)
  hypothesis <- ifelse(with_equals, parts$labels, paste(parts$labels, "=", parts$rhs))
  with <- c(if (test == "F") paste(prepared$label, "degrees of freedom"), prepared$vcov_words)
  structure(table, heading = c("Linear hypothesis test\n\nHypothesis:", hypothesis, "",
                               if (length(with)) sentence(paste(with, collapse = "; ")), "",
                               paste0("Model 1: restricted model\nModel 2: ",
                                      text_of(full_formula(model)), "\n")),
            class = c("anova", "data.frame"))
}

#' @exportS3Method car::deltaMethod
deltaMethod.tiers_fit <- function(object, g., vcov. = NULL, ...) {
  check_given(!missing(g.), "g.", "deltaMethod")
  force_arguments(c("g.", "vcov."))
  if (!is.character(g.) || length(g.) != 1L || !nzchar(g.) %in% TRUE) {
    stop_input("{.arg g.} must be a function of the coefficients as text, not {shown(g.)}.")
  }
  validate_fit(object)
  stop_infinite(object, "functions")
  V <- given_vcov(object, robust_or_given(object, vcov., NULL))
  # The generic that called this: the package is there.
  generic <- getExportedValue("car", "deltaMethod")
  generic(kept_coefficients(object), g., vcov. = V, ...)
}

#' @exportS3Method car::Confint
Confint.tiers_fit <- function(object, estimate = TRUE, level = 0.95, ...) {
  force_arguments(c("estimate", "level"))
  check_flag(estimate, "estimate")
  limits <- stats::confint(object, level = level, ...)
  if (!estimate || !all(rownames(limits) %in% names(object$coefficients))) return(limits)
  cbind(Estimate = object$coefficients[rownames(limits)], unclass(limits))
}

# z tests, as for fits of lme4, unless `df` is given: one number has to do for all contrasts.
#' @exportS3Method multcomp::modelparm
modelparm.tiers_fit <- function(model, coef. = NULL, vcov. = NULL, df = NULL, ...) {
  force_arguments(c("coef.", "vcov.", "df"))
  validate_fit(model)
  stop_infinite(model, "simultaneous tests")
  if (!is.null(df)) check_number(df, "df", 0, Inf)
  given <- vcov_of_call(model, vcov., ..., generic = "modelparm")
  V <- given_vcov(model, robust_or_given(model, given, NULL))
  structure(list(coef = kept_coefficients(model), vcov = V, df = df %||% 0,
                 estimable = unname(!is.na(model$coefficients))), class = "modelparm")
}

#' @exportS3Method nlme::intervals
intervals.tiers_fit <- function(object, level = 0.95, which = c("all", "var-cov", "fixed"), ...) {
  check_dots("intervals", ...)
  validate_fit(object)
  check_level(level)
  which <- match_choice(which, c("all", "var-cov", "fixed"), "which")
  three <- function(estimate, limits) {
    matrix(c(limits[, 1L], estimate, limits[, 2L]), ncol = 3L,
           dimnames = list(rownames(limits), c("lower", "est.", "upper")))
  }
  value <- list()
  if (which != "var-cov") {
    fixed <- three(object$coefficients, stats::confint(object, level = level))
    value$fixed <- structure(fixed, label = "Fixed effects:")
  }
  if (which != "fixed") {
    table <- object$parameters
    limits <- parameter_limits(object, c((1 - level) / 2, (1 + level) / 2))
    all <- three(table$estimate, limits)
    terms <- unique(table$term[table$component == "random"])
    value$reStruct <- structure(lapply(stats::setNames(terms, names(object$random)[terms]),
                                       function(j) as.data.frame(all[which(table$term == j &
                                         table$component == "random"), , drop = FALSE])),
                                label = "Random Effects:")
    sigma <- match("sigma", table$name)
    if (!is.na(sigma)) {
      value$sigma <- structure(all[sigma, ], label = "Within-group standard error:")
    }
  }
  structure(value, level = level, class = c("intervals.lme"))
}
