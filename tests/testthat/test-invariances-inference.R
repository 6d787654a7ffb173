# Tests, limits and diagnostics do not depend on the unit or the origin of a covariate or of the
# response: one table of numbers, for each of several ways to measure the same data.

scale_data <- local({
  set.seed(4)
  d <- data.frame(g = factor(rep(1:12, rep(c(4, 5, 7), 4))))
  n <- nrow(d)
  d$x <- rnorm(n)
  d$f <- factor(sample(c("a", "b"), n, TRUE))
  d$z <- rnorm(12)[d$g]
  u <- matrix(rnorm(24), 12) %*% matrix(c(1, 0.3, 0, 0.6), 2)
  d$y <- 2 + 0.5 * d$x + 0.3 * (d$f == "b") + u[d$g, 1] + u[d$g, 2] * d$x + rnorm(n)
  d$count <- rpois(n, exp(0.4 * d$x + u[d$g, 1] / 2 + u[d$g, 2] * d$x / 2))
  d
})

# What `what` makes of data, in the units sd(x) and sd(y). Rows and columns that belong to the
# intercept are left out: it is where x is zero.
linear_numbers <- function(d) {
  fit <- lmm(y ~ x + f + z + (x | g), d)
  small <- lmm(y ~ x + f + (1 | g), d)
  s <- sd(d$y)
  sx <- sd(d$x)
  slopes <- c("x", "fb", "z")
  unit <- s / c(sx, 1, 1)
  spread <- c("sd_x|g", "sigma")
  tests <- function(...) coef(summary(fit, ...))[slopes, 3:5]
  wald <- confint(fit, c(slopes, spread))
  profile <- suppressMessages(confint(fit, c("x", "sd_x|g"), method = "profile"))
  deleted <- lapply(0:1, function(refit) {
    as.data.frame(influence(fit, ~ g, refit = refit))[
      c("cook", "mdffits", "covtrace", "covratio", "rld", paste0("dfbetas_", slopes))]
  })
  row <- transform(d[c(1, 30), ], g = c("1", "new"))
  limits <- function(...) {
    (predict(fit, row, allow.new.levels = TRUE, ...) - mean(d$y)) / s
  }
  c(lapply(c(satterthwaite = "satterthwaite", kr = "kenward-roger", containment = "containment",
             between = "between-within", inner = "inner-outer", level = "level"),
           function(ddf) tests(ddf = ddf)),
    lapply(stats::setNames(nm = paste0("CR", 0:3)), function(type) tests(vcov = type)),
    list(observed = tests(ddf = ddf_kr("observed")), anova = anova(fit, type = 2)[, 3:6],
         joint = anova(fit, L = rbind(c(0, 1, 0, 0), c(0, 0, 0, 1)), ddf = "kenward-roger")[3:6],
         several = suppressMessages(anova(small, fit))[2L, c("Chisq", "Df", "Pr(>Chisq)")],
         covtest = covtest(fit)[3:4, -(1:3)], zero = covtest(fit, "zero_g")[2L, -(1:3)],
         wald = wald / c(unit, s / sx, s), profile = profile / (s / sx), deletion = deleted,
         rows = list(hatvalues(fit), cooks.distance(fit), rstudent(fit)),
         confidence = limits(interval = "confidence"),
         prediction = limits(interval = "prediction", ddf = "kenward-roger"),
         marginal = limits(re.form = NA, interval = "prediction"),
         reliability = reliability(fit)$reliability[2L], r2 = r2(fit)[-1L], icc = icc(fit)[-(1:2)]))
}

counted_numbers <- function(d) {
  fit <- glmm(count ~ x + f + (x | g), d, family = poisson())
  s <- sd(d$x)
  slopes <- c("x", "fb")
  unit <- c(1 / s, 1)
  row <- transform(d[c(1, 30), ], g = c("1", "new"))
  c(lapply(c(CR0 = "CR0", CR2 = "CR2", CR3 = "CR3"), function(type) {
      coef(summary(fit, vcov = type))[slopes, -(1:2)]
    }),
    list(tests = coef(summary(fit))[slopes, -(1:2)], covtest = covtest(fit)[3:4, -(1:3)],
         wald = confint(fit, c(slopes, "sd_x|g")) / c(unit, 1 / s),
         predicted = predict(fit, row, interval = "confidence", allow.new.levels = TRUE),
         marginal = predict(fit, row, type = "marginal", re.form = NA, se.fit = TRUE)[1:2],
         r2 = r2(fit)[-1L], rows = list(hatvalues(fit), cooks.distance(fit))))
}

expect_same_numbers <- function(found, target, info) {
  for (name in names(target)) {
    numbers <- as.double(unlist(target[[name]]))
    expect_true(any(is.finite(numbers)))
    expect_equal(as.double(unlist(found[[name]])), numbers, tolerance = 1e-5,
                 info = paste(name, info))
  }
}

measured <- list(
  `x + 2000` = quote(transform(d, x = x + 2000)), `x + 1e5` = quote(transform(d, x = x + 1e5)),
  `1e6 x, 1e-6 y` = quote(transform(d, x = 1e6 * x, y = 1e-6 * y)),
  `1e-6 x, 1e6 y` = quote(transform(d, x = 1e-6 * x, y = 1e6 * y)),
  `y + 1e6` = quote(transform(d, y = y + 1e6)))

test_that("inference about a linear model does not depend on units and origins", {
  target <- linear_numbers(scale_data)
  for (way in names(measured)) {
    expect_same_numbers(linear_numbers(eval(measured[[way]], list(d = scale_data))), target, way)
  }
})

test_that("inference about a generalized model does not depend on units and origins", {
  target <- counted_numbers(scale_data)
  for (way in names(measured)[1:4]) {
    expect_same_numbers(counted_numbers(eval(measured[[way]], list(d = scale_data))), target, way)
  }
})

test_that("replicates are the same in other units", {
  ratios <- function(d, s, sx) {
    replicates <- bootstrap(lmm(y ~ x + f + (x | g), d), nsim = 3, seed = 1)$t
    replicates[, c("x", "fb", "sigma")] / rep(c(s / sx, s, s), each = 3)
  }
  target <- ratios(scale_data, 1, 1)
  expect_equal(ratios(transform(scale_data, x = 1e6 * x, y = 1e-6 * y), 1e-6, 1e6), target,
               tolerance = 1e-6)
})
