# The method by its definition, n x n matrices at the fit's own estimates.
expect_kenward_roger <- function(fit, information, tolerance = 1e-6) {
  truth <- dense_kenward_roger(fit_specification(fit), fit_factors(fit), fit$sigma, information,
                               zeros = information == "expected")
  ddf <- prepare_ddf(fit, ddf_kr(information))
  expect_equal(unname(ddf$vcov), unname(truth$adjusted), tolerance = tolerance)
  L <- kept_rows(fit)
  single <- vapply(seq_len(nrow(L)), function(i) truth$joint(L[i, , drop = FALSE])$df, 1)
  expect_equal(ddf$df_rows(L), single, tolerance = tolerance)
  if (nrow(L) > 2L) {
    expect_equal(ddf$df_joint(L[-1L, ]), truth$joint(L[-1L, ]), tolerance = tolerance)
  }
}

test_that("Kenward-Roger is what its definition says", {
  d <- machines_unbalanced()
  set.seed(5)
  d$w <- runif(nrow(d), 0.5, 2)
  fits <- list(
    lmm(distance ~ age * Sex + (age | Subject), nlme_data("Orthodont")[-c(3, 17, 40, 41), ]),
    lmm(score ~ Machine * f + (1 | Worker) + (1 | Worker:Machine), d),
    lmm(score ~ Machine + x + (x || Worker), d, weights = w),
    lmm(yield ~ nitro + Variety + (1 | Block / Variety), nlme_data("Oats")[-c(1, 30), ]),
    lmm(Reaction ~ Days + id(Days | Subject), fixture_data("sleepstudy")[-(1:7), ]))
  for (fit in fits) for (information in c("expected", "observed")) {
    expect_kenward_roger(fit, information)
  }
})

test_that("crossed factors too", {
  set.seed(8)
  d <- expand.grid(a = factor(1:7), b = factor(1:9))
  d <- d[sample(63, 50), ]
  d$x <- rnorm(50)
  d$y <- rnorm(7)[d$a] + rnorm(9)[d$b] + d$x + rnorm(50)
  fit <- lmm(y ~ x + (1 | a) + (x | b), d)
  for (information in c("expected", "observed")) expect_kenward_roger(fit, information, 1e-5)
})

# SAS PROC MIXED DDFM=KR and DDFM=SATTERTHWAITE, TYPE=UN and TYPE=VC
# (github.com/ArnoStrouwen/MixedModelsSmallSample.jl, MIT): observed information.
sas_small_sample <- utils::read.csv(test_path("fixtures", "small-sample.csv"))

for (case in unique(sas_small_sample$case)) {
  test_that(paste("standard errors and df are those of SAS:", case), {
    rows <- sas_small_sample[sas_small_sample$case == case, ]
    fit <- suppressMessages(eval(str2lang(sub("^lmm\\(", "lmm(data = fixture_data(rows$data[1L]), ",
                                              rows$model[1L]))))
    for (method in unique(rows$method)) {
      ddf <- if (method == "KR") ddf_kr(information = "observed") else "satterthwaite"
      table <- coef(summary(fit, ddf = ddf))
      mine <- rows[rows$method == method, ]
      for (i in seq_len(nrow(mine))) {
        column <- if (mine$what[i] == "df") "df" else "Std. Error"
        off <- abs(table[mine$coefficient[i], column] - mine$value[i])
        expect(off <= mine$tolerance[i], sprintf("%s %s of %s is off by %g", method, mine$what[i],
                                                 mine$coefficient[i], off))
      }
    }
  })
}

test_that("balanced designs have the F and df of the classical analysis", {
  d <- fixture_data("splitplot")
  fit <- lmm(Y ~ A * B + (1 | Block) + (1 | Block:A), d)
  classical <- summary(aov(Y ~ A * B + Error(Block / A), d))
  whole <- classical[["Error: Block:A"]][[1L]]
  split <- classical[["Error: Within"]][[1L]]
  table <- anova(fit, ddf = "kenward-roger")
  expect_equal(table[["F value"]], c(whole[1L, "F value"], split[1:2, "F value"]),
               tolerance = 1e-8)
  expect_equal(table[["DenDF"]], c(whole[2L, "Df"], split[3L, "Df"], split[3L, "Df"]),
               tolerance = 1e-7)
})

test_that("a variance of zero stays in the expected information, and drops out of the observed", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  # 6 batches of 5: the analysis of variance has 5 and 24.
  expect_equal(coef(summary(fit, ddf = "kenward-roger"))[, "df"], 5, tolerance = 1e-8)
  expect_equal(coef(summary(fit, ddf = ddf_kr("observed")))[, "df"], 29, tolerance = 1e-5)
})

test_that("singular fits have the numbers of the definition, all entries of G parameters", {
  set.seed(2)
  d <- data.frame(g = gl(9, 5), h = factor(sample(6, 45, TRUE)), x = rnorm(45))
  # No more between levels of h, and in the slopes, than chance would have.
  e <- rnorm(45)
  e <- e - ave(e, d$h)
  e <- residuals(lm(e ~ g:x, d))
  d$y <- 1 + 0.3 * d$x + rnorm(9)[d$g] + e
  fits <- suppressMessages(list(
    lmm(y ~ x + (x | g), d), lmm(y ~ x + (x || g), d), lmm(y ~ x + (1 | g) + (1 | h), d),
    lmm(y ~ x + (x | g) + (1 | h), d)))
  for (fit in fits) {
    expect_equal(fit$convergence$status, "boundary")
    truth <- dense_kenward_roger(fit_specification(fit), fit_factors(fit), fit$sigma, "expected",
                                 zeros = TRUE)
    ddf <- prepare_ddf(fit, "kenward-roger")
    expect_equal(unname(ddf$vcov), unname(truth$adjusted), tolerance = 1e-9)
    single <- vapply(1:2, function(i) truth$joint(diag(2)[i, , drop = FALSE])$df, 1)
    expect_equal(ddf$df_rows(diag(2)), single, tolerance = 1e-9)
  }
})

test_that("with fix and equal the parameters are those that are free", {
  d <- nlme_data("Orthodont")[-c(3, 17, 40, 41), ]
  free <- lmm(distance ~ age * Sex + (age | Subject), d)
  value <- stats::setNames(free$parameters$estimate, free$parameters$name)
  # A parameter held at its estimate leaves the information of the others.
  held <- lmm(distance ~ age * Sex + (age | Subject), d, fix = value["sigma"])
  spec <- fit_specification(held)
  truth <- dense_kenward_roger(spec, fit_factors(held), held$sigma, "expected", held = 4L)
  ddf <- prepare_ddf(held, "kenward-roger")
  expect_equal(unname(ddf$vcov), unname(truth$adjusted), tolerance = 1e-6)
  expect_equal(ddf$df_rows(diag(4))[2L], truth$joint(diag(4)[2L, , drop = FALSE])$df,
               tolerance = 1e-6)
  # One variance for both columns is what id() has.
  tied <- lmm(distance ~ age * Sex + (age || Subject), d,
              equal = c("sd_(Intercept)|Subject", "sd_age|Subject"))
  common <- lmm(distance ~ age * Sex + id(age | Subject), d)
  for (information in c("expected", "observed")) {
    a <- coef(summary(tied, ddf = ddf_kr(information)))
    b <- coef(summary(common, ddf = ddf_kr(information)))
    expect_equal(a, b, tolerance = 1e-5)
  }
})

test_that("the numbers are those of pbkrtest at the same variances", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lme4")
  d <- nlme_data("Orthodont")[-c(3, 17, 40, 41), ]
  models <- list(distance ~ age * Sex + (age | Subject), distance ~ age + Sex + (1 | Subject))
  for (model in models) {
    fit <- lmm(model, d)
    # lme4's model with the variances of the fit.
    theta <- unlist(lapply(fit$random, function(term) term$Lambda[lower.tri(term$Lambda, TRUE)]))
    devfun <- lme4::lmer(model, d, devFunOnly = TRUE)
    parts <- lme4::lFormula(model, d)
    devfun(theta)
    peer <- lme4::mkMerMod(environment(devfun), list(par = theta, fval = devfun(theta), conv = 0,
                                                    message = ""), parts$reTrms, parts$fr)
    ddf <- prepare_ddf(fit, "kenward-roger")
    expect_equal(unname(ddf$vcov), unname(as.matrix(pbkrtest::vcovAdj(peer))), tolerance = 1e-6)
    L <- diag(length(fit$coefficients))
    for (i in seq_len(nrow(L))) {
      expect_equal(ddf$df_rows(L[i, , drop = FALSE]), pbkrtest::Lb_ddf(
        L[i, ], stats::vcov(peer), pbkrtest::vcovAdj(peer)), tolerance = 1e-6)
    }
  }
})

test_that("designs are balanced, df are those of the analysis of variance: blocks, nested groups", {
  set.seed(11)
  d <- expand.grid(treat = factor(1:4), block = factor(1:6))
  d$y <- rnorm(6)[d$block] + as.integer(d$treat) / 3 + rnorm(24) / 2
  table <- anova(lmm(y ~ treat + (1 | block), d), ddf = "kenward-roger")
  classical <- summary(aov(y ~ treat + Error(block), d))[["Error: Within"]][[1L]]
  expect_equal(table[["F value"]], classical[1L, "F value"], tolerance = 1e-8)
  expect_equal(table[["DenDF"]], 15, tolerance = 1e-8)

  d <- expand.grid(rep = 1:3, unit = 1:4, arm = factor(1:3))
  d$unit <- factor(4 * (as.integer(d$arm) - 1) + d$unit)
  d$y <- rnorm(12)[d$unit] + rnorm(36)
  table <- anova(lmm(y ~ arm + (1 | unit), d), ddf = "kenward-roger")
  classical <- summary(aov(y ~ arm + Error(unit), d))[[1L]][[1L]]
  expect_equal(table[["F value"]], classical[1L, "F value"], tolerance = 1e-8)
  expect_equal(table[["DenDF"]], 9, tolerance = 1e-8)
})

test_that("numbers do not depend on units", {
  d <- nlme_data("Orthodont")[-(1:5), ]
  d$y <- 1e6 * d$distance
  d$months <- 12 * d$age
  a <- coef(summary(lmm(distance ~ age * Sex + (age | Subject), d), ddf = "kenward-roger"))
  b <- coef(summary(lmm(y ~ months * Sex + (months | Subject), d), ddf = "kenward-roger"))
  expect_equal(unname(b[, "df"]), unname(a[, "df"]), tolerance = 1e-5)
  expect_equal(unname(b[, "t value"]), unname(a[, "t value"]), tolerance = 1e-5)
})

test_that("spellings of other programs are the same method", {
  fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
  expect_equal(anova(fit, ddf = "Kenward-Roger"), anova(fit, ddf = "kr"))
  expect_equal(anova(fit, ddf = "KR"), anova(fit, ddf = ddf_kr()))
})

test_that("linear and version change nothing in parameters that V is linear in", {
  fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
  expect_equal(coef(summary(fit, ddf = ddf_kr(linear = TRUE, version = 2))),
               coef(summary(fit, ddf = ddf_kr())))
  expect_error(ddf_kr(version = 3), class = "tiers_error_input")
  expect_error(ddf_kr(linear = NA), class = "tiers_error_input")
})

test_that("df that do not exist are NA, and a message says why", {
  D <- list(diag(c(1, 0)), diag(c(0, 1)))
  found <- kenward_roger_joint(diag(2), diag(2), D, -diag(2))
  expect_equal(found$df, NA_real_)
  expect_match(found$reason, "not positive")
  # One row has df = 2 / A2 however small.
  one <- kenward_roger_joint(diag(2)[2L, , drop = FALSE], diag(2), D, diag(c(1, 6)))
  expect_equal(one$df, 1 / 3)
  expect_message(tell_no_df(structure(diag(2), term = "age:Sex"), found$reason), "`age:Sex`",
                 class = "tiers_message_ddf")
})

test_that("balanced designs with one or two df have the classical test too", {
  set.seed(3)
  for (levels in 2:3) {
    d <- expand.grid(B = factor(1:4), A = factor(seq_len(levels)), block = factor(1:2))
    unit <- d$block:d$A
    d$y <- 9 * rnorm(2)[d$block] + 3 * rnorm(2 * levels)[unit] + rnorm(nrow(d))
    fit <- lmm(y ~ A * B + (1 | block) + (1 | block:A), d)
    expect_equal(fit$convergence$status, "converged")
    classical <- summary(aov(y ~ A * B + Error(block / A), d))[["Error: block:A"]][[1L]]
    table <- anova(fit, ddf = "kenward-roger")
    expect_equal(table["A", "DenDF"], levels - 1, tolerance = 1e-7)
    expect_equal(table["A", "F value"], classical[1L, "F value"], tolerance = 1e-7)
  }
})

test_that("printouts name the information", {
  fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
  expect_match(attr(anova(fit, ddf = ddf_kr("observed")), "heading")[1L],
               "Kenward-Roger \\(observed information\\)")
  expect_output(print(summary(fit, ddf = ddf_kr("observed"))), "observed information")
})

test_that("the choice of the method is checked, and generalized fits refuse it", {
  expect_error(ddf_kr("fisher"), class = "tiers_error_input")
  fit <- glmm(y ~ trt + (1 | ID), MASS::bacteria, family = binomial)
  expect_error(summary(fit, ddf = "kenward-roger"), class = "tiers_error_input")
  expect_error(summary(fit, ddf = ddf_kr()), class = "tiers_error_input")
})

test_that("neither units nor the origin of a covariate with a random slope matter", {
  set.seed(1)
  d <- data.frame(x = rnorm(120), g = gl(12, 1, 120), h = gl(5, 24), f = factor(rep(1:3, 40)))
  d$y <- rnorm(12)[d$g] + rnorm(12)[d$g] * d$x + rnorm(5)[d$h] + rnorm(120)
  own <- function(bars, unit = 1, origin = 0) {
    d$time <- (d$x + origin) * unit
    fit <- suppressMessages(lmm(reformulate(c("time * f", bars), "y"), d))
    rows <- data.frame(time = (c(-1, 2) + origin) * unit, f = "2", g = "3", h = "1")
    rows <- rows[setdiff(names(rows), if (!grepl("h", paste(bars, collapse = ""))) "h")]
    unlist(lapply(c("expected", "observed"), function(information) {
      ddf <- ddf_kr(information)
      limits <- predict(fit, rows, interval = "confidence", ddf = ddf)
      c(unlist(anova(fit, ddf = ddf)["time:f", c("DenDF", "F value")]), limits)
    }))
  }
  for (bars in list("(time | g)", c("(time || g)", "(1 | h)"))) {
    one <- own(bars)
    expect_equal(own(bars, 1e-7), one, tolerance = 1e-5)
    expect_equal(own(bars, 1e9), one, tolerance = 1e-5)
    # An uncorrelated slope is another model from another origin.
    if (length(bars) == 1L) expect_equal(own(bars, 1, 2000), one, tolerance = 1e-5)
  }
})
