# One model with several residual structures, against the fits made one by one.

growth_fit <- function(residual, REML = TRUE) {
  eval(bquote(suppressMessages(lmm(distance ~ age * Sex, as.data.frame(nlme::Orthodont),
                                   REML = .(REML), residual = .(residual)))))
}

test_that("each row is the fit of that structure, the best first", {
  table <- compare_cov(growth_fit(quote(us(age | Subject)), FALSE),
                       c("us", "cs", "ar1h", "toep(band = 2)"))
  expect_false(is.unsorted(table$AIC))
  for (structure in c("us", "cs", "ar1h")) {
    fit <- growth_fit(call(structure, quote(age | Subject)), FALSE)
    row <- table[table$structure == structure, ]
    expect_equal(row$logLik, as.double(logLik(fit)), tolerance = 1e-9)
    expect_equal(c(row$AIC, row$BIC), c(AIC(fit), BIC(fit)), tolerance = 1e-9)
    d <- attr(logLik(fit), "df")
    expect_equal(row$AICc, AIC(fit) + 2 * d * (d + 1) / (108 - d - 1), tolerance = 1e-9)
  }
  # One lag of three: two parameters fewer than with all.
  expect_identical(table$npar[table$structure == "toep(band = 2)"], 6L)
  us <- table[table$structure == "us", ]
  cs <- table[table$structure == "cs", ]
  expect_equal(cs$Chisq, 2 * (us$logLik - cs$logLik), tolerance = 1e-8)
  expect_equal(cs[["Pr(>Chisq)"]], pchisq(cs$Chisq, 8, lower.tail = FALSE), tolerance = 1e-8)
  expect_true(is.na(us$Chisq))
  # A band is no special case that is known; the others are tested against the largest.
  expect_identical(table$against[match(c("cs", "ar1h", "us"), table$structure)], c("us", "us", ""))
  expect_true(is.na(table$Chisq[table$structure == "toep(band = 2)"]))
  some <- compare_cov(attr(table, "fits")$cs, c("cs", "csh", "ar1", "ar1h"))
  expect_setequal(paste(some$structure, some$against), c("cs csh", "csh ", "ar1 ar1h", "ar1h "))
  expect_s3_class(attr(table, "fits")$cs, "tiers_lmm")
})

test_that("by REML the rows that AICc counts are less by the fixed effects", {
  fit <- growth_fit(quote(cs(age | Subject)))
  d <- attr(logLik(fit), "df")
  expect_equal(compare_cov(fit, "cs")$AICc, AIC(fit) + 2 * d * (d + 1) / (108 - 4 - d - 1),
               tolerance = 1e-9)
})

test_that("the groups of `by` are kept, and what cannot be fitted has its reason", {
  fit <- growth_fit(quote(cs(age | Subject, by = Sex)))
  table <- compare_cov(fit, c("cs", "ar1", "us"))
  expect_equal(table$logLik[table$structure == "cs"], as.double(logLik(fit)), tolerance = 1e-9)
  expect_identical(table$npar[table$structure == "ar1"], 8L)
  few <- suppressMessages(lmm(distance ~ 1, head(as.data.frame(nlme::Orthodont), 12),
                              residual = cs(age | Subject)))
  table <- compare_cov(few, c("cs", "us"))
  expect_true(is.na(table$logLik[table$structure == "us"]))
  expect_match(table$note[table$structure == "us"], "subjects")
  expect_output(print(table), "us: ")
})

test_that("the fits are of the rows and the response that the fit holds", {
  d <- as.data.frame(nlme::Orthodont)
  fit <- suppressMessages(lmm(distance ~ age, d, residual = us(age | Subject)))
  first <- compare_cov(fit, c("us", "cs"))
  d <- transform(d, distance = age)[1:30, ]
  expect_equal(compare_cov(fit, c("us", "cs")), first, ignore_attr = TRUE)
})

test_that("other objects and names are refused", {
  expect_error(compare_cov(suppressMessages(lmm(distance ~ age + (1 | Subject), nlme::Orthodont)),
                           "cs"), "residual", class = "tiers_error_input")
  fit <- growth_fit(quote(cs(age | Subject)))
  expect_error(compare_cov(fit, 3), "names", class = "tiers_error_input")
  expect_error(compare_cov(fit, "1 +"), "no name", class = "tiers_error_input")
  expect_error(compare_cov(fit, "nonsense"), "nonsense", class = "tiers_error")
})
