# emmeans on the same model by lme4; methods are registered when emmeans is loaded.

# Columns that both tables have, but for the names of their transformations.
expect_same_means <- function(ours, theirs, tolerance = 1e-5) {
  ours <- as.data.frame(ours)
  theirs <- as.data.frame(theirs)
  expect_identical(names(ours), names(theirs))
  for (name in names(theirs)) {
    expect_equal(ours[[name]], theirs[[name]], tolerance = tolerance, ignore_attr = TRUE)
  }
}

unbalanced_growth <- function() {
  d <- orthodont()[-c(2, 9, 40, 77, 78), ]
  d <- as.data.frame(d)
  d$Subject <- factor(as.character(d$Subject))
  d$period <- factor(d$age)
  d$w <- rep(c(1, 2, 0.5), length.out = nrow(d))
  d
}

test_that("means, contrasts, trends and their df are those of fits of lmer", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  d <- unbalanced_growth()
  formula <- distance ~ period * Sex + (1 | Subject)
  ours <- lmm(formula, d)
  theirs <- lmer_test_fit(formula, d)
  for (ddf in c("satterthwaite", "kenward-roger", "asymptotic")) {
    a <- emmeans::emmeans(ours, ~ Sex | period, ddf = ddf)
    b <- emmeans::emmeans(theirs, ~ Sex | period, lmer.df = ddf)
    expect_same_means(a, b)
    expect_same_means(pairs(a), pairs(b))
  }
  expect_same_means(emmeans::emmeans(ours, "period"),
                    emmeans::emmeans(theirs, "period", mode = "satterthwaite"))
  expect_same_means(emmeans::joint_tests(ours),
                    emmeans::joint_tests(theirs, mode = "satterthwaite"), 1e-4)
  expect_match(emmeans::emmeans(ours, "Sex", mode = "kenward-roger")@dffun |> attr("mesg"),
               "Kenward-Roger")
  # Trends, values of a covariate, weights of the rows, a function of the response.
  formula <- log(distance) ~ poly(age, 2) * Sex + (1 | Subject)
  ours <- lmm(formula, d, weights = w)
  theirs <- lmer_test_fit(formula, d, weights = d$w)
  at <- list(age = c(9, 13))
  means <- emmeans::emmeans(ours, ~ age * Sex, at = at)
  expect_same_means(means, emmeans::emmeans(theirs, ~ age * Sex, at = at, mode = "satterthwaite",
                                            data = d))
  expect_equal(as.data.frame(summary(means, type = "response"))$response,
               exp(as.data.frame(means)$emmean), tolerance = 1e-10)
  expect_same_means(
    emmeans::emtrends(ours, "Sex", var = "age", at = at),
    emmeans::emtrends(theirs, "Sex", var = "age", at = at, mode = "satterthwaite", data = d))
})

test_that("a fit knows its data, formula and offset wherever it is asked", {
  skip_if_not_installed("emmeans")
  d <- unbalanced_growth()
  made <- local({
    inside <- d
    formula <- sqrt(distance) ~ Sex + I(age^2) + offset(w / 10) + (1 | Subject)
    lmm(formula, inside)
  })
  rm(d)
  grid <- emmeans::emmeans(made, "Sex")
  d <- unbalanced_growth()
  X <- cbind(1, c(0, 1), mean(d$age)^2)
  if (names(fixef(made))[2L] == "SexMale") X[, 2L] <- c(1, 0)
  expect_equal(sort(as.data.frame(grid)$emmean), sort(drop(X %*% fixef(made)) + mean(d$w) / 10),
               tolerance = 1e-8)
  back <- as.data.frame(emmeans::emmeans(made, "Sex", type = "response"))
  expect_equal(back$response, as.data.frame(grid)$emmean^2, tolerance = 1e-10)
})

test_that("cells that cannot be estimated are said to be so", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("lme4")
  d <- subset(unbalanced_growth(), !(period == "14" & Sex == "Female"))
  formula <- distance ~ period * Sex + (1 | Subject)
  ours <- suppressMessages(lmm(formula, d))
  theirs <- suppressMessages(lmer_test_fit(formula, d))
  a <- emmeans::emmeans(ours, ~ Sex | period)
  expect_identical(sum(is.na(as.data.frame(a)$emmean)), 1L)
  expect_same_means(a, emmeans::emmeans(theirs, ~ Sex | period, mode = "satterthwaite"))
  expect_same_means(pairs(a), pairs(emmeans::emmeans(theirs, ~ Sex | period,
                                                     mode = "satterthwaite")))
})

test_that("another covariance matrix, by its name with its df", {
  skip_if_not_installed("emmeans")
  fit <- lmm(score ~ Machine + (1 | Worker), machines_unbalanced())
  grid <- emmeans::emmeans(fit, "Machine", vcov. = "CR2", cluster = ~ Worker)
  truth <- estimate(fit, cbind(1, c(0, 1, 0), c(0, 0, 1)), vcov = "CR2", cluster = ~ Worker)$table
  got <- as.data.frame(grid)
  expect_values(got[c("emmean", "SE", "df")], truth[c("estimate", "std.error", "df")], 1e-10)
  expect_match(paste(grid@misc$initMesg, collapse = " "), "CR2")
  doubled <- as.data.frame(emmeans::emmeans(fit, "Machine", vcov. = 4 * vcov(fit)))
  expect_values(doubled$SE, 2 * as.data.frame(emmeans::emmeans(fit, "Machine"))$SE, 1e-10)
  expect_error(emmeans::emm_basis(fit, terms(fit), NULL, machines(), ddf = "nobody"),
               class = "tiers_error_input")
})

test_that("generalized fits: z tests, links and the way back", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("lme4")
  d <- MASS::bacteria
  formula <- y ~ trt + week + (1 | ID)
  ours <- glmm(formula, d, family = binomial())
  theirs <- lme4::glmer(formula, d, family = binomial(),
                        control = lme4::glmerControl(optimizer = "bobyqa", tolPwrss = 1e-10))
  a <- emmeans::emmeans(ours, "trt")
  # The covariance matrix of glmer is that of a numerical Hessian.
  b <- emmeans::emmeans(theirs, "trt")
  expect_same_means(a, b, 2e-3)
  expect_equal(as.data.frame(a)$SE, sqrt(diag(a@linfct %*% vcov(ours) %*% t(a@linfct))),
               tolerance = 1e-10)
  odds <- as.data.frame(pairs(a, type = "response", reverse = TRUE))
  expect_equal(odds$odds.ratio[1:2], unname(exp(fixef(ours)[2:3])), tolerance = 1e-8)
  chance <- as.data.frame(emmeans::emmeans(ours, "trt", type = "response"))
  expect_equal(chance$prob, plogis(as.data.frame(a)$emmean), tolerance = 1e-10)
  # Means over the groups by emmeans' approximation, with the standard deviation of the groups.
  total <- as.data.frame(emmeans::emmeans(ours, "trt", type = "response", bias.adjust = TRUE))
  s <- sqrt(VarCorr(ours)$ID[1, 1])
  given <- as.data.frame(emmeans::emmeans(ours, "trt", type = "response", bias.adjust = TRUE,
                                          sigma = s))
  expect_equal(total, given, tolerance = 1e-10)
  counts <- glmm(count ~ spray + (1 | block), family = nbinom2(),
                 transform(datasets::InsectSprays, block = rep(1:6, 12)))
  expect_named(as.data.frame(emmeans::emmeans(counts, "spray", type = "response"))[2L], "rate")
})
