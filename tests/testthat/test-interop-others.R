# The methods themselves: the packages of their generics need not be there.

test_that("variance inflation is that of the other columns", {
  set.seed(3)
  d <- data.frame(a = rnorm(80), f = gl(4, 20), g = gl(8, 1, 80))
  d$b <- d$a + rnorm(80)
  d$c <- d$a - d$b / 2 + as.integer(d$f) + rnorm(80)
  d$y <- rnorm(80)
  inflation <- function(formula) 1 / (1 - summary(lm(formula, d))$r.squared)
  plain <- suppressMessages(lmm(y ~ a + b + c, d))
  expect_equal(vif.tiers_fit(plain),
               c(a = inflation(a ~ b + c), b = inflation(b ~ a + c), c = inflation(c ~ a + b)))
  mixed <- suppressMessages(lmm(y ~ a + b + c + f + (1 | g), d))
  R <- cov2cor(vcov(mixed)[-1L, -1L])
  table <- vif.tiers_fit(mixed)
  expect_equal(table[, "Df"], c(a = 1, b = 1, c = 1, f = 3))
  expect_equal(table[["f", "GVIF"]], det(R[4:6, 4:6]) * det(R[1:3, 1:3]) / det(R))
  expect_equal(table[["a", "GVIF"]], diag(solve(R))[["a"]])
  expect_error(vif.tiers_fit(suppressMessages(lmm(y ~ a + (1 | g), d))),
               class = "tiers_error_input")
  # A column that was dropped has none.
  extra <- suppressMessages(lmm(y ~ a + b + I(a + b) + (1 | g), d))
  expect_equal(vif.tiers_fit(extra), vif.tiers_fit(suppressMessages(lmm(y ~ a + b + (1 | g), d))))
})

test_that("what would come out wrong is refused with a class", {
  fit <- lmm(small_formula, small_data())
  expect_error(dotplot.tiers_ranef(ranef(fit)), "plot", class = "tiers_error_input")
})

test_that("car::Anova() gives the chi-square and F tests of anova()", {
  skip_if_not_installed("car")
  skip_if_not_installed("lme4")
  d <- small_data()[-c(4, 17, 31), ]
  d$z <- cos(seq_along(d$y))
  formula <- y ~ x * f + z + (1 | g)
  fit <- lmm(formula, d)
  theirs <- car::Anova(lme4::lmer(formula, d, control = lme4::lmerControl(
    optimizer = "nloptwrap", optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12))))
  ours <- car::Anova(fit)
  expect_equal(as.matrix(ours), as.matrix(theirs), tolerance = 1e-4, ignore_attr = TRUE)
  expect_identical(rownames(ours), rownames(theirs))
  expect_equal(car::Anova(fit, type = "III", test.statistic = "F"), anova(fit, type = 3))
  for (type in 2:3) {
    wide <- car::Anova(fit, type, vcov. = 4 * vcov(fit))
    expect_equal(wide$Chisq, car::Anova(fit, type)$Chisq / 4)
  }
  expect_error(car::Anova(fit, test.statistic = "F"), "type = 2", class = "tiers_error_input")
  # Rank-deficient: h tells f.
  short <- suppressMessages(car::Anova(lmm(y ~ x + f + h + (1 | g), d)))
  long <- suppressMessages(anova(lmm(y ~ x + h + (1 | g), d), ddf = "asymptotic"))
  expect_equal(short["x", "Chisq"], long["x", "Chisq"], tolerance = 1e-6)
  counts <- suppressMessages(glmm(k ~ x + f + (1 | g), transform(d, k = round(abs(y))), poisson))
  expect_equal(car::Anova(counts, type = 3), anova(counts))
  expect_error(car::Anova(fit, type = 4), class = "tiers_error_input")
  expect_error(car::Anova(fit, test.statistic = "t"), class = "tiers_error_input")
})

test_that("car::Anova() does not depend on units", {
  skip_if_not_installed("car")
  d <- nlme_data("Orthodont")
  tables <- lapply(c(1, 1e9), function(unit) {
    car::Anova(lmm(distance ~ time * Sex + (1 | Subject), transform(d, time = age * unit)))
  })
  expect_equal(tables[[2]]$Chisq, tables[[1]]$Chisq, tolerance = 1e-6)
})
