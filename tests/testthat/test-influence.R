# influence(): exact refits against update() and lme4, units, printing.

test_that("exact refits are fits to the other rows", {
  d <- transform(small_data(), w = rep(c(1, 0.5, 2, 3), 15))
  fit <- lmm(y ~ x + (1 | g) + (1 | h), d, weights = w)
  for (group in c("g", "h")) {
    found <- influence(fit, group, refit = Inf)
    for (level in c("2", "5")) {
      other <- suppressMessages(lmm(y ~ x + (1 | g) + (1 | h), d[d[[group]] != level, ],
                                    weights = w))
      u <- match(level, found$units)
      expect_equal(found$change[u, ], fixef(fit) - fixef(other), tolerance = 1e-6)
      expect_equal(found$parameters[u, ], stats::setNames(other$parameters$estimate,
                                                          other$parameters$name), tolerance = 1e-5)
      expect_equal(found$covratio[u], det(vcov(other)) / det(vcov(fit)), tolerance = 1e-5)
      # -2 logLik of all data by the dense density.
      spec <- fit_specification(fit)
      at <- function(fit) {
        rows <- dense_rows(spec)
        V <- fit$sigma^2 * dense_relative_covariance(rows, fit_lambdas(fit))
        r <- rows$y - rows$X %*% fixef(fit)
        length(r) * log(2 * pi) + determinant(V)$modulus + drop(t(r) %*% solve(V, r))
      }
      expect_equal(found$rld[u], as.numeric(at(other) - at(fit)), tolerance = 1e-5)
    }
  }
  held <- influence(fit, "g")
  expect_equal(held$rld, held$cook * 2)
})

test_that("generalized fits: the working model, and exact refits", {
  fit <- overdispersed_fit()
  d <- fit_data(fit)
  exact <- influence(fit, "subject", refit = Inf)
  level <- exact$units[2]
  other <- suppressMessages(update(fit, data = d[d$subject != level, ]))
  expect_equal(exact$change[2, ], fixef(fit) - fixef(other), tolerance = 1e-4)
  expect_true(all(exact$rld > -1e-6))
  # Without random effects it is the last step of iterated least squares that is without the row.
  plain_fit <- suppressMessages(glmm(n ~ x, small_counts(), poisson()))
  peer <- glm(n ~ x, poisson(), small_counts(), control = glm.control(epsilon = 1e-14))
  step <- lm(predict(peer) + residuals(peer, "working") ~ x, small_counts(), weights = fitted(peer))
  expect_equal(dfbeta(plain_fit), dfbeta(step), tolerance = 1e-6, ignore_attr = TRUE)
})

test_that("lme4's influence() has the same changes", {
  skip_if_not_installed("lme4")
  d <- orthodont()
  fit <- lmm(distance ~ age * Sex + (1 | Subject), d)
  peer <- lme4::lmer(distance ~ age * Sex + (1 | Subject), d)
  theirs <- influence(peer, "Subject")
  ours <- influence(fit, "Subject", refit = Inf)
  # There a change is that from all data to those without the unit.
  change <- -dfbeta(theirs)
  expect_equal(dfbeta(ours)[rownames(change), ], change, tolerance = 1e-4, ignore_attr = TRUE)
  expect_equal(dfbetas(ours)[rownames(change), ], -dfbetas(theirs), tolerance = 1e-4,
               ignore_attr = TRUE)
  # Of 27 groups and 4 coefficients; that factor is lme4's own.
  expect_equal(cooks.distance(ours)[rownames(change)] * (27 - 4) / 27, cooks.distance(theirs),
               tolerance = 1e-4, ignore_attr = TRUE)
})

test_that("separated fits and dropped columns", {
  d <- transform(small_counts(), o = as.numeric(x > 1.2 & b == 1), x2 = x)
  fit <- suppressMessages(suppressWarnings(glmm(b ~ x + x2 + o + (1 | g), d, binomial())))
  expect_true(is_separated(fit))
  found <- influence(fit, "g")
  expect_true(all(is.na(found$change[, "o"])) && !anyNA(found$change[, "x"]))
  expect_false("x2" %in% colnames(found$change))
  expect_true(all(is.finite(found$cook)))
  again <- suppressWarnings(suppressMessages(influence(fit, "g", refit = Inf)))
  expect_s3_class(as.data.frame(again), "data.frame")
})

test_that("units come from formulas, names and vectors", {
  d <- transform(small_data(), outside = rep(c("u", "v", "w"), each = 20))
  d$y[c(3, 40)] <- NA
  fit <- lmm(y ~ x + (1 | g) + (1 | g:h), d, na.action = na.exclude, fix = c(sigma = 1))
  by <- function(group) influence(fit, group)
  expect_equal(by(~ g)$cook, by("g")$cook)
  expect_equal(by(~ outside)$cook, by(d$outside)$cook)
  expect_equal(by(~ outside)$rows, c(19L, 19L, 20L))
  expect_equal(by(~ g:f)$units[1:4], c("1:a", "1:b", "1:c", "2:a"))
  expect_equal(sort(by("g:h")$cook), sort(influence(fit)$cook))
  expect_length(influence(fit)$units, 58)
  expect_error(by(~ nothing), "nothing", class = "tiers_error_input")
  expect_error(by("outsid"), "no grouping factor", class = "tiers_error_input")
  expect_error(by(~ g + h), "one term", class = "tiers_error_input")
  expect_error(by(1:7), "58 rows", class = "tiers_error_input")
  expect_error(by(rep(1, 58)), "nothing is", class = "tiers_error_input")
  expect_error(by(replace(rep(1:2, 29), 5, NA)), "missing", class = "tiers_error_input")
  expect_error(influence(lmm(y ~ 0 + (1 | g), d)), "no fixed", class = "tiers_error_input")
  expect_error(influence(fit, refit = 2), "refit", class = "tiers_error_input")
  expect_error(influence(fit, groups = "g"), "group", class = "tiers_error_input")
})

test_that("tables and printouts", {
  found <- influence(growth_fit(), ~ Subject)
  table <- as.data.frame(found)
  expect_equal(names(table)[1:7],
               c("Subject", "n", "cook", "mdffits", "covtrace", "covratio", "rld"))
  expect_equal(table[["dfbetas_age"]], unname(dfbetas(found)[, "age"]))
  expect_equal(cooks.distance(found)[["M13"]], max(table$cook))
  expect_output(print(found), "M13 4 0.2133")
  expect_output(print(found, n = 2), "and 25 with smaller")
  again <- as.data.frame(influence(growth_fit(), ~ Subject, refit = 1))
  expect_true(all(c("cook_theta", "rvc_sigma", "rvc_sd_age|Subject") %in% names(again)))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(found), found)
  expect_identical(plot(influence(growth_fit()), c("mdffits", "covratio", "covtrace", "rld")),
                   influence(growth_fit()))
  expect_error(plot(found, "kook"), class = "tiers_error_input")
})

test_that("exact refits at a covariance matrix of lower rank", {
  set.seed(2)
  d <- data.frame(g = gl(10, 9), f = factor(rep(1:3, 30)), x = rnorm(90))
  d$y <- 0.3 * rnorm(10)[d$g] + rnorm(90)
  fit <- suppressMessages(lmm(y ~ x + (f | g), d))
  expect_identical(fit$convergence$status, "boundary")
  table <- as.data.frame(suppressMessages(influence(fit, ~ g, refit = Inf)))
  expect_true(all(table$cook_theta > 0) && all(table$cook_theta < 10))
  # In all directions in which the estimates vary it is the usual form.
  V <- matrix(c(2, 1, 1, 3), 2L)
  expect_equal(squared_distance(c(1, -2), V), drop(c(1, -2) %*% solve(V, c(1, -2))))
})
