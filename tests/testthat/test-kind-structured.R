growth <- nlme::Orthodont
fits <- list(
  us = lmm(distance ~ age * Sex, growth, residual = us(age | Subject)),
  mixed = lmm(distance ~ age * Sex + (1 | Subject), growth, residual = ar1(age | Subject),
              dispersion = ~ Sex))

growth_covariance <- function(fit) {
  visit <- match(growth$age, c(8, 10, 12, 14))
  dense_covariance(fit, growth$Subject, visit, visit)
}

test_that("a fit with a residual structure is a linear fit of its own kind", {
  expect_s3_class(fits$us, c("tiers_structured", "tiers_lmm", "tiers_fit"), exact = TRUE)
  expect_identical(kind_class(fit_specification(fits$us)), "tiers_structured")
  expect_true(is.na(sigma(fits$us)))
  expect_identical(attr(logLik(fits$us), "df"), 14L)
  expect_equal(logLik(update(fits$us, residual = cs(age | Subject))),
               logLik(lmm(distance ~ age * Sex, growth, residual = cs(age | Subject))))
  saved <- unserialize(serialize(fits$mixed, NULL))
  expect_equal(residuals(saved, "normalized"), residuals(fits$mixed, "normalized"))
})

test_that("t tests of a saturated covariance matrix have the df of Hotelling's test", {
  # 27 children and two group means: 25, as PROC MIXED has them for type UN with complete data.
  expect_equal(unname(coef(summary(fits$us))[, "df"]), rep(25, 4), tolerance = 1e-5)
  expect_equal(unname(coef(summary(fits$us, ddf = "between-within"))[, "df"]), c(25, 79, 25, 79))
})

test_that("Satterthwaite's df are those of the derivatives of vcov()", {
  fit <- fits$mixed
  names <- fit$parameters$name
  X <- model.matrix(fit)
  at <- function(values) {
    moved <- fit
    moved$parameters$estimate <- values
    moved$sigma <- values[names == "sigma"]
    moved$random[[1L]]$Sigma[] <- values[names == "sd_(Intercept)|Subject"]^2
    diag(solve(crossprod(X, solve(growth_covariance(moved), X))))
  }
  values <- fit$parameters$estimate
  slopes <- vapply(seq_along(values), function(i) {
    step <- 1e-5 * (seq_along(values) == i)
    (at(values + step) - at(values - step)) / 2e-5
  }, numeric(4))
  v <- at(values)
  df <- 2 * v^2 / rowSums((slopes %*% vcov(fit, which = "theta")) * slopes)
  expect_equal(unname(coef(summary(fit))[, "df"]), unname(df), tolerance = 1e-5)
})

test_that("Kenward and Roger's method has SAS's numbers", {
  # PROC MIXED DDFM=KR and KR(LINEAR) of FEV1 of 197 patients, as published with package mmrm; of us
  # its own at a tight optimum.
  fev <- fixture_data("fev")
  asked <- list(ar1 = c(0.95865439662225, 188.46934887972, 0.96058142305176, 220.513),
                us = c(0.6613004559, 160.690623, 0.6613004559, 170.917))
  for (name in names(asked)) {
    call <- as.call(list(as.name(name), quote(AVISIT | USUBJID)))
    fit <- suppressMessages(eval(bquote(lmm(FEV1 ~ ARMCD, fev, residual = .(call)))))
    found <- function(ddf) unname(coef(summary(fit, ddf = ddf))["ARMCDTRT", 2:3])
    expect_equal(found(ddf_kr("observed")), asked[[name]][1:2], tolerance = 2e-6)
    expect_equal(found(ddf_kr("observed", linear = TRUE))[1L], asked[[name]][3L], tolerance = 2e-6)
    expect_equal(found("kenward-roger")[2L], asked[[name]][4L], tolerance = 1e-5)
  }
  # The standard errors of PROC MIXED EMPIRICAL.
  expect_equal(sqrt(diag(plain_vcov(vcov(fit, type = "CR0")))),
               c(`(Intercept)` = 0.4089741818, ARMCDTRT = 0.6396040507), tolerance = 1e-6)
  expect_error(summary(fit, ddf = ddf_kr(version = 2)), class = "tiers_error_input")
})

test_that("without correlations inference is that of the same model without a structure", {
  data <- growth[-c(3, 9, 17, 40), ]
  plain <- lmm(distance ~ age * Sex + (age | Subject), data)
  fit <- lmm(distance ~ age * Sex + (age | Subject), data, residual = id(age | Subject))
  for (ddf in list("satterthwaite", ddf_kr(), ddf_kr("observed"))) {
    expect_equal(coef(summary(fit, ddf = ddf)), coef(summary(plain, ddf = ddf)), tolerance = 1e-5)
  }
  expect_equal(as.data.frame(ranef(fit)), as.data.frame(ranef(plain)), tolerance = 1e-5)
  new <- data[c(1, 30), ]
  expect_equal(predict(fit, new, interval = "prediction"),
               predict(plain, new, interval = "prediction"), tolerance = 1e-5)
})

test_that("a correlation at its end is told and leaves inference as it is without it", {
  set.seed(1)
  d <- data.frame(id = rep(1:60, each = 5), t = rep(1:5, 60) * 1000 + runif(300), y = rnorm(300))
  d$y <- d$y + rep(rnorm(60), each = 5)
  expect_message(fit <- lmm(y ~ t + (1 | id), d, residual = ou(t | id)),
                 "cor|residual", fixed = TRUE, class = "tiers_message_singular")
  plain <- lmm(y ~ t + (1 | id), d)
  for (ddf in list("satterthwaite", ddf_kr(), ddf_kr("observed"))) {
    expect_equal(coef(summary(fit, ddf = ddf)), coef(summary(plain, ddf = ddf)), tolerance = 1e-8)
  }
  expect_true(is.na(suppressMessages(confint(fit, "cor|residual"))[1L]))
  expect_match(diagnose(fit)$findings$finding, "cor|residual", fixed = TRUE)
})

test_that("a short range is no end of it: whether there is one depends on the distances", {
  set.seed(3)
  d <- data.frame(id = rep(1:60, each = 5), t = rep(cumsum(runif(5)), 60) + runif(300) * 0.3,
                  y = rnorm(300))
  d$y <- d$y + rep(rnorm(60), each = 5)
  # Rows a tenth apart are correlated by .02, those a unit apart by 1e-14.
  fit <- lmm(y ~ t + (1 | id), d, residual = ou(t | id))
  expect_identical(fit$convergence$status, "converged")
  d$s <- 1e4 * d$t
  again <- lmm(y ~ t + (1 | id), d, residual = ou(s | id))
  expect_identical(again$convergence$status, "converged")
  expect_equal(again$deviance, fit$deviance, tolerance = 1e-10)
  expect_lt(fit$deviance, lmm(y ~ t + (1 | id), d)$deviance - 1e-3)
})

test_that("errors of predictions are those of Henderson's equations", {
  fit <- fits$mixed
  V <- growth_covariance(fit)
  X <- model.matrix(fit)
  Z <- outer(growth$Subject, rownames(fit$random[[1L]]$modes), `==`) + 0
  G <- diag(fit$random[[1L]]$Sigma[1L], ncol(Z))
  inverse <- solve(V)
  phi <- solve(crossprod(X, inverse %*% X))
  P <- inverse - inverse %*% X %*% phi %*% crossprod(X, inverse)
  random <- G - G %*% t(Z) %*% P %*% Z %*% G
  both <- -phi %*% crossprod(X, inverse) %*% Z %*% G
  own <- rowSums((X %*% phi) * X) + rowSums((Z %*% random) * Z) + 2 * rowSums((X %*% both) * Z)
  expect_equal(unname(predict(fit, se.fit = TRUE)$se.fit), unname(sqrt(own)), tolerance = 1e-6)
  given <- diag(G) - diag(G %*% t(Z) %*% inverse %*% Z %*% G)
  expect_equal(as.data.frame(ranef(fit))$condsd, sqrt(given), tolerance = 1e-6)
  expect_error(predict(fit, se.fit = TRUE, ddf = "kenward-roger"), class = "tiers_error_input")
})

test_that("residuals are scaled by R and whitened by R or V", {
  fit <- fits$mixed
  V <- growth_covariance(fit)
  same <- outer(growth$Subject, growth$Subject, `==`)
  R <- V - same * fit$random[[1L]]$Sigma[1L]
  raw <- growth$distance - unname(predict(fit, re.form = NA))
  sd <- function(S) unname(sqrt(diag(S)))
  expect_equal(unname(residuals(fit, "scaled")), unname(residuals(fit)) / sd(R), tolerance = 1e-7)
  expect_equal(unname(residuals(fit, "scaled", level = "marginal")), raw / sd(V), tolerance = 1e-7)
  expect_equal(unname(residuals(fit, "normalized", level = "marginal")),
               drop(forwardsolve(t(chol(V)), raw)), tolerance = 1e-6)
  expect_equal(unname(residuals(fit, "normalized")),
               drop(forwardsolve(t(chol(R)), unname(residuals(fit)))), tolerance = 1e-6)
  # Modes of the random effects: Z'V^-1 r times the variance.
  modes <- tapply(drop(solve(V, raw)), growth$Subject, sum) * fit$random[[1L]]$Sigma[1L]
  expect_equal(fit$random[[1L]]$modes[, 1L], c(modes)[rownames(fit$random[[1L]]$modes)],
               tolerance = 1e-6)
  expect_equal(unname(predict(fit, type = "dispersion")), sd(R), tolerance = 1e-7)
})

test_that("robust covariance matrices are sums over subjects", {
  for (fit in fits) {
    V <- growth_covariance(fit)
    X <- model.matrix(fit)
    P <- solve(V)
    bread <- solve(crossprod(X, P %*% X))
    raw <- growth$distance - drop(X %*% fixef(fit))
    scores <- function(A) {
      t(vapply(split(seq_along(raw), growth$Subject), function(i) {
        drop(t(X[i, ]) %*% P[i, i] %*% A(i) %*% raw[i])
      }, numeric(4)))
    }
    meat <- crossprod(scores(function(i) diag(length(i))))
    expect_equal(unname(plain_vcov(vcov(fit, type = "CR0"))), unname(bread %*% meat %*% bread),
                 tolerance = 1e-6)
    meat <- crossprod(scores(function(i) {
      solve(diag(length(i)) - X[i, ] %*% bread %*% t(X[i, ]) %*% P[i, i])
    }))
    expect_equal(unname(plain_vcov(vcov(fit, type = "CR3"))), unname(bread %*% meat %*% bread),
                 tolerance = 1e-6)
    expect_error(vcov(fit, type = "CR2"), class = "tiers_error_input")
    expect_error(vcov(fit, type = "CR0", cluster = ~ age), class = "tiers_error_input")
  }
})

test_that("draws have the covariance matrix of the fit", {
  for (fit in fits) {
    draws <- as.matrix(simulate(fit, 2000, seed = 1))
    error <- draws - unname(predict(fit, re.form = NA))
    first <- which(growth$Subject == "F01")
    expect_equal(tcrossprod(error[first, ]) / 2000, growth_covariance(fit)[first, first],
                 tolerance = 0.1, ignore_attr = TRUE)
    expect_equal(mean(error[first, ] * error[which(growth$Subject == "M01"), ]), 0, tolerance = 0.1)
  }
  new <- data.frame(age = c(8, 12), Sex = "Male", Subject = "new")
  draws <- as.matrix(simulate(fits$us, 4000, seed = 1, newdata = new))
  error <- draws - rowMeans(draws)
  expect_equal(tcrossprod(error) / 4000, getVarCov(fits$us, "M01")[c(1, 3), c(1, 3)],
               tolerance = 0.1, ignore_attr = TRUE)
  expect_error(simulate(fits$us, newdata = transform(new, age = 9)), class = "tiers_error_input")
})

test_that("covariance matrices of subjects are blocks of R and V", {
  for (fit in fits) {
    V <- growth_covariance(fit)
    rows <- which(growth$Subject == "F05")
    expect_equal(getVarCov(fit, "F05", type = "marginal"), V[rows, rows], ignore_attr = TRUE)
    expect_equal(getVarCov(fit, "F05", type = "marginal", correlation = TRUE),
                 cov2cor(V[rows, rows]), ignore_attr = TRUE)
    expect_equal(getVarCov(fit, "F05") + getVarCov(fit, "F05", type = "random.effects"),
                 V[rows, rows], ignore_attr = TRUE)
  }
  expect_error(getVarCov(fits$us, "F99"), class = "tiers_error_input")
  expect_error(getVarCov(lmm(distance ~ age + (1 | Subject), growth)), class = "tiers_error_input")
})

test_that("limits of new responses have the variance of their row, and its df", {
  marginal <- lmm(distance ~ age * Sex, growth, residual = ar1(age | Subject), dispersion = ~ Sex)
  rows <- match(c("F01", "M02"), growth$Subject) + c(0L, 3L)
  for (fit in list(fits$us, marginal)) {
    X <- model.matrix(fit)
    at <- function(values) {
      moved <- fit
      moved$parameters$estimate <- values
      if (!is.na(fit$sigma)) moved$sigma <- values[fit$parameters$name == "sigma"]
      V <- growth_covariance(moved)
      diag(V)[rows] + rowSums((X[rows, ] %*% solve(crossprod(X, solve(V, X)))) * X[rows, ])
    }
    values <- fit$parameters$estimate
    slopes <- vapply(seq_along(values), function(i) {
      step <- 1e-5 * (seq_along(values) == i)
      (at(values + step) - at(values - step)) / 2e-5
    }, numeric(2))
    v <- at(values)
    df <- 2 * v^2 / rowSums((slopes %*% vcov(fit, which = "theta")) * slopes)
    found <- predict(fit, growth[rows, ], interval = "prediction")
    expect_equal(unname(found[, "upr"] - found[, "fit"]), unname(qt(0.975, df) * sqrt(v)),
                 tolerance = 1e-5)
  }
})

test_that("likelihoods are compared where the one structure is a case of the other", {
  fit <- function(residual) eval(bquote(lmm(distance ~ age, growth, residual = .(residual))))
  cs <- fit(quote(cs(age | Subject)))
  ar1 <- fit(quote(ar1(age | Subject)))
  by <- fit(quote(cs(age | Subject, by = Sex)))
  us <- fit(quote(us(age | Subject)))
  test <- anova(cs, us)
  expect_equal(test$Chisq[2L], cs$deviance - us$deviance)
  expect_identical(test$Df[2L], 8)
  expect_false(anyNA(anova(cs, by)$Chisq[2L]))
  expect_true(is.na(anova(by, us)$Chisq[2L]))
  expect_false(anyNA(anova(lmm(distance ~ age + (1 | Subject), growth),
                           update(fits$mixed, . ~ age + (1 | Subject)))$Chisq[2L]))
  expect_match(utils::capture.output(anova(cs, by)), "residual cs(age | Subject, by = Sex)",
               fixed = TRUE, all = FALSE)
})

test_that("what is made for independent rows is refused", {
  refused <- expression(
    influence(fit), hatvalues(fit), cooks.distance(fit), rstudent(fit), dfbeta(fit), profile(fit),
    covtest(fit), icc(fit), r2(fit), reliability(fit), bootstrap(fit, nsim = 2, type = "residual"),
    bootstrap(fit, nsim = 2, type = "cases"), residuals(fit, "studentized"),
    vcov(fit, component = "dispersion"), confint(fit, method = "profile"))
  fit <- fits$mixed
  for (i in seq_along(refused)) {
    expect_error(suppressMessages(eval(refused[[i]])), "residual|dispersion",
                 class = "tiers_error", label = text_of(refused[[i]]))
  }
})

test_that("tables have the parameters of the residuals", {
  expect_identical(tidy(fits$mixed, "ran_pars")$term,
                   c("sd__(Intercept)", "sd__Observation", "cor", "log(sigma)_SexFemale"))
  limits <- tidy(fits$mixed, "ran_pars", conf.int = TRUE)
  expect_equal(limits$std.error[match("sd__Observation", limits$term)],
               sqrt(vcov(fits$mixed, which = "theta")["sigma", "sigma"]))
  expect_true(is.na(glance(fits$us)$r2_marginal))
  expect_equal(unname(augment(fits$us)$.resid), unname(residuals(fits$us)))
})

test_that("printouts name the structure and show its parameters", {
  shown <- utils::capture.output(print(fits$us))
  expect_match(shown[1L], "us residuals")
  expect_match(shown, "us(age | Subject), 27 Subject", fixed = TRUE, all = FALSE)
  expect_match(shown, "cor_14.12 +0.7396", all = FALSE)
  shown <- utils::capture.output(print(summary(fits$mixed)))
  expect_match(shown, "log(sigma) ~ Sex", fixed = TRUE, all = FALSE)
  expect_match(shown, "^ cor +0.0770 +0.177 +-0.265 +0.402", all = FALSE)
  range <- lmm(distance ~ age, growth, residual = sp_exp(age | Subject, by = Sex))
  shown <- utils::capture.output(print(range))
  expect_match(shown, "range:Female", all = FALSE)
  expect_match(shown, "correlation at distance 1: 0.6919, 0.9701", all = FALSE)
  expect_match(utils::capture.output(print(VarCorr(fits$us))), "sd_8 +2.32", all = FALSE)
})
