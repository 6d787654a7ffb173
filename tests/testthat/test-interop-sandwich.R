growth <- function() {
  lmm(distance ~ age * Sex + (age | Subject), nlme_data("Orthodont")[-c(3, 17), ])
}

test_that("sandwich gives the same numbers", {
  skip_if_not_installed("sandwich")
  fit <- growth()
  subject <- nlme_data("Orthodont")$Subject[-c(3, 17)]
  expect_equal(sandwich::vcovCL(fit, subject, type = "HC0", cadjust = FALSE),
               plain_vcov(vcov(fit, type = "CR0")), tolerance = 1e-10)
  set.seed(2)
  d <- expand.grid(a = factor(1:6), b = factor(1:7))
  d$x <- rnorm(42)
  d$w <- rep(1:3, 14)
  d$y <- rnorm(6)[d$a] + rnorm(7)[d$b] + d$x + rnorm(42)
  crossed <- suppressMessages(lmm(y ~ x + (1 | a) + (1 | b), d, weights = w))
  expect_equal(sandwich::vcovCL(crossed, d$a, type = "HC0", cadjust = FALSE),
               plain_vcov(suppressWarnings(vcov(crossed, type = "CR0", cluster = ~ a))),
               tolerance = 1e-10)
  d <- transform(fixture_data("cbpp"), period = factor(period))
  counts <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), d, binomial())
  expect_equal(sandwich::vcovCL(counts, d$herd, type = "HC0", cadjust = FALSE),
               plain_vcov(vcov(counts, type = "CR0")), tolerance = 1e-10)
  expect_message(estfun.tiers_fit(update(counts, nAGQ = 0)), "working")
})

test_that("clubSandwich gives the same numbers, tests too", {
  skip_if_not_installed("clubSandwich")
  fit <- growth()
  L <- diag(4)[3:4, ]
  for (type in c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")) {
    theirs <- clubSandwich::vcovCR(fit, type = type)
    ours <- vcov(fit, type = type)
    expect_equal(as.matrix(theirs)[, ], plain_vcov(ours), tolerance = 1e-9, ignore_attr = TRUE)
    ddf <- prepare_ddf(fit, "bell-mccaffrey", ours)
    expect_equal(clubSandwich::coef_test(fit, theirs)$df_Satt, ddf$df_rows(kept_rows(fit)),
                 tolerance = 1e-8)
    joint <- test_joint(fixef(fit), ddf, L)
    test <- clubSandwich::Wald_test(fit, L, theirs)
    expect_equal(c(test$Fstat, test$df_denom), c(joint$statistic, joint$den_df), tolerance = 1e-8)
  }
  d <- fixture_data("sleepstudy")
  d$w <- rep(c(1, 4), 90)
  weighted <- lmm(Reaction ~ Days + (1 | Subject), d, weights = w)
  expect_equal(as.matrix(clubSandwich::vcovCR(weighted, d$Subject, "CR2"))[, ],
               plain_vcov(vcov(weighted, type = "CR2")), tolerance = 1e-9, ignore_attr = TRUE)
  crossed <- suppressMessages(lmm(Reaction ~ 1 + (1 | Subject) + (1 | Days), d))
  expect_error(clubSandwich::vcovCR(crossed, d$Subject, "CR2"), "contains all groups",
               class = "tiers_error_input")
})

test_that("clubSandwich and lme4 at the same estimates", {
  skip_if_not_installed("clubSandwich")
  skip_if_not_installed("lme4")
  fit <- growth()
  d <- nlme_data("Orthodont")[-c(3, 17), ]
  parsed <- lme4::lFormula(distance ~ age * Sex + (age | Subject), d)
  deviance <- do.call(lme4::mkLmerDevfun, parsed)
  value <- deviance(fit$random[[1L]]$Lambda[lower.tri(diag(2), TRUE)])
  theirs <- lme4::mkMerMod(environment(deviance),
                           list(par = environment(deviance)$pp$theta, fval = value, conv = 0,
                                message = NULL), parsed$reTrms, parsed$fr)
  theirs@call <- quote(lmer())
  for (type in c("CR0", "CR1", "CR2", "CR3")) {
    V <- clubSandwich::vcovCR(theirs, cluster = d$Subject, type = type)
    expect_equal(as.matrix(V)[, ], plain_vcov(vcov(fit, type = type)), tolerance = 1e-8,
                 ignore_attr = TRUE)
    expect_equal(clubSandwich::coef_test(theirs, V)$df_Satt,
                 prepare_ddf(fit, "bell-mccaffrey", vcov(fit, type = type))$df_rows(kept_rows(fit)),
                 tolerance = 1e-8)
  }
})
