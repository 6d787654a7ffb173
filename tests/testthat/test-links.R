test_that("links are inverse to themselves and have the slope that differences show", {
  for (name in c("logit", "probit", "cauchit", "cloglog", "loglog", "identity", "log", "inverse",
                 "sqrt", "1/mu^2")) {
    link <- link_functions(name)
    mu <- if (name %in% c("identity", "log", "inverse", "sqrt", "1/mu^2")) {
      c(0.1, 0.4, 1, 7, 20)
    } else {
      c(1e-10, 0.003, 0.2, 0.5, 0.7, 0.99)
    }
    eta <- link$linkfun(mu)
    expect_equal(link$linkinv(eta), mu, tolerance = 1e-9, info = name)
    slope <- slope_by_differences(link$linkinv, eta, 1e-3 * abs(eta) + 1e-5)
    expect_equal(link$mu.eta(eta), slope, tolerance = 1e-6, info = name)
  }
})

test_that("links are those of the compiled families, far into the tails", {
  for (name in family_names()) for (link in family_links(name)) {
    positive <- mean_is_positive(name) && !link %in% "log"
    eta <- if (positive) c(1e-4, 0.3, 1, 20) else c(-30, -2, -0.1, if (link != "log") c(0.5, 3))
    family <- list(name = name, link = link, custom = NULL)
    compiled <- run_family(family, list(y = double(), size = double(), weights = double()), 0, eta)
    expect_equal(mean_of(family, eta), compiled$mu, tolerance = 1e-12, info = paste(name, link))
  }
})

test_that("the domain of a link is known", {
  domain <- function(name, link, eta) {
    in_link_domain(list(name = name, link = link, custom = NULL), eta)
  }
  expect_equal(domain("Gamma", "inverse", c(-1, 0, 2)), c(FALSE, FALSE, TRUE))
  expect_equal(domain("gaussian", "identity", c(-1, 0, 2)), c(TRUE, TRUE, TRUE))
  expect_equal(domain("poisson", "identity", c(-1, 2)), c(FALSE, TRUE))
  expect_equal(domain("binomial", "log", c(-1, 2)), c(TRUE, FALSE))
  expect_equal(domain("binomial", "logit", c(-Inf, Inf, NaN)), c(TRUE, TRUE, FALSE))
})

test_that("a stored link leaves its maker's data behind and keeps what it needs", {
  make <- function() {
    heavy <- rnorm(1e5)
    scale <- 2
    structure(list(linkfun = function(mu) scale * qlogis(mu),
                   linkinv = function(eta) plogis(eta / scale),
                   mu.eta = function(eta) dlogis(eta / scale) / scale,
                   valideta = function(eta) TRUE, name = "half"), class = "link-glm")
  }
  stored <- stored_link(make())
  expect_lt(length(serialize(stored, NULL)), 1e4)
  expect_equal(stored$linkinv(1.2), plogis(0.6))
})

test_that("an offset of absurd span is named before the fit and where it fails", {
  set.seed(7)
  d <- data.frame(g = gl(12, 10), x = rnorm(120), exposure = round(runif(120, 1, 850)))
  d$y <- rpois(120, d$exposure * exp(-4 + 0.3 * d$x + rnorm(12, 0, 0.4)[d$g]))
  heard <- listen(glmm(y ~ x + offset(exposure) + (1 | g), d, family = poisson))
  warned <- Filter(function(x) inherits(x, "tiers_warning_data"), heard$conditions)
  span <- signif(diff(range(d$exposure)), 3)
  expect_length(warned, 1L)
  expect_match(conditionMessage(warned[[1]]), paste0("The offset spans ", span, " on the log link"))
  ended <- Filter(function(x) inherits(x, c("tiers_warning_notconverged", "tiers_error")),
                  heard$conditions)
  expect_length(ended, 1L)
  expect_match(conditionMessage(ended[[1]]), paste0("The offset spans ", span))
  if (!is.null(heard$value)) {
    expect_match(paste(diagnose(heard$value)$findings$finding, collapse = " "), "The offset spans")
  }
  expect_no_tiers_warning(glmm(y ~ x + offset(log(exposure)) + (1 | g), d, family = poisson))
  # Other links, the argument, and rows that do not count.
  d$b <- rbinom(120, 1, 0.4)
  for (link in c("logit", "probit", "cloglog")) {
    heard <- listen(glmm(b ~ x + (1 | g), d, family = binomial(link), offset = exposure / 10))
    expect_match(conditionMessage(heard$conditions[[1]]), paste("on the", link, "link"))
  }
  d$w <- as.numeric(d$exposure < 60)
  d$z <- rnorm(120)
  expect_no_tiers_warning(glmm(z ~ x + offset(exposure) + (1 | g), d, family = gaussian))
  expect_null(offset_span_words(list(name = "poisson", link = "log"), d$exposure, d$exposure < 40))
})
