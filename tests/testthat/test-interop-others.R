# The methods themselves: the packages of their generics need not be there.

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
  expect_error(r2.tiers_fit(quiet_counts()), class = "tiers_error_input")
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
  for (method in list(vcovCR.tiers_fit, estfun.tiers_fit, bread.tiers_fit)) {
    expect_error(method(fit), "not available", class = "tiers_error_input")
  }
  expect_error(dotplot.tiers_ranef(ranef(fit)), "plot", class = "tiers_error_input")
})
