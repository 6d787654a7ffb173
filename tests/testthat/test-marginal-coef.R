test_that("marginal coefficients: probit shrinks all, log moves the intercept, identity nothing", {
  probit <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial("probit"))
  shrink <- 1 / sqrt(1 + VarCorr(probit)$ID[1, 1])
  got <- marginal_coef(probit)
  expect_equal(coef(got), fixef(probit) * shrink, tolerance = 1e-7)
  # Errors from those of the coefficients and of the variance together.
  J <- cbind(diag(shrink, 4), -unname(fixef(probit)) * shrink^3 / 2)
  V <- J %*% probit$inference$vcov_natural %*% t(J)
  expect_equal(unname(vcov(got)), V, tolerance = 1e-7)
  expect_equal(unname(got$coefficients[, "Std. Error"]), sqrt(diag(V)), tolerance = 1e-7)
  counts <- overdispersed_fit()
  shift <- c(VarCorr(counts)$subject[1, 1] / 2, 0, 0, 0)
  expect_equal(unname(coef(marginal_coef(counts))), unname(fixef(counts) + shift),
               tolerance = 1e-8)
  J <- cbind(diag(4), c(0.5, 0, 0, 0))
  natural <- counts$inference$vcov_natural[1:5, 1:5]
  expect_equal(unname(vcov(marginal_coef(counts))), J %*% natural %*% t(J), tolerance = 1e-7)
  expect_equal(coef(marginal_coef(growth_fit())), fixef(growth_fit()), tolerance = 1e-8)
  expect_equal(vcov(marginal_coef(growth_fit())), vcov(growth_fit()), tolerance = 1e-8)
})

test_that("the delta method's derivatives are those of the coefficients", {
  fit <- binary_fit()
  at <- function(psi) {
    fit$coefficients[] <- psi[-length(psi)]
    fit$random$ID$Lambda[] <- sqrt(psi[length(psi)])
    unname(coef(marginal_coef(fit)))
  }
  jacobian <- numDeriv::jacobian(at, c(fixef(fit), VarCorr(fit)$ID[1, 1]))
  V <- fit$inference$vcov_natural
  expect_equal(unname(vcov(marginal_coef(fit))), jacobian %*% V %*% t(jacobian), tolerance = 1e-6)
})

test_that("an offset stays an offset", {
  d <- cbpp()
  d$o <- log(d$size)
  fit <- glmm(incidence ~ period + offset(o) + (1 | herd), d, poisson())
  expect_equal(unname(coef(marginal_coef(fit))),
               unname(fixef(fit) + c(VarCorr(fit)$herd[1, 1] / 2, 0, 0, 0)), tolerance = 1e-8)
})

test_that("marginal coefficients print and refuse", {
  expect_output(print(marginal_coef(binary_fit())), "Population-averaged coefficients")
  expect_error(marginal_coef(lm(1:3 ~ 1)), class = "tiers_error_input")
  expect_error(marginal_coef(binary_fit(), 3), class = "tiers_error_input")
})

test_that("tidy() has the table, limits and odds ratios", {
  fit <- glmm(y ~ trt + (1 | ID), MASS::bacteria, family = binomial())
  m <- marginal_coef(fit)
  got <- tidy(m, conf.int = TRUE)
  expect_identical(got$term, rownames(m$coefficients))
  expect_equal(as.matrix(got[2:5]), unname(m$coefficients), ignore_attr = TRUE)
  half <- qnorm(0.975) * sqrt(diag(vcov(m)))
  expect_equal(got$conf.high - got$estimate, unname(half), tolerance = 1e-12)
  odds <- tidy(m, conf.int = TRUE, exponentiate = TRUE)
  expect_equal(odds$conf.low, exp(got$conf.low), tolerance = 1e-12)
  expect_equal(odds$std.error, exp(got$estimate) * got$std.error, tolerance = 1e-12)
  expect_error(tidy(m, conf.int = NA), class = "tiers_error_input")
})
