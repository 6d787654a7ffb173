# Sixty rows in ten groups; in the rows with x = 1 all are successes.
separated_data <- function() {
  set.seed(1)
  d <- data.frame(g = gl(10, 6), x = rep(0:1, 30), z = round(rnorm(60), 2))
  d$y <- rbinom(60, 1, plogis(rnorm(10)[d$g]))
  d$y[d$x == 1] <- 1
  d
}

quiet <- function(expr) suppressMessages(suppressWarnings(expr))

partly <- function() {
  cached("partly", quiet(glmm(y ~ x + z + (1 | g), separated_data(), binomial())))
}

test_that("partial separation is a warning that names the column", {
  heard <- listen(glmm(y ~ x + z + (1 | g), separated_data(), binomial()))
  warned <- Filter(function(x) inherits(x, "tiers_warning_separation"), heard$conditions)
  expect_length(warned, 1L)
  expect_equal(warned[[1]]$columns, "x")
  expect_equal(warned[[1]]$kind, "quasi")
  expect_match(conditionMessage(warned[[1]]), "The coefficient of `x` is infinite", fixed = TRUE)
  expect_equal(fixef(partly())[["x"]], Inf)
})

test_that("the rest is the fit to the rows that are not separated", {
  d <- separated_data()
  rest <- quiet(glmm(y ~ z + (1 | g), d[d$x == 0, ], binomial()))
  fit <- partly()
  expect_equal(fit$logLik, rest$logLik, tolerance = 1e-8)
  expect_equal(unname(fixef(fit)[c(1, 3)]), unname(fixef(rest)), tolerance = 1e-5)
  expect_equal(unname(vcov(fit)[c(1, 3), c(1, 3)]), unname(vcov(rest)), tolerance = 1e-4)
  expect_equal(vcov(fit)["x", "x"], Inf)
  expect_equal(attr(ranef(fit)$g, "postVar"), attr(ranef(rest)$g, "postVar"), tolerance = 1e-4)
})

test_that("methods live with infinite coefficients", {
  fit <- partly()
  table <- coef(summary(fit))
  expect_equal(table["x", "Estimate"], Inf)
  expect_true(is.na(table["x", "z value"]))
  expect_false(anyNA(table[c(1, 3), ]))
  expect_output(print(summary(fit)), "Inf")
  expect_equal(unname(confint(fit)["x", ]), c(-Inf, Inf))
  expect_true(all(is.finite(confint(fit)[c(1, 3), ])))
  tests <- anova(fit)
  expect_true(is.na(tests["x", "Chisq"]))
  expect_false(is.na(tests["z", "Chisq"]))
  expect_true(all(is.finite(residuals(fit))))
  expect_equal(unname(residuals(fit)[separated_data()$x == 1]), rep(0, 30), tolerance = 1e-6)
  expect_equal(simulate(fit, 1, seed = 1)[separated_data()$x == 1, 1], rep(1, 30))
  expect_true("x" %in% diagnose(fit)$findings$about)
  expect_error(marginal_coef(fit), class = "tiers_error_model")
  expect_silent({
    grDevices::pdf(NULL)
    plot(fit)
    grDevices::dev.off()
  })
})

test_that("the table prints beside coefficients that differ from zero", {
  set.seed(1)
  d <- data.frame(g = gl(12, 20), x = rnorm(240), f = factor(rep_len(1:4, 240)))
  d$y <- rbinom(240, 1, plogis(2 * d$x + rnorm(12)[d$g]))
  d$y[d$f == 3] <- 0
  fit <- suppressWarnings(glmm(y ~ x + f + (1 | g), d, family = binomial))
  lines <- capture.output(print(summary(fit)))
  expect_match(lines, "^x .*[*]{3}$", all = FALSE)
  expect_match(lines, "^f3 +-Inf +Inf +NA +NA", all = FALSE)
})

test_that("predictions on both sides of the separation", {
  fit <- partly()
  new <- data.frame(x = c(0, 1, -1), z = 0.5, g = "3")
  expect_equal(unname(predict(fit, new, type = "response")[2:3]), c(1, 0))
  finite <- fixef(fit)[["(Intercept)"]] + 0.5 * fixef(fit)[["z"]] + ranef(fit)$g["3", 1]
  expect_equal(unname(predict(fit, new)), c(finite, Inf, -Inf), tolerance = 1e-8)
  expect_equal(unname(predict(fit, separated_data()[1:4, ])), unname(predict(fit)[1:4]),
               tolerance = 1e-6)
})

test_that("a direction of several columns leaves differences finite", {
  # Successes only where a = 1; level c of f is a = 1 in part of the rows, so that the direction
  # goes through the intercept and the levels.
  d <- separated_data()
  d$f <- factor(ifelse(d$x == 1, "up", ifelse(d$z > 0, "b", "c")), levels = c("up", "b", "c"))
  fit <- quiet(glmm(y ~ f + (1 | g), d, binomial()))
  expect_equal(unname(is.infinite(fixef(fit))), c(TRUE, TRUE, TRUE))
  rest <- quiet(glmm(y ~ 0 + f + (1 | g), droplevels(d[d$x == 0, ]), binomial()))
  new <- data.frame(f = c("up", "b", "c"))
  expect_equal(unname(predict(fit, new, re.form = NA)), c(Inf, unname(fixef(rest))),
               tolerance = 1e-5)
})

test_that("complete separation: the likelihood is at its limit", {
  d <- separated_data()
  d$y <- d$x
  heard <- listen(fit <- glmm(y ~ x + z + (1 | g), d, binomial()))
  expect_s3_class(heard$conditions[[1]], "tiers_warning_separation")
  expect_equal(heard$conditions[[1]]$kind, "complete")
  expect_equal(fit$logLik, 0, tolerance = 1e-8)
  expect_equal(unname(predict(fit, type = "response")), d$x)
  expect_output(print(fit), "Inf")
})

test_that("a response without variation is separated by the intercept", {
  d <- separated_data()
  for (value in 0:1) {
    d$y <- value
    heard <- listen(fit <- glmm(y ~ 1 + (1 | g), d, binomial()))
    expect_s3_class(heard$conditions[[1]], "tiers_warning_separation")
    expect_match(conditionMessage(heard$conditions[[1]]), "in every row used")
    expect_equal(unname(fixef(fit)), if (value == 1) Inf else -Inf)
    expect_equal(fit$logLik, 0, tolerance = 1e-8)
  }
  d$y <- 0
  heard <- listen(glmm(y ~ 1 + (1 | g), d, poisson()))
  expect_s3_class(heard$conditions[[1]], "tiers_warning_separation")
})

test_that("separated groups are a warning of their own", {
  d <- separated_data()
  d$y <- as.integer(as.integer(d$g) > 5)
  heard <- listen(fit <- glmm(y ~ z + (1 | g), d, binomial()))
  warned <- Filter(function(x) inherits(x, "tiers_warning_separation"), heard$conditions)
  expect_length(warned, 1L)
  expect_equal(unname(warned[[1]]$terms), "(1 | g)")
  expect_match(conditionMessage(warned[[1]]), "not estimable")
  expect_true("(1 | g)" %in% diagnose(fit)$findings$about)
})

test_that("printouts say in their verdict that estimates are infinite", {
  printed <- capture.output(print(partly()))
  expect_true("infinite coefficients (separated data)" ==
                sub(".*; ", "", grep("^Fit: converged", printed, value = TRUE)))
  expect_match(summary(partly())$status, "infinite coefficients of x", fixed = TRUE)
  expect_equal(tidy(partly())$estimate[2], Inf)
  expect_true(is.na(tidy(partly())$p.value[2]))
  expect_equal(glance(partly())$logLik, partly()$logLik)
  expect_match(attr(anova(partly()), "heading")[2], "infinite coefficients: x")
})

test_that("printouts say in their verdict that groups are separated", {
  d <- separated_data()
  d$y <- as.integer(as.integer(d$g) > 5)
  fit <- quiet(glmm(y ~ z + (1 | g), d, binomial()))
  expect_true("Fit: NO finite estimate, (1 | g) separated: see diagnose()" %in%
                capture.output(print(fit)))
  expect_match(summary(fit)$status, "NO finite estimate", fixed = TRUE)
  expect_false(summary(fit)$converged)
  expect_false(diagnose(fit)$ok)
})

test_that("a dispersion coefficient that no row speaks of is NA", {
  set.seed(9)
  d <- data.frame(g = gl(20, 15), f = gl(3, 1, 300, labels = letters[1:3]), x = rnorm(300))
  d$n <- rnbinom(300, mu = exp(1 + 0.3 * d$x), size = 2)
  d$n[d$f == "c"] <- 0
  fit <- quiet(glmm(n ~ x + f + (1 | g), d, nbinom2(), dispersion = ~ f))
  table <- summary(fit)$dispersion
  expect_true(all(is.na(table["fc", ]) & !is.nan(table["fc", ])))
  expect_false(anyNA(table[c("(Intercept)", "fb"), ]))
  expect_true(all(is.na(confint(fit, "fc", component = "dispersion"))))
})

separations <- function(heard) {
  Filter(function(x) inherits(x, "tiers_warning_separation"), heard$conditions)
}

test_that("beta-binomial responses separate as binomial ones do", {
  set.seed(6)
  n <- 200
  d <- data.frame(g = factor(sample(20, n, TRUE)), x = rnorm(n),
                  f = factor(sample(letters[1:3], n, TRUE)))
  p <- plogis(rnorm(20)[d$g])
  s <- rbinom(n, 5, rbeta(n, 4 * p, 4 * (1 - p)))
  for (link in c("logit", "cloglog")) {
    family <- betabinomial(link)
    rest <- glmm(cbind(s, 5 - s) ~ x + f + (1 | g), droplevels(cbind(d, s)[d$f != "c", ]), family)
    for (end in c(5, 0)) {
      d$s <- ifelse(d$f == "c", end, s)
      heard <- listen(fit <- glmm(cbind(s, 5 - s) ~ x + f + (1 | g), d, family))
      expect_length(separations(heard), 1L)
      expect_equal(separations(heard)[[1]]$columns, "fc")
      expect_equal(fixef(fit)[["fc"]], if (end == 5) Inf else -Inf)
      expect_equal(fit$logLik, rest$logLik, tolerance = 1e-9)
      expect_equal(fixef(fit)[1:3], fixef(rest), tolerance = 1e-6)
    }
  }
})

test_that("a gaussian mean of zero under the log link is a limit with a density", {
  set.seed(8)
  d <- data.frame(g = gl(10, 12), f = rep(c("a", "b", "c"), 40), x = rnorm(120))
  d$y <- exp(0.5 + 0.3 * d$x + 0.2 * rnorm(10)[d$g]) + rnorm(120, sd = 0.3)
  for (low in list(0, -abs(rnorm(40)))) {
    d$y[d$f == "b"] <- low
    heard <- listen(fit <- glmm(y ~ x + f + (1 | g), d, gaussian("log")))
    expect_equal(separations(heard)[[1]]$columns, "fb")
    expect_equal(fixef(fit)[["fb"]], -Inf)
    expect_equal(unname(fitted(fit)[d$f == "b"]), rep(0, 40))
    expect_warning(
      far <- glmm(y ~ x + I(f == "c") + (1 | g) + offset(-100 * (f == "b")), d, gaussian("log")),
      class = "tiers_warning_data")
    expect_equal(fit$logLik, far$logLik, tolerance = 1e-9)
    expect_equal(unname(fixef(fit)[c(1, 2, 4)]), unname(fixef(far)), tolerance = 1e-5)
  }
})

# Groups that are alike within, or told apart by columns of a term.
grouped_data <- function() {
  set.seed(1)
  d <- data.frame(g = factor(sample(20, 200, TRUE)), x = rnorm(200),
                  f = factor(sample(c("a", "b"), 200, TRUE)), h = gl(4, 50))
  up <- rbinom(20, 1, 0.5)
  turn <- sample(c(-1, 1), 20, TRUE)
  d$alike <- up[d$g]
  d$told <- as.integer(turn[d$g] * d$x + 0.3 * rnorm(20)[d$g] > 0)
  d$level <- ifelse(d$f == "a", up[d$g], rbinom(200, 1, 0.5))
  d$some <- rbinom(200, 1, ifelse(as.integer(d$g) > 8, up[d$g], 0.5))
  d
}

test_that("groups are separated in any random effects", {
  d <- grouped_data()
  for (formula in list(alike ~ x + (x | g), alike ~ x + (x || g), alike ~ x + (0 + f | g),
                       alike ~ x + (1 | g) + (1 | h), told ~ x + (x || g),
                       level ~ f + (0 + f | g), level ~ f + (f | g))) {
    heard <- listen(glmm(formula, d, binomial()))
    expect_length(separations(heard), 1L)
    texts <- paste(condition_texts(heard$conditions), collapse = "\n")
    expect_match(texts, "groups of `.*g.*` are separated.*not estimable")
    expect_no_match(texts, "valid estimate")
  }
})

test_that("groups of which only some are alike are not separated", {
  d <- grouped_data()
  for (formula in list(some ~ x + (1 | g), some ~ x + (x | g), some ~ x + (0 + f | g),
                       told ~ x + (1 | g), told ~ x + (0 + x | g))) {
    expect_length(separations(listen(glmm(formula, d, binomial()))), 0L)
  }
  # Two rows a group are always told apart by an intercept and a slope, some by a large slope alone.
  set.seed(1)
  d <- data.frame(g = gl(400, 2), x = rlnorm(800))
  eta <- -0.3 + 0.3 * d$x + 0.7 * rnorm(400)[d$g] + 0.8 * rnorm(400)[d$g] * d$x
  d$y <- rbinom(800, 1, plogis(eta))
  expect_length(separations(listen(fit <- glmm(y ~ x + (x | g), d, binomial()))), 0L)
  expect_true(diagnose(fit)$ok)
})

# An empty level, in any coding ---------------------------------------------------------------

# All rows with o = 1 are 0.
empty_level <- function() {
  set.seed(5)
  e <- data.frame(o = factor(rep(1:5, 30), ordered = TRUE), b = factor(rep(1:6, each = 25)))
  e$y <- rbinom(150, 1, plogis(rnorm(6)[e$b]))
  e$y[e$o == 1] <- 0
  e
}

separation_warning <- function(expr) {
  heard <- listen(expr)
  Filter(function(x) inherits(x, "tiers_warning_separation"), heard$conditions)[[1L]]
}

test_that("an empty level is named with its rows, whatever its coding", {
  e <- empty_level()
  codings <- list(contr.poly(5), contr.sum(5), contr.treatment(5), contr.helmert(5))
  for (coding in codings) {
    text <- conditionMessage(separation_warning(
      glmm(y ~ o + (1 | b), e, binomial, contrasts = list(o = coding))))
    expect_match(text, "rows 1, 6, 11, 16, 21, ... (30 in all): all with `o` = 1, all 0",
                 fixed = TRUE)
    expect_match(text, "finite$contrasts", fixed = TRUE)
  }
})

test_that("the level is named for successes, two levels, cells of two factors, counts", {
  e <- empty_level()
  e$s <- 1 - e$y
  expect_match(conditionMessage(separation_warning(glmm(s ~ o + (1 | b), e, binomial))),
               "all with `o` = 1, all 1", fixed = TRUE)
  e$y[e$o == 4] <- 0
  expect_match(conditionMessage(separation_warning(glmm(y ~ o + (1 | b), e, binomial))),
               "(60 in all): all with `o` = 1 or 4, all 0", fixed = TRUE)
  set.seed(2)
  d <- expand.grid(a = factor(c("u", "v")), c = factor(1:3), g = factor(1:12))
  d$y <- rpois(72, exp(0.5 + rnorm(12, 0, 0.4)[d$g]))
  d$y[d$a == "v" & d$c == 2] <- 0
  warned <- separation_warning(glmm(y ~ a * c + (1 | g), d, poisson,
                                    contrasts = list(a = "contr.sum", c = "contr.sum")))
  expect_match(conditionMessage(warned), "all with `a` = v and `c` = 2, all 0", fixed = TRUE)
})

test_that("differences of the other levels are those of the fit without the empty one", {
  e <- empty_level()
  rest <- subset(e, o != 1)
  rest$o <- factor(as.character(rest$o))
  other <- quiet(glmm(y ~ o + (1 | b), rest, binomial))
  expected <- c(fixef(other)[-1], fixef(other)["o4"] - fixef(other)["o3"])
  V <- vcov(other)
  se <- c(sqrt(diag(V)[-1]), sqrt(V["o4", "o4"] + V["o3", "o3"] - 2 * V["o3", "o4"]))
  for (coding in list(contr.poly(5), contr.sum(5), contr.treatment(5), contr.helmert(5))) {
    fit <- quiet(glmm(y ~ o + (1 | b), e, binomial, contrasts = list(o = coding)))
    table <- fit$separation$finite$contrasts
    at <- match(c("3 - 2", "4 - 2", "5 - 2", "4 - 3"), table$contrast)
    expect_equal(nrow(table), 6L)
    expect_equal(table$estimate[at], unname(expected), tolerance = 1e-5)
    expect_equal(table$std.error[at], unname(se), tolerance = 1e-4)
    # By hand from the matrices, and from predictions.
    finite <- fit$separation$finite
    X <- model.matrix(fit)
    l <- X[3, ] - X[2, ]
    expect_lt(max(abs(l %*% finite$infinite)), 1e-8)
    expect_equal(sum(l * finite$coefficients), table$estimate[at[1]])
    expect_equal(drop(l %*% finite$vcov %*% l), table$std.error[at[1]]^2)
    p <- predict(fit, data.frame(o = factor(2:5, levels = 1:5, ordered = TRUE)), re.form = NA)
    expect_equal(unname(diff(p)[1]), table$estimate[at[1]], tolerance = 1e-6)
    empty <- data.frame(o = factor(1, levels = 1:5, ordered = TRUE))
    expect_equal(predict(fit, empty, re.form = NA)[[1]], -Inf)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(other)), tolerance = 1e-8)
  }
})

test_that("covariates beside an empty level keep their estimates in every coding", {
  e <- empty_level()
  set.seed(1)
  e$x <- rnorm(150)
  sum <- quiet(glmm(y ~ o + x + (1 | b), e, binomial, contrasts = list(o = "contr.sum")))
  plain <- quiet(glmm(y ~ o + x + (1 | b), e, binomial, contrasts = list(o = "contr.treatment")))
  expect_equal(fixef(sum)[["x"]], fixef(plain)[["x"]], tolerance = 1e-6)
  expect_equal(vcov(sum)["x", "x"], vcov(plain)["x", "x"], tolerance = 1e-5)
  expect_equal(sum$separation$finite$contrasts$estimate, plain$separation$finite$contrasts$estimate,
               tolerance = 1e-6)
})

test_that("crossed groups that separate together are named together", {
  set.seed(1)
  n <- 320
  id <- sample(1:110, n, TRUE)
  year <- sample(1:20, n, TRUE)
  d <- data.frame(id = factor(id), year = factor(year), x = rnorm(n))
  d$y <- as.integer(rnorm(110, sd = 20)[id] + rnorm(20, sd = 10)[year] + d$x > 22)
  warned <- separation_warning(fit <- glmm(y ~ x + (1 | year) + (1 | id), d, family = binomial))
  expect_setequal(warned$terms, c("(1 | year)", "(1 | id)"))
  expect_match(conditionMessage(warned), "together separate", fixed = TRUE)
  expect_false(grepl("all responses are alike", conditionMessage(warned)))
  expect_match(paste(diagnose(fit)$findings$finding, collapse = " "), "together separate")
  # One factor that does so alone is named alone.
  alone <- data.frame(g = gl(30, 6), h = gl(6, 1, 180))
  alone$y <- as.integer(as.integer(alone$g) %% 3 == 0)
  warned <- separation_warning(glmm(y ~ 1 + (1 | h) + (1 | g), alone, family = binomial))
  expect_equal(unname(warned$terms), "(1 | g)")
})
