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
