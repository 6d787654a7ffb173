#' Tests of terms, and comparison of fits
#'
#' With one fit, an F test (of a generalized fit a Wald chi-square test) for each term of the fixed
#' part. With two or more, likelihood ratio tests between them.
#'
#' Type 3 tests ask for the effect of a term with all others in the model, each level of the other
#' factors weighted alike. They are built as SAS defines them, so they do not depend on the
#' contrasts of the factors: `contr.treatment`, `contr.sum` and any other coding give the same
#' table. Type 2 adjusts a term for all terms that do not contain it, type 1 for those that come
#' before it.
#'
#' Fits are compared by maximum likelihood: a REML likelihood says nothing about fits with
#' different fixed effects. Fits by REML are therefore fitted again by maximum likelihood, which is
#' said in a message of class `tiers_message_refit`. With `refit = FALSE` REML fits are compared as
#' they are; they must have the same fixed effects. A test that sets a variance to zero is
#' conservative: the true p value is smaller than the printed one, by half for a single variance.
#'
#' Generalized fits of different families compare by their log-likelihoods, AIC and BIC where the
#' response is the same and all give it probabilities (or all densities); a test is shown only where
#' one family is a limit of the other (Poisson of the negative binomials, binomial of the
#' beta-binomial).
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param ... Further fits to compare with, made by [lmm()], [glmm()], `lm()` or `glm()`.
#' @param type 1, 2 or 3 (the default): which tests for a single fit.
#' @param ddf How the denominator degrees of freedom are found: see [summary.tiers_fit()].
#' @param vcov `NULL`, or a covariance matrix of the fixed effects (or a function of the fit that
#'   returns one) to use in place of the model's own.
#' @param refit Fit REML fits again by maximum likelihood before a comparison?
#' @param model.names Names for the rows of a comparison.
#' @return A data frame of class `anova`. For a single fit its columns are those of lmerTest:
#'   `Sum Sq`, `Mean Sq`, `NumDF`, `DenDF`, `F value`, `Pr(>F)`; the attribute `hypotheses` has the
#'   matrix of each test. Chi-square tests have `Chisq`, `Df`, `Pr(>Chisq)`. For a comparison they
#'   are `npar`, `AIC`, `BIC`, `logLik`, `deviance`,
#'   `Chisq`, `Df`, `Pr(>Chisq)`.
#' @examples
#' fit <- lmm(score ~ Machine + (1 | Worker), nlme::Machines)
#' anova(fit)
#'
#' # Do workers differ in how well they get on with each machine?
#' slopes <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), nlme::Machines)
#' anova(fit, slopes)
#'
#' # Counts with more variation than Poisson
#' poisson <- glmm(y ~ trt * lbase + lage + (1 | subject), MASS::epil, family = poisson())
#' anova(poisson)
#' anova(poisson, update(poisson, family = nbinom2()))
#' @export
anova.tiers_fit <- function(object, ..., type = 3, ddf = NULL, vcov = NULL, refit = TRUE,
                            model.names = NULL) {
  others <- list(...)
  if (length(others) == 0L) return(anova_terms(object, match_test_type(type), ddf, vcov))
  named <- names(others)
  if (!is.null(named) && any(nzchar(named))) {
    unknown <- named[nzchar(named)]
    known <- vapply(others[nzchar(named)], is_comparable, NA)
    if (!all(known)) stop_input("Unknown argument{?s} {.arg {unknown[!known]}} of {.fn anova}.")
  }
  fits <- c(list(object), others)
  if (is.null(model.names)) {
    typed <- as.list(substitute(list(object, ...)))[-1L]
    model.names <- comparison_names(typed)
  }
  compare_fits(fits, model.names, refit)
}

match_test_type <- function(type) {
  roman <- c(I = 1L, II = 2L, III = 3L)
  value <- if (length(type) == 1L && type %in% names(roman)) roman[[type]] else type
  if (length(value) != 1L || !value %in% 1:3) {
    stop_input("{.arg type} must be 1, 2 or 3, not {.val {type}}.")
  }
  as.integer(value)
}

anova_terms <- function(fit, type, ddf, vcov) {
  validate_fit(fit)
  prepared <- prepare_ddf(fit, ddf, vcov)
  hypotheses <- term_hypotheses(fit, type)
  estimate <- kept_coefficients(fit)
  tests <- lapply(hypotheses, function(L) test_joint(estimate, prepared, L))
  tests <- if (length(tests)) do.call(rbind, tests) else empty_test()
  normal <- prepared$name == "asymptotic" || (prepared$name == "none" && is_generalized(fit))
  table <- if (normal) chisq_table(tests) else f_table(tests, fit)
  rownames(table) <- names(hypotheses)
  if (prepared$name == "none") table <- table[!startsWith(names(table), "Pr(") &
                                                names(table) != "DenDF"]
  test_words <- if (normal) "Wald chi-square tests" else "F tests"
  df_words <- if (!prepared$name %in% c("none", "asymptotic")) {
    paste0(" with ", prepared$label, " denominator degrees of freedom")
  }
  absent <- setdiff(attr(fit$terms, "term.labels"), names(hypotheses))
  absent_words <- if (length(absent)) {
    paste("Not tested, nothing to estimate:", toString(absent))
  }
  structure(
    table,
    heading = c(paste0("Type ", c("I", "II", "III")[type], " ", test_words, df_words),
                absent_words),
    hypotheses = hypotheses, class = c("anova", "data.frame")
  )
}

# Sums of squares are those of a linear model.
f_table <- function(tests, fit) {
  table <- data.frame(NumDF = tests$num_df, DenDF = tests$den_df, `F value` = tests$statistic,
                      `Pr(>F)` = tests$p.value, check.names = FALSE)
  if (is_generalized(fit)) return(table)
  mean_square <- tests$statistic * fit$sigma^2
  cbind(data.frame(`Sum Sq` = mean_square * tests$num_df, `Mean Sq` = mean_square,
                   check.names = FALSE), table)
}

chisq_table <- function(tests) {
  data.frame(Chisq = tests$statistic * tests$num_df, Df = tests$num_df,
             `Pr(>Chisq)` = tests$p.value, check.names = FALSE)
}

empty_test <- function() {
  data.frame(num_df = double(), den_df = double(), statistic = double(), p.value = double())
}

is_comparable <- function(fit) inherits(fit, c("tiers_fit", "lm"))

# What the user typed where that is a name; model1, model2 … otherwise.
comparison_names <- function(typed) {
  symbols <- vapply(typed, is.symbol, NA)
  names <- paste0("model", seq_along(typed))
  names[symbols] <- vapply(typed[symbols], as.character, "")
  explicit <- names(typed)
  if (!is.null(explicit)) names[nzchar(explicit)] <- explicit[nzchar(explicit)]
  make.unique(names)
}

compare_fits <- function(fits, names, refit) {
  comparable <- vapply(fits, is_comparable, NA)
  if (!all(comparable)) {
    stop_input(c(
      "{.fn anova} compares fits made by {.fn lmm}, {.fn glmm}, {.fn lm} or {.fn glm}.",
      "x" = "{.val {names[!comparable]}} {?is/are} not."
    ))
  }
  if (length(names) != length(fits)) {
    stop_input("{.arg model.names} must have {length(fits)} names, not {length(names)}.")
  }
  for (fit in fits) if (inherits(fit, "tiers_fit")) validate_fit(fit)
  check_same_response(fits, names)
  check_same_measure(fits, names)
  fits <- comparable_likelihoods(fits, refit)
  loglik <- lapply(fits, stats::logLik)
  npar <- vapply(loglik, function(l) as.double(attr(l, "df")), 0)
  order <- order(npar)
  value <- vapply(loglik, as.double, 0)[order]
  npar <- npar[order]
  n <- stats::nobs(fits[[1L]])
  chisq <- c(NA, pmax(2 * diff(value), 0))
  df <- c(NA, diff(npar))
  tested <- c(FALSE, vapply(seq_along(fits)[-1L], function(i) {
    families_nested(fits[[order[i - 1L]]], fits[[order[i]]])
  }, NA))
  chisq[!tested] <- NA
  p <- stats::pchisq(chisq, df, lower.tail = FALSE)
  p[!is.na(df) & df == 0] <- NA
  table <- data.frame(
    npar = npar, AIC = 2 * npar - 2 * value, BIC = log(n) * npar - 2 * value, logLik = value,
    deviance = -2 * value, Chisq = chisq, Df = df, `Pr(>Chisq)` = p,
    check.names = FALSE, row.names = names[order]
  )
  formulas <- vapply(fits[order], function(fit) text_of(stats::formula(fit)), "")
  criterion <- if (is_reml(fits[[1L]])) "restricted likelihood" else "likelihood"
  structure(table, class = c("anova", "data.frame"), heading = c(
    paste0("Comparison of fits by ", criterion, ", ", n, " rows"),
    paste0(format(paste0(names[order], ":")), " ", formulas, family_notes(fits[order])), ""
  ))
}

# Family and link of a fit of any class.
family_of <- function(fit) {
  if (inherits(fit, "tiers_glmm")) return(fit$family[c("name", "link")])
  if (inherits(fit, "negbin")) return(list(name = "nbinom2", link = fit$family$link))
  family <- if (inherits(fit, "glm")) fit$family else list(family = "gaussian", link = "identity")
  list(name = family$family, link = family$link)
}

# What tells generalized fits apart beside their formulas.
family_notes <- function(fits) {
  generalized <- vapply(fits, is_generalized, NA)
  if (!any(generalized)) return(rep("", length(fits)))
  words <- vapply(fits, function(fit) family_words(family_of(fit)), "")
  methods <- vapply(fits, function(fit) if (is_generalized(fit)) approximation_words(fit) else "",
                    "")
  notes <- if (length(unique(words)) > 1L) paste0(" (", words, ")") else rep("", length(fits))
  if (length(unique(methods[generalized])) > 1L) {
    notes[generalized] <- paste0(notes[generalized], " [", methods[generalized], "]")
  }
  notes
}

# Probabilities and densities have no common measure.
check_same_measure <- function(fits, names) {
  families <- vapply(fits, function(fit) family_of(fit)$name, "")
  if (any(grepl("^quasi", families))) {
    stop_input("Quasi-likelihood fits have no likelihood to compare: {.val {names[grepl('^quasi',
                families)]}}.")
  }
  continuous <- vapply(families, function(name) {
    name %in% family_names() && family_traits(name)$continuous
  }, NA)
  if (length(unique(continuous)) == 1L) return(invisible())
  stop_input(c("Fits of discrete and of continuous families cannot be compared by their likelihoods:
                {.val {unique(families)}}.",
               "x" = "The one is a product of probabilities, the other of densities."))
}

# Is the first family the second or a limit of it?
families_nested <- function(small, large) {
  small <- family_of(small)
  large <- family_of(large)
  if (!identical(small$link, large$link)) return(FALSE)
  limits <- list(nbinom1 = "poisson", nbinom2 = "poisson", betabinomial = "binomial")
  small$name == large$name || identical(limits[[large$name]], small$name)
}

is_reml <- function(fit) inherits(fit, "tiers_fit") && isTRUE(fit$REML)

check_same_response <- function(fits, names) {
  first <- response_values(fits[[1L]])
  same <- vapply(fits, function(fit) {
    y <- response_values(fit)
    length(y) == length(first) && isTRUE(all.equal(y, first, tolerance = 1e-12))
  }, NA)
  if (all(same)) return(invisible())
  sizes <- vapply(fits, stats::nobs, 1)
  stop_input(c(
    "Only fits to the same rows of the same response can be compared.",
    "x" = "{.val {names[!same]}} {?differs/differ} from {.val {names[1]}}.",
    "i" = if (length(unique(sizes)) > 1L) {
      "Rows used: {.val {sizes}}. Drop rows with missing values before fitting."
    }
  ))
}

response_values <- function(fit) {
  frame <- stats::model.frame(fit)
  y <- stats::model.response(frame)
  weights <- stats::model.weights(frame)
  if (!is.null(weights)) y <- if (is.matrix(y)) y[weights > 0, ] else y[weights > 0]
  as.double(y)
}

comparable_likelihoods <- function(fits, refit) {
  reml <- vapply(fits, is_reml, NA)
  if (!any(reml)) return(fits)
  if (isTRUE(refit)) {
    inform("tiers_message_refit", c(
      "Fits by REML were fitted again by maximum likelihood for this comparison.",
      "i" = "Use {.code refit = FALSE} to compare REML fits with the same fixed effects."
    ))
    fits[reml] <- lapply(fits[reml], fit_by_ml)
    return(fits)
  }
  if (!all(reml)) {
    stop_input(c("Fits by REML and by maximum likelihood cannot be compared as they are.",
                 "i" = "Leave {.code refit = TRUE}."))
  }
  first <- fixed_matrix(fits[[1L]])
  same <- vapply(fits, function(fit) {
    identical(dim(fixed_matrix(fit)), dim(first)) && max(abs(fixed_matrix(fit) - first)) == 0
  }, NA)
  if (!all(same)) {
    stop_input(c(
      "REML fits with different fixed effects cannot be compared.",
      "i" = "Leave {.code refit = TRUE}, which compares them by maximum likelihood."
    ))
  }
  fits
}

# The same model fitted by maximum likelihood, from what the fit has stored.
fit_by_ml <- function(fit) {
  fit$REML <- FALSE
  refit_with(fit, as.double(stats::model.response(fit$frame)))
}
