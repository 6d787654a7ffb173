#' Fit a linear mixed-effects model
#'
#' Fits a linear model with fixed and random effects by restricted or full maximum likelihood.
#' Formulas are those of lme4: code that calls `lmer()` works with `lmm()` in its place.
#'
#' @param formula A two-sided formula with random-effects terms in brackets, such as
#'   `y ~ x + (1 + x | group)`. The part without bars is an ordinary model formula. In a bar term,
#'   `(x || g)` is a variance per column without correlations (for factors too), `(1 | a/b)` means
#'   groups `a` and groups `b` within `a`, and `us(x | g)`, `diag(x | g)`, `id(x | g)` name the
#'   covariance structure: unstructured (the default), one variance per column, one variance in all.
#'   A string or a variable that holds a formula will do. Without a bar term the fixed-effects model
#'   is fitted.
#' @param data A data frame, tibble, data.table or list. Without it, variables are taken from the
#'   formula's environment.
#' @param REML `TRUE` for restricted maximum likelihood (variances are not biased by the fixed
#'   effects), `FALSE` for maximum likelihood.
#' @param residual,dispersion,freq Residual covariance structure, model of the residual standard
#'   deviation and frequency weights: not available in this version.
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
#' @param ... Nothing: an argument of another name is an error.
#' @return A fit of class `c("tiers_lmm", "tiers_fit")`: plain data that can be saved and used in
#'   another session. Print it, or use `summary()`, `anova()`, `predict()`, [fixef()], [ranef()],
#'   [VarCorr()] and so on.
#'
#'   A variance of zero or a correlation of 1 is a valid estimate and comes with a message of class
#'   `tiers_message_singular`. A warning means that a number of the output may be wrong. All errors
#'   have class `tiers_error`.
#' @examples
#' # Growth of a distance in the skull of 27 children, measured at ages 8, 10, 12 and 14
#' data(Orthodont, package = "nlme")
#' fit <- lmm(distance ~ age * Sex + (age | Subject), data = Orthodont)
#' fit
#' summary(fit)
#'
#' # Two crossed random effects, one variance each, by maximum likelihood
#' data(Machines, package = "nlme")
#' lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), Machines, REML = FALSE)
#' @export
lmm <- function(formula, data, REML = TRUE, residual = NULL, dispersion = ~ 1, weights = NULL,
                freq = NULL, offset = NULL, subset = NULL, na.action = getOption("na.action"),
                contrasts = NULL, start = NULL, control = tiers_control(), ...) {
  refuse_arguments(as.list(substitute(list(...)))[-1L], "lmm", names(formals(lmm)),
                   foreign_arguments)
  call <- match.call()
  typed <- substitute(list(formula = formula, data = data, weights = weights, offset = offset,
                           subset = subset))
  if (missing(formula)) formula <- NULL
  if (missing(data)) data <- NULL
  check_arguments(data, REML, residual, dispersion, freq)
  control <- as_control(control)

  caller <- parent.frame()
  parsed <- parse_formula(formula, data, caller)
  env <- parsed$env
  rows <- list(weights = row_argument(typed$weights, weights, "weights", data, env, caller),
               offset = row_argument(typed$offset, offset, "offset", data, env, caller),
               subset = row_argument(typed$subset, subset, "subset", data, env, caller),
               offset_expr = typed$offset)
  model <- collect_frame(parsed, data, rows, na.action)
  model <- build_model(parsed, model, contrasts)

  spec <- model_specification(model$y, model$X, model$built, model$frame, REML)
  check_model(spec, model$random_terms, parsed$response, frame_row_labels(model$frame))
  spec <- with_start(spec, start, model$random_terms)

  result <- run_fit(spec, control)
  check_perfect_fit(result)
  fit <- new_lmm_fit(light_call(call, typed), model, spec, result, control)
  report_fit(fit, spec, result)
  fit
}
