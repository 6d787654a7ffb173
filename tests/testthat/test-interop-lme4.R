skip_if_not_installed("lme4")

test_that("generics of lme4 find our methods", {
  fit <- growth_fit()
  expect_true(lme4::isREML(fit))
  expect_true(lme4::isLMM(fit))
  expect_false(lme4::isGLMM(fit))
  expect_equal(lme4::ngrps(crossed_fit()), c(Worker = 6L, `Worker:Machine` = 18L))
  y <- orthodont()$distance + 1
  expect_equal(fixef(lme4::refit(fit, y)), fixef(refit_response(fit, y)))
  expect_identical(lme4::fixef, nlme::fixef)
  by_ml <- lme4::refitML(fit)
  expect_false(by_ml$REML)
  expect_equal(logLik(by_ml), logLik(update(fit, REML = FALSE)), tolerance = 1e-10)
  expect_identical(lme4::refitML(by_ml), by_ml)
})

test_that("parts agree with those of lme4", {
  d <- machines_unbalanced()
  for (formula in c(score ~ Machine + x + (x | Worker),
                    score ~ Machine + (1 | Worker:Machine) + (1 | Worker))) {
    ours <- suppressMessages(lmm(formula, d))
    theirs <- lmer_test_fit(formula, d)
    get <- function(name) lme4::getME(ours, name)
    want <- function(name) lme4::getME(theirs, name)
    for (name in c("X", "Z", "Zt", "y", "mu", "b", "u", "Lambda", "beta", "sigma", "offset",
                   "theta", "lower")) {
      expect_equal(as.numeric(get(name)), as.numeric(want(name)), tolerance = 5e-3, info = name)
    }
    expect_equal(names(get("theta")), names(want("theta")))
    for (name in c("n", "p", "q", "k", "m", "n_rtrms", "n_rfacs", "Gp", "l_i", "p_i", "q_i",
                   "is_REML")) {
      expect_equal(as.numeric(get(name)), as.numeric(want(name)), info = name)
    }
    expect_equal(get("cnms"), want("cnms"))
    expect_equal(lapply(get("flist"), as.character), lapply(want("flist"), as.character))
  }
})

test_that("several parts come as a list, unknown ones are refused", {
  fit <- growth_fit()
  parts <- lme4::getME(fit, c("theta", "beta"))
  expect_named(parts, c("theta", "beta"))
  expect_type(lme4::getME(fit, "ALL"), "list")
  expect_error(lme4::getME(fit, "nothing"), class = "tiers_error_input")
})

test_that("u is finite and b = Lambda u where a variance is zero", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_true(all(is.finite(lme4::getME(fit, "u"))))
  expect_values(lme4::getME(fit, "Lambda") %*% lme4::getME(fit, "u"), lme4::getME(fit, "b"))
})

test_that("singular fits and the principal components of random effects", {
  skip_if_not_installed("lme4")
  d <- orthodont()
  fit <- lmm(distance ~ age * Sex + (age | Subject), d)
  # lmer() stops a little beside its optimum.
  control <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-11, maxfun = 1e5))
  peer <- lme4::lmer(distance ~ age * Sex + (age | Subject), d, control = control)
  ours <- lme4::rePCA(fit)
  expect_s3_class(ours, "prcomplist")
  expect_equal(ours$Subject$sdev, lme4::rePCA(peer)$Subject$sdev, tolerance = 1e-4)
  expect_equal(abs(ours$Subject$rotation), abs(as.matrix(lme4::rePCA(peer)$Subject$rotation)),
               tolerance = 1e-4)
  expect_false(lme4::isSingular(fit))
  one <- lmm(distance ~ age + (age | Subject), d, fix = c("cor_age.(Intercept)|Subject" = -1))
  expect_true(lme4::isSingular(one) && isSingular.tiers_fit(one))
  expect_false(isSingular.tiers_fit(fit))
})
