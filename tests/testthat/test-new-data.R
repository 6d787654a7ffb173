# New data of other classes and units than those of the fit, and without variables that were
# vectors.

test_that("a vector beside the data is known for the rows of the data alone", {
  d <- small_data()
  beside <- sin(seq_len(nrow(d)))
  fit <- lmm(y ~ x + beside + (1 | g), d)
  same <- function(new) {
    heard <- listen(predict(fit, new))
    expect_s3_class(heard$conditions[[1L]], "tiers_message_data")
    heard$value
  }
  expect_equal(same(d), fitted(fit))
  # What if: a variable that has one value.
  expect_equal(same(transform(d, x = 0)), predict(fit, cbind(transform(d, x = 0), beside)))
  expect_error(predict(fit, d[1:3, ]), "beside the data", class = "tiers_error_input")
  # As many rows, but others.
  expect_error(predict(fit, transform(d, x = rev(x))), "beside the data",
               class = "tiers_error_input")
  expect_error(predict(fit, transform(d[c("x", "g")], x = 0, g = g[1L])),
               class = "tiers_error_input")
  expect_equal(predict(fit, cbind(d[1:3, ], beside = beside[1:3])), fitted(fit)[1:3])
})

test_that("the same where the function that fitted is gone, with missing rows and as a group", {
  d <- small_data()
  d$x[2L] <- NA
  made <- (function(data) {
    local_group <- data$g
    shift <- cos(seq_len(nrow(data)))
    lmm(y ~ x + offset(shift) + (1 | local_group), data)
  })(d)
  found <- suppressMessages(predict(made, d))
  expect_true(is.na(found[[2L]]))
  expect_equal(found[-2L], fitted(made), ignore_attr = TRUE)
  expect_equal(suppressMessages(augment(made, newdata = d)$.fitted), unname(found))
  expect_error(predict(made, d[1L, ]), "shift.*beside the data", class = "tiers_error_input")
  counts <- transform(d, k = seq_along(y) %% 4)
  beside <- rev(seq_along(d$y))
  fit <- suppressMessages(glmm(k ~ beside + (1 | g), counts, family = poisson))
  expect_equal(suppressMessages(predict(fit, counts)), predict(fit))
  expect_error(predict(fit, counts[1:2, ]), "beside the data", class = "tiers_error_input")
})

test_that("lengths of time are compared, whatever their units; times of other kinds are refused", {
  d <- small_data()
  d$wait <- as.difftime(d$x, units = "days")
  fit <- lmm(y ~ wait + (1 | g), d)
  new <- data.frame(g = d$g[1:3])
  at <- function(wait) unname(predict(fit, cbind(new, wait = wait)))
  days <- at(as.difftime(c(0, 1, 5), units = "days"))
  expect_equal(at(as.difftime(24 * c(0, 1, 5), units = "hours")), days)
  expect_equal(at(as.difftime(c(0, 1, 5) / 7, units = "weeks")), days)
  expect_equal(diff(at(as.difftime(c(0, 1, 0), units = "days")))[1L],
               fixef(fit)[["wait"]] + diff(as.numeric(ranef(fit)$g[as.character(d$g[1:2]), 1L])))
  expect_error(at(c(0, 1, 5)), "difftime", class = "tiers_error_input")

  d$day <- as.POSIXct("2024-01-01", tz = "UTC") + 86400 * d$x
  fit <- lmm(y ~ day + (1 | g), d)
  new$day <- as.POSIXlt(d$day[1:3])
  expect_equal(predict(fit, new), fitted(fit)[1:3])
  new$day <- as.Date("2024-01-01") + 0:2
  expect_error(predict(fit, new), "POSIX", class = "tiers_error_input")
  expect_error(simulate(fit, 1, newdata = new), "Date", class = "tiers_error_input")

  d$born <- as.Date("2000-01-01") + as.integer(d$g)
  fit <- lmm(y ~ x + (1 | born), d)
  expect_equal(predict(fit, transform(d[1:3, ], born = as.character(born))), fitted(fit)[1:3])
})

test_that("variables of classes that are no numbers are refused with what to do", {
  d <- small_data()
  d$complex <- d$x + 1i
  d$list <- as.list(d$x)
  d$date <- as.Date("2024-01-01") + round(d$x)
  d$broken <- as.POSIXlt(d$date)
  d$raw <- as.raw(as.integer(d$g))
  refused <- function(formula, words) {
    expect_error(lmm(formula, d), words, fixed = TRUE, class = "tiers_error_input")
  }
  refused(date ~ x + (1 | g), "as.numeric(date - min(date))")
  refused(complex ~ x + (1 | g), "Re(complex)")
  refused(list ~ x + (1 | g), "unlist(list)")
  refused(y ~ complex + (1 | g), "Mod()")
  refused(y ~ x + (complex | g), "Mod()")
  refused(y ~ x + list + (1 | g), "unlist(list)")
  refused(y ~ broken + (1 | g), "as.POSIXct(broken)")
  refused(y ~ raw + (1 | g), "as.integer()")
  refused(y ~ x + (1 | raw), "raw")
  # As a group a complex number is a label like others.
  d$h <- complex(real = as.integer(d$g))
  expect_equal(logLik(lmm(y ~ x + (1 | h), d)), logLik(lmm(y ~ x + (1 | g), d)))
})

test_that("new data that are no table", {
  fit <- growth_fit()
  expect_error(predict(fit, fit), class = "tiers_error_input")
  expect_error(predict(fit, list(age = 1:2, Sex = rep("Male", 3))), class = "tiers_error_input")
})
