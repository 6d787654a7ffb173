formula_of <- function(old, change) deparse(changed_formula(old, change))

test_that("the dot of a change is the fixed part alone", {
  old <- y ~ x + (1 | g) + diag(x | h)
  expect_equal(formula_of(old, . ~ . * z), "y ~ x + z + x:z + (1 | g) + diag(x | h)")
  expect_equal(formula_of(old, ~ .^2 + z), "y ~ x + z + (1 | g) + diag(x | h)")
  expect_equal(formula_of(old, log(.) ~ . - x), "log(y) ~ 1 + (1 | g) + diag(x | h)")
  expect_equal(formula_of(old, . ~ . - (1 | g) + (z || g)), "y ~ x + diag(x | h) + (z || g)")
  expect_equal(formula_of(old, . ~ . + (1 | g)), "y ~ x + (1 | g) + diag(x | h)")
  expect_equal(formula_of(old, . ~ z + (1 | g)), "y ~ z + (1 | g)")
  expect_equal(formula_of(y ~ (1 | g), . ~ . + x), "y ~ x + (1 | g)")
  expect_equal(formula_of(y ~ 0 + (1 | g), . ~ . + x), "y ~ x - 1 + (1 | g)")
  expect_error(changed_formula(old, . ~ (. + (1 | f)) * z), "must be added with `+`", fixed = TRUE,
               class = "tiers_error_formula")
})

test_that("parts of bar terms are taken away however they are written", {
  old <- y ~ a + (x + f || g) + (1 | a/b) + us(1 + t | h)
  expect_equal(formula_of(old, . ~ . - (0 + x | g)),
               "y ~ a + (1 + f || g) + (1 | a/b) + us(1 + t | h)")
  expect_equal(formula_of(old, . ~ . - (0 + x || g) - (0 + f || g)),
               "y ~ a + (1 | g) + (1 | a/b) + us(1 + t | h)")
  expect_equal(formula_of(old, . ~ . - (1 | g)),
               "y ~ a + (0 + x + f || g) + (1 | a/b) + us(1 + t | h)")
  expect_equal(formula_of(old, . ~ . - (1 | b:a)), "y ~ a + (x + f || g) + (1 | a) + us(1 + t | h)")
  expect_equal(formula_of(old, . ~ . - (1 | a) - (t | h) - (1 + x + f || g)), "y ~ a + (1 | b:a)")
  expect_equal(formula_of(y ~ (1 | g) + (0 + x | g), . ~ . - (x || g)), "y ~ 1")
  expect_equal(formula_of(y ~ x + (1 + x | g), . ~ . - (x | g) + (1 | g)), "y ~ x + (1 | g)")
  expect_equal(formula_of(y ~ diag(0 + x | g), . ~ . - (x - 1 | g)), "y ~ 1")
})

test_that("what is no part of the formula is not taken away silently", {
  for (change in list(. ~ . - (0 + z | g), . ~ . - (x | g), . ~ . - (1 | h), . ~ . - (1 | g/h))) {
    expect_error(changed_formula(y ~ x + (x || g), change), "is no term of the formula",
                 class = "tiers_error_formula")
  }
  expect_error(changed_formula(y ~ x, . ~ . - (1 | g)), "no term with a bar",
               class = "tiers_error_formula")
  fit <- lmm(distance ~ age + (age || Subject), orthodont())
  less <- update(fit, . ~ . - (0 + age | Subject))
  expect_equal(logLik(less), logLik(lmm(distance ~ age + (1 | Subject), orthodont())))
  expect_error(update(fit, . ~ . - (1 | Sex)), class = "tiers_error_formula")
})
