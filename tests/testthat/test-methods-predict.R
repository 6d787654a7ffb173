test_that("predictions of the fit's own rows are the fitted values", {
  d <- orthodont()
  for (fit in suppressMessages(list(
    growth_fit(), lmm(distance ~ poly(age, 2) * Sex + (poly(age, 2) || Subject), d),
    lmm(distance ~ splines::ns(age, 2) + offset(age / 2) + (splines::ns(age, 2) || Subject), d),
    lmm(distance ~ scale(age) + (scale(age) | Subject), d)))) {
    expect_equal(unname(predict(fit, d)), unname(fitted(fit)), tolerance = 1e-12)
    expect_equal(predict(fit), fitted(fit))
    half <- d[c(100, 3, 50), ]
    expect_equal(unname(predict(fit, half)), unname(fitted(fit)[c(100, 3, 50)]), tolerance = 1e-12)
  }
})

test_that("re.form chooses random terms, also parts of them", {
  fit <- growth_fit()
  d <- orthodont()
  beta <- fixef(fit)
  fixed <- drop(model.matrix(fit) %*% beta)
  b <- as.matrix(ranef(fit)$Subject)[as.character(d$Subject), ]
  expect_values(predict(fit, re.form = NA), fixed)
  expect_values(predict(fit, re.form = ~ 0), fixed)
  expect_values(predict(fit, d, re.form = NA), fixed)
  expect_values(predict(fit, d, re.form = ~ (1 | Subject)), fixed + b[, 1])
  expect_values(predict(fit, re.form = ~ (0 + age | Subject)), fixed + b[, 2] * d$age)
  expect_values(predict(fit, re.form = ~ (age | Subject)), fitted(fit))
  expect_values(predict(fit, re.form = ~ (1 | Subject) + (0 + age | Subject)), fitted(fit))
  expect_error(predict(fit, re.form = ~ (1 | Sex)), class = "tiers_error_formula")
  expect_error(predict(fit, re.form = ~ (Sex | Subject)), class = "tiers_error_formula")
  expect_error(predict(fit, re.form = ~ age), class = "tiers_error_formula")
  expect_error(predict(fit, re.form = y ~ (1 | Subject)), class = "tiers_error_formula")
  expect_error(predict(fit, re.form = "Subject"), class = "tiers_error_input")
})

test_that("terms of several grouping factors can be taken one by one", {
  fit <- crossed_fit()
  d <- machines()
  worker <- ranef(fit)$Worker[as.character(d$Worker), 1]
  fixed <- predict(fit, re.form = NA)
  expect_values(predict(fit, re.form = ~ (1 | Worker)) - fixed, worker)
  expect_values(predict(fit, d, re.form = ~ (1 | Machine:Worker)) - fixed,
                fitted(fit) - fixed - worker)
  expect_values(predict(fit, re.form = ~ (1 | Worker / Machine)), fitted(fit))
  # Only the groups that are asked for are needed.
  expect_values(predict(fit, d[c("Machine", "x")], re.form = NA), fixed)
  expect_error(predict(fit, d[c("Machine", "x")]), "Worker", class = "tiers_error_input")
})

test_that("predictions are those of lme4", {
  skip_if_not_installed("lme4")
  d <- orthodont()
  fit <- lmm(distance ~ poly(age, 2) * Sex + (1 | Subject), d)
  lmer <- lme4::lmer(distance ~ poly(age, 2) * Sex + (1 | Subject), d)
  new <- data.frame(age = c(9, 10.5), Sex = c("Female", "Male"), Subject = c("F01", "M03"))
  expect_values(predict(fit, new), predict(lmer, new), 1e-5)
  expect_values(predict(fit, new, re.form = NA), predict(lmer, new, re.form = NA), 1e-5)
})

test_that("new levels: an error by default, the population mean when allowed", {
  fit <- growth_fit()
  new <- data.frame(age = c(9, 11), Sex = "Male", Subject = c("M01", "nobody"))
  error <- expect_error(predict(fit, new), "nobody", class = "tiers_error_input")
  expect_equal(error$levels, "nobody")
  allowed <- predict(fit, new, allow.new.levels = TRUE)
  expect_equal(allowed[[2]], predict(fit, new[2, ], re.form = NA)[[1]])
  expect_equal(allowed[[1]], predict(fit, new[1, ])[[1]])
})

test_that("missing values give NA, or what na.action says", {
  fit <- growth_fit()
  new <- data.frame(age = c(9, NA, 11), Sex = c("Male", "Male", NA),
                    Subject = c("M01", "M02", "M03"))
  expect_equal(unname(is.na(predict(fit, new))), c(FALSE, TRUE, TRUE))
  expect_equal(names(predict(fit, new, na.action = na.omit)), "1")
  expect_length(predict(fit, new, na.action = na.exclude), 3)
  expect_error(predict(fit, new, na.action = na.fail), class = "tiers_error_input")
  no_group <- data.frame(age = 9, Sex = "Male", Subject = NA)
  expect_true(is.na(predict(fit, no_group)))
  expect_equal(predict(fit, no_group, allow.new.levels = TRUE),
               predict(fit, no_group, re.form = NA))
})

test_that("newdata: missing columns, wrong types, reordered levels, no rows, lists", {
  fit <- growth_fit()
  new <- data.frame(age = 9, Sex = "Male", Subject = "M01")
  expect_error(predict(fit, new["age"]), class = "tiers_error_input")
  expect_error(predict(fit, transform(new, age = "nine")), class = "tiers_error_input")
  expect_error(predict(fit, transform(new, Sex = 1)), class = "tiers_error_input")
  expect_error(predict(fit, transform(new, Sex = "neither")), class = "tiers_error_input")
  expect_error(predict(fit, as.matrix(new)), class = "tiers_error_input")
  expect_error(predict(fit, data = new), class = "tiers_error_input")
  turned <- transform(new, Sex = factor("Male", levels = c("Female", "Male")))
  expect_equal(predict(fit, turned), predict(fit, new))
  expect_equal(unname(predict(fit, new[0, ])), numeric())
  expect_equal(predict(fit, as.list(new)), predict(fit, new))
})

test_that("offsets of the formula and of the argument are added", {
  d <- orthodont()
  d$o <- d$age / 3
  a <- lmm(distance ~ Sex + offset(o) + (1 | Subject), d)
  b <- lmm(distance ~ Sex + (1 | Subject), d, offset = o)
  new <- d[c(1, 70), ]
  new$o <- new$o + 100
  for (fit in list(a, b)) {
    expect_equal(unname(predict(fit, d)), unname(fitted(fit)))
    expect_equal(unname(predict(fit, new)), unname(fitted(fit)[c(1, 70)]) + 100)
  }
})

test_that("contrasts changed between fit and predict do not matter", {
  d <- orthodont()
  fit <- lmm(distance ~ Sex * age + (1 | Subject), d)
  before <- predict(fit, d)
  old <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(old))
  expect_equal(predict(fit, d), before)
  expect_equal(unname(anova(fit)[["F value"]]),
               unname(anova(lmm(distance ~ Sex * age + (1 | Subject), d))[["F value"]]),
               tolerance = 1e-7)
})

test_that("na.exclude pads, na.omit does not", {
  d <- orthodont()
  d$distance[c(2, 5)] <- NA
  padded <- lmm(distance ~ age + (1 | Subject), d, na.action = na.exclude)
  short <- lmm(distance ~ age + (1 | Subject), d)
  for (get in list(fitted, residuals, predict, weights, hatvalues, cooks.distance)) {
    expect_length(get(padded), 108)
    expect_true(all(is.na(get(padded)[c(2, 5)])))
    expect_equal(unname(get(padded)[-c(2, 5)]), unname(get(short)))
  }
  expect_equal(nrow(simulate(padded, seed = 1)), 108)
  expect_equal(nrow(simulate(short, seed = 1)), 106)
})

test_that("a row that the data cannot estimate is NA with a warning", {
  set.seed(2)
  d <- data.frame(a = gl(2, 20), b = gl(2, 10, 40), g = gl(5, 1, 40))
  d$y <- rnorm(40) + rnorm(5)[d$g]
  d <- d[!(d$a == "2" & d$b == "2"), ]
  fit <- suppressMessages(lmm(y ~ a * b + (1 | g), d))
  new <- data.frame(a = c("1", "2"), b = "2", g = "1")
  expect_warning(value <- predict(fit, new), class = "tiers_warning_data")
  expect_equal(unname(is.na(value)), c(FALSE, TRUE))
  expect_silent(predict(fit, d))
})

test_that("predictions for the rows of the fit follow its coefficients", {
  shifted <- function(fit, by) {
    fit$coefficients <- fit$coefficients + by
    fit
  }
  linear <- lmm(distance ~ age + (age | Subject), orthodont())
  X <- model.matrix(linear)
  expect_equal(predict(linear), fitted(linear))
  expect_equal(unname(predict(shifted(linear, c(1, 0.1))) - fitted(linear)), drop(X %*% c(1, 0.1)),
               ignore_attr = TRUE)
  logit <- glmm(y ~ week + (1 | ID), MASS::bacteria, family = binomial())
  eta <- predict(logit)
  expect_equal(predict(logit, type = "response"), fitted(logit))
  expect_equal(plogis(eta), fitted(logit))
  changed <- shifted(logit, c(0.5, -0.2))
  moved <- eta + drop(model.matrix(logit) %*% c(0.5, -0.2))
  expect_equal(predict(changed), moved)
  expect_equal(predict(changed, type = "response"), plogis(moved))
  expect_equal(predict(changed, type = "response"),
               predict(changed, MASS::bacteria, type = "response"), ignore_attr = TRUE)
})

test_that("changed coefficients count with offsets, dropped columns and na.exclude", {
  d <- orthodont()
  d$twice <- 2 * d$age
  d$distance[7] <- NA
  fit <- suppressMessages(lmm(distance ~ age + twice + offset(age / 3) + (1 | Subject), d,
                              na.action = na.exclude))
  before <- predict(fit)
  fit$coefficients[["age"]] <- fit$coefficients[["age"]] + 1
  expect_equal(unname(predict(fit) - before), ifelse(seq_len(108) == 7, NA, d$age))
  counts <- glmm(y ~ lbase + (1 | subject), MASS::epil, family = poisson())
  mean <- predict(counts, type = "marginal")
  counts$coefficients[["(Intercept)"]] <- counts$coefficients[["(Intercept)"]] + log(2)
  expect_equal(predict(counts, type = "marginal"), 2 * mean)
  expect_equal(predict(counts, re.form = NA, type = "response"),
               exp(drop(model.matrix(counts) %*% fixef(counts))), ignore_attr = TRUE)
})
