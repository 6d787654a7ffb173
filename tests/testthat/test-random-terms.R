term_of <- function(fit, j = 1L) fit$random_terms[[j]]

test_that("pairs of codes are pairs, whatever their labels", {
  d <- small_data(a = rep(c("a:b", "a"), 30), b = rep(c("c", "b:c"), each = 30))
  fit <- suppressMessages(lmm(y ~ x + (1 | a:b), d))
  expect_setequal(fit$random[[1L]]$levels, c("'a:b':c", "a:c", "a:b:b:c", "a:'b:c'"))
  expect_equal(nrow(fit$random[[1L]]$modes), 4L)
  codes <- random_basis(fit, 1L)$codes
  expect_equal(random_basis(fit, 1L, d)$codes, codes)
  expect_equal(length(unique(paste(d$a, d$b, sep = "|"))), length(unique(codes)))
})

test_that("levels come in the order of factor(), the first variable slowest, empty ones dropped", {
  d <- small_data()
  d <- d[!(d$g == "2" & d$h == "3"), ]
  fit <- suppressMessages(lmm(y ~ x + (1 | f:g), d))
  expect_equal(term_of(fit)$levels, levels(interaction(d$f, d$g, lex.order = TRUE, sep = ":")))
  levels(d$g) <- c(levels(d$g), "none")
  expect_equal(suppressMessages(lmm(y ~ x + (1 | g), d))$random$g$levels, as.character(1:10))
})

test_that("grouping variables may be of any type", {
  d <- small_data()
  fit <- lmm(small_formula, d)
  number <- as.integer(d$g)
  variants <- list(number, number * 0.5, number + 1e9, -number * 1000000L, letters[number],
                   as.Date("2020-01-01") + number,
                   as.POSIXct("2020-01-01", tz = "UTC") + 86400 * number, factor(letters[number]),
                   ordered(number))
  for (z in variants) expect_same_fit(lmm(y ~ x + (1 | z), transform(d, z = z)), fit)
  expect_silent(suppressMessages(lmm(y ~ x + (1 | z), transform(d, z = number > 5))))
  d$L <- as.list(number)
  expect_error(lmm(y ~ x + (1 | L), d), class = "tiers_error_input")
  d$M <- cbind(number, number)
  expect_error(lmm(y ~ x + (1 | M), d), class = "tiers_error_input")
})

test_that("the string NA, the empty string and other encodings are levels like others", {
  z <- rep(c("", "NA", NA, "b", "c"), 12)
  d <- small_data()
  d$z <- z
  fit <- suppressMessages(lmm(y ~ x + (1 | z), d))
  expect_setequal(fit$random$z$levels, c("", "NA", "b", "c"))
  expect_equal(fit$n_dropped, 12L)
  latin <- "\xe9"
  Encoding(latin) <- "latin1"
  d <- small_data()
  d$z <- rep(c(latin, enc2utf8(latin), "b", "c"), 15)
  fit <- suppressMessages(lmm(y ~ x + (1 | z), d))
  expect_equal(length(fit$random$z$levels), 3L)
})

test_that("expressions group: factor, interaction, cut", {
  d <- small_data(k = as.integer(g))
  fit <- lmm(small_formula, d)
  expect_same_fit(lmm(y ~ x + (1 | factor(k)), d), fit)
  a <- suppressMessages(lmm(y ~ x + (1 | interaction(g, f)), d))
  expect_same_fit(a, suppressMessages(lmm(y ~ x + (1 | g:f), d)))
  a <- suppressMessages(lmm(y ~ x + (1 | cut(x, 3)), d))
  expect_equal(length(a$random[[1L]]$levels), 3L)
  expect_equal(random_basis(a, 1L, d)$codes, random_basis(a, 1L)$codes)
})

test_that("nesting is two terms and equals its long form", {
  d <- small_data()
  a <- suppressMessages(lmm(y ~ x + (1 | g / f), d))
  b <- suppressMessages(lmm(y ~ x + (1 | g) + (1 | g:f), d))
  expect_equal(names(a$random), c("f:g", "g"))
  expect_same_fit(a, b)
})

test_that("intercept columns are known and the intercept alone is not stored", {
  spec <- function(formula) fit_specification(suppressMessages(lmm(formula, small_data())))$terms
  expect_null(spec(y ~ x + (1 | g))[[1L]]$basis)
  expect_equal(spec(y ~ x + (1 | g))[[1L]]$intercept, 1L)
  expect_equal(spec(y ~ x + (x | g))[[1L]]$intercept, 1L)
  expect_equal(spec(y ~ x + (0 + x | g))[[1L]]$intercept, 0L)
  expect_equal(spec(y ~ x + (0 + f || g))[[1L]]$intercept, 0L)
  expect_equal(dim(spec(y ~ x + (0 + f || g))[[1L]]$basis), c(60L, 3L))
})

test_that("one factor in several terms has names made unique", {
  fit <- suppressMessages(lmm(y ~ x + (1 | g) + (0 + x | g), small_data()))
  expect_equal(names(fit$random), c("g", "g.1"))
  expect_same_fit(fit, suppressMessages(lmm(y ~ x + (x || g), small_data())), 1e-8)
})

test_that("bases that depend on the data are the same for new rows", {
  d <- small_data()
  fit <- suppressMessages(lmm(y ~ splines::ns(x, 3) + (poly(x, 2) || g) + (0 + scale(x) | h), d))
  some <- c(7, 30, 31)
  for (j in 1:2) {
    expect_equal(random_basis(fit, j, d[some, ])$basis,
                 random_basis(fit, j)$basis[some, , drop = FALSE], tolerance = 1e-12)
  }
  expect_equal(fixed_matrix(fit, d[some, ]), fixed_matrix(fit)[some, ], tolerance = 1e-12,
               ignore_attr = TRUE)
  expect_equal(random_basis(fit, 1L, d[some, ])$codes, c(2L, 5L, 6L))
})

test_that("new rows: unknown groups, missing values, none at all", {
  d <- small_data(k = rep(1:4, 15))
  fit <- suppressMessages(lmm(y ~ x + (x | g) + (1 | k:f), d))
  new <- d[1:4, ]
  new$g <- as.character(new$g)
  new$g[2] <- "new"
  new$x[3] <- NA
  new$k[4] <- 9
  one <- random_basis(fit, 1L, new)
  expect_equal(one$codes, c(1L, NA, 1L, 1L))
  expect_equal(one$labels[2], "new")
  expect_equal(is.na(one$basis[, 2]), c(FALSE, FALSE, TRUE, FALSE))
  two <- random_basis(fit, 2L, new)
  expect_equal(is.na(two$codes), c(FALSE, FALSE, FALSE, TRUE))
  expect_equal(two$labels[4], "9:a")
  expect_equal(dim(random_basis(fit, 1L, new[0, ])$basis), c(0L, 2L))
  expect_error(random_basis(fit, 1L, new["x"]), class = "tiers_error_input")
})

test_that("a double bar with a factor says once that lme4 means something else", {
  rm(list = ls(said), envir = said)
  d <- small_data()
  first <- listen(lmm(y ~ x + (f || g), d))
  again <- listen(lmm(y ~ x + (f || g), d))
  about <- function(heard) sum(grepl("lme4 would keep", condition_texts(heard$conditions)))
  expect_equal(about(first), 1L)
  expect_equal(about(again), 0L)
  expect_equal(first$value$random$g$columns, c("(Intercept)", "fb", "fc"))
  expect_equal(first$value$npar, 2L + 3L + 1L)
  rm(list = ls(said), envir = said)
  expect_equal(about(listen(lmm(y ~ x + (x || g), d))), 0L)
  expect_equal(about(listen(lmm(y ~ x + (b || g), transform(d, b = x > 0)))), 1L)
})

test_that("terms without a column or with an offset are refused", {
  d <- small_data()
  expect_error(lmm(y ~ x + (0 | g), d), class = "tiers_error_formula")
  expect_error(lmm(y ~ x + (offset(x) | g), d), class = "tiers_error_formula")
  expect_error(lmm(y ~ x + (. | g), d), class = "tiers_error_formula")
})

test_that("groups are numbers, not their labels", {
  count <- function(id) {
    set.seed(1)
    d <- data.frame(id = id, x = rnorm(length(id)))
    d$y <- d$x + rnorm(length(id)) + sin(as.integer(factor(as.character(id))))
    suppressMessages(lmm(y ~ x + (1 | id), d))
  }
  accounts <- rep(9007199254740000 + 2 * (0:9), 6)
  fit <- count(accounts)
  expect_equal(fit$random$id$levels, sprintf("%.0f", 9007199254740000 + 2 * (0:9)))
  expect_equal(random_basis(fit, 1L)$codes, rep(1:10, 6))
  new <- data.frame(x = 0, id = accounts[10:1])
  expect_equal(random_basis(fit, 1L, new)$codes, 10:1)
  # Beyond 2^53, below zero, between whole numbers, and of a class.
  for (id in list(2^60 + 1024 * (1:8), -(99996:100005), 1e-7 * (1:8), (1:9) / 3, c(1e5, 2e5, 3e-5),
                  I(4e15 + 1:8))) {
    fit <- count(rep(id, 8))
    expect_length(fit$random$id$levels, length(id))
    expect_equal(random_basis(fit, 1L, data.frame(x = 0, id = id))$codes,
                 match(id, sort(unique(id))))
    expect_equal(random_basis(fit, 1L, data.frame(x = 0, id = fit$random$id$levels))$codes,
                 seq_along(id))
  }
})

test_that("a number is the same group as integer, double, text and factor", {
  set.seed(36)
  d <- data.frame(g = rep(99996:100005, each = 8), x = rnorm(80))
  d$y <- d$x + rnorm(10, 0, 2)[d$g - 99995] + rnorm(80)
  forms <- list(integer = identity, double = as.double, text = as.character,
                factor = function(g) factor(as.double(g)))
  for (from in names(forms)) {
    fit <- lmm(y ~ x + (1 | g), transform(d, g = forms[[from]](g)))
    for (to in names(forms)) {
      p <- predict(fit, data.frame(x = 0, g = forms[[to]](100000:100001)))
      own <- ranef(fit)$g[c(if (from == "factor") "1e+05" else "100000", "100001"), 1L]
      expect_equal(unname(p), fixef(fit)[[1L]] + own)
    }
  }
  nested <- suppressMessages(lmm(y ~ x + (1 | h/g), transform(d, h = ifelse(g > 1e5, 2e5, 1e5))))
  pair <- data.frame(x = 0, h = c(1e5, 2e5), g = c(1e5, 100001))
  expect_equal(predict(nested, pair), predict(nested, transform(pair, h = as.integer(h), g = g)))
  # Text that is not how R writes the number stays itself.
  fit <- lmm(y ~ x + (1 | g), transform(d, g = paste0("0", g)))
  expect_error(predict(fit, data.frame(x = 0, g = 100000)), class = "tiers_error_input")
})

test_that("numbers that differ by rounding are different groups, and that is said", {
  d <- small_data(z = rep(c(0.1 + 0.2, 0.3, 0.5), 20))
  expect_message(fit <- lmm(y ~ x + (1 | z), d), "rounding", class = "tiers_message_groups")
  expect_length(fit$random$z$levels, 3L)
  expect_no_message(lmm(y ~ x + (1 | z), transform(d, z = round(z, 10))),
                    class = "tiers_message_groups")
})

test_that("times are groups by their value, in new data too", {
  d <- small_data()
  number <- as.integer(d$g)
  fit <- lmm(small_formula, d)
  # Midnight among other times, the hour that comes twice in autumn, fractions of a second.
  starts <- list(as.POSIXct("2020-01-01", tz = "UTC") + 3600 * 12 * number,
                 as.POSIXct("2020-10-24 22:30:00", tz = "UTC") + 1800 * number,
                 as.POSIXct("2020-01-01 12:00:00", tz = "UTC") + number / 1000)
  attr(starts[[2L]], "tzone") <- "Europe/Berlin"
  for (z in starts) {
    d$z <- z
    timed <- lmm(y ~ x + (1 | z), d)
    expect_same_fit(timed, fit)
    for (row in c(1L, 2L, nrow(d))) {
      expect_equal(unname(predict(timed, d[row, ])), unname(predict(fit, d)[row]),
                   tolerance = 1e-8)
    }
  }
  expect_equal(time_labels(starts[[3L]][number == 2L][1L]), "2020-01-01 12:00:00.002")
  expect_equal(time_labels(as.POSIXct(c("2020-01-01", NA), tz = "UTC")), c("2020-01-01", NA))
})

test_that("64-bit integers are groups like others, for new data too and without a warning", {
  skip_if_not_installed("bit64")
  d <- small_data()
  ids <- bit64::as.integer64("9007199254740990") + as.integer(d$g)
  fit <- expect_no_warning(lmm(y ~ x + (1 | id), transform(d, id = ids)))
  expect_equal(fit$deviance, lmm(y ~ x + (1 | g), d)$deviance)
  expect_equal(fit$random$id$levels, c(paste0("900719925474099", 1:9), "9007199254741000"))
  new <- data.frame(x = 0, id = unique(ids)[c(10, 3)])
  p <- expect_no_warning(predict(fit, new))
  expect_equal(unname(p), fixef(fit)[[1L]] + ranef(fit)$id[as.character(new$id), 1L])
  small <- lmm(y ~ x + (1 | id), transform(d, id = bit64::as.integer64(as.integer(g))))
  expect_equal(predict(small, data.frame(x = 0, id = c(2, 10))),
               predict(small, data.frame(x = 0, id = bit64::as.integer64(c(2, 10)))))
  expect_equal(predict(small, data.frame(x = 0, id = "7")),
               predict(small, data.frame(x = 0, id = 7L)))
})

test_that("`||` with a matrix of several columns says what it means, a single column nothing", {
  d <- small_data()
  heard <- function(formula, data = d) {
    rm(list = ls(said), envir = said)
    texts <- condition_texts(listen(lmm(formula, data))$conditions)
    grep("`||` with", texts, fixed = TRUE, value = TRUE)
  }
  expect_match(heard(y ~ x + (poly(x, 2) || g)), "columns of `poly(x, 2)`", fixed = TRUE)
  expect_match(heard(y ~ x + (splines::ns(x, 3) || g)), "columns of `splines::ns(x, 3)`",
               fixed = TRUE)
  d$M <- cbind(a = d$x, b = d$x^2)
  expect_match(heard(y ~ x + (0 + M || g), d), "columns of `M`", fixed = TRUE)
  expect_match(heard(y ~ x + (f || g)), "the factor `f`", fixed = TRUE)
  expect_length(heard(y ~ x + (x || g)), 0L)
  expect_length(heard(y ~ x + (scale(x) || g)), 0L)
  expect_length(heard(y ~ x + (poly(x, 2) | g)), 0L)
})
