read <- function(family) read_family(family, substitute(family), parent.frame())

test_that("families come as objects, functions and names", {
  expected <- list(name = "binomial", link = "logit", custom = NULL)
  expect_equal(read(binomial()), expected)
  expect_equal(read(binomial), expected)
  expect_equal(read("binomial"), expected)
  expect_equal(read(binomial("probit"))$link, "probit")
  expect_equal(read(stats::poisson(link = "sqrt")), list(name = "poisson", link = "sqrt",
                                                         custom = NULL))
  expect_equal(read(Gamma)$link, "inverse")
  expect_equal(read(inverse.gaussian)$link, "1/mu^2")
  expect_equal(read(nbinom2)$name, "nbinom2")
  expect_equal(read(beta), list(name = "beta", link = "logit", custom = NULL))
  expect_equal(read("beta_family")$name, "beta")
  expect_equal(read(betabinomial("cloglog"))$link, "cloglog")
  expect_equal(read(list(family = "nbinom1", link = "log"))$name, "nbinom1")
})

test_that("links that stats does not know are taken by name", {
  expect_equal(read(binomial("loglog"))$link, "loglog")
  expect_equal(read(binomial(link = loglog))$link, "loglog")
  expect_equal(read(beta_family("loglog"))$link, "loglog")
})

test_that("own constructors are families", {
  for (make in list(nbinom1, nbinom2, beta_family, betabinomial)) {
    object <- make()
    expect_s3_class(object, "family")
    expect_equal(object$linkinv(object$linkfun(0.3)), 0.3, tolerance = 1e-12)
    expect_true(object$validmu(0.3))
  }
  expect_equal(nbinom2()$variance(3, 2), 3 + 9 / 2)
  expect_equal(nbinom2()$dev.resids(4, 3, 2, 2), MASS::negative.binomial(2)$dev.resids(4, 3, 2))
  expect_error(nbinom2("lgo"), class = "tiers_error_input")
  expect_error(beta_family(3), class = "tiers_error_input")
})

test_that("what cannot be fitted is refused with a hint", {
  refusal <- function(expr, text) expect_error(expr, text, class = "tiers_error_input")
  refusal(read("bionmial"), "did you mean `binomial`")
  refusal(read(bionmial()), "did you mean `binomial`")
  refusal(read(bionmial), "did you mean `binomial`")
  refusal(read(binomial("logti")), "did you mean `logit`")
  refusal(read(nbinom1("logit")), "no link \"logit\"")
  refusal(read(quasipoisson), "nbinom2")
  refusal(read(quasibinomial()), "no likelihood")
  refusal(read("quasi"), "no likelihood")
  refusal(read(MASS::negative.binomial(3)), "nbinom2")
  refusal(read(MASS::negative.binomial), "nbinom2")
  refusal(read(3), "must be a family")
  refusal(read(stop("no such thing")), "no such thing")
  refusal(read(function(x) x), "does not give a family")
})

test_that("a link of the user's own is kept where it differs from the registered one", {
  own <- make.link("logit")
  expect_null(read(binomial(own))$custom)
  own$linkinv <- function(eta) plogis(eta / 2)
  own$linkfun <- function(mu) 2 * qlogis(mu)
  own$mu.eta <- function(eta) dlogis(eta / 2) / 2
  expect_equal(read(binomial(own))$custom$linkinv(1), plogis(0.5))
  own$mu.eta <- function(eta) 1
  expect_error(read(binomial(own)), "mu.eta", class = "tiers_error_input")
})

test_that("a fit with an own link is that of the registered one, and predicts with it", {
  own <- structure(list(linkfun = function(mu) log(mu / (1 - mu)),
                        linkinv = function(eta) 1 / (1 + exp(-eta)),
                        mu.eta = function(eta) exp(-eta) / (1 + exp(-eta))^2,
                        valideta = function(eta) TRUE, name = "mine"), class = "link-glm")
  fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial(own))
  expect_equal(fit$logLik, binary_fit()$logLik, tolerance = 1e-9)
  expect_equal(predict(fit, bacteria()[1:3, ], type = "marginal"),
               predict(binary_fit(), bacteria()[1:3, ], type = "marginal"), tolerance = 1e-6)
  expect_equal(family(fit)$link, "mine")
  expect_match(fit_title(fit), "mine link")
  # The link is gone where the fit is updated; the fit has its own.
  rm(own)
  expect_equal(update(fit, . ~ . - trt)$logLik,
               update(binary_fit(), . ~ . - trt)$logLik, tolerance = 1e-9)
})

test_that("family() of a fit is stats' object, or knows its dispersion", {
  expect_equal(family(binary_fit())$family, "binomial")
  expect_equal(class(family(binary_fit())), "family")
  expect_equal(family(count_fit())$variance(3), 3)
  fit <- overdispersed_fit()
  expect_equal(family(fit)$variance(3), 3 + 9 / sigma(fit))
  expect_equal(dim(family(fit)$simulate(fit, 2)[[1]]), NULL)
  expect_length(family(fit)$simulate(fit, 2), 2L)
})

test_that("the family in a fit holds no data", {
  make <- function() {
    heavy <- rnorm(2e5)
    fam <- binomial("logit")
    glmm(y ~ trt + (1 | ID), bacteria(), fam)
  }
  expect_lt(length(serialize(make(), NULL)), 1e5)
})
