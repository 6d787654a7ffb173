quiet_counts <- function() {
  suppressMessages(glmm(abs(round(y)) ~ x + (1 | g), small_data(), family = poisson))
}

test_that("variance explained: R2 and the parts of insight", {
  skip_if_not_installed("lme4")
  d <- transform(lme4::sleepstudy, w = rep(1:2, 90))
  fits <- list(lmm(Reaction ~ Days + (Days | Subject), d), lmm(Reaction ~ Days + (1 | Subject), d),
               lmm(Reaction ~ Days + (Days || Subject) + offset(w / 9), d))
  for (fit in fits) {
    V <- get_variance.tiers_fit(fit)
    X <- model.matrix(fit)
    Z <- X[, seq_len(length(fit$random[[1L]]$columns)), drop = FALSE]
    G <- Reduce(`+`, lapply(VarCorr(fit), function(v) {
      full <- matrix(0, 2L, 2L, dimnames = list(colnames(X), colnames(X)))
      full[rownames(v), colnames(v)] <- v
      full
    }))
    expect_equal(V$var.fixed, var(drop(X %*% fixef(fit))))
    expect_equal(V$var.random, mean(diag(X %*% G %*% t(X))))
    expect_equal(V$var.residual, sigma(fit)^2)
    expect_equal(V$var.intercept[[1L]], G[1L, 1L])
    r2 <- r2.tiers_fit(fit)
    total <- V$var.fixed + V$var.random + V$var.residual
    expect_equal(unname(r2$R2_marginal), V$var.fixed / total)
    expect_equal(unname(r2$R2_conditional), 1 - V$var.residual / total)
  }
  counts <- quiet_counts()
  expect_equal(unname(unlist(r2.tiers_fit(counts))), rev(tiers::r2(counts)$estimate))
})

test_that("insight and performance see a mixed model", {
  skip_if_not_installed("performance")
  skip_if_not_installed("lme4")
  ours <- lmm(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
  theirs <- lme4::lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
  expect_equal(performance::icc(ours)$ICC_adjusted, performance::icc(theirs)$ICC_adjusted,
               tolerance = 1e-4)
  expect_equal(performance::r2(ours)$R2_marginal, performance::r2(theirs)$R2_marginal,
               tolerance = 1e-4)
})

test_that("formulas come in parts", {
  d <- small_data()
  parts <- find_formula.tiers_fit(suppressMessages(lmm(y ~ x + (x | g) + (1 | f), d)))
  expect_equal(parts$conditional, y ~ x, ignore_attr = TRUE)
  expect_equal(lapply(parts$random, deparse), list("~x | g", "~1 | f"))
  one <- find_formula.tiers_fit(lmm(y ~ x + (1 | g), d))$random
  expect_equal(deparse(one), "~1 | g")
  expect_named(find_formula.tiers_fit(suppressMessages(lmm(y ~ x, d))), "conditional")
})

test_that("performance and parameters have the numbers of the fit, with its df", {
  skip_if_not_installed("performance")
  skip_if_not_installed("lme4")
  d <- orthodont()
  ours <- lmm(distance ~ age * Sex + (age | Subject), d)
  theirs <- lmer_test_fit(distance ~ age * Sex + (age | Subject), d)
  a <- performance::model_performance(ours)
  b <- performance::model_performance(theirs)
  expect_identical(names(a), names(b))
  expect_values(a, b, 1e-5)
  expect_named(performance::model_performance(ours, metrics = c("AIC", "RMSE")), c("AIC", "RMSE"))
  expect_equal(insight::get_df(ours), insight::get_df(theirs))
  expect_equal(insight::get_df(ours, type = "satterthwaite"),
               insight::get_df(theirs, type = "satterthwaite"), tolerance = 1e-4)
  expect_equal(insight::find_parameters(ours), insight::find_parameters(theirs),
               ignore_attr = TRUE)
  expect_equal(insight::get_parameters(ours), insight::get_parameters(theirs), tolerance = 1e-6,
               ignore_attr = TRUE)
  expect_equal(as.double(insight::get_loglikelihood(ours)), as.double(logLik(theirs)),
               tolerance = 1e-8)
  expect_equal(insight::get_statistic(ours)$Statistic, insight::get_statistic(theirs)$Statistic,
               tolerance = 1e-5)
  skip_if_not_installed("parameters")
  table <- parameters::model_parameters(ours)
  own <- tidy(ours, c("fixed", "ran_pars"), conf.int = TRUE)
  expect_values(table[c("Coefficient", "SE", "CI_low", "CI_high")],
                own[c("estimate", "std.error", "conf.low", "conf.high")], 1e-12)
  peer <- parameters::model_parameters(theirs, effects = "fixed", ci_method = "satterthwaite")
  fixed <- parameters::model_parameters(ours, effects = "fixed")
  common <- c("Coefficient", "SE", "CI_low", "CI_high", "t", "df_error", "p")
  expect_values(fixed[common], peer[common], 1e-4)
  expect_identical(fixed$Parameter, peer$Parameter)
  expect_identical(table$Parameter[5:8], c("SD (Intercept)", "Cor (Intercept~age)", "SD (age)",
                                           "SD (Observations)"))
  expect_identical(attr(table, "ci_method"), "Satterthwaite")
  expect_output(print(table), "Random Effects")
  counts <- quiet_counts()
  expect_identical(parameters::model_parameters(counts, effects = "fixed")$df_error, c(Inf, Inf))
})
