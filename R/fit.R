#' Fit a linear mixed-effects model
#'
#' Fits a linear model with fixed and random effects by restricted or full maximum likelihood.
#' Formulas are those of lme4: code that calls `lmer()` works with `lmm()` in its place.
#'
#' @param formula A two-sided formula with random-effects terms in brackets, such as
#'   `y ~ x + (1 + x | group)`. The part without bars is an ordinary model formula. In a bar term,
#'   `(x || g)` is a variance per column without correlations (for factors too), `(1 | a/b)` means
#'   groups `a` and groups `b` within `a`, and `us(x | g)`, `diag(x | g)`, `id(x | g)` name the
#'   covariance structure: unstructured (the default), one variance per column, one variance in all;
#'   [covariance_structures] has the others, such as `ar1(0 + week | id)`.
#'   A string or a variable that holds a formula will do. Without a bar term the fixed-effects model
#'   is fitted.
#' @param data A data frame, tibble, data.table or list. Without it, variables are taken from the
#'   formula's environment.
#' @param REML `TRUE` for restricted maximum likelihood (variances are not biased by the fixed
#'   effects), `FALSE` for maximum likelihood.
#' @param residual Covariance structure of the residuals of a subject, such as
#'   `ar1(week | id, by = arm)`: see [residual_structures]. `NULL`: residuals are independent.
#' @param dispersion A one-sided formula: a log-linear model of the residual standard deviation, as
#'   in `dispersion = ~ sex`.
#' @param freq Frequency weights: not available in this version.
#' @param weights Precision weights: the residual variance in row i is `sigma^2 / weights[i]`. A
#'   row with weight 0 does not count.
#' @param offset A known part of the mean, added to the `offset()` terms of the formula.
#' @param subset The rows to use: a condition or row numbers.
#' @param na.action What to do with rows with missing values; by default they are left out and their
#'   number is kept with the fit.
#' @param contrasts A named list of contrasts for factors, as in [stats::lm()].
#' @param start Starting values: a vector with names such as `"sd_(Intercept)|Subject"`,
#'   `"cor_Days.(Intercept)|Subject"` and `"sigma"`, or an earlier fit. Seldom needed.
#' @param control Settings of the algorithm, see [tiers_control()].
#' @param fix Parameters that are held at a value, by the names that `start` takes:
#'   `fix = c("cor_age.(Intercept)|Subject" = 0, sigma = 1)`. Standard deviations, correlations,
#'   `sigma`, and in [glmm()] the dispersion parameter of the family (`"size"`). They are not
#'   counted as parameters of the fit.
#' @param equal Standard deviations, or correlations, that are equal: a list of character vectors of
#'   their names, `equal = list(c("sd_a|g", "sd_b|g"))`. In `lmm()` standard deviations may be equal
#'   to `"sigma"`, that of the rows.
#' @param ... Nothing: an argument of another name is an error.
#' @return A fit of class `c("tiers_lmm", "tiers_fit")`: plain data that can be saved and used in
#'   another session. Print it, or use `summary()`, `anova()`, `predict()`, [fixef()], [ranef()],
#'   [VarCorr()] and so on. The fit keeps the data frame that it was given (not a copy of it),
#'   unless [tiers_control()] says otherwise.
#'
#'   A variance of zero or a correlation of 1 is a valid estimate and comes with a message of class
#'   `tiers_message_singular`. A warning means that a number of the output may be wrong. All errors
#'   have class `tiers_error`.
#' @seealso [summary()][summary.tiers_fit], [anova()][anova.tiers_fit] for tests,
#'   [confint()][vcov.tiers_fit] for intervals, [VarCorr()][VarCorr.tiers_fit] for variances,
#'   [ranef()][ranef.tiers_fit] and [coef()][ranef.tiers_fit] by group,
#'   [predict()][predict.tiers_fit], [plot()][plot.tiers_fit] and [diagnose()] for checks, [glmm()]
#'   for responses that are not normal, `vignette("getting-started", package = "tiers")` from the
#'   equation to a report and `vignette("algorithm", package = "tiers")` for the formulas. [tiers]
#'   lists all functions by what they are for.
#' @references
#' Bates D, Maechler M, Bolker B, Walker S (2015). Fitting linear mixed-effects models using lme4.
#' Journal of Statistical Software 67(1), 1-48.
#'
#' Gilmour AR, Thompson R, Cullis BR (1995). Average information REML: an efficient algorithm for
#' variance parameter estimation in linear mixed models. Biometrics 51, 1440-1450.
#' @concept repeated measures
#' @concept longitudinal data
#' @concept multilevel model
#' @concept hierarchical model
#' @concept random intercept
#' @concept random slope
#' @concept split-plot
#' @concept variance components
#' @concept restricted maximum likelihood
#' @examples
#' # Growth of a distance in the skull of 27 children, measured at ages 8, 10, 12 and 14
#' data(Orthodont, package = "nlme")
#' fit <- lmm(distance ~ age * Sex + (age | Subject), data = Orthodont)
#' fit
#' summary(fit)
#'
#' # Nested random effects (machines within workers), by maximum likelihood
#' data(Machines, package = "nlme")
#' lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), Machines, REML = FALSE)
#'
#' # Crossed random effects: each worker on each machine, both a sample of many
#' lmm(score ~ 1 + (1 | Worker) + (1 | Machine), Machines)
#'
#' # Residuals that are correlated in time, by sex
#' lmm(distance ~ age * Sex, Orthodont, residual = ar1(age | Subject, by = Sex))
#' @export
lmm <- function(formula, data, REML = TRUE, residual = NULL, dispersion = ~ 1, weights = NULL,
                freq = NULL, offset = NULL, subset = NULL, na.action = getOption("na.action"),
                contrasts = NULL, start = NULL, control = tiers_control(), fix = NULL,
                equal = NULL, ...) {
  refuse_arguments(as.list(substitute(list(...)))[-1L], "lmm", names(formals(lmm)),
                   foreign_arguments$lmm)
  call <- match.call()
  typed <- substitute(list(formula = formula, data = data, weights = weights, offset = offset,
                           subset = subset))
  call <- light_call(call, "lmm", typed)
  caller <- parent.frame()
  if (missing(formula)) formula <- NULL
  if (missing(data)) data <- NULL
  force_arguments(c("formula", "data", "REML", "dispersion", "na.action", "contrasts", "start",
                    "control", "fix", "equal"))
  check_arguments(data, freq)
  check_flag(REML, "REML")
  structure <- read_residual(substitute(residual), residual)
  constant <- is.null(read_residual_dispersion(dispersion, caller))
  kind <- if (is.null(structure) && constant) linear_kind(REML) else {
    check_structured_arguments(start, fix, equal)
    structured_kind(REML, structure, dispersion)
  }
  fit_model_kind(kind, call, typed, formula, data, weights, offset, subset, na.action,
                 contrasts, start, control, fix, equal, caller)
}

#' Fit a generalized linear mixed-effects model
#'
#' Fits a model with fixed and random effects to a response that is not normal: successes, counts,
#' waiting times, shares. All parameters, the dispersion or shape of the family among them, maximize
#' the marginal likelihood. Formulas and arguments are those of lme4: code that calls `glmer()`
#' works with `glmm()` in its place.
#'
#' @inheritParams lmm
#' @param formula A two-sided formula with random-effects terms in brackets, as for [lmm()]. The
#'   response is, for binomial kinds, 0 and 1, logical, a factor (its first level is the failure),
#'   `cbind(successes, failures)`, or shares with the numbers of trials as `weights`; whole numbers
#'   for counts; above 0 for Gamma and inverse Gaussian; between 0 and 1 for beta.
#' @param family The response family and its link: an object such as `binomial("probit")`, a
#'   function, or a name. Beside those of [stats::family()] there are [nbinom1()], [nbinom2()],
#'   [beta_family()] and [betabinomial()].
#' @param nAGQ Number of quadrature points per random effect. 1 is the Laplace approximation; more,
#'   for one grouping factor or nested ones, is adaptive Gauss-Hermite quadrature, with `"auto"`
#'   for as many (at most 51) as bring the error of -2 logLik below 0.01, and a named vector for a
#'   number of its own for each factor: `c(school = 7, class = 5)`. 0 is the fast approximation of
#'   lme4.
#' @param method `"laplace"` or `"agq"`: says the same as `nAGQ`.
#' @param dispersion A one-sided formula: a log-linear model of the dispersion parameter of the
#'   family (sigma, shape, size, overdispersion or precision).
#' @param zi,residual,freq Zero-inflation, residual covariance structure and frequency weights: not
#'   available in this version.
#' @param weights Prior weights, as in [stats::glm()]: the numbers of trials where the response is a
#'   share; they divide the dispersion of gaussian, Gamma and inverse Gaussian families and multiply
#'   the log-likelihood of the others. A row with weight 0 does not count.
#' @param start Starting values: a vector with names such as `"sd_(Intercept)|Subject"`,
#'   `"cor_Days.(Intercept)|Subject"`, those of all fixed effects, or `"size"`; or an earlier fit.
#'   Seldom needed.
#' @return A fit of class `c("tiers_glmm", "tiers_fit")`: plain data that can be saved and used in
#'   another session. Print it, or use `summary()`, `anova()`, `predict()`, [fixef()], [ranef()],
#'   [VarCorr()], [marginal_coef()] and so on. The fit keeps the data frame that it was given (not a
#'   copy of it), unless [tiers_control()] says otherwise.
#'
#'   A variance of zero is a valid estimate and comes with a message of class
#'   `tiers_message_singular`. A warning means that a number of the output may be wrong; separated
#'   data, in which coefficients grow without end, come with one of class
#'   `tiers_warning_separation` that names the rows and the columns. All errors have class
#'   `tiers_error`.
#' @section Accuracy:
#' Where the grouping factors are nested (or there is one), a fit by Laplace is compared at its end
#' with quadrature of few points, for less than a tenth of the work of the fit. If -2 logLik is off
#' by more than 1, or a standard deviation would move by more than 5%, a message of class
#' `tiers_message_accuracy` says by how much; `nAGQ = "auto"` is the remedy. `summary()` repeats it,
#' and [diagnose()] compares with as many points as it takes.
#' @section Separated data:
#' The log-likelihood of a fit with infinite coefficients is its limit. Which coefficients are
#' infinite depends on the coding of the factors; what stays finite does not, and is in
#' `fit$separation$finite`, a list:
#'
#' * `contrasts`: a data frame of the differences between the levels of each factor concerned that
#'   are finite, with their standard errors;
#' * `coefficients`, `vcov` and `infinite`: for any other combination `l` of the coefficients with
#'   `l %*% infinite` zero, `l %*% coefficients` is the estimate and `l %*% vcov %*% l` its
#'   variance. The rows of a model matrix, and their differences, are such combinations.
#' @seealso [lmm()] for normal responses; [nbinom2()] and the other families; [marginal_coef()] for
#'   effects in the population; [diagnose()], which says how far the approximation of the likelihood
#'   may be off; [residuals()][residuals.tiers_fit] of type `"quantile"` and
#'   [plot()][plot.tiers_fit]; [predict()][predict.tiers_fit], also of type `"marginal"`;
#'   [ranef()][ranef.tiers_fit]; `vignette("generalized-models", package = "tiers")`. [tiers] lists
#'   all functions by what they are for.
#' @references
#' Breslow NE, Clayton DG (1993). Approximate inference in generalized linear mixed models. Journal
#' of the American Statistical Association 88, 9-25. (Laplace's approximation.)
#'
#' Pinheiro JC, Bates DM (1995). Approximations to the log-likelihood function in the nonlinear
#' mixed-effects model. Journal of Computational and Graphical Statistics 4, 12-35. (Adaptive
#' Gauss-Hermite quadrature.)
#'
#' Pinheiro JC, Chao EC (2006). Efficient Laplacian and adaptive Gaussian quadrature algorithms for
#' multilevel generalized linear mixed models. Journal of Computational and Graphical Statistics 15,
#' 58-81. (Nested factors.)
#'
#' Albert A, Anderson JA (1984). On the existence of maximum likelihood estimates in logistic
#' regression models. Biometrika 71, 1-10. (Separation.)
#' @concept logistic regression
#' @concept binary data
#' @concept count data
#' @concept Poisson regression
#' @concept negative binomial
#' @concept repeated measures
#' @concept Gauss-Hermite quadrature
#' @concept Laplace approximation
#' @concept zero-inflation (not there yet)
#' @concept separation
#' @concept overdispersion
#' @examples
#' # Presence of bacteria in 50 children who had a drug or a placebo
#' fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), data = MASS::bacteria, family = binomial())
#' fit
#' summary(fit)
#'
#' # The same by quadrature: as many points as it takes
#' glmm(y ~ trt + I(week > 2) + (1 | ID), MASS::bacteria, family = "binomial", nAGQ = "auto")
#'
#' # Seizures of 59 patients in four periods, with more variation than Poisson
#' glmm(y ~ trt * lbase + lage + V4 + (1 | subject), MASS::epil, family = nbinom2())
#' @export
glmm <- function(formula, data, family = stats::gaussian(), nAGQ = 1L, method = "laplace",
                 dispersion = ~ 1, zi = ~ 0, weights = NULL, offset = NULL, subset = NULL,
                 na.action = getOption("na.action"), contrasts = NULL, start = NULL,
                 control = tiers_control(), freq = NULL, residual = NULL, fix = NULL, equal = NULL,
                 ...) {
  refuse_arguments(as.list(substitute(list(...)))[-1L], "glmm", names(formals(glmm)),
                   foreign_arguments$glmm)
  call <- match.call()
  typed <- substitute(list(formula = formula, data = data, family = family, weights = weights,
                           offset = offset, subset = subset))
  call <- light_call(call, "glmm", typed)
  caller <- parent.frame()
  given <- c(nAGQ = !missing(nAGQ), method = !missing(method), family = !missing(family))
  if (missing(formula)) formula <- NULL
  if (missing(data)) data <- NULL
  force_arguments(c("formula", "data", "nAGQ", "method", "dispersion", "zi", "na.action",
                    "contrasts", "start", "control", "fix", "equal"))
  check_arguments(data, freq)
  check_later_argument(residual, "residual", "a residual covariance structure")
  check_zi(zi)
  points <- read_method(method, nAGQ, given)
  family <- read_family(family, typed$family, caller)
  kind <- generalized_kind(family, points, dispersion, given[["family"]])
  fit_model_kind(kind, call, typed, formula, data, weights, offset, subset, na.action, contrasts,
                 start, control, fix, equal, caller)
}

# The stages of a fit of any kind (see kind.R). `typed` are the arguments as expressions; `weights`,
# `offset` and `subset` are still promises and are first looked for in the data.
fit_model_kind <- function(kind, call, typed, formula, data, weights, offset, subset, na.action,
                           contrasts, start, control, fix, equal, caller) {
  control <- as_control(control)
  data <- unshared_data(data)
  parsed <- kind_formula(kind, parse_formula(formula, data, caller))

  rows <- row_arguments(typed, weights, offset, subset, data, parsed$env, caller)
  model <- collect_frame(parsed, data, rows, read_na_action(na.action))
  model$local <- union(model$local, local_names(call, data, caller))
  model <- build_model(kind, parsed, model, contrasts)
  kind <- kind_with_model(kind, model)

  spec <- kind_specification(kind, model$response, model$X, model$built, model$frame,
                             model$dispersion_matrix)
  spec <- with_constraints(spec, fix, equal, model$random_terms)
  check_model(spec, model$random_terms, parsed$response, frame_row_labels(model$frame))
  spec <- with_start(spec, start, model$random_terms)

  result <- kind_run(spec, control)
  check_identified(result, model$random_terms, spec)
  check_perfect_fit(result)
  fit <- new_fit(kind, call, model, spec, result, control)
  report_fit(fit, spec, result)
  fit
}
