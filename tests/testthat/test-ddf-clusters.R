oats <- function() lmm(yield ~ nitro + Variety + (1 | Block / Variety), nlme_data("Oats"))

test_that("a cluster-robust matrix brings its degrees of freedom to every method", {
  fit <- oats()
  V <- vcov(fit, type = "CR2")
  table <- coef(summary(fit, vcov = "CR2"))
  expect_equal(table, coef(summary(fit, vcov = V)))
  expect_equal(table, coef(summary(fit, vcov = function(fit) vcov(fit, type = "CR2"))))
  expect_equal(table, coef(summary(fit, vcov = "cr2", cluster = ~ Block)))
  expect_equal(table[, "Std. Error"], sqrt(diag(V)))
  # Balanced: as if the blocks were a sample.
  expect_equal(unname(table[, "df"]), rep(5, 4))
  limits <- confint(fit, vcov = "CR2")
  expect_equal(unname(limits[, 2L]),
               unname(table[, 1L] + qt(0.975, table[, "df"]) * table[, 2L]))
  expect_equal(tidy(fit, vcov = "CR2", conf.int = TRUE)$conf.high, unname(limits[, 2L]))
  tests <- anova(fit, vcov = "CR2")
  expect_equal(tests$DenDF, c(5, 4))
  expect_equal(unname(coef(summary(fit, vcov = "CR1"))[, "df"]), rep(5, 4))
  expect_equal(anova(fit, vcov = "CR1")$DenDF, c(5, 5))
})

test_that("either method can be asked for, and the model's own", {
  fit <- oats()
  df <- function(...) unname(coef(summary(fit, ...))[, "df"])
  expect_equal(df(vcov = "CR2", ddf = "satterthwaite"), df())
  expect_equal(df(vcov = "CR0", ddf = "bell-mccaffrey"), df(vcov = "CR2"), tolerance = 1e-6)
  expect_equal(df(vcov = "CR2", ddf = "clusters"), rep(5, 4))
  expect_equal(df(vcov = "CR2", ddf = c(nitro = 9)), c(5, 9, 5, 5))
  expect_error(summary(fit, ddf = "bell-mccaffrey"), "satterthwaite", class = "tiers_error_input")
  expect_error(summary(fit, cluster = ~ Block), "CR2", class = "tiers_error_input")
  expect_error(summary(fit, vcov = "CR9"), "CR2", class = "tiers_error_input")
  other <- lmm(yield ~ nitro + Variety + (1 | Block), nlme_data("Oats")[-1L, ])
  expect_error(summary(fit, vcov = vcov(other, type = "CR2")), "other rows",
               class = "tiers_error_input")
})

test_that("a joint test with fewer clusters than rows has no p value", {
  d <- nlme_data("Oats")
  d <- d[d$Block %in% c("I", "II", "III"), ]
  fit <- suppressMessages(lmm(yield ~ factor(nitro) + (1 | Block), d))
  expect_true(is.na(anova(fit, vcov = "CR2")[["Pr(>F)"]]))
})

test_that("printouts name the matrix, its clusters and the method", {
  fit <- oats()
  words <- function(x) gsub("[ \n]+", " ", paste(capture.output(print(x)), collapse = " "))
  V <- vcov(fit, type = "CR2")
  expect_match(words(V), "Cluster-robust covariance matrix: CR2, 6 clusters (Block)", fixed = TRUE)
  # The matrix itself without what it carries.
  expect_length(capture.output(print(V)), 6L)
  expect_match(words(summary(fit, vcov = V)), paste(
    "t tests with Bell-McCaffrey degrees of freedom, cluster-robust covariance matrix: CR2,",
    "6 clusters (Block)"), fixed = TRUE)
  tests <- words(anova(fit, vcov = "CR1"))
  expect_match(tests, "F tests with clusters-minus-one denominator degrees of freedom")
  expect_match(tests, "Cluster-robust covariance matrix: CR1, 6 clusters (Block)", fixed = TRUE)
  expect_match(words(summary(fit, vcov = matrix(V, 4L))), "matrix given by the user")
})
