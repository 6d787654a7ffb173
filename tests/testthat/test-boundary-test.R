last_row <- function(table) table[nrow(table), ]

heading_words <- function(table) paste(attr(table, "heading"), collapse = "\n")

test_that("fits are compared by the mixture that leaving a column out has", {
  d <- nlme_data("Orthodont")
  both <- lmm(distance ~ age * Sex + (age | Subject), d)
  one <- lmm(distance ~ age * Sex + (1 | Subject), d)
  none <- lm(distance ~ age * Sex, d)
  table <- expect_silent(anova(one, both))
  chisq <- table$Chisq[2L]
  expect_equal(chisq, one$deviance - both$deviance, tolerance = 1e-10)
  expect_equal(table[["Naive p"]][2L], pchisq(chisq, 2, lower.tail = FALSE))
  expect_equal(table[["Pr(>Chisq)"]][2L],
               mean(pchisq(chisq, 1:2, lower.tail = FALSE)))
  expect_equal(names(table)[ncol(table)], "Pr(>Chisq)")
  # However the slope is written.
  shifted <- lmm(distance ~ age * Sex + (I(age - 11) | Subject), d)
  expect_equal(anova(one, shifted)[["Pr(>Chisq)"]], table[["Pr(>Chisq)"]], tolerance = 1e-6)
  # Both columns: weights of two-by-two matrices, by ML.
  ml <- update(both, REML = FALSE)
  whole <- anova(ml, none)
  expect_equal(last_row(whole)[["Pr(>Chisq)"]], last_row(covtest(ml))[["Pr(>Chisq)"]],
               tolerance = 1e-4)
  expect_match(heading_words(whole), "chi2(3)", fixed = TRUE)
})

test_that("shapes of pairs of fits are those of columns left out", {
  set.seed(12)
  d <- data.frame(g = gl(15, 8), h = factor(sample(9, 120, TRUE)), x = rnorm(120), z = rnorm(120))
  d$y <- rnorm(15)[d$g] + rnorm(15)[d$g] * d$x + rnorm(9)[d$h] + rnorm(120)
  large <- suppressMessages(lmm(y ~ x + z + (x + z | g) + (1 | h), d))
  small <- suppressMessages(lmm(y ~ x + z + (1 | g) + (1 | h), d))
  pair <- comparison_shape(small, large, 5)
  expect_equal(pair$sizes, 2L)
  expect_equal(pair$free, 2)
  model <- smaller_model(large, fit_specification(large), list(1L, 1L))
  own <- smaller_shape(model, fit_smaller(model, large), large)
  expect_equal(chi_bar_weights(pair), chi_bar_weights(own), tolerance = 1e-4)
  # Two intercepts at once.
  none <- suppressMessages(lmm(y ~ x + z + (1 | g), d))
  crossed <- lmm(y ~ x + z + (1 | g) + (1 | h), d)
  zero <- covtest(crossed, "zero_g")
  expect_match(heading_words(zero), "chi2(2)", fixed = TRUE)
  expect_equal(comparison_shape(none, crossed, 1)$sizes, 1L)
})

test_that("covariances and equal variances are no tests at a boundary", {
  d <- nlme_data("Orthodont")
  correlated <- lmm(distance ~ age * Sex + (age | Subject), d)
  table <- anova(lmm(distance ~ age * Sex + (age || Subject), d), correlated)
  expect_equal(table[["Pr(>Chisq)"]], table[["Naive p"]])
  m <- machines()
  cs <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), m)
  us <- lmm(score ~ Machine + (0 + Machine | Worker), m)
  table <- anova(cs, us)
  expect_equal(table$Df[2L], 4)
  expect_equal(table[["Pr(>Chisq)"]], table[["Naive p"]])
})

test_that("tests of fixed effects alone have one p value, with variances along them both", {
  d <- nlme_data("Orthodont")
  fit <- lmm(distance ~ age + (1 | Subject), d, REML = FALSE)
  fixed <- anova(fit, update(fit, . ~ . + Sex))
  expect_null(fixed[["Naive p"]])
  both <- update(fit, distance ~ age * Sex + (age | Subject))
  table <- anova(fit, both)
  expect_equal(table$Df[2L], 4)
  expect_equal(table[["Pr(>Chisq)"]][2L], mean(pchisq(table$Chisq[2L], 3:4, lower.tail = FALSE)))
})

test_that("a variance that the smaller model has counts as positive, also where it is zero", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2"), REML = FALSE))
  table <- anova(fit, lm(Yield ~ 1, fixture_data("dyestuff2")))
  expect_equal(table[["Pr(>Chisq)"]][2L], 1)
  d <- fixture_data("dyestuff2")
  d$x <- rep(1:5, 6)
  slope <- suppressMessages(lmm(Yield ~ x + (x | Batch), d))
  none <- suppressMessages(lmm(Yield ~ x + (1 | Batch), d))
  shape <- comparison_shape(none, slope, 2)
  expect_equal(shape$free, 1)
  expect_equal(shape$sizes, 1L)

  # The correlation with an effect whose variance is estimated at zero is a parameter all the same;
  # the slope has none in these data.
  set.seed(5)
  d <- data.frame(g = gl(20, 6), x = rnorm(120))
  d$y <- rnorm(20)[d$g] + rnorm(120)
  large <- suppressMessages(lmm(y ~ x + (x | g), d))
  small <- suppressMessages(lmm(y ~ x + (x || g), d))
  expect_identical(small$parameters$estimate[2L], 0)
  table <- anova(small, large)
  expect_equal(table[["Pr(>Chisq)"]][2L], pchisq(table$Chisq[2L], 1, lower.tail = FALSE))
  expect_equal(covtest(large, "diag_g")[["Pr(>Chisq)"]][2L], table[["Pr(>Chisq)"]][2L],
               tolerance = 1e-4)
  # The same by holding the correlation.
  held <- suppressMessages(update(large, fix = c("cor_x.(Intercept)|g" = 0)))
  expect_equal(anova(held, large)[["Pr(>Chisq)"]][2L], table[["Pr(>Chisq)"]][2L],
               tolerance = 1e-4)
  # A variance that is held at zero is not the smaller model's own.
  none <- update(large, fix = c("sd_x|g" = 0, "cor_x.(Intercept)|g" = 0))
  expect_equal(comparison_shape(none, large, 2)[c("free", "sizes")], list(free = 1, sizes = 1L))
})

test_that("fits with constraints", {
  d <- nlme_data("Orthodont")
  large <- lmm(distance ~ age * Sex + (age | Subject), d)
  held <- update(large, fix = c("sd_age|Subject" = 0, "cor_age.(Intercept)|Subject" = 0))
  plain <- lmm(distance ~ age * Sex + (1 | Subject), d)
  expect_equal(anova(held, large)[["Pr(>Chisq)"]][2L], anova(plain, large)[["Pr(>Chisq)"]][2L],
               tolerance = 1e-5)
  # Held inside of its range: as any parameter.
  inside <- update(large, fix = c("sd_age|Subject" = 0.3))
  table <- anova(inside, large)
  expect_equal(table[["Pr(>Chisq)"]], table[["Naive p"]])
  # Of a larger model with constraints nothing better than the naive one is known.
  value <- stats::setNames(large$parameters$estimate, large$parameters$name)
  table <- anova(plain, update(large, fix = value["sd_age|Subject"]))
  expect_equal(table[["Pr(>Chisq)"]], table[["Naive p"]])
  expect_match(heading_words(table), "held or set equal")
})

test_that("generalized fits, and families that are limits of others", {
  bacteria <- MASS::bacteria
  fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria, family = binomial())
  table <- anova(fit, glm(y ~ trt + I(week > 2), binomial(), bacteria))
  expect_equal(table[["Pr(>Chisq)"]][2L], table[["Naive p"]][2L] / 2)
  counts <- glmm(y ~ trt + lbase + (1 | subject), MASS::epil, family = poisson())
  table <- anova(counts, update(counts, family = nbinom2()))
  expect_equal(table[["Pr(>Chisq)"]][2L], table[["Naive p"]][2L] / 2)
  # Two variances of a generalized fit, by the working model's information.
  d <- small_counts()
  large <- suppressMessages(glmm(n ~ x + (1 | g) + (1 | h), d, poisson()))
  shape <- comparison_shape(glm(n ~ x, poisson(), d), large, 2)
  expect_equal(shape$sizes, c(1L, 1L))
  expect_equal(sum(chi_bar_weights(shape)), 1)
})

test_that("REML fits are refitted only where their fixed parts differ, which is told", {
  d <- nlme_data("Orthodont")
  one <- lmm(distance ~ age * Sex + (1 | Subject), d)
  expect_silent(anova(one, update(one, . ~ . - (1 | Subject) + (age | Subject))))
  expect_message(anova(one, update(one, . ~ . - age:Sex)), "fixed effects differ",
                 class = "tiers_message_refit")
  expect_message(anova(one, update(one, REML = FALSE), lm(distance ~ age, d)),
                 class = "tiers_message_refit")
})
