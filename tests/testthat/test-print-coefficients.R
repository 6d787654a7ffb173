lines_of <- function(table, digits = 4, ...) {
  capture.output(print_coefficients(table, digits, ...))
}

made_coefficients <- function(estimate, se, df = 20) {
  cbind(Estimate = estimate, `Std. Error` = se, df = df, `t value` = estimate / se,
        `Pr(>|t|)` = 2 * pt(-abs(estimate / se), df))
}

test_that("a coefficient of rounding size is 0 and leaves the others alone", {
  for (tiny in c(1e-17, -3e-16, 1e-30)) {
    table <- made_coefficients(c(a = 1.2345, b = tiny, c = -20.5), c(0.25, 0.31, 1.5))
    lines <- lines_of(table)
    expect_false(any(grepl("e[-+]", sub("[^ ]+ *[*.]* *$", "", lines))))
    expect_match(lines[3], "^b +0\\.000 +0\\.310 ")
    expect_match(lines[2], "^a +1\\.234")
    expect_identical(estimate_text(c(1.2345, tiny), NULL, 4)[2], "0.0000")
  }
})

test_that("decimals follow from the standard errors", {
  text <- estimate_text(c(16.34063, 0.784375), c(1.0185, 0.0860), 4)
  expect_identical(text, c("16.3406", "0.7844"))
  # Errors of different order have decimals of their own, and only these.
  expect_identical(estimate_text(c(123456.7, 1.5e-5), c(2345.6, 2.5e-6), 4),
                   c("123457", "0.00001500"))
  expect_identical(estimate_text(c(1.23456e-12, 2e-13), c(1e-13, 3e-13), 4),
                   c("1.235e-12", "2.000e-13"))
  expect_identical(estimate_text(c(1.5, NA, Inf, -Inf), c(0.1, NA, Inf, Inf), 3),
                   c("1.50", "NA", "Inf", "-Inf"))
})

test_that("a coefficient without a test stands beside those with stars", {
  table <- made_coefficients(c(a = 1.2345, b = -Inf, c = -20.5), c(0.25, Inf, 1.5))
  table["b", 4:5] <- NA
  lines <- lines_of(table, signif.stars = TRUE)
  expect_match(lines[3], "^b +-Inf +Inf +20 +NA +NA *$")
  expect_match(lines[4], "[*]{3}$")
})

test_that("degrees of freedom are not rounded falsely", {
  expect_identical(df_text(c(18359.1, 27911.2, 12)), c("18359.1", "27911.2", "12.0"))
  expect_identical(df_text(c(25, 25, 1234567)), c("25", "25", "1234567"))
  expect_identical(df_text(c(17.05, 8.524)), c("17.05", "8.52"))
  expect_identical(df_text(c(Inf, 3, NA)), c("Inf", "3", "NA"))
  set.seed(2)
  d <- data.frame(g = rep(1:6, each = 500), x = rnorm(3000))
  d$y <- d$x + rnorm(6)[d$g] + rnorm(3000)
  s <- summary(lmm(y ~ x + (1 | g), d))
  df <- coef(s)["x", "df"]
  expect_gt(df, 1000)
  expect_output(print(s), paste0(" ", sprintf("%.1f", df), " "), fixed = TRUE)
})

test_that("numbers are those of printCoefmat() where that shows as many", {
  table <- made_coefficients(c(`(Intercept)` = 251.405, Days = 10.467), c(6.825, 1.546), 17)
  ours <- lines_of(table, signif.stars = TRUE)
  base <- capture.output(stats::printCoefmat(table, digits = 4, cs.ind = 1:2, tst.ind = 4,
                                             has.Pvalue = TRUE, P.values = TRUE))
  last <- function(lines) sub("^.* ([0-9.e<-]+ *[0-9e.-]* [*]+)$", "\\1", trimws(lines[2:3]))
  expect_identical(last(ours), last(base))
  expect_match(ours[2], "251.4[01] +6.8[23] +17 +36.836")
})

test_that("stars are left out where they would need a second block", {
  table <- made_coefficients(c(1, 2), c(0.1, 0.2))
  rownames(table) <- c("short", strrep("x", 50))
  old <- options(width = 92)
  on.exit(options(old))
  lines <- lines_of(table, signif.stars = TRUE)
  expect_length(lines, 3)
  expect_false(any(grepl("[*]|Signif", lines)))
})

test_that("all coefficients of a fit are printed, whatever their number", {
  d <- machines()
  set.seed(4)
  d[paste0("v", 1:26)] <- rnorm(26 * nrow(d))
  fit <- lmm(stats::reformulate(c(paste0("v", 1:26), "(1 | Worker)"), "score"), d)
  for (width in c(60, 80)) {
    old <- options(width = width)
    out <- paste(capture.output(print(fit)), collapse = "\n")
    options(old)
    for (name in names(fixef(fit))) {
      expect_match(out, paste0("\\b", gsub("[()]", ".", name), "\\b|Intercept"))
    }
    expect_equal(length(strsplit(sub(".*Fixed effects:", "", out), "-?[0-9]+\\.[0-9]+")[[1]]), 27,
                 tolerance = 1.5 / 27)
  }
})

test_that("marginal coefficients of rounding size do not turn the table into powers of ten", {
  set.seed(9)
  d <- expand.grid(x = c(-1, 1), g = 1:30, r = 1:2)
  d$y <- rbinom(nrow(d), 1, plogis(rnorm(30)[d$g]))
  # The same responses at both x: the coefficient is zero but for rounding.
  d$y[d$x == 1] <- d$y[d$x == -1]
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, family = binomial()))
  expect_lt(abs(fixef(fit)[["x"]]), 1e-8)
  out <- capture.output(print(marginal_coef(fit)))
  expect_false(any(grepl("[0-9]e[-+]", out)))
  expect_false(any(grepl("[0-9]e[-+]", capture.output(print(fit)))))
})
