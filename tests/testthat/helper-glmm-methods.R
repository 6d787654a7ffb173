# Generalized fits that several files of tests look at. Each is made once.

bacteria <- function() MASS::bacteria

epil <- function() MASS::epil

cbpp <- function() glmm_data("cbpp")

glmm_cache <- new.env()

cached <- function(name, expr) {
  if (is.null(glmm_cache[[name]])) assign(name, expr, envir = glmm_cache)
  glmm_cache[[name]]
}

binary_fit <- function() {
  cached("binary", glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial()))
}

grouped_fit <- function() {
  cached("grouped", glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp(),
                         binomial()))
}

count_fit <- function() {
  cached("count", glmm(y ~ trt * lbase + lage + V4 + (V4 | subject), epil(), poisson()))
}

overdispersed_fit <- function() {
  cached("overdispersed", glmm(y ~ trt + lbase + V4 + (1 | subject), epil(), nbinom2()))
}

# Forty groups of ten rows with a response for every family.
family_data <- function() {
  cached("family_data", {
    set.seed(3)
    n <- 400
    d <- data.frame(g = gl(40, 10), x = round(rnorm(n), 3), m = rep(c(5, 9), n / 2))
    eta <- 0.3 + 0.4 * d$x + rnorm(40, 0, 0.5)[d$g]
    mu <- exp(eta)
    p <- plogis(eta)
    d$gaussian <- eta + rnorm(n, 0, 0.4)
    d$binomial <- rbinom(n, d$m, p)
    d$poisson <- rpois(n, mu)
    d$nbinom2 <- rnbinom(n, mu = mu, size = 2)
    d$nbinom1 <- rnbinom(n, mu = mu, size = mu / 1.5)
    d$Gamma <- rgamma(n, 3, scale = mu / 3)
    d$inverse.gaussian <- random_inverse_gaussian(mu, rep(4, n))
    d$beta <- rbeta(n, 5 * p, 5 * (1 - p))
    d$betabinomial <- rbinom(n, d$m, rbeta(n, 4 * p, 4 * (1 - p)))
    d
  })
}

family_links_used <- c(gaussian = "identity", binomial = "logit", poisson = "log", nbinom2 = "log",
                       nbinom1 = "log", Gamma = "log", inverse.gaussian = "log", beta = "logit",
                       betabinomial = "probit")

# A family that has no column in family_data(): drawn from itself by its default link.
drawn_response <- function(name) {
  set.seed(4)
  d <- family_data()
  mean <- stats::make.link(family_links(name)[1L])$linkinv(0.3 + 0.4 * d$x + rnorm(40, 0, 0.5)[d$g])
  family_traits(name)$random(mean, 2, d$m, rep(1, nrow(d)))
}

# One fit of each family.
family_fit <- function(name) {
  cached(paste0("family_", name), {
    success <- family_traits(name)$response == "success"
    left <- if (success) call("cbind", as.name(name), call("-", quote(m), as.name(name))) else {
      as.name(name)
    }
    formula <- eval(call("~", left, quote(x + (1 | g))))
    known <- name %in% names(family_links_used)
    family <- registered_family(name, if (known) family_links_used[[name]])
    d <- family_data()
    if (!name %in% names(d)) d[[name]] <- drawn_response(name)
    glmm(formula, d, new_family(family$name, family$link))
  })
}

# Twelve groups of eight rows: counts, single trials, successes of six.
small_counts <- function() {
  set.seed(5)
  d <- data.frame(g = gl(12, 8), h = factor(rep(1:8, 12)), x = round(rnorm(96), 3))
  d$n <- rpois(96, exp(0.8 + 0.3 * d$x + rnorm(12, 0, 0.5)[d$g]))
  d$b <- rbinom(96, 1, plogis(d$x + rnorm(12, 0, 0.8)[d$g]))
  d$m <- 6
  d$k <- rbinom(96, 6, plogis(0.5 * d$x + rnorm(12, 0, 0.8)[d$g]))
  d$id <- seq_len(96)
  d
}
