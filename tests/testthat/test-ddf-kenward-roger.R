# The method by its definition, n x n matrices at the fit's own estimates.
expect_kenward_roger <- function(fit, information, tolerance = 1e-6) {
  truth <- dense_kenward_roger(fit_specification(fit), fit_factors(fit), fit$sigma, information)
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

test_that("a variance of zero drops out: the df are those of the model without it", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_equal(coef(summary(fit, ddf = "kenward-roger"))[, "df"], 29, tolerance = 1e-5)
  expect_equal(coef(summary(fit, ddf = ddf_kr("observed")))[, "df"], 29, tolerance = 1e-5)
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

test_that("a fit with parameters that are held is refused", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont, fix = c(sigma = 1.4))
  expect_error(summary(fit, ddf = "kenward-roger"), "fix", class = "tiers_error_input")
})

test_that("the choice of the method is checked, and generalized fits refuse it", {
  expect_error(ddf_kr("fisher"), class = "tiers_error_input")
  fit <- glmm(y ~ trt + (1 | ID), MASS::bacteria, family = binomial)
  expect_error(summary(fit, ddf = "kenward-roger"), class = "tiers_error_input")
  expect_error(summary(fit, ddf = ddf_kr()), class = "tiers_error_input")
})
