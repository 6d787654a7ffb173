# Autocorrelation functions and variograms of residuals, against nlme's and against loops.

ovary_fit <- function() {
  suppressMessages(lmm(follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time) + (1 | Mare),
                       as.data.frame(nlme::Ovary)))
}
rat_fit <- function() {
  suppressMessages(lmm(weight ~ Time * Diet + (Time | Rat), as.data.frame(nlme::BodyWeight)))
}

test_that("autocorrelations are those of nlme", {
  theirs <- nlme::ACF(nlme::lme(follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time),
                                random = ~ 1 | Mare, data = nlme::Ovary), maxLag = 10)
  ours <- nlme::ACF(ovary_fit(), maxLag = 10)
  expect_equal(ours$ACF, theirs$ACF, tolerance = 1e-8)
  expect_equal(ours$pairs, attr(theirs, "n.used"), ignore_attr = TRUE)
  expect_identical(nlme::ACF(ovary_fit(), resType = "response", maxLag = 3)$lag, 0:3)
})

test_that("variograms are those of nlme", {
  fit <- rat_fit()
  peer <- nlme::lme(weight ~ Time * Diet, random = ~ Time | Rat, data = nlme::BodyWeight)
  for (robust in c(FALSE, TRUE)) {
    theirs <- nlme::Variogram(peer, form = ~ Time, maxDist = 1e4, robust = robust)
    ours <- nlme::Variogram(fit, form = ~ Time | Rat, robust = robust)
    expect_equal(ours$variog, theirs$variog, tolerance = 1e-6)
    expect_equal(ours$dist, theirs$dist)
    expect_equal(ours$pairs, as.integer(theirs$n.pairs))
  }
  near <- nlme::Variogram(fit, form = ~ Time | Rat, maxDist = 10)
  expect_equal(near$dist, c(1, 6, 7, 8))
})

test_that("gaps in time count, whatever the order of the rows", {
  d <- as.data.frame(nlme::BodyWeight)
  d <- d[sample(nrow(d)), ]
  d <- d[!(d$Rat == 1 & d$Time == 15), ]
  d$day <- as.Date("2020-01-01") + d$Time
  fit <- suppressMessages(lmm(weight ~ Time * Diet + (Time | Rat), d))
  e <- residuals(fit)
  same <- outer(as.integer(d$Rat), as.integer(d$Rat), "==")
  by_hand <- function(lag) mean(outer(e, e)[same & outer(d$Time, d$Time, "-") == lag])
  ours <- nlme::ACF(fit, form = ~ day | Rat, maxLag = 14)
  expect_equal(ours$lag, c(0, 1, 6, 7, 8, 13, 14))
  expect_equal(ours$ACF, vapply(ours$lag, by_hand, 1) / by_hand(0), tolerance = 1e-10)
  narrow <- nlme::Variogram(fit, form = ~ day | Rat, nint = 4)
  expect_equal(sum(narrow$pairs), sum(choose(table(d$Rat), 2)))
})

test_that("what cannot be answered is refused by name", {
  fit <- rat_fit()
  expect_error(nlme::ACF(fit, form = ~ nothing | Rat), "nothing", class = "tiers_error_input")
  expect_error(nlme::ACF(fit, form = Time ~ Rat), "time \\| group", class = "tiers_error_input")
  expect_error(nlme::ACF(fit, maxLag = -1), "maxLag", class = "tiers_error_input")
  expect_error(nlme::Variogram(fit, nint = 0), "nint", class = "tiers_error_input")
  expect_error(nlme::ACF(suppressMessages(lmm(weight ~ Time, nlme::BodyWeight))), "form",
               class = "tiers_error_input")
  d <- transform(as.data.frame(nlme::BodyWeight), odd = sqrt(2) * (Time == 8) + Time)
  expect_error(nlme::ACF(suppressMessages(lmm(weight ~ odd + (1 | Rat), d)),
                         form = ~ odd | Rat), "multiples", class = "tiers_error_input")
})

test_that("plots draw and return their argument", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  serial <- nlme::ACF(ovary_fit(), maxLag = 5)
  expect_identical(plot(serial, main = "Mares"), serial)
  expect_identical(plot(serial, alpha = NULL), serial)
  shape <- nlme::Variogram(rat_fit(), form = ~ Time | Rat)
  expect_identical(plot(shape), shape)
})
