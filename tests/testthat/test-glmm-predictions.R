# Predictions and random effects of generalized fits, against their definition from the fit's own
# estimates.

test_that("predictions are X b + Z u on the link scale and their inverse links", {
  fit <- count_fit()
  d <- epil()
  X <- model.matrix(~ trt * lbase + lage + V4, d)
  u <- ranef(fit)$subject
  fixed <- drop(X %*% fixef(fit))
  eta <- fixed + u[as.character(d$subject), 1] + d$V4 * u[as.character(d$subject), 2]
  expect_equal(unname(predict(fit)), unname(eta), tolerance = 1e-8)
  expect_equal(unname(predict(fit, type = "response")), unname(exp(eta)), tolerance = 1e-8)
  expect_equal(unname(predict(fit, re.form = NA)), unname(fixed), tolerance = 1e-8)
  expect_equal(unname(predict(fit, d[7:9, ], type = "response")), unname(exp(eta[7:9])),
               tolerance = 1e-8)
  expect_equal(unname(predict(fit, d[7:9, ], re.form = ~ (1 | subject))),
               unname((fixed + u[as.character(d$subject), 1])[7:9]), tolerance = 1e-8)
  new <- transform(d[1:2, ], subject = 999)
  expect_error(predict(fit, new), class = "tiers_error_input")
  expect_equal(unname(predict(fit, new, allow.new.levels = TRUE)), unname(fixed[1:2]),
               tolerance = 1e-8)
  expect_equal(unname(fitted(fit)), unname(exp(eta)), tolerance = 1e-8)
  expect_error(predict(fit, type = "dispersion"), class = "tiers_error_input")
  expect_equal(unname(predict(overdispersed_fit(), type = "dispersion")[1:2]),
               rep(sigma(overdispersed_fit()), 2))
})

test_that("offsets of both kinds are in predictions", {
  d <- cbpp()
  d$o <- log(d$size)
  inside <- glmm(incidence ~ period + offset(o) + (1 | herd), d, poisson())
  outside <- glmm(incidence ~ period + (1 | herd), d, poisson(), offset = o)
  expect_equal(inside$logLik, outside$logLik, tolerance = 1e-10)
  new <- transform(d[1:3, ], o = o + 1)
  for (fit in list(inside, outside)) {
    expect_equal(unname(predict(fit, new)), unname(predict(fit, d[1:3, ])) + 1, tolerance = 1e-8)
    expect_equal(unname(predict(fit, new, type = "marginal")),
                 unname(predict(fit, d[1:3, ], type = "marginal")) * exp(1), tolerance = 1e-8)
  }
})

test_that("predictions outside of the domain of the link are NA with a warning", {
  d <- family_data()
  fit <- glmm(Gamma ~ x + (1 | g), d, Gamma("inverse"))
  far <- data.frame(x = sign(fixef(fit)[["x"]]) * -1e4, g = "1")
  expect_warning(value <- predict(fit, far, type = "response"), class = "tiers_warning_data")
  expect_true(is.na(value))
  expect_true(is.finite(predict(fit, far)))
})

test_that("missing values and na.exclude", {
  d <- bacteria()
  d$week[3] <- NA
  fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), d, binomial(), na.action = na.exclude)
  for (value in list(fitted(fit), residuals(fit), predict(fit), weights(fit),
                     residuals(fit, "quantile", seed = 1))) {
    expect_length(value, 220L)
    expect_true(is.na(value[[3]]))
  }
  s <- simulate(fit, 1, seed = 1)
  expect_equal(nrow(s), 220L)
  expect_true(is.na(s$sim_1[3]))
  expect_true(is.factor(s$sim_1))
  expect_s3_class(suppressMessages(refit_response(fit, s)), "tiers_glmm")
})

test_that("ranef, coef, VarCorr", {
  fit <- count_fit()
  effects <- ranef(fit)
  expect_equal(dim(attr(effects$subject, "postVar")), c(2L, 2L, 59L))
  expect_equal(coef(fit)$subject[, "V4"], fixef(fit)[["V4"]] + effects$subject[, "V4"])
  expect_equal(nrow(as.data.frame(effects)), 118L)
  components <- as.data.frame(VarCorr(fit))
  expect_equal(components$grp, rep("subject", 3))
  expect_false(attr(VarCorr(fit), "useSc"))
  expect_output(print(VarCorr(fit)), "Corr")
})

test_that("conditional variances are the inverse curvature at the mode", {
  fit <- count_fit()
  Sigma <- VarCorr(fit)$subject
  d <- epil()
  for (level in c("1", "30")) {
    rows <- d$subject == level
    Z <- cbind(1, d$V4[rows])
    expected <- solve(crossprod(Z, fitted(fit)[rows] * Z) + solve(Sigma))
    expect_equal(attr(ranef(fit)$subject, "postVar")[, , level], expected, tolerance = 1e-6,
                 ignore_attr = TRUE)
  }
})

test_that("modes and means of random effects: one integral a group", {
  fit <- glmm(y ~ trt + (1 | ID), bacteria(), binomial(), nAGQ = 15)
  sd <- attr(VarCorr(fit)$ID, "stddev")
  means <- ranef(fit, type = "mean")$ID
  for (level in c("X01", "Y07")) {
    rows <- bacteria()$ID == level
    sign <- ifelse(bacteria()$y[rows] == "y", 1, -1)
    fixed <- predict(fit, re.form = NA)[rows]
    density <- function(b) {
      vapply(b, function(at) prod(plogis(sign * (fixed + at))) * dnorm(at, 0, sd), 0)
    }
    integral <- function(f) integrate(f, -12 * sd, 12 * sd, rel.tol = 1e-9)$value
    total <- integral(density)
    mean <- integral(function(b) b * density(b)) / total
    expect_equal(means[level, 1], mean, tolerance = 1e-4)
    variance <- integral(function(b) (b - mean)^2 * density(b)) / total
    expect_equal(attr(means, "postVar")[1, 1, level], variance, tolerance = 1e-3)
  }
  expect_false(isTRUE(all.equal(means[, 1], ranef(fit)$ID[, 1], tolerance = 1e-3)))
  expect_equal(ranef(growth_fit(), type = "mean"), ranef(growth_fit()), ignore_attr = "type")
  crossed <- glmm(poisson ~ x + (1 | g) + (1 | h), transform(family_data(), h = rep(1:10, 40)),
                  poisson())
  expect_error(ranef(crossed, type = "mean"), "crossed", class = "tiers_error_model")
})
