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
#' Fits by REML whose fixed parts are the same are compared by their REML likelihoods. A REML
#' likelihood says nothing about fits with different fixed effects: these are fitted again by
#' maximum likelihood, and so are fits by REML that are compared with others, which is said in a
#' message of class `tiers_message_refit`.
#'
#' A variance cannot be negative, so a test that sets variances to zero has no chi-square
#' distribution. `Pr(>Chisq)` is the p value by the distribution that it has in large samples, a
#' mixture of chi-squares with weights from the information about the variances at the smaller fit
#' (of a generalized fit, from that of its working linear model): 1/2 chi2(0) + 1/2 chi2(1) for
#' one variance, 1/2 chi2(1) + 1/2 chi2(2) for a slope beside an intercept that it may be correlated
#' with. The heading says which mixture; `Naive p` takes the chi-square of all parameters together,
#' as other programs do, and is too large. Where more than three variances or more than two
#' correlated ones go together the tail is simulated, with the same random numbers at each call.
#' In small samples, see [covtest()] with `method = "exact"`.
#'
#' `method = "bootstrap"` takes the distribution of the statistic from responses drawn from the
#' smaller fit, to each of which both models are fitted (`PBmodcomp()` of pbkrtest): right in small
#' samples, for fixed effects and variances alike. `Pr(boot)` is the share of replicates whose
#' statistic is at least that of the data, the data's own counted in. The heading gives its standard
#' error, and p values from the first moments of the replicates, which need fewer of them (Halekoh
#' and Højsgaard 2014): by a chi-square of the statistic divided by their mean (Bartlett), by a
#' gamma distribution and by an F distribution. These three are for tests of fixed effects. The
#' attribute `bootstrap` has all of them as a data frame, `replicates` the statistics drawn. For
#' random numbers see [bootstrap()].
#'
#' Fits of different families compare by their log-likelihoods, AIC and BIC where the response is
#' the same and all give it probabilities (or all densities). A test is shown only where it can be
#' one: not between families of which neither is a limit of the other (Poisson is one of the
#' negative binomials, binomial of the beta-binomial), not between the Laplace approximation and
#' quadrature, not between different weights, and not where the smaller model is no part of the
#' larger one: where its fixed effects, the covariances of its random effects or its offset are not
#' among those that the larger model can have, or where the larger model has the lower likelihood.
#' The printout says which.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param ... Further fits to compare with, made by [lmm()], [glmm()], `lm()` or `glm()`. One of the
#'   first two comes first, `anova(fit, lm_fit)`: R takes the method of the first argument, and that
#'   of `lm()` knows nothing of other fits (it stops at their sizes; that of `glm()` leaves them out
#'   without a word). The shape of a Gamma or inverse Gaussian `glm()` is taken at its maximum
#'   likelihood, so that its row may differ from its `logLik()` and `AIC()`. `test = "Chisq"` asks
#'   for chi-square tests of a single fit, as `ddf = "asymptotic"` does, `"F"` for those of linear
#'   fits; of two linear fits that differ in their fixed effects `"F"` tests these in the larger one
#'   with the degrees of freedom of `ddf` (`KRmodcomp()` of pbkrtest with `"kenward-roger"`);
#'   `test = "boot"` is `method = "bootstrap"`.
#' @param type 1, 2 or 3 (the default): which tests for a single fit.
#' @param L Linear functions of the coefficients that are tested together, in place of the terms: a
#'   matrix, a vector, a list of vectors or text such as `"b - a = 0"`, as in [estimate()].
#' @param ddf How the denominator degrees of freedom are found: see [summary.tiers_fit()].
#' @param vcov `NULL`, a covariance matrix of the fixed effects to use in place of the model's own,
#'   a function of the fit that returns one, or the name of a cluster-robust one such as `"CR2"`
#'   (see [vcov()][vcov.tiers_fit]), which brings its own degrees of freedom.
#' @param cluster With such a name, the clusters: as in [vcov()][vcov.tiers_fit].
#' @param refit Fit REML fits again by maximum likelihood where a comparison needs it? With `FALSE`
#'   it is an error where it does.
#' @param model.names Names for the rows of a comparison.
#' @param method Of a comparison: `"asymptotic"`, by the distribution in large samples, or
#'   `"bootstrap"`, by simulation.
#' @param nsim,seed,workers Number of replicates of the bootstrap, seed and processes: as in
#'   [bootstrap()].
#' @return A data frame of class `anova`. For a single fit its columns are those of lmerTest:
#'   `Sum Sq`, `Mean Sq`, `NumDF`, `DenDF`, `F value`, `Pr(>F)`; the attribute `hypotheses` has the
#'   matrix of each test. Chi-square tests have `Chisq`, `Df`, `Pr(>Chisq)`. For a comparison they
#'   are `npar`, `AIC`, `BIC`, `logLik`, `deviance`,
#'   `Chisq`, `Df`, `Naive p` (where variances are tested), `Pr(>Chisq)` and with
#'   `method = "bootstrap"` `Pr(boot)`.
#' @seealso [summary()][summary.tiers_fit] for single coefficients, [estimate()] for linear
#'   functions of them, random effects and means, [drop1()][drop1.tiers_fit] for likelihood ratio
#'   tests of each term, [covtest()] for tests of each random term, [confint()][vcov.tiers_fit].
#' @references
#' Goodnight JH (1980). Tests of hypotheses in fixed effects linear models. Communications in
#' Statistics - Theory and Methods 9, 167-180. (Types I to III.)
#'
#' Fai AHT, Cornelius PL (1996). Approximate F-tests of multiple degree of freedom hypotheses in
#' generalized least squares analyses of unbalanced split-plot experiments. Journal of Statistical
#' Computation and Simulation 54, 363-378. (Degrees of freedom of the F tests.)
#'
#' Self SG, Liang KY (1987). Asymptotic properties of maximum likelihood estimators and likelihood
#' ratio tests under nonstandard conditions. Journal of the American Statistical Association 82,
#' 605-610. (Tests of variances.)
#'
#' Halekoh U, Højsgaard S (2014). A Kenward-Roger approximation and parametric bootstrap methods
#' for tests in linear mixed models - the R package pbkrtest. Journal of Statistical Software 59(9).
#'
#' Stram DO, Lee JW (1994). Variance components testing in the longitudinal mixed effects model.
#' Biometrics 50, 1171-1177.
#' @concept type III tests
#' @concept likelihood ratio test
#' @concept analysis of variance
#' @concept test of random effects
#' @concept model comparison
#' @concept PBmodcomp
#' @concept parametric bootstrap
#' @examples
#' fit <- lmm(score ~ Machine + (1 | Worker), nlme::Machines)
#' anova(fit)
#'
#' # Do workers differ in how well they get on with each machine?
#' slopes <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), nlme::Machines)
#' anova(fit, slopes)
#'
#' # In a sample of six workers
#' anova(fit, slopes, method = "bootstrap", nsim = 200, seed = 1)
#'
#' # Counts with more variation than Poisson
#' poisson <- glmm(y ~ trt * lbase + lage + (1 | subject), MASS::epil, family = poisson())
#' anova(poisson)
#' anova(poisson, update(poisson, family = nbinom2()))
#' @export
anova.tiers_fit <- function(object, ..., type = 3, L = NULL, ddf = NULL, vcov = NULL,
                            cluster = NULL, refit = TRUE, model.names = NULL,
                            method = c("asymptotic", "bootstrap"), nsim = 1000, seed = NULL,
                            workers = NULL) {
  force_arguments(c("type", "L", "ddf", "vcov", "cluster", "refit", "model.names", "method",
                    "nsim", "seed", "workers"))
  method <- match_choice(method, c("asymptotic", "bootstrap"), "method")
  others <- given_fits(...)
  test <- named_test(others$test)
  if (length(test) == 1L && test %in% c("Chisq", "LRT", "F", "boot")) others$test <- NULL
  if (identical(test, "boot")) method <- "bootstrap"
  # The others are names of the only test of a comparison.
  if (length(others) == 0L) ddf <- ddf_of_test(object, test, ddf) else if (identical(test, "F")) {
    if (!is.null(L)) stop_input("{.arg L} is for a single fit.")
    return(compare_by_f(c(list(object), others), ddf, vcov, cluster))
  }
  if (method == "bootstrap" && (length(others) == 0L || !is.null(L))) {
    stop_input("{.code method = \"bootstrap\"} compares two fits.")
  }
  if (!is.null(L)) {
    if (length(others)) stop_input("{.arg L} is for a single fit.")
    return(anova_contrasts(object, L, ddf, vcov, cluster))
  }
  if (length(others) == 0L) {
    return(anova_terms(object, match_test_type(type), ddf, vcov, cluster))
  }
  named <- names(others)
  if (!is.null(named) && any(nzchar(named))) {
    unknown <- named[nzchar(named)]
    known <- vapply(others[nzchar(named)], is_comparable, NA)
    if (!all(known)) stop_input("Unknown argument{?s} {.arg {unknown[!known]}} of {.fn anova}.")
  }
  fits <- c(list(object), others)
  if (is.null(model.names)) {
    typed <- as.list(substitute(list(object, ...)))[-1L]
    typed$test <- NULL
    model.names <- comparison_names(typed)
  }
  if (method == "bootstrap") {
    return(compare_by_bootstrap(fits, model.names, refit, nsim, seed, workers))
  }
  compare_fits(fits, model.names, refit)
}

# In any case of letters.
named_test <- function(test) {
  known <- c("Chisq", "LRT", "F", "boot")
  if (!is.character(test) || length(test) != 1L) return(test)
  at <- match(tolower(test), tolower(known))
  if (is.na(at)) test else known[at]
}

# Of a single fit: chi-square tests are those without degrees of freedom, F tests have some.
ddf_of_test <- function(fit, test, ddf) {
  normal <- identical(ddf, "asymptotic") || (is.null(ddf) && kind_tests(fit)$statistic == "z")
  if (identical(test, "LRT")) {
    stop_input(c("{.code test = \"LRT\"} compares fits.",
                 i = "{.code drop1(fit, test = \"LRT\")} leaves out each term of a single fit."))
  }
  if (identical(test, "F") && normal) {
    stop_input("{.code test = \"F\"} needs degrees of freedom, as by {.code ddf = \"residual\"}.")
  }
  if (!identical(test, "Chisq")) return(ddf)
  if (is.null(ddf) || normal) return("asymptotic")
  stop_input("{.code test = \"Chisq\"} has no degrees of freedom: leave out {.arg ddf}.")
}

# A fit that does not exist is told by its place: the others may have any name.
given_fits <- function(...) {
  tryCatch(list(...), error = function(e) {
    if (inherits(e, "tiers_error")) stop(e)
    stop_input(c("A fit given to {.fn anova} cannot be evaluated.", x = "{conditionMessage(e)}"),
               parent = e)
  })
}

match_test_type <- function(type) {
  roman <- c(I = 1L, II = 2L, III = 3L)
  value <- if (is.character(type) && length(type) == 1L && type %in% names(roman)) {
    roman[[type]]
  } else {
    type
  }
  if (!is.atomic(value) || length(value) != 1L || !value %in% 1:3) {
    stop_input("{.arg type} must be 1, 2 or 3, not {shown(type)}.")
  }
  as.integer(value)
}

anova_terms <- function(fit, type, ddf, vcov, cluster) {
  validate_fit(fit)
  prepared <- prepare_ddf(fit, ddf, vcov, cluster)
  hypotheses <- term_hypotheses(fit, type)
  estimate <- kept_coefficients(fit)
  tests <- Map(function(L, term) test_joint(estimate, prepared, structure(L, term = term)),
               hypotheses, names(hypotheses))
  tests <- if (length(tests)) do.call(rbind, tests) else empty_test()
  normal <- has_normal_tests(fit, prepared)
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
  infinite <- names(hypotheses)[is.na(tests$statistic) & tests$num_df > 0]
  infinite_words <- if (length(infinite)) {
    reason <- if (anyNA(diag(prepared$vcov))) "standard errors not known:" else {
      "infinite coefficients:"
    }
    paste("Not tested,", reason, toString(infinite))
  }
  structure(
    table,
    heading = c(paste0("Type ", c("I", "II", "III")[type], " ", test_words, df_words),
                if (!is.null(prepared$vcov_words)) sentence(prepared$vcov_words),
                absent_words, infinite_words),
    hypotheses = hypotheses, class = c("anova", "data.frame")
  )
}

sentence <- function(words) paste0(toupper(substr(words, 1L, 1L)), substring(words, 2L))

f_table <- function(tests, fit) {
  table <- data.frame(NumDF = tests$num_df, DenDF = tests$den_df, `F value` = tests$statistic,
                      `Pr(>F)` = tests$p.value, check.names = FALSE)
  if (!kind_tests(fit)$sums_of_squares) return(table)
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
