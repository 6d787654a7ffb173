# Random generalized data, every third set hostile: no error, no condition without a class, and no
# warning that the data do not deserve. bench/random-generalized.R runs the same check on
# thousands and compares the likelihood with other packages.

test_that("random generalized data are fitted without a false warning", {
  bad <- character()
  for (seed in seq_len(60)) bad <- c(bad, complaints(random_generalized(seed)))
  expect_identical(bad, character())
})
