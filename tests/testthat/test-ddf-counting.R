# Split plot: whole plots of A in blocks, sub plots of B.
split_plot <- function() {
  d <- data.frame(Block = gl(3, 8), A = gl(4, 2, 24), B = gl(2, 1, 24))
  set.seed(1)
  d$y <- rnorm(24) + rnorm(3)[d$Block] + rnorm(12)[interaction(d$Block, d$A)]
  d
}

schools <- function() {
  d <- nlme::MathAchieve
  schools <- nlme::MathAchSchool
  d$MEANSES <- schools$MEANSES[match(d$School, schools$School)]
  d$Sector <- schools$Sector[match(d$School, schools$School)]
  d$cses <- d$SES - d$MEANSES
  d
}

df_of <- function(fit, ddf) unname(coef(summary(fit, ddf = ddf))[, "df"])

# As nlme: the same models by lme(), df of coefficients and of marginal tests of terms.
expect_as_nlme <- function(fit, peer) {
  expect_equal(df_of(fit, "inner-outer"), unname(summary(peer)$tTable[, "DF"]))
  terms <- anova(peer, type = "marginal")
  terms <- terms[rownames(terms) != "(Intercept)", "denDF"]
  expect_equal(anova(fit, ddf = "inner-outer")[, "DenDF"], terms)
}

test_that("inner-outer df are nlme's", {
  expect_as_nlme(lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont),
                 nlme::lme(distance ~ age * Sex, nlme::Orthodont, ~ age | Subject))
  expect_as_nlme(lmm(yield ~ Variety * ordered(nitro) + (1 | Block/Variety), nlme::Oats),
                 nlme::lme(yield ~ Variety * ordered(nitro), nlme::Oats, ~ 1 | Block/Variety))
  expect_as_nlme(lmm(score ~ Machine + (1 | Worker/Machine), nlme::Machines),
                 nlme::lme(score ~ Machine, nlme::Machines, ~ 1 | Worker/Machine))
  expect_as_nlme(suppressMessages(lmm(distance ~ 0 + Sex + age + (1 | Subject), nlme::Orthodont)),
                 nlme::lme(distance ~ 0 + Sex + age, nlme::Orthodont, ~ 1 | Subject))
  d <- nlme::Orthodont[-c(1, 7, 20, 21, 22), ]
  expect_as_nlme(lmm(distance ~ age * Sex + (1 | Subject), d),
                 nlme::lme(distance ~ age * Sex, d, ~ 1 | Subject))
})

test_that("inner-outer df of crossed factors are refused", {
  d <- data.frame(a = gl(4, 6), b = gl(6, 1, 24), y = sin(1:24))
  fit <- suppressMessages(lmm(y ~ 1 + (1 | a) + (1 | b), d))
  expect_error(summary(fit, ddf = "inner-outer"), "crossed", class = "tiers_error_input")
})

# The numbers that SAS prints for these designs (DDFM = BETWITHIN), and HLM's, by hand: 160 schools
# and 7,185 pupils; 27 children with 4 visits.
test_that("between-within and level df of schools and of growth", {
  fit <- lmm(MathAch ~ MEANSES * cses + Sector * cses + (cses | School), schools())
  expect_equal(df_of(fit, "between-within"), c(157, 157, 7022, 157, 7022, 7022))
  expect_equal(df_of(fit, "level"), rep(157, 6))
  intercepts <- update(fit, . ~ . - (cses | School) + (1 | School))
  expect_equal(df_of(intercepts, "level"), c(157, 157, 7179, 157, 7179, 7179))
  growth <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
  expect_equal(df_of(growth, "between-within"), c(25, 79, 25, 79))
  expect_equal(anova(growth, ddf = "between-within")[["DenDF"]], c(79, 25, 79))
})

test_that("between-within df divide what is within by the factors within subjects", {
  d <- expand.grid(b = factor(1:3), a = factor(1:2), id = factor(1:8))
  set.seed(3)
  d$y <- rnorm(8)[d$id] + rnorm(48)
  d$group <- factor(as.integer(d$id) %% 2L)
  fit <- suppressMessages(lmm(y ~ group * a * b + (1 | id), d))
  table <- anova(fit, ddf = "between-within")
  # As the classical analysis: id within group 6, a x id 6, b x id 12, a x b x id 12.
  classical <- c(group = 6, a = 6, b = 12, `group:a` = 6, `group:b` = 12, `a:b` = 12,
                 `group:a:b` = 12)
  expect_equal(stats::setNames(table[["DenDF"]], rownames(table)), classical[rownames(table)])
})

test_that("containment df are the ranks that the random terms add, in the order of the formula", {
  fit <- lmm(y ~ A * B + (1 | Block) + (1 | Block:A), split_plot())
  expect_equal(anova(fit, ddf = "containment")[["DenDF"]], c(6, 8, 8))
  expect_equal(df_of(fit, "containment"), c(2, 6, 6, 6, 8, 8, 8, 8))
  turned <- lmm(y ~ A * B + (1 | Block:A) + (1 | Block), split_plot())
  expect_equal(df_of(turned, "containment"), c(NA, rep(8, 7)))
  growth <- lmm(Reaction ~ Days + (Days | Subject), fixture_data("sleepstudy"))
  expect_equal(df_of(growth, "containment"), c(17, 17))
  school <- lmm(MathAch ~ MEANSES * cses + Sector * cses + (cses | School), schools())
  expect_equal(df_of(school, "containment"), c(157, 6865, 157, rep(6865, 3)))
})

test_that("the sparse rank is that of a dense decomposition", {
  for (seed in 1:6) {
    set.seed(seed)
    n <- 60
    effects <- lapply(1:3, function(j) {
      list(basis = matrix(if (j == 2) rnorm(n) else 1, n, 1L),
           codes = as.integer(factor(sample(c(4, 9, 15)[j], n, TRUE))))
    })
    effects[[4L]] <- list(basis = matrix(1, n, 1L),
                          codes = as.integer(interaction(effects[[1L]]$codes,
                                                         effects[[3L]]$codes, drop = TRUE)))
    X <- cbind(1, rnorm(n, 50), effects[[1L]]$codes == 2)
    dense <- X
    ranks <- qr(dense)$rank
    for (effect in effects) {
      dense <- cbind(dense, dense_z(c(effect, n_levels = max(effect$codes))))
      ranks <- c(ranks, qr(dense, tol = 1e-9)$rank)
    }
    expect_equal(effect_ranks(X, effects), ranks, info = seed)
  }
})

test_that("degrees of freedom can be given by term or by coefficient", {
  fit <- lmm(y ~ A * B + (1 | Block/A), split_plot())
  table <- anova(fit, ddf = c(A = 6, B = 5.5))
  expect_equal(table[["DenDF"]][1:2], c(6, 5.5))
  expect_equal(table["A:B", "DenDF"], anova(fit)["A:B", "DenDF"])
  expect_equal(df_of(fit, c(A = 6, A3 = 4))[2:4], c(6, 4, 6))
  expect_equal(confint(fit, "B2", ddf = c(B = 3))[1L],
               fixef(fit)[["B2"]] - qt(0.975, 3) * coef(summary(fit))["B2", "Std. Error"])
  expect_error(anova(fit, ddf = c(AA = 6)), "did you mean", class = "tiers_error_input")
  expect_error(anova(fit, ddf = c(A = -1)), class = "tiers_error_input")
})

test_that("rows of weight zero do not count", {
  d <- split_plot()
  more <- rbind(d, transform(d[1:4, ], Block = factor(9)))
  w <- rep(c(1, 0), c(24, 4))
  whole <- lmm(y ~ A * B + (1 | Block/A), d)
  padded <- suppressMessages(lmm(y ~ A * B + (1 | Block/A), more, weights = w))
  for (ddf in c("between-within", "containment", "inner-outer", "level", "residual")) {
    expect_equal(df_of(padded, ddf), df_of(whole, ddf), info = ddf)
  }
})
