test_that("everything that is printed is in the object", {
  s <- summary(growth_fit())
  expect_equal(colnames(coef(s)), c("Estimate", "Std. Error", "df", "t value", "Pr(>|t|)"))
  expect_equal(rownames(coef(s)), names(fixef(growth_fit())))
  expect_equal(s$random$sd[1:2], unname(attr(VarCorr(growth_fit())$Subject, "stddev")))
  expect_equal(s$random$term, c("(age | Subject)", "(age | Subject)", "Residual"))
  expect_equal(s$random$parameters, c(3, 3, 1))
  expect_equal(s$correlations$correlation, attr(VarCorr(growth_fit())$Subject, "correlation")[2, 1])
  expect_equal(s$criteria$AIC, AIC(growth_fit()))
  expect_equal(s$groups, data.frame(group = "Subject", levels = 27L, smallest = 4, mean = 4,
                                    largest = 4))
  expect_equal(s$data$used, 108)
  expect_true(s$converged)
  for (part in c("data", "groups", "criteria", "random", "correlations")) {
    expect_s3_class(s[[part]], "data.frame")
  }
  expect_equal(vcov(s), vcov(growth_fit()))
})

test_that("parts that scripts for lme4 read are there", {
  skip_if_not_installed("lme4")
  d <- machines_unbalanced()
  for (reml in c(TRUE, FALSE)) {
    fit <- lmm(score ~ Machine + (1 | Worker), d, REML = reml)
    ours <- summary(fit)
    theirs <- summary(lmer_test_fit(score ~ Machine + (1 | Worker), d, REML = reml))
    expect_equal(as.data.frame(ours$varcor)$sdcor, as.data.frame(theirs$varcor)$sdcor,
                 tolerance = 1e-4)
    expect_equal(ours$ngrps, theirs$ngrps)
    expect_equal(ours$AICtab, theirs$AICtab, tolerance = 1e-6)
    expect_equal(unname(ours$residuals), unname(theirs$residuals), tolerance = 1e-4)
  }
})

test_that("ddf = none leaves out df and p values", {
  table <- coef(summary(growth_fit(), ddf = "none"))
  expect_equal(colnames(table), c("Estimate", "Std. Error", "t value"))
})

test_that("the printout", {
  d <- orthodont()
  d$distance[3] <- NA
  fit <- lmm(distance ~ age * Sex + (age | Subject), d, REML = FALSE)
  out <- capture.output(print(summary(fit)))
  expect_match(out[1], "Linear mixed model fitted by maximum likelihood")
  expect_match(paste(out, collapse = "\n"), "107 rows used, 1 dropped")
  expect_match(paste(out, collapse = "\n"), "Satterthwaite degrees of freedom")
  expect_match(paste(out, collapse = "\n"), "27 Subject|Subject 27 \\(3 to 4 rows, mean 3.96\\)")
  expect_match(paste(out, collapse = "\n"), "missing: `distance` 1", fixed = TRUE)
  expect_no_match <- function(text, pattern) expect_false(any(grepl(pattern, text)))
  expect_no_match(out, "Correlation of fixed effects")
  expect_output(print(summary(fit, correlation = TRUE)), "Correlation of fixed effects")
  expect_output(print(summary(fit, vcov = 2 * vcov(fit))), "given by the user")
  expect_output(print(summary(growth_fit())), "AIC (REML)", fixed = TRUE)
})

test_that("dropped columns are named", {
  fit <- suppressMessages(lmm(score ~ x + z + (1 | Worker), transform(machines(), z = 2 * x)))
  expect_output(print(summary(fit)), "Not estimable (NA): z", fixed = TRUE)
  expect_equal(nrow(coef(summary(fit))), 2)
})

test_that("models without fixed effects or without random terms have a summary", {
  none <- lmm(score ~ 0 + (1 | Worker), machines())
  expect_output(print(summary(none)), "No fixed effects")
  plain <- suppressMessages(lmm(score ~ x, machines()))
  expect_output(print(summary(plain)), "Linear model fitted by REML")
})

test_that("a damaged fit is refused with a class", {
  fit <- growth_fit()
  fit$vcov <- NULL
  expect_error(summary(fit), class = "tiers_error_input")
})

test_that("rows dropped are told by the variables that are missing", {
  d <- transform(fixture_data("sleepstudy"), other = Days)
  d$Reaction[1:3] <- NA
  d$other[c(3, 8)] <- NA
  d$Subject[10] <- NA
  fit <- lmm(log(Reaction) ~ sin(Days) + other + I(exp(-other)) + (1 | Subject), d)
  # What is calculated from a variable is counted with it.
  expect_equal(summary(fit)$missing, c(`log(Reaction)` = 3, other = 2, Subject = 1))
  # A value that the formula makes missing.
  d$Reaction[20] <- -1
  expect_equal(suppressWarnings(summary(lmm(log(Reaction) ~ Days + (1 | Subject), d)))$missing,
               c(`log(Reaction)` = 4, Subject = 1))
  weights <- replace(rep(1, 180), 5, NA)
  expect_equal(summary(lmm(Reaction ~ Days + (1 | Subject), d, weights = weights))$missing,
               c(Reaction = 3, Subject = 1, weights = 1))
  expect_null(summary(growth_fit())$missing)
})

test_that("sizes of groups leave out rows of weight zero", {
  d <- fixture_data("sleepstudy")
  w <- rep(1, 180)
  w[c(1:4, 11)] <- 0
  s <- summary(lmm(Reaction ~ Days + (1 | Subject) + (0 + Days | Subject), d, weights = w))
  expect_equal(s$groups, data.frame(group = "Subject", levels = 18L, smallest = 6, mean = 175 / 18,
                                    largest = 10))
  nested <- summary(lmm(strength ~ 1 + (1 | batch / cask), fixture_data("pastes")))
  expect_equal(nested$groups$largest, c(2, 6))
})

test_that("the correlations of the fixed effects are a triangle within 80 columns", {
  fit <- lmm(distance ~ factor(age) * Sex + (1 | Subject), orthodont())
  out <- capture.output(print(summary(fit, correlation = TRUE)))
  rows <- out[seq(grep("Correlation of fixed", out) + 2, length(out))]
  expect_length(rows, 7)
  expect_lte(max(nchar(rows)), 80)
  R <- cov2cor(as.matrix(vcov(fit)))
  shown <- regmatches(rows, gregexpr("-?[01]\\.[0-9]{2}", sub("^[^ ]+ ", "", rows)))
  expect_equal(as.numeric(unlist(lapply(seq_along(rows), function(i) {
    tail(strsplit(trimws(rows[i]), " +")[[1]], i)
  }))), round(t(R)[upper.tri(R)], 2))
})

test_that("summary(both = TRUE) has the standard errors of the model too", {
  fit <- growth_fit()
  plain <- coef(summary(fit, vcov = "CR2"))
  found <- summary(fit, vcov = "CR2", both = TRUE)
  expect_equal(coef(found)[, "Model SE"], sqrt(diag(vcov(fit))))
  expect_equal(coef(found)[, colnames(plain)], plain)
  expect_identical(colnames(coef(found))[1:3], c("Estimate", "Std. Error", "Model SE"))
  expect_output(print(found), "Std. Error +Model SE")
  expect_error(summary(fit, both = TRUE), "vcov", class = "tiers_error_input")
})
