names <- c("(Intercept)", "age", "age2", "SexMale", "age:SexMale", "I(x^2)")

row_of <- function(...) {
  value <- c(...)
  drop(read_contrasts(value, names)$L)
}

test_that("text names coefficients whatever characters they have", {
  expect_hypothesis <- function(text, expected, rhs = 0) {
    got <- read_contrasts(text, names)
    expect_equal(unname(drop(got$L)), expected, info = text)
    expect_equal(got$rhs, rhs, info = text)
  }
  expect_hypothesis("age:SexMale - age = 0", c(0, -1, 0, 0, 1, 0))
  expect_hypothesis("age", c(0, 1, 0, 0, 0, 0))
  expect_hypothesis("age2 = 3", c(0, 0, 1, 0, 0, 0), 3)
  expect_hypothesis("2*age2 + (age - SexMale) / 4 = 1", c(0, 0.25, 2, -0.25, 0, 0), 1)
  expect_hypothesis("(Intercept) + 10 * age = 5 + SexMale", c(1, 10, 0, -1, 0, 0), 5)
  expect_hypothesis("I(x^2) = -1", c(0, 0, 0, 0, 0, 1), -1)
  expect_hypothesis("`age:SexMale` = `age`", c(0, -1, 0, 0, 1, 0))
  expect_hypothesis("-age + 1 = 3", c(0, -1, 0, 0, 0, 0), 2)
})

test_that("numbers come as matrices, vectors and lists, by name or in order", {
  expect_equal(unname(row_of(age = 1, SexMale = -1)), c(0, 1, 0, -1, 0, 0))
  expect_equal(unname(row_of(1:6)), as.double(1:6))
  L <- rbind(first = c(SexMale = 1, age = 2), second = c(0, 1))
  expect_equal(unname(read_contrasts(L, names)$L), rbind(c(0, 2, 0, 1, 0, 0), c(0, 1, 0, 0, 0, 0)))
  expect_identical(read_contrasts(L, names)$labels, c("first", "second"))
  expect_equal(read_contrasts(list(a = c(age = 1), b = c(age2 = 1)), names)$L[, 2:3],
               rbind(a = c(age = 1, age2 = 0), b = c(0, 1)))
  expect_identical(read_contrasts(c(age = 1, SexMale = -0.5), names)$labels, "age - 0.5 * SexMale")
  expect_identical(read_contrasts(c(slope = "age + age2"), names)$labels, "slope")
})

test_that("what is no linear function is refused by its text", {
  for (text in c("age * age2", "age^2 = 1", "log(age)")) {
    expect_error(suppressWarnings(read_contrasts(text, names)), class = "tiers_error_input")
  }
  expect_error(read_contrasts("weight = 0", names), "weight", class = "tiers_error_input")
  expect_error(read_contrasts("agee = 0", names), "did you mean `age`", class = "tiers_error_input")
  expect_error(read_contrasts("age = 1 = 2", names), class = "tiers_error_input")
  expect_error(read_contrasts("", names), class = "tiers_error_input")
  expect_error(read_contrasts("1 = 0", names), "no coefficient", class = "tiers_error_input")
  expect_error(read_contrasts("age +", names), class = "tiers_error_input")
  expect_error(read_contrasts(1:3, names), class = "tiers_error_input")
  expect_error(read_contrasts(c(age = NA), names), class = "tiers_error_input")
  expect_error(read_contrasts(c(nothing = 1), names), class = "tiers_error_input")
  expect_error(read_contrasts(TRUE, names), class = "tiers_error_input")
  expect_error(read_contrasts("age = 1", names, rhs = 2), class = "tiers_error_input")
  expect_error(read_contrasts("age", names, rhs = 1:2), class = "tiers_error_input")
})

test_that("smooth functions of means have exact derivatives", {
  values <- c(0.2, 0.5)
  got <- read_functions(c("b - a", "b / a", rr = "log(b / a)"), c("a", "b"), values)
  expect_equal(got$value, c(0.3, 2.5, log(2.5)))
  expect_equal(got$derivative, rbind(c(-1, 1), c(-0.5 / 0.04, 5), c(-5, 2)))
  expect_identical(got$labels, c("b - a", "b / a", "rr"))
  expect_error(read_functions("max(a, b)", c("a", "b"), values), class = "tiers_error_input")
})

test_that("nothing at all is no hypothesis", {
  for (L in list(list(), character(), double(), matrix(0, 0, 6))) {
    expect_error(read_contrasts(L, names), "must be a matrix", class = "tiers_error_input")
  }
})
