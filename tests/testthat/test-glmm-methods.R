# Methods of generalized fits: each against its definition from the fit's own estimates, and against
# glm() and lme4 where they say the same.

test_that("summary has z tests and everything that it prints as data", {
  fit <- binary_fit()
  s <- summary(fit)
  table <- coef(s)
  expect_equal(colnames(table), c("Estimate", "Std. Error", "z value", "Pr(>|z|)"))
  expect_equal(table[, "z value"], fixef(fit) / sqrt(diag(vcov(fit))))
  expect_equal(table[, 4], 2 * pnorm(-abs(table[, 3])))
  expect_equal(s$random$sd, unname(attr(VarCorr(fit)$ID, "stddev")))
  expect_null(s$dispersion)
  expect_output(print(s), "Fixed effects (z tests)", fixed = TRUE)
  expect_output(print(s), "Random effects (lower, upper: 95% limits of the SD):", fixed = TRUE)
  text <- capture.output(print(s))
  expect_false(any(grepl("Residual", text)))
})

test_that("t tests on request", {
  fit <- binary_fit()
  table <- coef(summary(fit, ddf = "residual"))
  expect_equal(colnames(table)[3:5], c("df", "t value", "Pr(>|t|)"))
  expect_equal(unname(table[, "df"]), rep(220 - 4, 4))
  expect_equal(colnames(coef(summary(fit, ddf = "none"))), c("Estimate", "Std. Error", "z value"))
  expect_error(summary(fit, ddf = "satterthwaite"), class = "tiers_error_input")
  # A linear fit can be asked for z tests.
  expect_equal(colnames(coef(summary(growth_fit(), ddf = "asymptotic")))[3], "z value")
})

test_that("print is short and names family, link and method", {
  for (fit in list(binary_fit(), grouped_fit(), count_fit(), overdispersed_fit(),
                   family_fit("gaussian"), family_fit("betabinomial"))) {
    text <- capture.output(print(fit))
    title <- paste(text[1:2], collapse = " ")
    expect_match(title, paste0(fit$family$name, ", ", fit$family$link, " link"))
    expect_match(title, "Laplace")
  }
  expect_output(print(overdispersed_fit()), "Dispersion: size")
})

test_that("dispersion is in the summary, in sigma(), fixef(), vcov() and the count of parameters", {
  fit <- overdispersed_fit()
  expect_equal(sigma(fit), exp(fixef(fit, component = "dispersion")[["(Intercept)"]]))
  expect_equal(attr(logLik(fit), "df"), 4 + 1 + 1)
  expect_equal(dim(vcov(fit, component = "dispersion")), c(1L, 1L))
  expect_output(print(summary(fit)), "mu + mu^2 / size", fixed = TRUE)
  expect_equal(sigma(binary_fit()), 1)
  shape <- exp(fixef(family_fit("Gamma"), component = "dispersion")[[1]])
  expect_equal(sigma(family_fit("Gamma")), 1 / sqrt(shape))
  expect_error(fixef(growth_fit(), component = "dispersion"), class = "tiers_error_input")
  expect_equal(fixef(binary_fit(), component = "dispersion"),
               stats::setNames(numeric(), character()))
})

test_that("a gaussian family is the linear model", {
  d <- family_data()
  fit <- family_fit("gaussian")
  linear <- lmm(gaussian ~ x + (1 | g), d, REML = FALSE)
  expect_equal(fit$logLik, linear$logLik, tolerance = 1e-9)
  expect_equal(sigma(fit), sigma(linear), tolerance = 1e-6)
  expect_equal(unclass(VarCorr(fit))$g, unclass(VarCorr(linear))$g, tolerance = 1e-5)
  expect_equal(as.data.frame(VarCorr(fit))$grp, c("g", "Residual"))
  expect_equal(vcov(fit), vcov(linear), tolerance = 1e-5)
  expect_equal(attr(ranef(fit)$g, "postVar"), attr(ranef(linear)$g, "postVar"), tolerance = 1e-5)
  expect_equal(residuals(fit, "scaled"), residuals(linear, "scaled"), tolerance = 1e-5)
})

test_that("likelihood and sizes", {
  fit <- grouped_fit()
  expect_equal(deviance(fit), -2 * as.numeric(logLik(fit)))
  expect_equal(AIC(fit), deviance(fit) + 2 * 5)
  expect_equal(BIC(fit), deviance(fit) + log(56) * 5)
  expect_equal(c(nobs(fit), df.residual(fit)), c(56, 51))
  # Without random effects it is glm()'s.
  for (family in list(binomial(), poisson())) {
    y <- if (family$family == "binomial") quote(cbind(incidence, size - incidence)) else quote(size)
    formula <- eval(call("~", y, quote(period)))
    plain <- suppressMessages(glmm(formula, cbpp(), family))
    expect_equal(logLik(plain), logLik(glm(formula, family, cbpp())), ignore_attr = TRUE,
                 tolerance = 1e-9)
    expect_equal(vcov(plain), vcov(glm(formula, family, cbpp())), tolerance = 1e-6)
  }
})

test_that("formula, frame, data, family, weights", {
  fit <- grouped_fit()
  expect_equal(deparse(formula(fit)), "cbind(incidence, size - incidence) ~ period + (1 | herd)")
  expect_equal(ncol(model.frame(fit)[[1]]), 2L)
  expect_equal(dim(model.matrix(fit, "random")), c(56L, 15L))
  expect_setequal(names(getData(fit)), names(cbpp()))
  expect_equal(unname(weights(fit)), cbpp()$size)
  expect_equal(unname(weights(binary_fit())), rep(1, 220))
  expect_equal(family(fit)$link, "logit")
})

test_that("update changes formula, family and approximation", {
  fit <- overdispersed_fit()
  poisson <- update(fit, family = poisson())
  expect_equal(poisson$family$name, "poisson")
  expect_equal(attr(logLik(poisson), "df"), attr(logLik(fit), "df") - 1L)
  expect_equal(update(fit, . ~ . - V4)$npar, fit$npar - 1L)
  expect_equal(update(binary_fit(), nAGQ = 3)$points, 3L)
  inside <- function() {
    local_data <- epil()
    local_family <- nbinom2()
    glmm(y ~ trt + lbase + V4 + (1 | subject), local_data, local_family)
  }
  away <- inside()
  expect_equal(update(away, . ~ . - V4)$logLik, update(fit, . ~ . - V4)$logLik, tolerance = 1e-10)
})

test_that("confidence intervals are Wald's, normal by default", {
  fit <- binary_fit()
  half <- qnorm(0.975) * sqrt(diag(vcov(fit)))
  expect_values(confint(fit), cbind(fixef(fit) - half, fixef(fit) + half), 1e-8)
  t <- qt(0.975, 216) * sqrt(diag(vcov(fit)))
  expect_equal(unname(confint(fit, "trtdrug", ddf = "residual")[1, 2]),
               unname((fixef(fit) + t)["trtdrug"]))
})

test_that("tidy, glance and augment", {
  fit <- binary_fit()
  table <- tidy(fit, conf.int = TRUE, exponentiate = TRUE)
  expect_equal(table$estimate, unname(exp(fixef(fit))))
  expect_equal(table$conf.low, unname(exp(confint(fit)[, 1])))
  expect_false("df" %in% names(table))
  expect_equal(tidy(fit, effects = "ran_pars")$estimate, unname(attr(VarCorr(fit)$ID, "stddev")))
  expect_equal(nrow(tidy(fit, effects = "ran_vals")), 50L)
  expect_equal(glance(fit)$logLik, fit$logLik)
  expect_true("deviance" %in% names(glance(fit)))
  data <- augment(fit)
  expect_equal(data$.mu, unname(fitted(fit)))
  expect_equal(data$.fitted, unname(predict(fit)))
  expect_equal(data$.resid, unname(residuals(fit)))
  expect_equal(data$.hat, unname(hatvalues(fit)))
  expect_equal(data$.cooksd, unname(cooks.distance(fit)))
  new <- augment(fit, newdata = bacteria()[1:4, ], type.predict = "response")
  expect_equal(new$.fitted, unname(fitted(fit)[1:4]), tolerance = 1e-8)
})

test_that("plots draw, and leave the random numbers alone", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  set.seed(1)
  before <- .Random.seed
  for (fit in list(binary_fit(), count_fit(), family_fit("beta"))) expect_silent(plot(fit))
  expect_silent(plot(binary_fit(), which = "residuals", type = "deviance"))
  expect_identical(.Random.seed, before)
})

test_that("a saved fit is whole", {
  path <- tempfile(fileext = ".rds")
  saveRDS(overdispersed_fit(), path)
  fit <- readRDS(path)
  expect_equal(predict(fit, epil()[1:3, ], type = "response"),
               predict(overdispersed_fit(), epil()[1:3, ], type = "response"))
  expect_equal(simulate(fit, 1, seed = 1), simulate(overdispersed_fit(), 1, seed = 1))
  expect_equal(coef(summary(fit)), coef(summary(overdispersed_fit())))
})

test_that("a damaged fit is refused", {
  for (field in c("eta", "family", "dispersion", "points", "accuracy")) {
    fit <- overdispersed_fit()
    fit[[field]] <- NULL
    expect_error(predict(fit), class = "tiers_error_input")
  }
  fit <- overdispersed_fit()
  fit$eta <- fit$eta[1:3]
  expect_error(residuals(fit), class = "tiers_error_input")
})

test_that("generics of lme4", {
  skip_if_not_installed("lme4")
  fit <- binary_fit()
  expect_true(lme4::isGLMM(fit))
  expect_false(lme4::isLMM(fit))
  expect_equal(lme4::getME(fit, "theta"), unname(attr(VarCorr(fit)$ID, "stddev")),
               ignore_attr = TRUE)
  u <- lme4::getME(fit, "u")
  expect_equal(u * attr(VarCorr(fit)$ID, "stddev"), ranef(fit)$ID[, 1], tolerance = 1e-6,
               ignore_attr = TRUE)
  expect_equal(lme4::getME(fit, "mu"), fitted(fit))
  expect_equal(lme4::ngrps(fit), c(ID = 50L))
})

test_that("estimates and methods are lme4's for canonical links", {
  skip_if_not_installed("lme4")
  control <- lme4::glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9),
                                check.conv.grad = "ignore")
  cases <- list(list(binary_fit(), y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial()),
                list(count_fit(), y ~ trt * lbase + lage + V4 + (V4 | subject),
                     epil(), poisson()))
  for (case in cases) {
    fit <- case[[1]]
    peer <- lme4::glmer(case[[2]], case[[3]], case[[4]], control = control)
    expect_gte(fit$logLik, as.numeric(logLik(peer)) - 1e-7)
    expect_lt(max(abs(fixef(fit) - lme4::fixef(peer)) / sqrt(diag(vcov(fit)))), 5e-3)
    expect_equal(unname(fitted(fit)), unname(fitted(peer)), tolerance = 1e-3)
    for (type in c("response", "pearson", "deviance", "working")) {
      expect_lt(max(abs(residuals(fit, type) - residuals(peer, type))), 5e-3)
    }
    expect_equal(attr(ranef(fit)[[1]], "postVar"), attr(lme4::ranef(peer)[[1]], "postVar"),
                 tolerance = 5e-3, ignore_attr = TRUE)
  }
})

test_that("diagnose() compares Laplace with quadrature, and says when it matters", {
  compared <- compared_quadrature(binary_fit())
  points <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial(), nAGQ = 15)
  # The same point by another way: quadrature is better at its own optimum, by little.
  expect_gte(compared$deviance, points$deviance - 1e-8)
  expect_lt(compared$deviance - points$deviance, 0.1)
  expect_true("likelihood" %in% diagnose(binary_fit())$findings$about)
  expect_null(diagnose(family_fit("gaussian"))$findings)
  crossed <- glmm(poisson ~ x + (1 | g) + (1 | h), transform(family_data(), h = rep(1:10, 40)),
                  poisson())
  expect_null(compared_quadrature(crossed))
  expect_null(diagnose(crossed)$findings)
  expect_match(diagnose(crossed)$note, "cannot be checked")
  expect_output(print(diagnose(crossed)), "cannot be checked")
  large <- glmm(n ~ x + (1 | g), transform(small_counts(), n = 50 * n), poisson())
  expect_match(diagnose(large)$note, "from that by quadrature with 15 points")
  expect_null(diagnose(binary_fit())$note)
  expect_null(diagnose(family_fit("gaussian"))$note)
  expect_error(logLik(binary_fit(), REML = TRUE), class = "tiers_error_input")
})

test_that("update() keeps the family that was fitted", {
  fits <- list()
  for (f in list(poisson(), nbinom2())) {
    fits[[f$family]] <- glmm(y ~ trt * lbase + (1 | subject), epil(), family = f)
  }
  expect_identical(family(update(fits$poisson, . ~ . - trt:lbase))$family, "poisson")
})

test_that("fits without random effects and fits in which all is infinite print", {
  plain <- suppressMessages(glmm(y ~ trt, epil(), poisson()))
  expect_output(print(VarCorr(plain)), "No random effects")
  d <- data.frame(y = rep(0:1, 20), g = gl(10, 4))
  d$z <- d$y
  all <- suppressWarnings(glmm(y ~ z + (1 | g), d, binomial()))
  expect_output(print(summary(all)), "z +Inf")
  expect_output(print(diagnose(all)), "Their coefficients are")
  expect_equal(unname(predict(all, d[1:4, ], type = "response")), c(0, 1, 0, 1))
  # A new response that is separated says so, as the first one does.
  mixed <- transform(d, y = rep(c(0, 1, 1, 0), 10))
  part <- suppressMessages(glmm(y ~ z + (1 | g), mixed, binomial()))
  expect_warning(refit_response(part, d$y), class = "tiers_warning_separation")
})
