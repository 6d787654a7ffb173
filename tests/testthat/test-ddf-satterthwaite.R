models <- list(
  slope = list(distance ~ age * Sex + (age | Subject), "Orthodont"),
  crossed = list(score ~ Machine * f + (1 | Worker) + (1 | Worker:Machine), "machines"),
  nested = list(yield ~ nitro + Variety + (1 | Block / Variety), "Oats"),
  long = list(weight ~ Time * Diet + (Time | Rat), "BodyWeight"),
  diagonal = list(score ~ Machine + x + (x || Worker), "machines")
)

model_data <- function(name) if (name == "machines") machines_unbalanced() else nlme_data(name)

for (name in names(models)) {
  for (REML in c(TRUE, FALSE)) {
    test_that(paste("df and tests are those of lmerTest:", name, if (REML) "REML" else "ML"), {
      skip_if_not_installed("lmerTest")
      formula <- models[[name]][[1L]]
      data <- model_data(models[[name]][[2L]])
      ours <- suppressMessages(lmm(formula, data, REML = REML))
      theirs <- lmer_test_fit(formula, data, REML)
      expect_lte(-2 * logLik(ours), -2 * logLik(theirs) + 1e-7)
      expect_values(coef(summary(ours)), coef(summary(theirs)), 2e-3)
      expect_values(anova(ours), anova(theirs), 2e-3)
    })
  }
}

test_that("df do not depend on the scale of the response or of a covariate", {
  d <- machines_unbalanced()
  d$x2 <- 1e6 * d$x
  d$score2 <- 1e-6 * d$score
  a <- lmm(score ~ Machine + x + (1 | Worker), d)
  b <- lmm(score2 ~ Machine + x2 + (1 | Worker), d)
  expect_equal(unname(coef(summary(b))[, "df"]), unname(coef(summary(a))[, "df"]),
               tolerance = 1e-5)
})

test_that("without random terms they are the residual df", {
  fit <- suppressMessages(lmm(score ~ Machine + x, machines()))
  expect_equal(unname(coef(summary(fit))[, "df"]), rep(50, 4), tolerance = 1e-8)
  expect_values(coef(summary(fit))[, -3], coef(summary(lm(score ~ Machine + x, machines()))), 1e-8)
})

test_that("joint df match the mean of F", {
  expect_equal(joint_df(c(7, 7, 7)), 7)
  expect_equal(joint_df(c(Inf, Inf)), Inf)
  expect_equal(joint_df(9.5), 9.5)
  E <- 10 / 8 + 20 / 18
  expect_equal(joint_df(c(10, 20)), 2 * E / (E - 2))
  expect_true(is.na(joint_df(c(3, NA))))
  # No finite mean: the limit.
  expect_equal(joint_df(c(1, 1.5)), 2)
  expect_equal(joint_df(c(2.1, 2.2, 1.5)), 2)
})

test_that("a fit at the boundary has finite standard errors and df", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  table <- coef(summary(fit))
  expect_true(all(is.finite(table)))
  expect_gt(table[, "df"], 4)
})

test_that("degrees of freedom do not depend on the scale of a tiny or huge response", {
  d <- as.data.frame(nlme::Orthodont)
  fit <- lmm(distance ~ age * Sex + (age | Subject), d)
  for (scale in c(1e-100, 1e100)) {
    d$y <- d$distance * scale
    scaled <- lmm(y ~ age * Sex + (age | Subject), d)
    expect_equal(coef(summary(scaled))[, "df"], coef(summary(fit))[, "df"], tolerance = 1e-6)
  }
})
