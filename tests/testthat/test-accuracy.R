accuracy_messages <- function(expr) {
  Filter(function(x) inherits(x, "tiers_message_accuracy"), listen(expr)$conditions)
}

# Rare events: 36 of 20,000 rows.
rare_events <- function() {
  set.seed(3)
  e <- data.frame(site = factor(rep(1:200, each = 100)))
  e$y <- rbinom(20000, 1, plogis(-7 + rnorm(200)[e$site]))
  e
}

sd_of <- function(fit) as.data.frame(VarCorr(fit))$sdcor

test_that("a fit by Laplace to rare events says that it is far off", {
  e <- rare_events()
  heard <- listen(glmm(y ~ 1 + (1 | site), e, family = binomial))
  said <- Filter(function(x) inherits(x, "tiers_message_accuracy"), heard$conditions)
  expect_length(said, 1L)
  text <- conditionMessage(said[[1]])
  expect_match(text, "nAGQ = \"auto\"", fixed = TRUE)
  expect_match(text, "Standard deviation of `(Intercept)` in `(1 | site)`: 1.57", fixed = TRUE)
  exact <- suppressMessages(glmm(y ~ 1 + (1 | site), e, family = binomial, nAGQ = "auto"))
  expect_lt(abs(exp(said[[1]]$accuracy$sd$log_move) * sd_of(heard$value) / sd_of(exact) - 1), 0.15)
  expect_output(print(summary(heard$value)), "Laplace is off here", fixed = TRUE)
})

test_that("binary data with few rows a group are told, with the right size", {
  toenail <- utils::read.csv(system.file("extdata", "toenail.csv", package = "tiers"))
  said <- accuracy_messages(
    fit <- glmm(y ~ terbinafine * time + (1 | patient), toenail, binomial()))
  expect_length(said, 1L)
  exact <- glmm(y ~ terbinafine * time + (1 | patient), toenail, binomial(), nAGQ = 15)
  expect_lt(said[[1]]$accuracy$sd$log_move, log(sd_of(exact) / sd_of(fit)) / 2)
  # Two nested factors, and the deviance at the same estimates by more points.
  set.seed(3)
  d <- data.frame(a = gl(40, 12), b = gl(160, 3), x = rnorm(480))
  d$y <- rbinom(480, 1, plogis(d$x + rnorm(40)[d$a] + rnorm(160)[d$b]))
  said <- accuracy_messages(fit <- glmm(y ~ x + (1 | a / b), d, binomial()))
  expect_length(said, 1L)
  spec <- fit_specification(fit)
  spec$points[] <- 9L
  at <- run_glmm_evaluate(spec, engine_coefficients(fit), fit_lambdas(fit), double())
  expect_lt(abs(said[[1]]$accuracy$difference - (at$deviance - fit$deviance)), 0.5)
  # Slopes: a matrix of moves, of which those of the standard deviations are told.
  set.seed(35)
  d <- data.frame(g = gl(100, 4), x = rnorm(400))
  d$y <- rbinom(400, 1, plogis(rnorm(100)[d$g] * (1 + d$x)))
  said <- accuracy_messages(fit <- glmm(y ~ x + (x | g), d, binomial()))
  expect_length(said, 1L)
  expect_equal(lengths(fit$laplace$log_sd_move), 2L)
})

test_that("what the check predicts is where quadrature goes", {
  set.seed(8)
  d <- data.frame(g = gl(60, 8), x = rnorm(480))
  d$y <- rbinom(480, 1, plogis(-0.5 + d$x + rnorm(60)[d$g]))
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, binomial()))
  exact <- glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 25)
  expect_equal(fit$laplace$log_sd_move[[1]], log(sd_of(exact) / sd_of(fit)), tolerance = 0.05)
  expect_equal(fit$laplace$difference, compared_quadrature(fit)$difference, tolerance = 0.01)
})

test_that("fits that Laplace suits are silent", {
  cbpp <- fixture_data("cbpp")
  cbpp[c("herd", "period")] <- lapply(cbpp[c("herd", "period")], factor)
  fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, family = binomial)
  expect_length(accuracy_messages(refit_response(fit, fit$frame[[1]])), 0L)
  set.seed(5)
  d <- data.frame(g = gl(20, 30), x = rnorm(600))
  d$y <- rpois(600, exp(1 + 0.3 * d$x + rnorm(20, 0, 0.5)[d$g]))
  expect_length(accuracy_messages(glmm(y ~ x + (1 | g), d, poisson())), 0L)
  d$z <- rgamma(600, 2, 2 / exp(0.3 * d$x + rnorm(20, 0, 0.5)[d$g]))
  expect_length(accuracy_messages(glmm(z ~ x + (x | g), d, Gamma("log"))), 0L)
  # Exact, and not to be compared.
  expect_null(glmm(z ~ x + (1 | g), d, gaussian())$laplace)
  crossed <- glmm(y ~ x + (1 | g) + (1 | h), transform(d, h = gl(30, 1, 600)), poisson())
  expect_null(crossed$laplace)
  expect_null(glmm(y ~ x + (1 | g), d, poisson(), nAGQ = 5)$laplace)
})

test_that("diagnose() tells the deviance by quadrature and the standard deviations that move", {
  toenail <- utils::read.csv(system.file("extdata", "toenail.csv", package = "tiers"))
  fit <- suppressMessages(glmm(y ~ terbinafine * time + (1 | patient), toenail, binomial()))
  found <- diagnose(fit)$findings
  text <- found$finding[found$about == "likelihood"]
  expect_match(text, "by the Laplace approximation and", fixed = TRUE)
  expect_match(text, "Standard deviation of `(Intercept)` in `(1 | patient)`", fixed = TRUE)
})

test_that("print() tells what summary() tells of a Laplace fit that is far off", {
  fit <- suppressMessages(glmm(y ~ 1 + (1 | site), rare_events(), family = binomial))
  words <- "Accuracy: Laplace is off here"
  expect_output(print(fit), words)
  expect_output(print(summary(fit)), words)
  # Not where it is near.
  d <- small_data(k = 1:60 %% 5 + 8)
  near <- suppressMessages(glmm(k ~ x + (1 | g), d, family = poisson))
  expect_false(any(grepl("Accuracy", utils::capture.output(print(near)))))
})
