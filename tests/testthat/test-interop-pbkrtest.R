# pbkrtest's and lmerTest's tests of nested models and contrasts, against their numbers for lmer
# fits at the same estimates.

nested_fits <- function(fit, ...) {
  d <- machines_unbalanced()
  list(large = fit(score ~ Machine + x + (1 | Worker), d, ...),
       small = fit(score ~ x + (1 | Worker), d, ...))
}

test_that("KRmodcomp(), SATmodcomp(), vcovAdj() and get_Lb_ddf()", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lme4")
  ours <- nested_fits(lmm)
  theirs <- nested_fits(lmer_test_fit)
  got <- pbkrtest::KRmodcomp(ours$large, ours$small)
  peer <- pbkrtest::KRmodcomp(theirs$large, theirs$small)
  expect_equal(got$test, peer$test, tolerance = 1e-5)
  expect_identical(names(got$test), names(peer$test))
  expect_equal(pbkrtest::getKR(got, "ddf"), pbkrtest::getKR(peer, "ddf"), tolerance = 1e-5)
  expect_output(print(got), "Ftest")
  # The fits in the other order, the smaller one as a formula or a hypothesis; fits by ML.
  for (small in list(ours$small, . ~ . - Machine, rbind(c(0, 1, 0, 0), c(0, 0, 1, 0)))) {
    expect_equal(pbkrtest::KRmodcomp(ours$large, small)$test, got$test, tolerance = 1e-8)
  }
  expect_equal(pbkrtest::KRmodcomp(ours$small, ours$large)$test, got$test)
  ml <- nested_fits(lmm, REML = FALSE)
  expect_equal(pbkrtest::KRmodcomp(ml$large, ml$small)$test, got$test, tolerance = 1e-6)
  # pbkrtest evaluates the call of an lmer fit again; lmerTest has the same test.
  for (L in list(rbind(c(0, 0, 0, 1)), rbind(c(0, 1, 0, 0), c(0, 0, 1, 0)))) {
    peer <- lmerTest::contestMD(theirs$large, L)
    expect_values(pbkrtest::SATmodcomp(ours$large, L)$test, peer[c(5, 3, 4, 6)], 1e-5)
  }
  expect_equal(pbkrtest::SATmodcomp(ours$large, . ~ . - x)$test$ddf,
               pbkrtest::SATmodcomp(ours$large, c(0, 0, 0, 1))$test$ddf)
  expect_output(print(pbkrtest::SATmodcomp(ours$large, ours$small)), "restriction")
  expect_equal(pbkrtest::vcovAdj(ours$large), as.matrix(pbkrtest::vcovAdj(theirs$large)),
               tolerance = 1e-5, ignore_attr = TRUE)
  L <- c(0, 1, 0, 0.5)
  expect_equal(pbkrtest::get_Lb_ddf(ours$large, L), pbkrtest::get_Lb_ddf(theirs$large, L),
               tolerance = 1e-5, ignore_attr = TRUE)
  expect_error(pbkrtest::PBmodcomp(ours$large, ours$small), "bootstrap",
               class = "tiers_error_input")
  expect_error(pbkrtest::KRmodcomp(ours$large, ours$large), "anova", class = "tiers_error_input")
  expect_error(pbkrtest::KRmodcomp(count_fit(), ~ 1), "linear models", class = "tiers_error_input")
})

test_that("contest() of lmerTest", {
  skip_if_not_installed("lmerTest")
  ours <- nested_fits(lmm)$large
  theirs <- nested_fits(lmer_test_fit)$large
  L <- rbind(B = c(0, 1, 0, 0), C = c(0, -1, 1, 0))
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    expect_equal(lmerTest::contest(ours, L, ddf = ddf), lmerTest::contest(theirs, L, ddf = ddf),
                 tolerance = 1e-5, ignore_attr = TRUE)
    single <- lmerTest::contest(ours, L, joint = FALSE, rhs = 1, ddf = ddf)
    peer <- lmerTest::contest(theirs, L, joint = FALSE, rhs = 1, ddf = ddf)
    expect_identical(names(single), names(peer))
    expect_equal(single, peer, tolerance = 1e-5, ignore_attr = TRUE)
  }
  expect_error(lmerTest::ls_means(ours), "emmeans", class = "tiers_error_input")
})
