growth <- transform(nlme::Orthodont, years = age)
names(growth)[names(growth) == "years"] <- "age in years"

printed <- function(x, width = 80) {
  withr_width <- options(width = width)
  on.exit(options(withr_width))
  capture.output(print(x))
}

test_that("p values print as such in every column", {
  fit <- lmm(distance ~ age * Sex + (age | Subject), growth)
  table <- covtest(fit)
  last <- table[4L, c("Naive p", "Pr(>Chisq)")]
  row <- grep("^\\(age \\| Subject\\) ", printed(table, 100), value = TRUE)
  expect_length(row, 1L)
  for (p in last) expect_match(row, format.pval(p, digits = 4), fixed = TRUE)
  several <- printed(anova(fit, lmm(distance ~ age * Sex + (1 | Subject), growth)))
  expect_false(any(grepl("0.00000", several)))
  expect_match(several[1L], "^Comparison of fits by restricted likelihood")
  expect_match(several[length(several)], "0.5556 +0.4169$")
})

test_that("a table that is too wide has numbers for its labels, and no line is wider", {
  fit <- lmm(distance ~ `age in years` * Sex + (`age in years` | Subject), growth)
  table <- covtest(fit)
  lines <- printed(table, 72)
  expect_lte(max(nchar(lines)), 72)
  expect_true("[2] `age in years` in (`age in years` | Subject): 1/2 chi2(1) + 1/2" %in% lines)
  expect_match(lines, "^\\[3\\] +5 -241.78", all = FALSE)
  expect_match(printed(table, 120), "^`age in years` in \\(`age in years` \\| Subject\\) +6",
               all = FALSE)
  exact <- covtest(lmm(distance ~ `age in years` + (1 | Subject), growth), method = "hlm")
  rownames(exact) <- strrep("x", 70)
  expect_true(paste("[1]", strrep("x", 70)) %in% printed(exact))
})

test_that("names with backticks are quoted once, and found without them", {
  set.seed(9)
  d <- data.frame(g = gl(10, 5), x = rnorm(50))
  set.seed(7)
  d$y <- rep(c(-1, 1), 5)[d$g] * (1 + 0.5 * d$x) + rnorm(50, sd = 0.3)
  names(d)[2L] <- "my x"
  message <- tryCatch(lmm(y ~ `my x` + (`my x` | g), d), message = conditionMessage)
  expect_match(message, "the correlation of `(Intercept)` and `my x` in", fixed = TRUE)
  fit <- suppressMessages(lmm(y ~ `my x` + (`my x` | g), d))
  expect_false(any(grepl("``", capture.output(summary(fit), diagnose(fit)))))
  expect_equal(unclass(confint(fit, "my x"))[1L, ], unclass(confint(fit))[2L, ])
  expect_equal(coef(summary(fit, ddf = c("my x" = 3)))[2L, "df"], 3)
})
