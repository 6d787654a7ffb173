# Fits that several files of tests look at. Real data of nlme; each is made once.

orthodont <- function() nlme_data("Orthodont")

machines <- function() {
  d <- nlme_data("Machines")
  d$x <- sin(seq_len(nrow(d)))
  d$f <- factor(rep(c("u", "v"), length.out = nrow(d)))
  d
}

# Unbalanced, so that degrees of freedom are not whole numbers.
machines_unbalanced <- function() machines()[-c(1, 5, 9, 30), ]

fit_cache <- new.env()

growth_fit <- function() {
  if (is.null(fit_cache$growth)) {
    fit_cache$growth <- lmm(distance ~ age * Sex + (age | Subject), orthodont())
  }
  fit_cache$growth
}

crossed_fit <- function() {
  if (is.null(fit_cache$crossed)) {
    fit_cache$crossed <- lmm(score ~ Machine + x + (1 | Worker) + (1 | Worker:Machine), machines())
  }
  fit_cache$crossed
}

# Values agree, whatever names, classes and attributes stand around them.
expect_values <- function(object, expected, tolerance = 1e-6) {
  expect_equal(as.numeric(unlist(object)), as.numeric(unlist(expected)), tolerance = tolerance)
}

# The same model by lme4 with p values of lmerTest, its optimum polished.
lmer_test_fit <- function(formula, data, REML = TRUE, weights = NULL) {
  environment(formula) <- environment()
  control <- lme4::lmerControl(optimizer = "bobyqa",
                               optCtrl = list(rhobeg = 1e-2, rhoend = 1e-11, maxfun = 1e5))
  suppressWarnings(suppressMessages(
    lmerTest::lmer(formula, data, REML = REML, weights = weights, control = control)
  ))
}

# Derivative by differences, exact to the fourth order in h; f takes and gives vectors.
slope_by_differences <- function(f, x, h) {
  (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
}

# Random numbers from a seed, for one expression.
with_state <- function(seed, expr) {
  set.seed(seed)
  expr
}
