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

test_that("predictions are X b + Z u on the link scale and their inverse links", {
  fit <- count_fit()
  d <- epil()
  X <- model.matrix(~ trt * lbase + lage + V4, d)
  u <- ranef(fit)$subject
  fixed <- drop(X %*% fixef(fit))
  eta <- fixed + u[as.character(d$subject), 1] + d$V4 * u[as.character(d$subject), 2]
  expect_equal(unname(predict(fit)), unname(eta), tolerance = 1e-8)
  expect_equal(unname(predict(fit, type = "response")), unname(exp(eta)), tolerance = 1e-8)
  expect_equal(unname(predict(fit, re.form = NA)), unname(fixed), tolerance = 1e-8)
  expect_equal(unname(predict(fit, d[7:9, ], type = "response")), unname(exp(eta[7:9])),
               tolerance = 1e-8)
  expect_equal(unname(predict(fit, d[7:9, ], re.form = ~ (1 | subject))),
               unname((fixed + u[as.character(d$subject), 1])[7:9]), tolerance = 1e-8)
  new <- transform(d[1:2, ], subject = 999)
  expect_error(predict(fit, new), class = "tiers_error_input")
  expect_equal(unname(predict(fit, new, allow.new.levels = TRUE)), unname(fixed[1:2]),
               tolerance = 1e-8)
  expect_equal(unname(fitted(fit)), unname(exp(eta)), tolerance = 1e-8)
  expect_error(predict(fit, type = "dispersion"), class = "tiers_error_input")
  expect_equal(unname(predict(overdispersed_fit(), type = "dispersion")[1:2]),
               rep(sigma(overdispersed_fit()), 2))
})

test_that("offsets of both kinds are in predictions", {
  d <- cbpp()
  d$o <- log(d$size)
  inside <- glmm(incidence ~ period + offset(o) + (1 | herd), d, poisson())
  outside <- glmm(incidence ~ period + (1 | herd), d, poisson(), offset = o)
  expect_equal(inside$logLik, outside$logLik, tolerance = 1e-10)
  new <- transform(d[1:3, ], o = o + 1)
  for (fit in list(inside, outside)) {
    expect_equal(unname(predict(fit, new)), unname(predict(fit, d[1:3, ])) + 1, tolerance = 1e-8)
    expect_equal(unname(predict(fit, new, type = "marginal")),
                 unname(predict(fit, d[1:3, ], type = "marginal")) * exp(1), tolerance = 1e-8)
  }
})

test_that("predictions outside of the domain of the link are NA with a warning", {
  d <- family_data()
  fit <- glmm(Gamma ~ x + (1 | g), d, Gamma("inverse"))
  far <- data.frame(x = sign(fixef(fit)[["x"]]) * -1e4, g = "1")
  expect_warning(value <- predict(fit, far, type = "response"), class = "tiers_warning_data")
  expect_true(is.na(value))
  expect_true(is.finite(predict(fit, far)))
})

test_that("missing values and na.exclude", {
  d <- bacteria()
  d$week[3] <- NA
  fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), d, binomial(), na.action = na.exclude)
  for (value in list(fitted(fit), residuals(fit), predict(fit), weights(fit),
                     residuals(fit, "quantile", seed = 1))) {
    expect_length(value, 220L)
    expect_true(is.na(value[[3]]))
  }
  s <- simulate(fit, 1, seed = 1)
  expect_equal(nrow(s), 220L)
  expect_true(is.na(s$sim_1[3]))
  expect_true(is.factor(s$sim_1))
  expect_s3_class(suppressMessages(refit_response(fit, s)), "tiers_glmm")
})

test_that("ranef, coef, VarCorr", {
  fit <- count_fit()
  effects <- ranef(fit)
  expect_equal(dim(attr(effects$subject, "postVar")), c(2L, 2L, 59L))
  expect_equal(coef(fit)$subject[, "V4"], fixef(fit)[["V4"]] + effects$subject[, "V4"])
  expect_equal(nrow(as.data.frame(effects)), 118L)
  components <- as.data.frame(VarCorr(fit))
  expect_equal(components$grp, rep("subject", 3))
  expect_false(attr(VarCorr(fit), "useSc"))
  expect_output(print(VarCorr(fit)), "Corr")
})

test_that("conditional variances are the inverse curvature at the mode", {
  fit <- count_fit()
  Sigma <- VarCorr(fit)$subject
  d <- epil()
  for (level in c("1", "30")) {
    rows <- d$subject == level
    Z <- cbind(1, d$V4[rows])
    expected <- solve(crossprod(Z, fitted(fit)[rows] * Z) + solve(Sigma))
    expect_equal(attr(ranef(fit)$subject, "postVar")[, , level], expected, tolerance = 1e-6,
                 ignore_attr = TRUE)
  }
})

test_that("modes and means of random effects: one integral a group", {
  fit <- glmm(y ~ trt + (1 | ID), bacteria(), binomial(), nAGQ = 15)
  sd <- attr(VarCorr(fit)$ID, "stddev")
  means <- ranef(fit, type = "mean")$ID
  for (level in c("X01", "Y07")) {
    rows <- bacteria()$ID == level
    sign <- ifelse(bacteria()$y[rows] == "y", 1, -1)
    fixed <- predict(fit, re.form = NA)[rows]
    density <- function(b) {
      vapply(b, function(at) prod(plogis(sign * (fixed + at))) * dnorm(at, 0, sd), 0)
    }
    integral <- function(f) integrate(f, -12 * sd, 12 * sd, rel.tol = 1e-9)$value
    total <- integral(density)
    mean <- integral(function(b) b * density(b)) / total
    expect_equal(means[level, 1], mean, tolerance = 1e-4)
    variance <- integral(function(b) (b - mean)^2 * density(b)) / total
    expect_equal(attr(means, "postVar")[1, 1, level], variance, tolerance = 1e-3)
  }
  expect_false(isTRUE(all.equal(means[, 1], ranef(fit)$ID[, 1], tolerance = 1e-3)))
  expect_equal(ranef(growth_fit(), type = "mean"), ranef(growth_fit()))
  crossed <- glmm(poisson ~ x + (1 | g) + (1 | h), transform(family_data(), h = rep(1:10, 40)),
                  poisson())
  expect_error(ranef(crossed, type = "mean"), "crossed", class = "tiers_error_model")
})

test_that("residuals are those of the family's own functions", {
  fit <- grouped_fit()
  d <- cbpp()
  mu <- unname(fitted(fit))
  share <- d$incidence / d$size
  expect_equal(unname(residuals(fit, "response")), share - mu)
  expect_equal(unname(residuals(fit, "pearson")), (share - mu) * sqrt(d$size / (mu * (1 - mu))))
  expect_equal(unname(residuals(fit)),
               sign(share - mu) * sqrt(binomial()$dev.resids(share, mu, d$size)))
  expect_equal(unname(residuals(fit, "working")), (share - mu) / (mu * (1 - mu)))
  gamma <- family_fit("Gamma")
  y <- family_data()$Gamma
  mu <- unname(fitted(gamma))
  expect_equal(unname(residuals(gamma, "pearson")), (y - mu) / mu)
  expect_equal(unname(residuals(gamma, "scaled")), (y - mu) / (mu * sigma(gamma)))
  counts <- overdispersed_fit()
  mu <- unname(fitted(counts))
  expect_equal(unname(residuals(counts, "pearson")),
               (epil()$y - mu) / sqrt(mu + mu^2 / sigma(counts)))
  expect_error(residuals(fit, "pearson", level = "marginal"), class = "tiers_error_input")
  expect_error(residuals(fit, "nonsense"), class = "tiers_error_input")
})

test_that("quantile residuals are standard normal when the model is right", {
  for (name in family_names()) {
    fit <- family_fit(name)
    value <- residuals(fit, "quantile", level = "marginal", seed = 4)
    expect_gt(ks.test(value, "pnorm")$p.value, 1e-3)
    expect_lt(abs(mean(value)), 0.15)
    expect_lt(abs(sd(value) - 1), 0.1)
  }
})

test_that("quantile residuals: exact where there is nothing to draw, reproducible otherwise", {
  gamma <- family_fit("Gamma")
  shape <- 1 / sigma(gamma)^2
  expected <- qnorm(pgamma(family_data()$Gamma, shape, scale = fitted(gamma) / shape))
  expect_equal(residuals(gamma, "quantile"), expected, tolerance = 1e-8, ignore_attr = TRUE)
  sd <- attr(VarCorr(gamma)$g, "stddev")
  eta <- predict(gamma, re.form = NA)[[5]]
  probability <- integrate(function(x) {
    pgamma(family_data()$Gamma[5], shape, scale = exp(x) / shape) * dnorm(x, eta, sd)
  }, eta - 9 * sd, eta + 9 * sd, rel.tol = 1e-10)$value
  expect_equal(residuals(gamma, "quantile", level = "marginal")[[5]], qnorm(probability),
               tolerance = 1e-8)
  set.seed(1)
  before <- .Random.seed
  one <- residuals(binary_fit(), "quantile", seed = 7)
  expect_identical(residuals(binary_fit(), "quantile", seed = 7), one)
  expect_identical(.Random.seed, before)
  expect_false(identical(residuals(binary_fit(), "quantile"), residuals(binary_fit(), "quantile")))
})

test_that("simulated responses have the form, mean and variance of the model", {
  for (name in family_names()) {
    fit <- family_fit(name)
    s <- simulate(fit, 300, seed = 5, re.form = NULL)
    rows <- family_rows(fit)
    y <- vapply(s, function(y) if (is.matrix(y)) y[, 1] else y, numeric(400))
    variance <- family_traits(name)$variance(unname(fit$fitted), rows$d, rows$m, rows$a)
    z <- (rowMeans(y) - count_means(fit, unname(fit$fitted), rows)) / sqrt(variance / 300)
    expect_lt(abs(mean(z)), 4 / sqrt(400))
    expect_lt(abs(sd(z) - 1), 0.15)
    # The marginal mean, with random effects drawn.
    y <- vapply(simulate(fit, 300, seed = 6), function(y) if (is.matrix(y)) y[, 1] else y,
                numeric(400))
    marginal <- count_means(fit, unname(fitted(fit, level = "marginal")), rows)
    expect_lt(abs(mean(rowMeans(y) - marginal)) / sqrt(mean(variance)), 0.05)
  }
})

test_that("simulation keeps the form of the response, its seed and new data", {
  s <- simulate(grouped_fit(), 2, seed = 1)
  expect_equal(dim(s), c(56L, 2L))
  expect_equal(rowSums(s[[1]]), cbpp()$size, ignore_attr = TRUE)
  expect_equal(colnames(s[[1]]), colnames(grouped_fit()$frame[[1]]))
  expect_identical(simulate(grouped_fit(), 2, seed = 1), s)
  expect_equal(levels(simulate(binary_fit(), 1, seed = 1)[[1]]), levels(bacteria()$y))
  new <- data.frame(period = factor(1:2, levels = 1:4), herd = c("1", "99"))
  expect_message(single <- simulate(grouped_fit(), 20, seed = 1, newdata = new),
                 class = "tiers_message_trials")
  expect_true(all(unlist(lapply(single, rowSums)) == 1))
  new$incidence <- 0
  new$size <- 40
  many <- simulate(grouped_fit(), 20, seed = 1, newdata = new)
  expect_true(all(unlist(lapply(many, rowSums)) == 40))
  shares <- glmm(incidence / size ~ period + (1 | herd), cbpp(), binomial(), weights = size)
  s <- simulate(shares, 1, seed = 1)[[1]]
  expect_equal(s * cbpp()$size, round(s * cbpp()$size), tolerance = 1e-9)
})

test_that("refit takes what simulate gives", {
  for (fit in list(grouped_fit(), binary_fit(), overdispersed_fit(), family_fit("beta"))) {
    s <- simulate(fit, 1, seed = 3)
    again <- suppressWarnings(suppressMessages(refit_response(fit, s)))
    expect_s3_class(again, "tiers_glmm")
    expect_false(isTRUE(all.equal(again$logLik, fit$logLik)))
    same <- suppressMessages(refit_response(again, fit$frame[[1]]))
    expect_equal(same$logLik, fit$logLik, tolerance = 1e-9)
  }
  expect_error(refit_response(grouped_fit(), rep(1, 56)), "2 columns", class = "tiers_error_input")
  expect_error(refit_response(overdispersed_fit(), rep(1.5, 236)), "not whole",
               class = "tiers_error_input")
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
  expect_equal(unname(confint(fit)), unname(cbind(fixef(fit) - half, fixef(fit) + half)))
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

test_that("a class is simulated as one trial, whatever its weight", {
  d <- bacteria()
  fit <- suppressMessages(glmm(y ~ 1 + (1 | ID), d, family = binomial(), weights = rep(5, nrow(d))))
  drawn <- as.matrix(simulate(fit, 50, seed = 1, re.form = NULL))
  # 11,000 draws: a standard error of 0.004.
  expect_lt(abs(mean(drawn == "y") - mean(fitted(fit))), 0.02)
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
