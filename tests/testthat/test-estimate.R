test_that("a row is tested as summary() tests it", {
  fit <- growth_fit()
  for (ddf in c("satterthwaite", "kenward-roger", "residual", "asymptotic")) {
    table <- coef(summary(fit, ddf = ddf))
    got <- estimate(fit, ddf = ddf)$table
    expect_values(got$estimate, table[, "Estimate"], 1e-12)
    expect_values(got$std.error, table[, "Std. Error"], 1e-12)
    expect_values(got$p.value, table[, ncol(table)], 1e-10)
  }
  limits <- confint(fit)
  expect_values(estimate(fit)$table[c("conf.low", "conf.high")], limits, 1e-12)
  one <- estimate(fit, "age + age:SexFemale = 0.4")
  L <- c(0, 1, 0, 1)
  se <- sqrt(drop(L %*% vcov(fit) %*% L))
  value <- sum(L * fixef(fit))
  expect_values(coef(one), value, 1e-12)
  expect_values(vcov(one), se^2, 1e-12)
  expect_equal(one$table$statistic, (value - 0.4) / se, tolerance = 1e-10)
  expect_equal(as.data.frame(one)$term, "age + age:SexFemale = 0.4")
  robust <- estimate(fit, "age", vcov = 4 * vcov(fit))$table
  expect_equal(robust$std.error, 2 * estimate(fit, "age")$table$std.error)
})

test_that("several rows together are an F test, in anova() too", {
  fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), machines_unbalanced())
  hypotheses <- attr(anova(fit, ddf = "kenward-roger"), "hypotheses")$Machine
  expected <- anova(fit, ddf = "kenward-roger")
  rows <- names(fixef(fit))[2:3]
  joint <- estimate(fit, rows, joint = TRUE, ddf = "kenward-roger")$table
  expect_equal(joint$statistic, expected[["F value"]], tolerance = 1e-8)
  expect_equal(joint$den_df, expected$DenDF, tolerance = 1e-6)
  table <- anova(fit, L = hypotheses, ddf = "kenward-roger")
  expect_equal(table[["F value"]], expected[["F value"]], tolerance = 1e-10)
  expect_equal(table[["Pr(>F)"]], expected[["Pr(>F)"]], tolerance = 1e-8)
  chisq <- estimate(fit, rows, joint = TRUE, test = "chisq")$table
  b <- fixef(fit)[2:3]
  expect_equal(chisq$statistic * 2, drop(b %*% solve(vcov(fit)[2:3, 2:3], b)), tolerance = 1e-10)
  expect_equal(chisq$p.value, pchisq(chisq$statistic * 2, 2, lower.tail = FALSE))
  # Rows that repeat others do not count.
  expect_equal(estimate(fit, c(rows, rows), joint = TRUE)$table$num_df, 2)
  expect_error(anova(fit, fit, L = rows), class = "tiers_error_input")
})

test_that("a balanced split plot has the classical standard errors and df", {
  d <- fixture_data("splitplot")
  fit <- lmm(Y ~ A * B + (1 | Block) + (1 | Block:A), d,
             contrasts = list(A = "contr.sum", B = "contr.sum"))
  strata <- summary(aov(Y ~ A * B + Error(Block / A), d))
  whole <- strata[["Error: Block:A"]][[1L]]
  split <- strata[["Error: Within"]][[1L]]
  # Means of whole-plot and of split-plot treatments differ by twice a mean square over the number
  # of plots in each.
  a <- estimate(fit, "2 * A1 + A2", ddf = "kenward-roger")$table
  expect_equal(a$std.error^2, 2 * whole["Residuals", "Mean Sq"] / (nrow(d) / 3), tolerance = 1e-8)
  expect_equal(a$df, whole["Residuals", "Df"], tolerance = 1e-6)
  b <- estimate(fit, "2 * B1")$table
  expect_equal(b$std.error^2, 2 * split["Residuals", "Mean Sq"] / (nrow(d) / 2), tolerance = 1e-8)
  expect_equal(b$df, split["Residuals", "Df"], tolerance = 1e-6)
})

test_that("random effects: estimates, errors and df of the prediction", {
  fit <- growth_fit()
  beta <- fixef(fit)
  b <- ranef(fit)$Subject
  got <- estimate(fit, "(Intercept) + 11 * age",
                  random = list(Subject = rbind(M01 = c("(Intercept)" = 1, age = 11))))
  same <- predict(fit, data.frame(age = 11, Sex = "Male", Subject = "M01"), se.fit = TRUE)
  expect_equal(got$table$estimate, same$fit[[1L]], tolerance = 1e-12)
  expect_equal(got$table$std.error, same$se.fit[[1L]], tolerance = 1e-10)
  expect_equal(got$table$df, same$df[[1L]], tolerance = 1e-8)
  # Two children against each other, without fixed effects.
  slopes <- matrix(c(1, -1), 2, 1, dimnames = list(c("M01", "F03"), "age"))
  two <- estimate(fit, random = list("(age | Subject)" = slopes))
  expect_equal(two$table$estimate, b["M01", "age"] - b["F03", "age"], tolerance = 1e-12)
  spec <- fit_specification(fit)
  M <- numeric(2 * length(fit$random$Subject$levels))
  M[2 * match(c("M01", "F03"), fit$random$Subject$levels)] <- c(1, -1)
  C <- dense_error_variance(spec, list(unname(VarCorr(fit)$Subject)), sigma(fit)^2, rbind(M),
                            matrix(0, 1, 4))
  expect_equal(two$table$std.error^2, drop(C), tolerance = 1e-8)
})

test_that("several contrasts of random effects, also together", {
  fit <- crossed_fit()
  workers <- list(c("1" = 1, "2" = -1), c("2" = 1, "3" = -1))
  got <- estimate(fit, random = list(Worker = workers))
  w <- ranef(fit)$Worker
  expect_values(coef(got), c(w["1", 1] - w["2", 1], w["2", 1] - w["3", 1]), 1e-12)
  joint <- estimate(fit, random = list(Worker = workers), joint = TRUE)$table
  expect_equal(joint$num_df, 2)
  expect_equal(joint$statistic, drop(coef(got) %*% solve(vcov(got), coef(got))) / 2,
               tolerance = 1e-8)
  # Narrow inference about the mean of all workers has less error than broad inference.
  levels <- fit$random$Worker$levels
  all <- list(Worker = stats::setNames(rep(1 / length(levels), length(levels)), levels))
  narrow <- estimate(fit, "(Intercept)", random = all)$table$std.error
  expect_lt(narrow, estimate(fit, "(Intercept)")$table$std.error)
})

test_that("what cannot be is refused", {
  fit <- growth_fit()
  expect_error(estimate(fit, random = list(Nobody = c(a = 1))), "Nobody",
               class = "tiers_error_input")
  expect_error(estimate(fit, random = list(Subject = c(M01 = 1))), "columns",
               class = "tiers_error_input")
  expect_error(estimate(fit, random = list(Subject = rbind(X = c(1, 1)))),
               class = "tiers_error_input")
  expect_error(estimate(fit, c("age", "SexFemale"), random = list(Subject = rbind(M01 = c(1, 1)))),
               class = "tiers_error_input")
  expect_error(estimate(fit, type = "marginal"), "newdata", class = "tiers_error_input")
  expect_error(estimate(fit, "age", random = list(Subject = rbind(M01 = c(1, 1))),
                        vcov = vcov(fit)),
               class = "tiers_error_input")
  expect_error(estimate(1), class = "tiers_error_input")
  expect_error(estimate(fit, "age", joint = NA), class = "tiers_error_input")
  dropped <- suppressMessages(lmm(distance ~ age + I(2 * age) + (1 | Subject), orthodont()))
  expect_error(estimate(dropped, "age"), "cannot estimate", class = "tiers_error_input")
  expect_values(coef(estimate(dropped, "age + 2 * I(2 * age)")), fixef(dropped)[["age"]], 1e-10)
})

test_that("differences and ratios of means have errors by the delta method", {
  fit <- binary_fit()
  d <- bacteria()
  cells <- list(placebo = transform(d, trt = "placebo"), drug = transform(d, trt = "drug"))
  psi <- c(fixef(fit), VarCorr(fit)$ID[1, 1])
  V <- fit$inference$vcov_natural
  means <- function(psi, type) {
    vapply(cells, function(cell) {
      eta <- drop(fixed_matrix(fit, cell) %*% psi[-length(psi)])
      sd <- sqrt(psi[length(psi)])
      spread <- rep(sd, length(eta))
      mean(if (type == "marginal") marginal_mean(fit$family, eta, spread) else plogis(eta))
    }, 1)
  }
  for (type in c("marginal", "response")) {
    functions <- function(psi) {
      m <- means(psi, type)
      c(m[[2]] - m[[1]], m[[2]] / m[[1]], log(m[[2]] / m[[1]]))
    }
    J <- numDeriv::jacobian(functions, psi)
    got <- estimate(fit, c("drug - placebo", "drug / placebo", "log(drug / placebo)"), type = type,
                    newdata = cells)
    expect_values(coef(got), functions(psi), 1e-10)
    expect_values(vcov(got), J %*% V %*% t(J), 1e-6)
    expect_true(all(is.infinite(got$table$df)))
  }
  alone <- estimate(fit, type = "marginal", newdata = cells)
  expect_values(coef(alone), means(psi, "marginal"), 1e-10)
  expect_identical(names(coef(alone)), c("placebo", "drug"))
  joint <- estimate(fit, "drug - placebo", type = "marginal", newdata = cells, joint = TRUE)$table
  single <- estimate(fit, "drug - placebo", type = "marginal", newdata = cells)$table
  expect_equal(joint$statistic, single$statistic^2, tolerance = 1e-10)
  # Rows of a data frame; of a linear model they have its df.
  linear <- growth_fit()
  new <- data.frame(age = c(8, 14), Sex = "Male", row.names = c("young", "old"))
  got <- estimate(linear, "old - young", newdata = new, type = "marginal")$table
  expect_equal(got$estimate, 6 * fixef(linear)[["age"]], tolerance = 1e-10)
  expect_equal(got$df, estimate(linear, "age")$table$df, tolerance = 1e-8)
})

test_that("random effects of generalized fits", {
  fit <- binary_fit()
  ids <- fit$random$ID$levels[1:2]
  got <- estimate(fit, "(Intercept)", random = list(ID = stats::setNames(1, ids[1])))
  new <- data.frame(trt = "placebo", week = 0, ID = ids[1])
  same <- predict(fit, new, se.fit = TRUE)
  expect_equal(got$table$estimate, same$fit[[1L]], tolerance = 1e-10)
  expect_equal(got$table$std.error, same$se.fit[[1L]], tolerance = 1e-8)
})

test_that("the printout and the tables", {
  fit <- growth_fit()
  # Line breaks and spacing aside.
  shown <- function(x) gsub("[[:space:]]+", " ", paste(capture.output(print(x)), collapse = " "))
  text <- shown(estimate(fit, c(boys = "age", girls = "age + age:SexFemale")))
  expect_match(text, "95% limits, degrees of freedom by Satterthwaite", fixed = TRUE)
  expect_match(text, "Estimate Lower Upper Std. Error df t value Pr(>|t|)", fixed = TRUE)
  expect_match(text, "girls 0.4795 0.2659 0.6932 0.1037 25", fixed = TRUE)
  text <- shown(estimate(fit, c("SexFemale = 0", "age:SexFemale"), joint = TRUE))
  expect_match(text, "Joint test, degrees of freedom by Satterthwaite of SexFemale = 0",
               fixed = TRUE)
  expect_match(text, "age:SexFemale = 0 F = 6.571 on 2 and 25 df, p = 0.00509", fixed = TRUE)
  text <- shown(anova(fit, L = c("SexFemale = 0", "age:SexFemale = 0")))
  expect_match(text, "F test with Satterthwaite denominator degrees of freedom of SexFemale = 0",
               fixed = TRUE)
  text <- shown(estimate(binary_fit(), random = list(ID = c(X01 = 1))))
  expect_match(text, "z value Pr(>|z|)", fixed = TRUE)
  expect_match(text, "ID X01", fixed = TRUE)
  text <- shown(estimate(fit, "age", ddf = "none"))
  expect_false(grepl("Pr(", text, fixed = TRUE))
  table <- tidy(estimate(fit, "age"))
  expect_true(all(c("term", "estimate", "std.error", "conf.low") %in% names(table)))
  expect_false("conf.low" %in% names(tidy(estimate(fit, "age"), conf.int = FALSE)))
})

test_that("limits of means and ratios stay in range, and hypotheses leave the estimate as it is", {
  fit <- binary_fit()
  new <- bacteria()[c(1, 60, 20), c("trt", "week", "ID")]
  rownames(new) <- NULL
  means <- predict(fit, new, type = "marginal")
  got <- estimate(fit, newdata = new, type = "marginal")$table
  expect_values(as.matrix(got[c("conf.low", "conf.high")]),
                predict(fit, new, type = "marginal", interval = "confidence")[, 2:3], 1e-10)
  # Row names that look like numbers are names in backticks, and numbers without.
  asked <- c("`3` - 2*`1`", "`3` / `1` = 1.1", "(`3`/`1`)", "1 = `2`")
  got <- estimate(fit, asked, newdata = new, type = "marginal")$table
  expect_values(got$estimate, c(means[3] - 2 * means[1], means[3] / means[1], means[3] / means[1],
                                means[2]), 1e-10)
  expect_values(got$statistic, (got$estimate - c(0, 1.1, 0, 1)) / got$std.error, 1e-10)
  half <- qnorm(0.975) * got$std.error
  expect_values(got$conf.high[1:3], c(got$estimate[1] + half[1],
                                      got$estimate[2:3] * exp(half / got$estimate)[2:3]), 1e-10)
  given <- estimate(fit, "`3` / `1`", newdata = new, type = "marginal", rhs = 1.1)$table
  expect_equal(unlist(given), unlist(got[2, ]), ignore_attr = TRUE)
  expect_error(estimate(fit, "3 - 1", newdata = new, type = "marginal"), "backticks",
               class = "tiers_error_input")
  expect_error(estimate(fit, "`3` / `1` = 1", rhs = 1, newdata = new, type = "marginal"), "both",
               class = "tiers_error_input")
})

test_that("finite combinations of infinite coefficients are those of the rows left", {
  set.seed(5)
  d <- data.frame(o = factor(rep(1:5, 30)), b = factor(rep(1:6, each = 25)))
  d$y <- rbinom(150, 1, plogis(rnorm(6)[d$b]))
  d$y[d$o == 1] <- 0
  fit <- suppressMessages(suppressWarnings(glmm(y ~ o + (1 | b), d, family = binomial)))
  rest <- suppressMessages(glmm(y ~ o + (1 | b), droplevels(d[d$o != 1, ]), family = binomial))
  got <- estimate(fit, c("o3 - o4", "o4 - o2", "o3 + o4", "o3 + 2 * `(Intercept)`"))$table
  want <- estimate(rest, c("o3 - o4", "o4"))$table
  expect_equal(got[1:2, ], want, ignore_attr = TRUE, tolerance = 1e-4)
  expect_identical(got$estimate[3:4], c(Inf, -Inf))
  expect_true(all(is.infinite(got$std.error[3:4])) && all(is.na(got$p.value[3:4])))
  expect_output(print(estimate(fit, "o3")), "separated")
  joint <- anova(rest, L = c("o3 - o4", "o4 - o5"))
  expect_equal(anova(fit, L = c("o3 - o4", "o4 - o5"))$Chisq, joint$Chisq, tolerance = 1e-4)
})
