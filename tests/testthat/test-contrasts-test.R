constant <- function(vcov, df) constant_ddf(vcov, df)

test_that("a row of L gives the t test of lm", {
  model <- lm(weight ~ Time + Diet, nlme_data("BodyWeight"))
  ddf <- constant(vcov(model), df.residual(model))
  tests <- test_rows(coef(model), ddf, diag(length(coef(model))))
  expect_values(tests[c("estimate", "std.error", "statistic", "p.value")],
                coef(summary(model)), 1e-12)
})

test_that("several rows give the F test of lm, also when some repeat others", {
  model <- lm(weight ~ Time + Diet, nlme_data("BodyWeight"))
  ddf <- constant(vcov(model), df.residual(model))
  L <- rbind(c(0, 0, 1, 0), c(0, 0, 0, 1))
  expected <- drop1(model, ~ Diet, test = "F")["Diet", ]
  for (rows in list(L, rbind(L, c(0, 0, 1, -1)), rbind(L, 100 * L))) {
    test <- test_joint(coef(model), ddf, rows)
    expect_equal(test$num_df, 2)
    expect_values(test[c("statistic", "p.value")], expected[c("F value", "Pr(>F)")], 1e-10)
  }
})

test_that("infinite df are the chi-square and normal tests", {
  vcov <- diag(c(1, 4))
  ddf <- constant(vcov, Inf)
  expect_equal(test_joint(c(2, 2), ddf, diag(2))$p.value, pchisq(5, 2, lower.tail = FALSE))
  expect_equal(test_rows(c(2, 2), ddf, diag(2))$p.value, 2 * pnorm(-c(2, 1)))
})

test_that("a hypothesis without content is NA, not an error", {
  test <- test_joint(c(1, 1), constant(diag(2), 10), matrix(0, 1, 2))
  expect_equal(test$num_df, 0)
  expect_true(is.na(test$p.value))
})

test_that("a right-hand side moves the hypothesis", {
  ddf <- constant(diag(2), 10)
  expect_equal(test_rows(c(3, 1), ddf, diag(2), rhs = c(3, 0))$statistic, c(0, 1))
  expect_equal(test_joint(c(3, 1), ddf, diag(2), rhs = c(3, 1))$statistic, 0)
})

test_that("rows in units of any size count as they are, whatever the method of the df", {
  d <- nlme_data("Orthodont")
  L <- rbind(c(0, 1, 0, 0), c(0, 0, 1, 0), c(0, 1, 0, 0.5))
  small <- function(unit) {
    fit <- lmm(distance ~ time * Sex + (1 | Subject), transform(d, time = age * unit))
    V <- vcov(fit)
    b <- fixef(fit)[c(2, 3)]
    # By the dense inverse of correlations, in which units cancel.
    own <- sqrt(diag(V))[c(2, 3)]
    dense <- sum((b / own) * solve(cov2cor(V)[2:3, 2:3], b / own)) / 2
    two <- test_joint(fixef(fit), constant(V, 20), L[1:2, ])
    expect_equal(two$num_df, 2)
    expect_equal(two$statistic, dense, tolerance = 1e-8)
    frame <- function(...) unlist(anova(fit, L = L, ...)[c("NumDF", "DenDF", "F value")])
    rbind(frame(ddf = "kenward-roger"), frame(ddf = "residual"), frame(vcov = "CR2"))
  }
  one <- small(1)
  expect_equal(unname(one[, 1]), c(3, 3, 3))
  for (unit in c(1e-6, 1e7)) expect_equal(small(unit), one, tolerance = 1e-6)
})
