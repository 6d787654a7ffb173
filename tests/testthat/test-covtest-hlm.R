school_data <- function() {
  d <- merge(nlme::MathAchieve[, c("School", "SES", "MathAch")],
             nlme::MathAchSchool[, c("School", "Sector")])
  d$SES <- d$SES - ave(d$SES, d$School)
  d
}

test_that("the chi-square is the one that HLM prints for the High School and Beyond data", {
  # Raudenbush and Bryk (2002), section 4: 1660.2 with 159 df.
  fit <- lmm(MathAch ~ 1 + (1 | School), school_data())
  table <- covtest(fit, method = "hlm")
  expect_equal(table$Chisq, 1660.232, tolerance = 1e-6)
  expect_equal(table$Df, 159)
  expect_equal(table$groups, 160L)
})

test_that("slopes: least squares in each group, less what the coefficients explain", {
  d <- school_data()
  fit <- lmm(MathAch ~ Sector * SES + (SES | School), d)
  table <- covtest(fit, method = "hlm")
  beta <- fixef(fit)
  parts <- lapply(split(d, d$School), function(one) {
    own <- lm(MathAch ~ SES, one)
    catholic <- one$Sector[1L] == "Catholic"
    fitted <- c(beta[1L] + beta[2L] * catholic, beta[3L] + beta[4L] * catholic)
    (coef(own) - fitted)^2 / (fit$sigma^2 * diag(solve(crossprod(cbind(1, one$SES)))))
  })
  expect_equal(table$Chisq, unname(rowSums(simplify2array(parts))), tolerance = 1e-8)
  expect_equal(table$Df, c(158, 158))
})

test_that("groups that do not identify the coefficients are left out", {
  d <- school_data()
  d <- d[!(d$School == d$School[1L] & duplicated(d$School)), ]
  d <- d[order(d$School), ]
  fit <- lmm(MathAch ~ 1 + (SES | School), d)
  expect_true(all(covtest(fit, method = "hlm")$groups < 160L))
})
