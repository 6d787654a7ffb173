# A fit with fields missing or of the wrong size: every method either does not need them or stops
# with a class of the package.

new_row <- data.frame(age = 9, Sex = "Male", Subject = "M01")

methods_of_fits <- list(
  print = function(f) capture.output(print(f)), summary = summary, anova = anova,
  predict = predict, predict_new = function(f) predict(f, new_row),
  simulate = function(f) simulate(f, seed = 1), ranef = ranef, fixef = fixef, coef = coef,
  VarCorr = VarCorr, vcov = vcov, confint = confint, logLik = logLik, AIC = AIC, BIC = BIC,
  deviance = deviance, nobs = nobs, residuals = residuals, fitted = fitted,
  marginal = function(f) residuals(f, "scaled", level = "marginal"), formula = formula,
  terms = terms, model.frame = model.frame, model.matrix = model.matrix,
  random = function(f) model.matrix(f, "random"), getData = getData,
  update = function(f) update(f, REML = FALSE),
  refit = function(f) refit_response(f, orthodont()$distance), tidy = tidy,
  tidy_random = function(f) tidy(f, c("ran_pars", "ran_vals")), glance = glance,
  augment = augment, diagnose = diagnose, hatvalues = hatvalues, df.residual = df.residual,
  sigma = sigma, weights = weights, family = family,
  compare = function(f) anova(f, growth_fit()), extractAIC = extractAIC)

unclassed_failures <- function(fit) {
  failed <- vapply(methods_of_fits, function(method) {
    suppressMessages(tryCatch({
      method(fit)
      NA_character_
    }, error = function(e) if (inherits(e, "tiers_error")) NA_character_ else conditionMessage(e)))
  }, "")
  failed[!is.na(failed)]
}

test_that("a missing field", {
  whole <- growth_fit()
  for (field in names(whole)) {
    fit <- whole
    fit[field] <- NULL
    failed <- unclassed_failures(fit)
    expect(length(failed) == 0L, paste(field, names(failed), failed, collapse = "\n"))
  }
})

test_that("parts of the wrong size or type", {
  damage <- list(
    coefficients = function(f) f$coefficients <- f$coefficients[-1],
    frame = function(f) f$frame <- f$frame[-1, ],
    fitted = function(f) f$fitted <- f$fitted[-1],
    modes = function(f) f$random[[1]]$modes <- f$random[[1]]$modes[-1, ],
    Lambda = function(f) f$random[[1]]$Lambda <- f$random[[1]]$Lambda[1, , drop = FALSE],
    sigma = function(f) f$sigma <- "a",
    version = function(f) f$version <- 99L,
    random = function(f) f$random <- list(),
    vcov = function(f) f$vcov <- f$vcov[1:2, 1:2],
    levels = function(f) f$random_terms[[1]]$levels <- f$random_terms[[1]]$levels[1:3])
  for (name in names(damage)) {
    change <- body(damage[[name]])
    f <- growth_fit()
    eval(change)
    failed <- unclassed_failures(f)
    expect(length(failed) == 0L, paste(name, names(failed), failed, collapse = "\n"))
  }
})

test_that("a fit of another version is refused with how to make it again", {
  old <- growth_fit()
  old$version <- 1L
  expect_match(error_text(summary(old)), "older version of tiers 0.* Fit the model again: `lmm\\(")
  old$made_by <- NULL
  expect_match(error_text(update(old)), "older version of tiers \\(object version 1\\)")
  new <- growth_fit()
  new$version <- 99L
  expect_match(error_text(predict(new)), "newer version.*Update the package")
})
