test_that("forms are the entries of G in the order of the table of parameters", {
  d <- nlme_data("Orthodont")
  fit <- lmm(distance ~ age + (age | Subject) + (1 | Sex), d)
  forms <- variance_forms(fit$random)
  table <- fit$parameters[fit$parameters$component == "random", ]
  expect_length(forms, nrow(table))
  expect_equal(vapply(forms, `[[`, 1L, "term"), table$term)
  expect_equal(forms[[2]]$block, diag(c(0, 1)))
  expect_equal(forms[[3]]$block, 1 - diag(2))
  # A common variance has one form.
  common <- lmm(distance ~ age + id(age | Subject), d)
  expect_equal(variance_forms(common$random), list(list(term = 1L, block = diag(2))))
  expect_length(variance_forms(list()), 0L)
})

test_that("values on the forms give the matrices back", {
  d <- nlme_data("Orthodont")
  for (formula in list(distance ~ age + (age | Subject), distance ~ age + (age || Subject),
                       distance ~ age + id(age | Subject))) {
    fit <- lmm(formula, d)
    G <- lapply(unname(fit$random), function(term) unname(term$Sigma))
    forms <- variance_forms(fit$random)
    expect_equal(covariances_of(forms, form_values(forms, G), fit$random), G, tolerance = 1e-12)
  }
})
