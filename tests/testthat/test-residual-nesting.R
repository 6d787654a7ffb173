# Which residual structures are special cases of which.

nested_data <- function() {
  d <- as.data.frame(nlme::Orthodont)
  d$Subject <- factor(as.character(d$Subject))
  d$distance[d$age == 12] <- d$distance[d$age == 12] + stats::rnorm(27)
  d
}

test_that("what the registry says of special cases holds of the likelihoods", {
  set.seed(8)
  d <- nested_data()[-c(5, 30, 77), ]
  traits <- residual_traits()
  fits <- lapply(stats::setNames(nm = traits$name[nzchar(traits$within) | traits$name == "us"]),
                 function(name) {
    suppressMessages(lmm(distance ~ age, d, residual = paste0(name, "(age | Subject)")))
  })
  claims <- 0L
  for (small in names(fits)) {
    for (large in strsplit(traits$within[traits$name == small], " ")[[1L]]) {
      claims <- claims + 1L
      expect_identical(structure_obstacle(fits[[small]], fits[[large]]), "")
      expect_lte(fits[[large]]$deviance, fits[[small]]$deviance + 1e-7)
      expect_lt(attr(logLik(fits[[small]]), "df"), attr(logLik(fits[[large]]), "df"))
      expect_match(structure_obstacle(fits[[large]], fits[[small]]), "not known")
    }
  }
  expect_gt(claims, 20L)
  expect_match(structure_obstacle(fits$csh, fits$ante), "not known")
})

test_that("groups of their own, a nugget and no correlation are told apart", {
  d <- nested_data()
  fit <- function(residual) suppressMessages(lmm(distance ~ age, d, residual = residual))
  one <- fit("ar1(age | Subject)")
  expect_identical(structure_obstacle(one, fit("ar1(age | Subject, by = Sex)")), "")
  expect_match(structure_obstacle(fit("ar1(age | Subject, by = Sex)"), one), "not known")
  nugget <- fit("ar1(age | Subject, nugget = TRUE)")
  expect_identical(structure_obstacle(one, nugget), "")
  expect_match(structure_obstacle(nugget, one), "not known")
  # A share of the variance is tested at zero.
  tested <- suppressMessages(anova(one, nugget))
  expect_match(paste(attr(tested, "heading"), collapse = " "), "exact")
  expect_identical(structure_obstacle(fit("id(age | Subject)"), one), "")
  expect_match(structure_obstacle(fit("diag(age | Subject)"), one), "not known")
})
