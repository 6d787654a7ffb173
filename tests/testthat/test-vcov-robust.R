crossed_data <- function() {
  set.seed(8)
  d <- expand.grid(a = factor(1:8), b = factor(1:10))
  d <- d[sample(80, 70), ]
  d$x <- rnorm(70)
  d$f <- factor(rep(c("u", "v"), 35))
  d$w <- sample(c(0.5, 1, 3), 70, TRUE)
  d$y <- rnorm(8)[d$a] + rnorm(10)[d$b] + rnorm(10)[d$b] * d$x + d$x + rnorm(70)
  d
}

test_that("clusters that are or contain the groups: by the definition", {
  d <- machines_unbalanced()
  d$half <- factor(as.integer(d$Worker) %% 3L)
  d$w <- sample(c(1, 2, 5), nrow(d), TRUE)
  expect_robust(lmm(score ~ Machine + (Machine | Worker), d), ~ Worker, "CR0")
  expect_robust(lmm(score ~ Machine + x + (1 | Worker) + (1 | Worker:Machine), d, weights = w),
                ~ Worker)
  growth <- lmm(distance ~ age * Sex + (age | Subject), nlme_data("Orthodont")[-c(3, 17, 40), ])
  expect_robust(growth, ~ Subject)
  expect_robust(update(growth, . ~ age * Sex + (age || Subject)), ~ Subject, "CR2")
})

test_that("crossed and finer clusters: by the definition", {
  d <- crossed_data()
  fit <- lmm(y ~ x + f + (1 | a) + (x | b), d, weights = w)
  expect_robust(fit, ~ a)
  expect_robust(fit, ~ b)
  expect_robust(fit, ~ a:f)
  expect_warning(vcov(fit, type = "CR1", cluster = ~ a), "`b`", class = "tiers_warning_condition")
  expect_silent(vcov(fit, type = "CR1", cluster = ~ a + b))
})

test_that("large clusters by quadrature: by the definition", {
  set.seed(3)
  d <- data.frame(g = factor(rep(1:6, 120)), x = rnorm(720), c = factor(rep(1:3, each = 240)))
  d$s <- factor(sample(40, 720, TRUE))
  d$w <- exp(rnorm(720))
  d$y <- rnorm(6)[d$g] + rnorm(720) / sqrt(d$w) + 0.1 * d$x * as.integer(d$c) + rnorm(40)[d$s]
  fit <- lmm(y ~ x + (x | g) + (1 | s), d, weights = w)
  expect_robust(fit, ~ c, "CR2", 1e-8)
  nested <- lmm(y ~ x + (1 | c) + (1 | c:s), d, weights = w)
  expect_robust(nested, ~ c, "CR2", 1e-8)
})

test_that("without random terms: those of sandwich and clubSandwich for lm()", {
  d <- crossed_data()
  fit <- lmm(y ~ x + f, d)
  expect_error(vcov(fit, type = "CR2"), "cluster", class = "tiers_error_input")
  expect_robust(fit, ~ a, "CR2")
  expect_robust(update(fit, weights = w), ~ a, "CR2")
  skip_if_not_installed("clubSandwich")
  plain <- lm(y ~ x + f, d)
  for (type in c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")) {
    theirs <- clubSandwich::vcovCR(plain, cluster = d$a, type = type)
    expect_equal(plain_vcov(vcov(fit, type = type, cluster = ~ a)), as.matrix(theirs)[, ],
                 tolerance = 1e-10, ignore_attr = TRUE)
  }
  skip_if_not_installed("sandwich")
  expect_equal(plain_vcov(vcov(fit, type = "CR1S", cluster = ~ a)),
               sandwich::vcovCL(plain, cluster = d$a, type = "HC1"), tolerance = 1e-10)
})

test_that("HLM's robust standard error of the mean achievement of schools", {
  # HLM2 listing, UCLA pages on Raudenbush and Bryk (2002), chapter 4: .243628; the direct formula
  # at the exact optimum: .2436278033.
  fit <- lmm(MathAch ~ 1 + (1 | School), nlme_data("MathAchieve"))
  expect_equal(sqrt(vcov(fit, type = "CR0")[1L]), 0.2436278033, tolerance = 1e-7)
})

test_that("SAS's EMPIRICAL and Kenward-Roger of an unstructured covariance of visits", {
  # Visits whose covariance is free are random effects beside a residual of any held variance below
  # its smallest eigenvalue. COVB and DDFM=KR of PROC MIXED (fixtures/README.md, fev); a Newton
  # search on the dense likelihood gives .4089741818, .6396040507, and 160.690623 and .6613004559.
  fit <- lmm(FEV1 ~ ARMCD + (0 + AVISIT | USUBJID), fixture_data("fev"), fix = c(sigma = 2))
  expect_equal(-2 * as.numeric(logLik(fit)), 3667.96275614, tolerance = 1e-10)
  robust <- unname(sqrt(diag(vcov(fit, type = "CR0", cluster = ~ USUBJID))))
  expect_lt(max(abs(robust - c(0.408973225328, 0.639598600907))), 2e-5)
  expect_lt(max(abs(robust - c(0.4089741818, 0.6396040507))), 1e-6)
  kr <- coef(summary(fit, ddf = ddf_kr(information = "observed")))["ARMCDTRT", ]
  expect_lt(abs(kr[["df"]] - 160.690623), 1e-4)
  expect_lt(abs(kr[["Std. Error"]] - 0.6613004559), 1e-6)
  expect_lt(abs(kr[["df"]] - 160.733266403768), 0.05)
})

test_that("variances of zero, dropped columns and rows of weight zero", {
  dyestuff <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_robust(dyestuff, ~ Batch)
  d <- crossed_data()
  d$twice <- 2 * d$x
  d$w[1:5] <- 0
  full <- suppressMessages(lmm(y ~ x + twice + f + (1 | b), d, weights = w))
  V <- vcov(full, type = "CR2")
  expect_true(all(is.na(V["twice", ])) && nrow(V) == 4L)
  less <- lmm(y ~ x + f + (1 | b), d[-(1:5), ], weights = w)
  expect_equal(vcov(full, type = "CR2", complete = FALSE), vcov(less, type = "CR2"),
               tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(coef(summary(full, vcov = V)), coef(summary(less, vcov = "CR2")), tolerance = 1e-7)
  expect_error(suppressWarnings(vcov(less, type = "CR3", cluster = ~ f)), "leaves out",
               class = "tiers_error_model")
})

test_that("where clusters are found", {
  d <- crossed_data()
  d$x[c(3, 9)] <- NA
  d$other <- factor(as.integer(d$b) %/% 3)
  fit <- lmm(y ~ x + f + (1 | b), d, na.action = na.exclude)
  V <- vcov(fit, type = "CR1", cluster = ~ other)
  expect_equal(attr(V, "clusters")$other, match(d$other, unique(d$other[-c(3, 9)]))[-c(3, 9)])
  expect_equal(vcov(fit, type = "CR1", cluster = d$other), V, ignore_attr = TRUE)
  expect_equal(vcov(fit, type = "CR1", cluster = as.character(d$other[-c(3, 9)])), V,
               ignore_attr = TRUE)
  outside <- d$other
  expect_equal(vcov(fit, type = "CR1", cluster = ~ outside), V, ignore_attr = TRUE)
  expect_equal(names(attr(vcov(fit, type = "CR1"), "clusters")), "b")
  nested <- suppressMessages(lmm(y ~ x + (1 | other / b), d))
  expect_equal(names(attr(vcov(nested, type = "CR1"), "clusters")), "other")

  wrong <- function(...) vcov(fit, type = "CR1", ...)
  expect_error(wrong(cluster = ~ otter), "other", class = "tiers_error_input")
  expect_error(wrong(cluster = y ~ other), "left side", class = "tiers_error_input")
  expect_error(wrong(cluster = ~ 1), "no variable", class = "tiers_error_input")
  expect_error(wrong(cluster = 1:7), "7 values", class = "tiers_error_input")
  expect_error(wrong(cluster = list()), "formula", class = "tiers_error_input")
  expect_error(wrong(cluster = rep(1, 68)), "one cluster", class = "tiers_error_input")
  expect_error(wrong(cluster = c(NA, rep(1:2, 34)[-1])), "missing in 1 row",
               class = "tiers_error_input")
  expect_error(vcov(fit, cluster = ~ b), "type", class = "tiers_error_input")
  expect_error(vcov(fit, type = "HC1"), "CR2", class = "tiers_error_input")
  expect_error(wrong(which = "theta"), "fixed effects", class = "tiers_error_input")
  crossed <- lmm(y ~ x + (1 | a) + (1 | b), d)
  expect_error(vcov(crossed, type = "CR1"), "~ a \\+ b", class = "tiers_error_input")
  expect_error(vcov(lmm(y ~ 0 + (1 | b), d), type = "CR1"), class = "tiers_error_input")
})

test_that("several clusterings", {
  d <- crossed_data()
  fit <- lmm(y ~ x + f + (1 | a) + (1 | b), d)
  one <- function(cluster) {
    plain_vcov(suppressWarnings(vcov(fit, type = "CR1", cluster = cluster)))
  }
  both <- vcov(fit, type = "CR1", cluster = ~ a + b)
  sum <- one(~ a) + one(~ b) - one(~ a:b)
  expect_equal(plain_vcov(both), sum, tolerance = 1e-12)
  three <- suppressMessages(vcov(fit, type = "CR0", cluster = ~ a + b + f))
  expect_true(all(eigen(three)$values > -1e-12))
  V <- suppressWarnings(vcov(fit, type = "CR2", cluster = ~ a + b))
  smaller <- function(cluster) {
    V <- suppressWarnings(vcov(fit, type = "CR2", cluster = cluster))
    prepare_ddf(fit, NULL, V)$df_rows(kept_rows(fit))
  }
  expect_equal(prepare_ddf(fit, NULL, V)$df_rows(kept_rows(fit)), pmin(smaller(~ a), smaller(~ b)))
  expect_equal(prepare_ddf(fit, "clusters", V)$df_rows(kept_rows(fit)), rep(7, 3))
})

test_that("negative eigenvalues of a sum of matrices are set to zero", {
  V <- matrix(c(1, 2, 2, 1), 2L)
  expect_message(value <- without_negative(V), "1 negative", class = "tiers_message_clusters")
  expect_equal(eigen(value)$values, c(3, 0), tolerance = 1e-12)
})
