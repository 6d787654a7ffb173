deficient_fit <- function() {
  suppressMessages(lmm(score ~ x + z + Machine + (1 | Worker), transform(machines(), z = 2 * x)))
}

test_that("vcov has NA for what was dropped unless told otherwise", {
  fit <- deficient_fit()
  V <- vcov(fit)
  expect_equal(dimnames(V), list(names(fixef(fit)), names(fixef(fit))))
  expect_true(all(is.na(V["z", ])))
  expect_false(anyNA(vcov(fit, complete = FALSE)))
  expect_equal(dim(vcov(fit, complete = FALSE)), c(4L, 4L))
  expect_equal(V[-3, -3], vcov(fit, complete = FALSE))
})

test_that("the joint covariance matrix of fixed and random effects solves Henderson's equations", {
  d <- transform(nlme::Orthodont, w = rep(c(1, 2, 0.5), 36), h = factor(rep(1:6, 18)), z = 2 * age)
  fit <- suppressMessages(lmm(distance ~ age + z + Sex + (age | Subject) + (1 | h), d, weights = w))
  V <- vcov(fit, full = TRUE)
  X <- model.matrix(fit)[, !is.na(fixef(fit))]
  Z <- as.matrix(lme4::getME(fit, "Z"))
  s2 <- sigma(fit)^2
  G <- matrix(0, ncol(Z), ncol(Z))
  G[1:54, 1:54] <- kronecker(diag(27), fit$random[[1]]$Sigma)
  G[55:60, 55:60] <- diag(6) * fit$random[[2]]$Sigma[1]
  both <- cbind(X, Z)
  H <- crossprod(both, d$w * both) / s2
  H[-(1:3), -(1:3)] <- H[-(1:3), -(1:3)] + solve(G)
  expect_equal(unname(V), unname(solve(H)), tolerance = 1e-8)
  expect_equal(V[1:3, 1:3], vcov(fit, complete = FALSE), tolerance = 1e-10)
  expect_equal(rownames(V)[c(2, 5, 60)], c("age", paste0("age|Subject:", fit$random[[1]]$levels[1]),
                                           "(Intercept)|h:3"))
  expect_error(vcov(fit, full = TRUE, type = "CR2"), class = "tiers_error_input")
  counts <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), fixture_data("cbpp"),
                 binomial())
  expect_equal(vcov(counts, full = TRUE)[seq_along(fixef(counts)), seq_along(fixef(counts))],
               vcov(counts), tolerance = 1e-8)
})

test_that("confint: Wald with the chosen df", {
  fit <- growth_fit()
  table <- coef(summary(fit))
  limits <- confint(fit)
  half <- qt(0.975, table[, "df"]) * table[, "Std. Error"]
  expect_equal(plain_limits(limits),
               cbind(`2.5 %` = table[, 1] - half, `97.5 %` = table[, 1] + half))
  expect_equal(unname(plain_limits(confint(fit, "age", level = 0.9, ddf = "none"))),
               rbind(unname(table["age", 1] + c(-1, 1) * qnorm(0.95) * table["age", 2])))
  expect_equal(rownames(confint(fit, 2:3)), c("age", "SexFemale"))
  expect_equal(confint(fit, "beta_"), limits)
  expect_true(all(is.na(confint(deficient_fit())["z", ])))
  expect_error(confint(fit, "agg"), class = "tiers_error_input")
  expect_error(confint(fit, 9), class = "tiers_error_input")
  expect_error(confint(fit, level = 95), class = "tiers_error_input")
  expect_error(confint(fit, method = "boots"), class = "tiers_error_input")
})

test_that("Wald intervals are those of lme4 where these are normal", {
  skip_if_not_installed("lme4")
  d <- machines_unbalanced()
  ours <- lmm(score ~ Machine + (1 | Worker), d)
  theirs <- lmer_test_fit(score ~ Machine + (1 | Worker), d)
  expect_values(confint(ours, ddf = "none"),
                suppressMessages(confint(theirs, method = "Wald", parm = "beta_")), 1e-5)
})

test_that("intervals of dispersion parameters are normal on the log scale", {
  fit <- overdispersed_fit()
  half <- qnorm(0.975) * sqrt(vcov(fit, component = "dispersion")[1])
  limits <- confint(fit, component = "dispersion")
  expect_equal(dimnames(limits), list("size", c("2.5 %", "97.5 %")))
  expect_equal(c(limits), sigma(fit) * exp(c(-half, half)))
  expect_equal(rownames(confint(family_fit("Gamma"), component = "dispersion")), "shape")
  expect_equal(confint(fit, "size", component = "dispersion"), limits)
  # A model of the dispersion: its coefficients, as fixef() and summary() have them.
  model <- glmm(nbinom2 ~ x + (1 | g), family_data(), nbinom2(), dispersion = ~ x)
  table <- summary(model)$dispersion
  limits <- confint(model, component = "dispersion", level = 0.9)
  expect_equal(unname(limits[, 2]), unname(table[, 1] + qnorm(0.95) * table[, 2]))
  expect_equal(rownames(limits), names(fixef(model, component = "dispersion")))
  expect_equal(plain_limits(confint(model, 2, component = "dispersion", level = 0.9)),
               limits[2, , drop = FALSE])
  expect_equal(dim(confint(binary_fit(), component = "dispersion")), c(0L, 2L))
  expect_error(confint(fit, component = "dispersion", ddf = "residual"),
               class = "tiers_error_input")
  expect_error(confint(fit, "trt", component = "dispersion"), class = "tiers_error_input")
  expect_error(confint(growth_fit(), component = "dispersion"), class = "tiers_error_input")
})

test_that("a dispersion parameter at its limit has no interval", {
  d <- small_counts()
  d$n <- rep(2:3, 48)
  for (family in list(nbinom2(), nbinom1())) {
    fit <- suppressMessages(glmm(n ~ x + (1 | g), d, family))
    expect_true(all(is.na(confint(fit, component = "dispersion"))))
  }
})

test_that("flags of the likelihood and of comparisons are checked", {
  fit <- growth_fit()
  for (flag in list(c(TRUE, FALSE), "yes", NA, 1, "no")) {
    expect_error(logLik(fit, REML = flag), "TRUE or FALSE", class = "tiers_error_input")
    expect_error(deviance(fit, REML = flag), "TRUE or FALSE", class = "tiers_error_input")
    expect_error(anova(fit, update(fit, . ~ . - age:Sex), refit = flag), "TRUE or FALSE",
                 class = "tiers_error_input")
  }
  expect_error(extractAIC(fit, k = "a"), class = "tiers_error_input")
  expect_error(update(fit, REML = FALSE, evaluate = "no"), class = "tiers_error_input")
})

test_that("limits say how they were found", {
  fit <- growth_fit()
  expect_output(print(confint(fit)), "95% limits: Wald, Satterthwaite degrees of freedom")
  expect_output(print(confint(fit, "age", level = 0.9, ddf = "kenward-roger")),
                "90% limits: Wald, Kenward-Roger degrees of freedom")
  expect_output(print(confint(fit, vcov = "CR2")), "CR2")
  expect_output(print(confint(fit, "sigma")), "95% limits: Wald *\n")
  expect_output(print(confint(fit, "sigma", method = "profile")), "profile likelihood")
  expect_identical(attr(confint(fit, c("age", "sigma")), "ddf"), "Satterthwaite")
  expect_identical(attr(confint(fit, ddf = "none"), "ddf"), "asymptotic")
  # Part of it is a plain matrix.
  expect_identical(class(confint(fit)[1:2, ]), c("matrix", "array"))
})

test_that("confint(method = \"satterthwaite\"): variances as multiples of chi-squares", {
  fit <- lmm(distance ~ age + (1 | Subject), orthodont())
  got <- confint(fit, c("sd_(Intercept)|Subject", "sigma"), level = 0.9, method = "satterthwaite",
                 scale = "var")
  V <- vcov(fit, which = "theta")
  sd <- c(attr(VarCorr(fit)$Subject, "stddev"), sigma(fit))
  # The variance v has the standard error 2 sd se(sd).
  df <- 2 * (sd^2 / (2 * sd * sqrt(diag(V))))^2
  expect_equal(got[, 1], df * sd^2 / qchisq(0.95, df), ignore_attr = TRUE)
  expect_equal(got[, 2], df * sd^2 / qchisq(0.05, df), ignore_attr = TRUE)
  # In balanced data sigma^2 has that distribution, with 27 * 3 - 1 df.
  expect_equal(unname(df[2]), 80, tolerance = 1e-6)
  expect_equal(unname(got[2, ]), 80 * sigma(fit)^2 / qchisq(c(0.95, 0.05), 80), tolerance = 1e-6)
  both <- confint(fit, c("age", "sigma"), method = "satterthwaite")
  expect_equal(both["age", ], confint(fit)["age", ])
  expect_output(print(both), "of variance parameters Satterthwaite's chi-square")
  expect_equal(confint(fit, method = "satterthwaite"), confint(fit), ignore_attr = TRUE)
  slopes <- growth_fit()
  name <- "cor_age.(Intercept)|Subject"
  expect_equal(plain_limits(confint(slopes, name, method = "satterthwaite")),
               plain_limits(confint(slopes, name)))
  expect_error(confint(fit, "sigma", method = "satterthwaite", ddf = "level"), "ddf",
               class = "tiers_error_input")
  expect_error(confint(count_fit(), method = "satterthwaite"), "linear",
               class = "tiers_error_input")
})

test_that("limits of a model without fixed effects are an empty matrix", {
  fit <- lmm(distance ~ 0 + (1 | Subject), nlme_data("Orthodont"))
  for (method in c("wald", "profile", "boot")) {
    limits <- confint(fit, method = method, nsim = 50)
    expect_equal(dim(limits), c(0L, 2L))
    expect_output(print(limits), "95% limits")
  }
  expect_equal(nrow(tidy(fit, conf.int = TRUE)), 0L)
  expect_equal(rownames(confint(fit, "theta_")), c("sd_(Intercept)|Subject", "sigma"))
})

test_that("confint(parm = \"all\") has fixed effects and variance parameters", {
  fit <- growth_fit()
  expect_equal(confint(fit, "all"), confint(fit, c("beta_", "theta_")))
})
