test_that("advice names the package where another function of the name would be found", {
  own <- "see diagnose() or tidy(), {.fn nbinom2}; other.diagnose() and tiers::diagnose() stay"
  expect_equal(qualify_functions(own), own)
  masking <- new.env()
  assign("diagnose", function(...) NULL, envir = masking)
  assign("nbinom2", function(...) NULL, envir = masking)
  attach(masking, name = "a_package_with_the_same_names", warn.conflicts = FALSE)
  on.exit(detach("a_package_with_the_same_names", character.only = TRUE))
  expect_equal(
    qualify_functions(own),
    paste("see tiers::diagnose() or tidy(), {.fn tiers::nbinom2}; other.diagnose() and",
          "tiers::diagnose() stay"))
  fit <- suppressMessages(lmm(y ~ 1 + (1 | g), data.frame(y = rep(c(1, 2, 4, 3), 5), g = gl(5, 4))))
  expect_equal(fit$convergence$status, "boundary")
  expect_output(print(fit), "tiers::diagnose()", fixed = TRUE)
  expect_no_match(diagnose(fit)$headline, "see")
  expect_error(glmm(y ~ 1 + (1 | g), data.frame(y = c(0, 1, 2, 3.5), g = gl(2, 2)), family = Gamma),
               "Gamma")
  expect_error(glmm(y ~ 1 + (1 | g), data.frame(y = c(0, 1, 2, 3), g = gl(2, 2)), family = Gamma),
               "tiers::nbinom2()", fixed = TRUE)
})

test_that("a time limit that runs out is R's error, wherever it is met", {
  slow <- function(x) {
    Sys.sleep(0.3)
    x
  }
  d <- data.frame(y = rnorm(20), x = 1:20, g = gl(5, 4))
  limited <- function(expr) {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.1, transient = TRUE)
    tryCatch(expr, error = identity)
  }
  for (e in list(limited(lmm(y ~ slow(x) + (1 | g), d)), limited(lmm(y ~ x + (1 | g), slow(d))))) {
    expect_equal(conditionMessage(e), gettext("reached elapsed time limit", domain = "R"))
    expect_false(inherits(e, "tiers_error"))
  }
})
