# A limit on the time that a computation may take, which R looks at where it looks for interrupts.
ended_by <- function(expr, seconds = 0.2) {
  on.exit(setTimeLimit())
  utils::capture.output(type = "message", how <- tryCatch({
    setTimeLimit(elapsed = seconds, transient = TRUE)
    force(expr)
    "its end"
  }, interrupt = function(c) "interrupt", error = function(e) {
    # Before the search the limit is met in R itself.
    if (grepl("time limit", conditionMessage(e))) "interrupt" else conditionMessage(e)
  }))
  how
}

test_that("long fits, linear and generalized, can be interrupted", {
  set.seed(1)
  d <- data.frame(s = sample(600, 2e4, TRUE), i = sample(400, 2e4, TRUE), x = rnorm(2e4))
  d$y <- d$x + rnorm(600)[d$s] + rnorm(400)[d$i] + rnorm(2e4)
  d$b <- as.integer(d$y > 0)
  clock <- proc.time()
  expect_equal(ended_by(lmm(y ~ x + (x | s) + (x | i), d)), "interrupt")
  expect_equal(ended_by(glmm(b ~ x + (x | s) + (x | i), d, family = binomial)), "interrupt")
  # Either takes seconds to its end.
  expect_lt(sum((proc.time() - clock)[1:2]), 2)
})

test_that("more parameters than the data can tell are refused before the search", {
  set.seed(2)
  visits <- expand.grid(visit = factor(1:45), id = 1:5)
  visits$y <- rnorm(nrow(visits))
  visits$n <- rpois(nrow(visits), 3)
  visits$b <- rbinom(nrow(visits), 1, 0.5)
  clock <- proc.time()
  for (fit in expression(lmm(y ~ 1 + (0 + visit | id), visits),
                         lmm(y ~ visit + (visit | id), visits, REML = FALSE),
                         glmm(n ~ 1 + (0 + visit | id), visits, family = poisson),
                         glmm(b ~ 1 + (visit | id), visits, family = binomial))) {
    message <- conditionMessage(expect_error(suppressMessages(eval(fit)),
                                             class = "tiers_error_model"))
    expect_match(message, "1,?035")
  }
  expect_lt(sum((proc.time() - clock)[1:2]), 5)
})
