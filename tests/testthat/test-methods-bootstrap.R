boot_fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
boot <- bootstrap(boot_fit, nsim = 99, seed = 1)

test_that("confint() of a bootstrap and of a fit", {
  limits <- confint(boot, level = 0.9)
  expect_identical(dimnames(limits), list(names(boot$t0), c("5 %", "95 %")))
  expect_identical(limits[, 1L], apply(boot$t, 2L, function(t) sort(t)[5L]))
  both <- c("age", "sigma")
  own <- confint(boot_fit, both, method = "boot", nsim = 99, seed = 1, level = 0.9)
  expect_identical(plain_limits(own), limits[both, ])
  expect_output(print(own), "90% limits: percentile bootstrap")
  own <- confint(boot_fit, method = "boot", nsim = 99, seed = 1, level = 0.9, type = "basic")
  expect_identical(plain_limits(own), confint(boot, "beta_", 0.9, "basic"))
  squared <- confint(boot_fit, "theta_", method = "boot", nsim = 99, seed = 1, scale = "var")
  expect_identical(rownames(squared), rownames(confint(boot_fit, "theta_", scale = "var")))
  expect_equal(unname(plain_limits(squared)), unname(confint(boot, "theta_")^2))
  expect_message(confint(boot, level = 0.999), "do not reach", class = "tiers_message_replicates")
  expect_error(confint(boot, "Age"), "parm", class = "tiers_error")
  expect_error(confint(boot_fit, method = "boot", ddf = "none"), "Wald", class = "tiers_error")
  bca <- confint(boot, c("age", "sd_(Intercept)|Subject"), type = "bca", level = 0.9)
  expect_true(all(is.finite(bca)) && all(bca[, 1L] < boot$t0[rownames(bca)]))
})

test_that("confint() of a fit has no limits for what does not vary", {
  d <- transform(nlme::Orthodont, twice = 2 * age)
  fit <- suppressMessages(lmm(distance ~ age + twice + (1 | Subject), d, fix = c(sigma = 1.4)))
  limits <- suppressMessages(confint(fit, c("age", "twice", "sigma"), method = "boot", nsim = 40,
                                     seed = 1))
  expect_identical(unname(is.na(limits[, 1L])), c(FALSE, TRUE, TRUE))
})

test_that("summary(), tidy() and as.data.frame()", {
  table <- summary(boot, level = 0.9)
  expect_identical(table$estimate, unname(boot$t0))
  expect_equal(table$bias, unname(colMeans(boot$t) - boot$t0))
  expect_equal(table$std.error, unname(apply(boot$t, 2L, sd)))
  expect_identical(table$lower, unname(confint(boot, level = 0.9)[, 1L]))
  expect_identical(names(tidy(boot)), c("term", "estimate", "bias", "std.error"))
  expect_identical(tidy(boot, conf.int = TRUE, conf.level = 0.9)$conf.high, table$upper)
  rows <- as.data.frame(boot)
  expect_identical(names(rows), c("replicate", names(boot$t0), "status", "boundary"))
  expect_identical(rows$age, unname(boot$t[, "age"]))
})

test_that("the printout says what there is to say", {
  lines <- utils::capture.output(print(boot, digits = 3, level = 0.9))
  expect_identical(lines[1:3], c("Parametric bootstrap, 99 replicates (seed 1)",
                                 "Model: distance ~ age + (1 | Subject)", ""))
  expect_match(lines[4L], "estimate +bias +std.error +5 % +95 %")
  expect_match(lines[6L], "^age +0.66")
  expect_identical(lines[length(lines)], "Limits: percentile")
  odd <- boot
  odd$status[c(3, 4, 9)] <- c("not converged", "FUN failed", "FUN failed")
  odd$failures <- table(odd$status[nzchar(odd$status)], dnn = NULL)
  odd$errors <- "object 'x' not found"
  odd$boundary[1L] <- TRUE
  odd$infinite[c(2L, 5L)] <- TRUE
  odd$t[2L, 1L] <- Inf
  odd$t[c(3, 4, 9), ] <- NA
  lines <- utils::capture.output(print(odd, limits = "norm"))
  expect_identical(lines[3:4], c(
    "3 failed and count nowhere: FUN failed (2), not converged (1).",
    "First error of FUN: object 'x' not found"))
  text <- paste(lines, collapse = " ")
  expect_match(text, "1 has a variance of zero or another parameter at the end of its range.")
  expect_match(text, "2 are separated: infinite coefficients are left out of bias")
  expect_equal(summary(odd)$bias[1L], mean(boot$t[-c(2, 3, 4, 9), 1L]) - boot$t0[[1L]])
})

test_that("a bootstrap is drawn", {
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  on.exit(unlink(file))
  expect_identical(plot(boot, which = "age"), boot)
  plot(boot)
  grDevices::dev.off()
  expect_gt(file.size(file), 2000)
  expect_error(plot(boot, which = "none"), "which", class = "tiers_error")
})
