codings <- c("contr.treatment", "contr.sum", "contr.helmert", "contr.SAS", "contr.poly")

with_coding <- function(formula, data, coding, factors) {
  contrasts <- stats::setNames(rep(list(coding), length(factors)), factors)
  suppressMessages(lmm(formula, data, contrasts = contrasts))
}

for (type in 1:3) {
  test_that(paste("type", type, "tests do not depend on the contrasts"), {
    d <- machines_unbalanced()
    formula <- score ~ Machine * f * x + (1 | Worker)
    tables <- lapply(codings, function(coding) {
      as.matrix(anova(with_coding(formula, d, coding, c("Machine", "f")), type = type))
    })
    for (table in tables[-1L]) expect_equal(table, tables[[1L]], tolerance = 1e-6)
  })

  test_that(paste("type", type, "tests are those of lmerTest"), {
    skip_if_not_installed("lmerTest")
    d <- machines_unbalanced()
    for (formula in c(score ~ Machine * f + (1 | Worker), score ~ Machine * f * x + (1 | Worker),
                      score ~ Machine:f + x + (1 | Worker), score ~ x + (1 | Worker))) {
      ours <- suppressMessages(lmm(formula, d))
      theirs <- suppressMessages(anova(lmer_test_fit(formula, d), type = type))
      expect_values(anova(ours, type = type), theirs, 1e-3)
      expect_identical(names(anova(ours, type = type)), names(theirs))
    }
  })
}

test_that("empty cells: the same functions are tested in every coding, as SAS and lmerTest", {
  skip_if_not_installed("lmerTest")
  set.seed(1)
  d <- data.frame(a = gl(3, 20), b = gl(4, 5, 60), g = gl(6, 1, 60), x = rnorm(60))
  d$y <- rnorm(60) + rnorm(6)[d$g]
  d <- d[!(d$a == "2" & d$b == "3"), ]
  formula <- y ~ a * b + x + (1 | g)
  theirs <- suppressMessages(anova(lmer_test_fit(formula, d)))
  for (coding in codings) {
    expect_values(anova(with_coding(formula, d, coding, c("a", "b"))), theirs, 1e-3)
  }
})

test_that("the split plot gives the classical analysis of variance", {
  d <- fixture_data("splitplot")
  table <- anova(lmm(Y ~ A * B + (1 | Block) + (1 | Block:A), d))
  strata <- summary(aov(Y ~ A * B + Error(Block / A), d))
  classical <- rbind(strata[[2]][[1]][1, ], strata[[3]][[1]][1:2, ])
  expect_values(table[["F value"]], classical[["F value"]], 1e-6)
  expect_values(table[["Pr(>F)"]], classical[["Pr(>F)"]], 1e-6)
  expect_values(table$DenDF, c(6, 9, 9), 1e-6)
})

test_that("the hypotheses of the table are its attribute, and ddf and vcov can be chosen", {
  fit <- growth_fit()
  table <- anova(fit)
  L <- attr(table, "hypotheses")$Sex
  expect_equal(colnames(L), names(fixef(fit)))
  expect_equal(test_joint(fixef(fit), prepare_ddf(fit), L)$statistic, table["Sex", "F value"])
  expect_equal(anova(fit, ddf = "residual")$DenDF, rep(104, 3))
  expect_named(anova(fit, ddf = "none"), c("Sum Sq", "Mean Sq", "NumDF", "F value"))
  expect_equal(anova(fit, vcov = 2 * vcov(fit))[["F value"]], table[["F value"]] / 2)
  expect_equal(anova(fit, type = "II"), anova(fit, type = 2))
  expect_error(anova(fit, type = 4), class = "tiers_error_input")
  expect_error(anova(fit, tpye = 2), class = "tiers_error_input")
})

test_that("a model with no term to test has an empty table", {
  fit <- lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff"))
  for (type in 1:3) expect_equal(nrow(anova(fit, type = type)), 0)
})

test_that("comparison: REML fits are refitted by ML and a message says so", {
  big <- growth_fit()
  small <- lmm(distance ~ age + (age | Subject), orthodont())
  expect_message(table <- anova(big, small), class = "tiers_message_refit")
  ml <- lapply(list(small, big), function(fit) logLik(update(fit, REML = FALSE)))
  expect_equal(table$logLik, vapply(ml, as.numeric, 0), tolerance = 1e-8)
  expect_equal(rownames(table), c("small", "big"))
  expect_equal(table$Chisq[2], 2 * (as.numeric(ml[[2]]) - as.numeric(ml[[1]])), tolerance = 1e-6)
  expect_equal(table$Df, c(NA, 2))
  expect_equal(table[["Pr(>Chisq)"]][2], pchisq(table$Chisq[2], 2, lower.tail = FALSE))
  expect_silent(anova(update(big, REML = FALSE), update(small, REML = FALSE)))
})

test_that("comparison is that of lme4", {
  skip_if_not_installed("lme4")
  d <- orthodont()
  ours <- suppressMessages(anova(growth_fit(), lmm(distance ~ age + (age | Subject), d)))
  control <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10))
  theirs <- suppressMessages(anova(
    lme4::lmer(distance ~ age * Sex + (age | Subject), d, control = control),
    lme4::lmer(distance ~ age + (age | Subject), d, control = control)))
  expect_identical(names(ours), names(theirs))
  expect_values(ours, theirs, 1e-5)
})

test_that("refit = FALSE compares REML fits with the same fixed effects only", {
  one <- lmm(score ~ Machine + x + (1 | Worker), machines())
  table <- expect_silent(anova(crossed_fit(), one, refit = FALSE))
  expect_equal(table$logLik[2], as.numeric(logLik(crossed_fit())))
  other <- lmm(score ~ Machine + (1 | Worker), machines())
  expect_error(anova(one, other, refit = FALSE), class = "tiers_error_input")
  expect_error(anova(one, update(one, REML = FALSE), refit = FALSE), class = "tiers_error_input")
})

test_that("what cannot be compared is refused", {
  fit <- growth_fit()
  part <- lmm(distance ~ age + (age | Subject), orthodont()[-1, ])
  expect_error(anova(fit, part), class = "tiers_error_input")
  expect_error(anova(fit, 3), class = "tiers_error_input")
  with_lm <- suppressMessages(anova(fit, lm(distance ~ age, orthodont())))
  expect_equal(with_lm$npar, c(3, 8))
})

test_that("anova works in a function, after the data are gone, and on list elements", {
  compare <- function() {
    d <- orthodont()
    fits <- list(lmm(distance ~ age + (1 | Subject), d), lmm(distance ~ 1 + (1 | Subject), d))
    rm(d)
    suppressMessages(anova(fits[[1]], fits[[2]]))
  }
  table <- compare()
  expect_equal(rownames(table), c("model2", "model1"))
  expect_equal(rownames(anova(growth_fit())), c("age", "Sex", "age:Sex"))
})

# A linear model has the sums of squares of the same tests, as differences between fits by lm().
rss <- function(formula, data) sum(stats::resid(stats::lm(formula, data))^2)

test_that("a variable whose column other terms span as well has no type 2 or 3 test", {
  set.seed(4)
  d <- data.frame(week = rep(0:5, 20), id = rep(1:20, each = 6))
  d$arm <- factor(d$id %% 2)
  d$y <- 0.4 * d$week + 0.5 * (d$arm == 1) * d$week + sin(d$week) + rnorm(20)[d$id] + rnorm(120)
  absent <- function(formula, type = 3) {
    fit <- suppressMessages(lmm(formula, d))
    setdiff(attr(terms(fit), "term.labels"), rownames(anova(fit, type = type)))
  }
  for (type in 2:3) {
    expect_equal(absent(y ~ arm * week + factor(week) + (1 | id), type), "week")
    expect_equal(absent(y ~ week + poly(week, 2) + (1 | id), type), "week")
    expect_equal(absent(y ~ arm * week + arm * poly(week, 2) + (1 | id), type),
                 c("arm", "week", "arm:week"))
    expect_equal(absent(y ~ 0 + week + factor(week) + (1 | id), type), "week")
  }
  fit <- suppressMessages(lmm(y ~ arm * week + factor(week) + (1 | id), d))
  expect_match(attr(anova(fit), "heading"), "nothing to estimate: week", all = FALSE)
  # In sequence `week` comes first and takes the linear trend.
  expect_equal(absent(y ~ arm * week + factor(week) + (1 | id), 1), character())
})

test_that("tests beside such a variable are those of the differences between fits", {
  set.seed(9)
  d <- data.frame(x = rep(c(0, 1, 2.5, 4), 15), g = gl(10, 6), f = gl(3, 20))
  d$y <- rnorm(60) + d$x + (d$f == 2) * d$x
  plain <- function(formula, type = 3) anova(suppressMessages(lmm(formula, d)), type = type)
  full <- y ~ f * x + factor(x)
  expect_equal(plain(full)["factor(x)", "Sum Sq"], rss(y ~ f * x, d) - rss(full, d))
  expect_equal(plain(full)["f:x", "Sum Sq"], rss(y ~ f + factor(x), d) - rss(full, d))
  for (type in 2:3) {
    table <- plain(y ~ x + splines::ns(x, 2) + f, type)
    expect_equal(table$NumDF, c(1, 2))
    expect_equal(table["f", "Sum Sq"],
                 rss(y ~ x + splines::ns(x, 2), d) - rss(y ~ x + splines::ns(x, 2) + f, d))
  }
  # `I(2 * x)` takes nothing from `x`: a term without a column is as if it had not been written.
  expect_equal(plain(y ~ x + f + I(2 * x))["x", "Sum Sq"], rss(y ~ f, d) - rss(y ~ x + f, d))
  expect_equal(plain(full, 2)["f", "Sum Sq"], rss(y ~ factor(x) + f:x, d) - rss(full, d))
})

test_that("chi-square tests of a single fit are asked for by test", {
  fit <- lmm(score ~ Machine + (1 | Worker), machines())
  expect_equal(anova(fit, test = "Chisq"), anova(fit, ddf = "asymptotic"))
  expect_error(anova(fit, test = "LRT"), "drop1", class = "tiers_error_input")
  expect_error(anova(fit, test = "Chisq", ddf = "satterthwaite"), class = "tiers_error_input")
  hypothesis <- c("MachineB = 0", "MachineC = 0")
  expect_equal(anova(fit, L = hypothesis, test = "Chisq"),
               anova(fit, L = hypothesis, ddf = "asymptotic"))
  expect_equal(anova(fit, test = "F"), anova(fit))
  expect_error(anova(fit, test = "F", ddf = "asymptotic"), class = "tiers_error_input")
  expect_error(anova(fit, fit, test = "F"), class = "tiers_error_input")
  expect_error(anova(fit, test = "boot"), "compares two fits", class = "tiers_error_input")
})

test_that("two fits by an F test of the fixed effects that one has more", {
  d <- machines_unbalanced()
  large <- lmm(score ~ Machine + x + (1 | Worker), d)
  small <- lmm(score ~ x + (1 | Worker), d)
  L <- rbind(c(0, 1, 0, 0), c(0, 0, 1, 0))
  for (ddf in c("kenward-roger", "residual")) {
    found <- anova(small, large, test = "F", ddf = ddf)
    expect_equal(unlist(found), unlist(anova(large, L = L, ddf = ddf)), tolerance = 1e-8)
    expect_equal(unlist(anova(large, small, test = "F", ddf = ddf)), unlist(found))
  }
  expect_output(print(found), "what the larger fit has more.*smaller: score ~ x")
  one <- anova(large, lmm(score ~ Machine + (1 | Worker), d), test = "F")
  expect_equal(unlist(one), unlist(anova(large)["x", ]), tolerance = 1e-8)
  expect_error(anova(large, lmm(score ~ x, d), test = "F"), "same random",
               class = "tiers_error_input")
  expect_error(anova(large, large, test = "F"), "part of those", class = "tiers_error_input")
  expect_error(anova(large, lm(score ~ x, d), test = "F"), "two fits", class = "tiers_error_input")
  expect_error(anova(count_fit(), count_fit(), test = "F"), "linear", class = "tiers_error_input")
})
