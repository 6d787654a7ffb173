# Random generalized data, every third set hostile: no error, no condition without a class, and no
# warning that the data do not deserve. bench/random-generalized.R runs the same check on
# thousands and compares the likelihood with other packages.

test_that("random generalized data are fitted without a false warning", {
  bad <- character()
  for (seed in seq_len(60)) bad <- c(bad, complaints(random_generalized(seed)))
  expect_identical(bad, character())
})

# Canonical links only: with others lme4's Laplace has the expected Hessian, not the observed one.
test_that("the likelihood of well-posed designs is never below that of lme4", {
  skip_if_not_installed("lme4")
  agreed <- 0L
  for (seed in c(1, 2, 7, 13, 14)) {
    design <- glmm_random_design(seed)
    ours <- as.double(logLik(fit_glmm_design(design)))
    heard <- listen(lme4::glmer(design$formula, design$data, family = design$family))
    if (is.null(heard$value)) next
    theirs <- as.double(logLik(heard$value))
    expect_gt(ours, theirs - 1e-6, label = design$name)
    if (length(heard$conditions)) next
    agreed <- agreed + 1L
    expect_lt(ours - theirs, 1e-3)
  }
  expect_gt(agreed, 2L)
})
