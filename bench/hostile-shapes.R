# Data of shapes that the random batteries do not draw: ids of every type, a handful of rows, empty
# cells, weights over twelve orders of magnitude, extreme units, constant responses, polynomials
# with collinear columns. Every case runs in a child process with a time limit, through the fit and
# the methods that users call: no crash, no hang, no condition without a class; the outcome is the
# one stated, and where another form of the same model is given the likelihoods agree.
#   Rscript bench/hostile-shapes.R [regular expression of the names] [--verbose]

suppressPackageStartupMessages(library(tiers))
for (file in c("helper-conditions.R", "helper-guarded.R")) {
  for (expression in parse(file.path("tests", "testthat", file))) eval(expression, globalenv())
}

base_data <- function(n = 60L, groups = 10L) {
  set.seed(n + groups)
  d <- data.frame(id = rep_len(seq_len(groups), n), x = stats::rnorm(n), z = stats::rnorm(n))
  d$g <- factor(d$id)
  d$h <- factor(letters[(seq_len(n) - 1L) %/% (2L * groups) + 1L])
  d$f <- factor(rep_len(c("a", "b", "c"), n))
  d$y <- d$x + stats::rnorm(groups)[d$id] + stats::rnorm(n)
  d$n <- stats::rpois(n, exp(1 + 0.3 * d$x + stats::rnorm(groups, 0, 0.4)[d$id]))
  d$s <- stats::rbinom(n, 5L, stats::plogis(0.5 * d$x + stats::rnorm(groups, 0, 0.7)[d$id]))
  d$m <- 5
  d
}
d <- base_data()

cases <- list()
# `outcome`: "fit" (messages may come), "silent", "warning" (a classed one), "error", or "any".
case <- function(name, fit, outcome = "fit", same_as = NULL) {
  cases[[length(cases) + 1L]] <<- list(name = name, fit = substitute(fit), outcome = outcome,
                                       same_as = substitute(same_as), env = parent.frame())
}

# Ids of every type ------------------------------------------------------------------------------
day <- as.Date("2020-02-27") + 0:9
second <- as.POSIXct("2020-03-29 01:59:50", tz = "Europe/Berlin") + 0:9 * 3600
ids <- list(
  integer = 1:10, negative = -(1:10), double = (1:10) / 3, large = 1e15 + 1:10,
    thousands = 1e5 * 1:10,
  tiny = 1e-300 * 1:10, signed = c(-4:5) + 0, character = letters[1:10],
  blank = c("", " ", "NA", "na", letters[1:6]), `utf-8` = c("\u00e4", "a", "\u00c4", letters[2:8]),
  colons = paste0("a:", 1:10), Date = day, `Date of doubles` = day + 0.5, POSIXct = second,
  `POSIXct of microseconds` = second[1L] + 1e-3 * 0:9, difftime = as.difftime(1:10,
    units = "hours"),
  `empty levels` = factor(letters[1:10], levels = rev(letters)),
  ordered = factor(letters[1:10], ordered = TRUE), `numbers as levels` = factor(10:1),
  logical = NULL)
for (name in setdiff(names(ids), "logical")) local({
  e <- d
  e$g <- ids[[name]][e$id]
  case(paste("ids:", name), lmm(y ~ x + (1 | g), e), "silent", lmm(y ~ x + (1 | g), d))
  case(paste("ids, nested:", name), lmm(y ~ x + (1 | h / g), e), "fit", lmm(y ~ x + (1 | h / g), d))
  case(paste("ids, Poisson:", name), glmm(n ~ x + (1 | g), e, family = poisson), "fit",
       glmm(n ~ x + (1 | g), d, family = poisson))
})
local({
  e <- d
  if (requireNamespace("bit64", quietly = TRUE)) {
    e$g <- bit64::as.integer64("9007199254740993") + e$id
    case("ids: integer64", lmm(y ~ x + (1 | g), e), "silent", lmm(y ~ x + (1 | g), d))
    case("ids, Poisson: integer64", glmm(n ~ x + (1 | g), e, family = poisson), "fit",
         glmm(n ~ x + (1 | g), d, family = poisson))
    case("covariate integer64", lmm(y ~ v + (1 | id), transform(e, v = g)), "any")
    case("response integer64", lmm(v ~ x + (1 | id), transform(e, v = bit64::as.integer64(1:60))),
         "any")
  }
  e$lt <- as.POSIXlt(second[e$id])
  case("ids: POSIXlt", lmm(y ~ x + (1 | lt), e), "any", lmm(y ~ x + (1 | g), d))
  e$two <- e$id > 5
  e$twof <- factor(e$two)
  case("ids: logical", lmm(y ~ x + (1 | two), e), "fit", lmm(y ~ x + (1 | twof), e))
  e$complex <- complex(real = e$id)
  case("ids: complex", lmm(y ~ x + (1 | complex), e), "any", lmm(y ~ x + (1 | g), d))
  e$list <- lapply(e$id, identity)
  case("ids: list", lmm(y ~ x + (1 | list), e), "error")
  e$matrix <- cbind(e$id, e$id)
  case("ids: matrix", lmm(y ~ x + (1 | matrix), e), "error")
  e$column <- matrix(e$id)
  case("ids: one column", lmm(y ~ x + (1 | column), e), "any", lmm(y ~ x + (1 | g), d))
  e$inf <- ifelse(e$id == 1, Inf, e$id)
  case("ids: infinite", lmm(y ~ x + (1 | inf), e), "any", lmm(y ~ x + (1 | g), d))
  e$na <- ifelse(e$id == 1, NA, e$id)
  case("ids: NA", lmm(y ~ x + (1 | na), e), "fit", lmm(y ~ x + (1 | g), e[e$id != 1, ]))
  case("ids: call", lmm(y ~ x + (1 | factor(id)), e), "silent", lmm(y ~ x + (1 | g), d))
  case("ids: day of POSIXct", lmm(y ~ x + (1 | as.Date(lt)), e), "any")
})

# A handful of rows ------------------------------------------------------------------------------
for (n in 1:7) local({
  e <- d[c(1, 11, 2, 12, 3, 13, 4)[seq_len(n)], ]
  case(paste("rows:", n), lmm(y ~ 1 + (1 | g), e), if (n < 4) "any" else "fit")
  case(paste("rows and a slope:", n), lmm(y ~ x + (1 | g), e), if (n < 5) "any" else "fit")
  case(paste("rows, ML:", n), lmm(y ~ 1 + (1 | g), e, REML = FALSE), if (n < 4) "any" else "fit")
  case(paste("rows, Poisson:", n), glmm(n ~ 1 + (1 | g), e, family = poisson), "any")
  case(paste("rows, binomial:", n), glmm(cbind(s, m - s) ~ x + (1 | g), e, family = binomial),
       "any")
  case(paste("rows, Gamma:", n), glmm(exp(y) ~ 1 + (1 | g), e, family = Gamma("log")), "any")
})
local({
  case("one group", lmm(y ~ x + (1 | g), d[d$id == 1, ]), "error")
  case("one group, Poisson", glmm(n ~ x + (1 | g), d[d$id == 1, ], family = poisson), "error")
  e <- transform(d, row = factor(seq_len(60)))
  case("singletons", lmm(y ~ x + (1 | row), e), "error")
  case("singletons, slopes", lmm(y ~ x + (x | row), e), "error")
  case("singletons, Poisson", glmm(n ~ x + (1 | row), e, family = poisson))
  case("singletons, binary", glmm((s > 2) ~ x + (1 | row), e, family = binomial), "error")
  case("singletons, weights known", lmm(y ~ x + (1 | row), e, weights = 1 + (id > 5)), "any")
  e$pairs <- factor(c(1, 1, seq_len(58) + 1))
  case("singletons but a pair", lmm(y ~ x + (1 | pairs), e))
  case("all rows equal but two", lmm(y ~ 1 + (1 | g), transform(e, y = c(1, 2, rep(0, 58)))))
  many <- d[rep(1:60, 50), ]
  case("rows 50 times", lmm(y ~ x + (1 | g), many))
  case("rows 50 times, Poisson", glmm(n ~ x + (1 | g), many, family = poisson))
  case("rows twice, row effect", lmm(y ~ x + (1 | row), rbind(transform(d, row = 1:60),
       transform(d, row = 1:60))),
       "error")
})

# Weights and offsets ----------------------------------------------------------------------------
local({
  e <- transform(d, w = 10^seq(-6, 6, length.out = 60), zero = as.numeric(x > 0), one = 1)
  e$group_zero <- as.numeric(e$id > 3)
  case("weights over 1e12", lmm(y ~ x + (1 | g), e, weights = w))
  case("weights over 1e12, shuffled", lmm(y ~ x + (1 | g), e, weights = sample(w)))
  case("weights over 1e12, slopes", lmm(y ~ x + (x | g), e, weights = sample(w)))
  case("weights over 1e12, Gamma", glmm(exp(y) ~ x + (1 | g), e, family = Gamma("log"),
       weights = w), "any")
  case("weights over 1e12, Poisson", glmm(n ~ x + (1 | g), e, family = poisson, weights = w), "any")
  case("weights 0", lmm(y ~ x + (1 | g), e, weights = zero), "fit", lmm(y ~ x + (1 | g),
       e[e$zero > 0, ]))
  case("weights 0 of groups", lmm(y ~ x + (1 | g), e, weights = group_zero), "fit",
       lmm(y ~ x + (1 | g), e[e$group_zero > 0, ]))
  case("weights 0, Poisson", glmm(n ~ x + (1 | g), e, family = poisson, weights = zero), "fit",
       glmm(n ~ x + (1 | g), e[e$zero > 0, ], family = poisson))
  case("weights all 0", lmm(y ~ x + (1 | g), e, weights = 0 * w), "error")
  case("weights all 0, Poisson", glmm(n ~ x + (1 | g), e, family = poisson, weights = 0 * w),
       "error")
  case("weights one not 0", lmm(y ~ x + (1 | g), e, weights = c(1, rep(0, 59))), "error")
  case("weights 1e-290", lmm(y ~ x + (1 | g), e, weights = 1e-290 * one), "any")
  case("weights 1e290", lmm(y ~ x + (1 | g), e, weights = 1e290 * one), "any")
  case("weights NA", lmm(y ~ x + (1 | g), e, weights = ifelse(x > 1, NA, 1)), "fit",
       lmm(y ~ x + (1 | g), e[e$x <= 1, ]))
  case("offset constant", lmm(y ~ x + offset(5 * one) + (1 | g), e), "silent", lmm(y ~ x + (1 | g),
       d))
  case("offset 1e9", lmm(y ~ x + offset(1e9 * one) + (1 | g), e), "any")
  case("offset is the response", lmm(y ~ x + offset(y) + (1 | g), e), "error")
  case("offset of groups", lmm(y ~ x + offset(id) + (1 | g), e))
  case("offset NA", lmm(y ~ x + offset(ifelse(x > 1, NA, 0)) + (1 | g), e), "fit",
       lmm(y ~ x + (1 | g), e[e$x <= 1, ]))
  case("offset twice", lmm(y ~ x + offset(z) + offset(-z) + (1 | g), e), "silent",
       lmm(y ~ x + (1 | g), d))
  case("offset -30, Poisson", glmm(n ~ x + offset(-30 * one) + (1 | g), e, family = poisson), "fit",
       glmm(n ~ x + (1 | g), e, family = poisson))
  case("offset of groups, Poisson", glmm(n ~ x + offset(5 * id) + (1 | g), e, family = poisson),
       "any")
})

# Units ------------------------------------------------------------------------------------------
for (unit in c(1e-300, 1e-150, 1e-20, 1e20, 1e150, 1e290)) local({
  e <- transform(d, y = y * unit, x = x * unit, v = d$x * sqrt(unit))
  case(paste("y and x times", unit), lmm(y ~ x + (1 | g), e))
  case(paste("y times", unit), lmm(y ~ z + (1 | g), e))
  case(paste("slope times", sqrt(unit)), lmm(d$y ~ v + (v | g), e, REML = FALSE), "any",
       lmm(y ~ x + (x | g), d, REML = FALSE))
  case(paste("x, Poisson, times", unit), glmm(n ~ x + (1 | g), e, family = poisson), "fit",
       glmm(n ~ x + (1 | g), d, family = poisson))
  case(paste("Gamma times", unit), glmm(exp(d$y) * unit ~ z + (1 | g), e, family = Gamma("log")))
})
local({
  case("x plus 1e9", lmm(y ~ v + (v | g), transform(d, v = x + 1e9)), "any")
  case("counts about 2^31", lmm(v ~ x + (1 | g), transform(d, v = as.integer(2147483600 + n))))
  case("counts of 1e15", glmm(v ~ x + (1 | g), transform(d, v = round(1e15 * exp(x / 10))),
       family = poisson))
  case("residual of 1e-6", lmm(v ~ x + (1 | g), transform(d, v = id + x + 1e-6 * y)), "any")
})

# Empty cells ------------------------------------------------------------------------------------
local({
  e <- transform(d, a = factor(id %% 3), b = factor(rep_len(1:8, 60)), block = factor(id > 5))
  e$single <- factor(paste(e$a, e$id))
  case("nested, empty cells", lmm(y ~ x + (1 | a / b), e[!(e$a == 1 & e$b %in% 1:5), ]))
  case("nested, one b in each a", lmm(y ~ x + (1 | g / single), e), "error")
  case("nested three deep", lmm(y ~ x + (1 | block / g / b), e), "any")
  case("crossed, two blocks", lmm(y ~ x + (1 | g) + (1 | v), transform(e, v = interaction(block,
       h))))
  case("crossed, a diagonal", lmm(y ~ x + (1 | g) + (1 | v), transform(e, v = factor(11 - id))),
       "error")
  case("cells of one row", lmm(y ~ x + (1 | g) + (1 | h) + (1 | g:h), e[!duplicated(e[c("g",
       "h")]), ]), "error")
  case("cells of one row, Poisson",
       glmm(n ~ x + (1 | g) + (1 | h) + (1 | g:h), e[!duplicated(e[c("g", "h")]), ],
         family = poisson))
  case("empty cell of fixed effects", lmm(y ~ f * a + (1 | g), e[!(e$f == "a" & e$a == "1"), ]))
  case("empty cell, slopes by it", lmm(y ~ f * a + (0 + f | a:h), e[!(e$f == "a" & e$a == "1"), ]),
       "any")
  case("factor slope, one group has one level", lmm(y ~ f + (f | g), e[!(e$id < 4 & e$f != "a"),
       ]), "any")
  case("unused levels everywhere", lmm(y ~ f + (1 | g), e[e$f != "c" & e$id > 2, ]), "fit",
       lmm(y ~ f + (1 | g), droplevels(e[e$f != "c" & e$id > 2, ])))
  case("fixed factor of one level", lmm(y ~ f + (1 | g), e[e$f == "a", ]), "error")
  case("all x NA", lmm(y ~ v + (1 | g), transform(e, v = NA_real_)), "error")
  case("NA leaves one group", lmm(y ~ v + (1 | g), transform(e, v = ifelse(id == 1, x, NA))),
       "error")
  case("na.exclude", lmm(y ~ v + (1 | g), transform(e, v = ifelse(x > 1, NA, x)),
       na.action = na.exclude))
  case("subset of no rows", lmm(y ~ x + (1 | g), e, subset = x > 100), "error")
  case("subset NA", lmm(y ~ x + (1 | g), e, subset = ifelse(x > 1, NA, TRUE)), "any",
       lmm(y ~ x + (1 | g), e[e$x <= 1, ]))
})

# Responses --------------------------------------------------------------------------------------
local({
  e <- transform(d, constant = 3, of_group = id^2, two = as.numeric(x > 0))
  case("constant", lmm(constant ~ x + (1 | g), e), "error")
  case("constant, gaussian identity", glmm(constant ~ x + (1 | g), e, family = gaussian), "error")
  case("constant, Poisson", glmm(constant ~ x + (1 | g), e, family = poisson))
  case("constant, Gamma", glmm(constant ~ x + (1 | g), e, family = Gamma("log")), "any")
  case("constant, nbinom2", glmm(constant ~ x + (1 | g), e, family = nbinom2()), "any")
  case("constant, beta", glmm(constant / 5 ~ x + (1 | g), e, family = beta_family()), "any")
  case("one value a group", lmm(of_group ~ x + (1 | g), e), "error")
  case("one value a group, REML off", lmm(of_group ~ 1 + (1 | g), e, REML = FALSE), "error")
  case("one value a group, Poisson", glmm(of_group ~ x + (1 | g), e, family = poisson))
  case("one value a group, Gamma", glmm(of_group ~ 1 + (1 | g), e, family = Gamma("log")), "any")
  case("one value a group, nbinom2", glmm(of_group ~ 1 + (1 | g), e, family = nbinom2()), "any")
  case("one value a group, binary", glmm((id > 5) ~ z + (1 | g), e, family = binomial), "warning")
  case("constant but in one group", lmm(ifelse(id == 1, y, 0) ~ x + (1 | g), e), "any")
  case("linear in x", lmm(2 * x + 1 ~ x + (1 | g), e), "error")
  case("two values", lmm(two ~ z + (1 | g), e))
  case("all zero, Poisson", glmm(0 * n ~ x + (1 | g), e, family = poisson), "warning")
  case("all one, binary", glmm(two * 0 + 1 ~ x + (1 | g), e, family = binomial), "warning")
  case("one event", glmm(as.numeric(seq_len(60) == 7) ~ 1 + (1 | g), e, family = binomial), "any")
  case("no trials in half of the rows", glmm(cbind(s * (x > 0),
       5 * (x > 0) - s * (x > 0)) ~ z + (1 | g), e,
                                              family = binomial))
  case("logical", lmm((x > 0) ~ z + (1 | g), e), "any")
  case("Date", lmm(day[id] ~ z + (1 | h), e), "error")
  case("POSIXct", lmm(second[id] ~ z + (1 | h), e), "error")
  case("time series", lmm(stats::ts(y) ~ x + (1 | g), e), "any", lmm(y ~ x + (1 | g), d))
  case("scaled", lmm(scale(y) ~ x + (1 | g), e), "any")
  case("beta at its edges", glmm(stats::plogis(30 * y) ~ x + (1 | g), e, family = beta_family()),
       "any")
})

# Slopes and polynomials -------------------------------------------------------------------------
local({
  e <- transform(d, between = as.numeric(id %% 2), zero = 0, one_group = as.numeric(id == 1),
                 t = rep(0:5, each = 10), year = 2000 + rep(0:5, each = 10), big = 1e4 * z)
  case("slope constant in groups", lmm(y ~ between + (between | g), e), "error")
  case("slope of many values between", lmm(y ~ v + (v | g), transform(e, v = id / 7)), "any")
  case("slope of zeros", lmm(y ~ x + (0 + zero | g), e), "error")
  case("slope and zeros", lmm(y ~ x + (zero | g), e), "error")
  case("slope in one group", lmm(y ~ x + (1 | g) + (0 + one_group | g), e), "any")
  case("poly and x", lmm(y ~ x + poly(x, 3) + (1 | g), e), "fit", lmm(y ~ poly(x, 3) + (1 | g), e,
       REML = FALSE))
  case("raw cubic of years", lmm(y ~ year + I(year^2) + I(year^3) + (1 | g), e), "any")
  case("poly of years", lmm(y ~ poly(year, 5) + (1 | g), e))
  case("poly of too high degree", lmm(y ~ poly(t, 6) + (1 | g), e), "error")
  case("factor and poly", lmm(y ~ factor(t) + poly(t, 2) + t + (1 | g), e))
  case("random poly", lmm(y ~ poly(t, 2) + (poly(t, 2) | g), e))
  case("random raw quadratic", lmm(y ~ year + (year + I(year^2) | g), e), "any")
  case("random poly beside t", lmm(y ~ t + (t + poly(t, 2) | g), e), "error")
  case("splines", lmm(y ~ splines::ns(big, 3) + big + (1 | g), e))
  case("random spline", lmm(y ~ splines::ns(z, 2) + (splines::ns(z, 2) || g), e), "any")
  case("copies of columns", lmm(y ~ x + I(2 * x) + I(-x) + I(x + 1) + (1 | g), e), "fit",
       lmm(y ~ x + (1 | g), d))
  case("all contrasts", lmm(y ~ f * h + (1 | g), e, contrasts = list(f = "contr.sum",
       h = "contr.helmert")),
       "fit")
  case("Date and POSIXct as covariates", lmm(y ~ day[id] + second[id] + (1 | h), e), "any")
  case("difftime as slope", lmm(y ~ v + (v | g), transform(e, v = as.difftime(x,
       units = "hours"))), "any",
       lmm(y ~ x + (x | g), d))
  case("logical and character", lmm(y ~ (x > 0) + as.character(f) + (1 | g), e))
  case("matrix column", lmm(y ~ cbind(x, z) + (1 | g), e), "silent", lmm(y ~ x + z + (1 | g), d))
  case("complex covariate", lmm(y ~ v + (1 | g), transform(e, v = complex(real = x))), "error")
  case("more columns than rows", lmm(y ~ poly(x, 20) * h + (1 | g), e), "error")
})

# The methods that users call, on whatever was fitted.
methods_of <- function(fit) {
  utils::capture.output(print(fit), print(summary(fit)), print(VarCorr(fit)), print(diagnose(fit)))
  frame <- getData(fit)
  tables <- list(anova(fit), confint(fit), tidy(fit), glance(fit), ranef(fit), vcov(fit))
  again <- predict(fit, newdata = frame)
  own <- predict(fit)
  stopifnot(length(residuals(fit)) > 0L, nrow(as.data.frame(simulate(fit, 1, seed = 1))) > 0L,
            length(again) != length(own) || # na.exclude
              all(abs(again - own) <= 1e-6 * (1 + max(abs(own), na.rm = TRUE)), na.rm = TRUE))
  tables
}

problems_of <- function(case) {
  heard <- listen(eval(case$fit, case$env))
  fit <- heard$value
  kinds <- vapply(heard$conditions, function(x) {
    if (inherits(x, "tiers_error")) "error" else if (inherits(x, "tiers_warning")) "warning" else
      "message"
  }, "")
  texts <- condition_texts(heard$conditions)
  bad <- paste("unclassed:", condition_texts(without_class(heard$conditions)))[
    seq_along(without_class(heard$conditions))]
  bad <- c(bad, grep("tiers_error_numeric", texts, value = TRUE))
  met <- switch(case$outcome, any = TRUE, silent = !length(kinds), fit = !any(kinds != "message"),
                warning = "warning" %in% kinds && !"error" %in% kinds, error = "error" %in% kinds)
  if (!met) bad <- c(bad, paste("expected", case$outcome, "but:", texts,
    if (!length(texts)) "silence"))
  if (!is.null(fit)) {
    if (!is.finite(logLik(fit)) && fit$convergence$status != "not_converged") {
      bad <- c(bad, paste("log-likelihood", logLik(fit)))
    }
    said <- listen(methods_of(fit))$conditions
    bad <- c(bad, paste("a method:",
      condition_texts(without_class(said)))[seq_along(without_class(said))])
    stopped <- Filter(function(x) inherits(x, "tiers_error"), said)
    if (length(stopped)) bad <- c(bad, paste("a method:", condition_texts(stopped)))
    if (!is.null(case$same_as)) {
      twin <- suppressMessages(suppressWarnings(eval(case$same_as, case$env)))
      if (twin$REML == fit$REML &&
        abs(logLik(twin) - logLik(fit)) > 1e-7 * (1 + abs(logLik(twin)))) {
        bad <- c(bad, sprintf("log-likelihood %.9f, of the twin %.9f", logLik(fit), logLik(twin)))
      }
    }
  }
  list(bad = bad, ended = if (is.null(fit)) "refused" else if ("warning" %in% kinds) "warned" else
    "fitted",
       text = texts)
}

wanted <- commandArgs(TRUE)
verbose <- "--verbose" %in% wanted
wanted <- grep("^--", wanted, value = TRUE, invert = TRUE)
if (length(wanted)) cases <- Filter(function(case) grepl(wanted[1L], case$name), cases)
ended <- character()
wrong <- 0L
results <- guarded_each(cases, problems_of, batch = 12L)
for (i in seq_along(cases)) {
  result <- results[[i]]
  if (!is.list(result)) result <- list(bad = paste("process:", as.character(result)),
    ended = "lost")
  ended <- c(ended, result$ended)
  if (verbose) cat(cases[[i]]$name, "->", result$ended, paste0("\n      ", result$text), "\n")
  if (length(result$bad)) cat(cases[[i]]$name, paste0("\n    ", result$bad), "\n", sep = "")
  wrong <- wrong + (length(result$bad) > 0L)
}
cat(length(cases), "cases,", wrong, "with something wrong:", sum(ended == "fitted"),
  "fitted without a",
    "warning,", sum(ended == "warned"), "with one,", sum(ended == "refused"), "refused\n")
quit(status = as.integer(wrong > 0L))
