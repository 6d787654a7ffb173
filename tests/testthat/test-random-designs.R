# Well-posed random data give a fit without a warning, whatever their scale, origin and rank.
# bench/random-designs.R runs the same check on thousands.

test_that("random designs are fitted without a warning", {
  bad <- character()
  for (seed in seq_len(150)) {
    d <- random_hard(seed)
    heard <- listen(lmm(random_hard_formula(d), d, REML = seed %% 2 == 0))
    problems <- Filter(function(x) {
      !inherits(x, "message") || length(without_class(list(x))) > 0L
    }, heard$conditions)
    if (length(problems)) bad <- c(bad, paste(seed, condition_texts(problems)))
  }
  expect_identical(bad, character())
})

# lme4 often stops early on these data; where it finds no fault with its own fit it must agree.
test_that("the likelihood of random designs is never below that of lme4", {
  skip_if_not_installed("lme4")
  agreed <- 0L
  for (seed in c(2, 5:13, 16:18, 20:22, 28, 30)) {
    d <- random_hard(seed)
    formula <- random_hard_formula(d)
    ours <- as.double(logLik(suppressMessages(lmm(formula, d, REML = FALSE))))
    heard <- listen(lme4::lmer(formula, d, REML = FALSE))
    if (is.null(heard$value)) next
    theirs <- as.double(logLik(heard$value))
    expect_gt(ours, theirs - 1e-6)
    if (length(heard$conditions)) next
    agreed <- agreed + 1L
    expect_lt(ours - theirs, 1e-4)
  }
  expect_gt(agreed, 3L)
})
