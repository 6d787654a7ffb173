# Small data sets for every family and link, in the layouts that an engine can meet.

# Intercept, slope and SD of the random effects that keep the mean of a family in a range where
# its response is informative, and the log of its dispersion.
glmm_setting <- function(family, link) {
  link <- glmm_link_name(link)
  phi <- c(gaussian = log(0.7), Gamma = log(4), inverse.gaussian = log(3), nbinom2 = log(2),
           nbinom1 = log(0.8), beta = log(8), betabinomial = log(5))
  scale <- if (family %in% glmm_unit_kinds) {
    if (link == "log") c(-1.3, 0.2, 0.12) else c(0.2, 0.4, 0.6)
  } else switch(link,
    log = c(1, 0.3, 0.4), identity = c(6, 0.5, 0.4), inverse = c(0.8, 0.1, 0.06),
    sqrt = c(2.2, 0.3, 0.25), "1/mu^2" = c(0.8, 0.1, 0.06), softplus = c(2, 0.3, 0.4))
  list(beta = scale[1:2], sd = scale[3L],
       phi = if (family %in% glmm_without_phi) double() else phi[[family]])
}

# Layouts: which terms there are. Each is a function of the data frame of factors and covariates;
# `sd` multiplies the factors that of_layout() makes for it.
glmm_layouts <- list(
  intercept = function(d) list(glmm_term("g", d$g)),
  slope = function(d) list(glmm_term("g", d$g, cbind(1, d$x))),
  "diagonal slope" = function(d) list(glmm_term("g", d$g, cbind(1, d$x), "diag")),
  "one variance" = function(d) list(glmm_term("g", d$g, cbind(1, d$x), "id")),
  "no intercept" = function(d) list(glmm_term("g", d$g, cbind(d$f == "a", d$f == "b") + 0)),
  crossed = function(d) list(glmm_term("g", d$g), glmm_term("h", d$h)),
  "crossed slopes" = function(d) {
    list(glmm_term("g", d$g, cbind(1, d$x)), glmm_term("h", d$h, cbind(1, d$z)))
  },
  nested = function(d) list(glmm_term("a", d$a), glmm_term("a:b", d$ab)),
  "nested chain of three" = function(d) {
    list(glmm_term("a", d$a), glmm_term("a:b", d$ab, cbind(1, d$x)), glmm_term("a:b:c", d$abc))
  },
  "nested and crossed" = function(d) {
    list(glmm_term("a", d$a), glmm_term("a:b", d$ab), glmm_term("h", d$h, cbind(1, d$x)))
  },
  "two terms on one factor" = function(d) {
    list(glmm_term("g", d$g), glmm_term("g", d$g, cbind(d$x, d$z)))
  },
  "a level for every row" = function(d) list(glmm_term("g", d$g), glmm_term("o", d$o)))

glmm_frame <- function(n, seed) {
  set.seed(seed)
  # The mean of x is zero and one of its values: centring it does not move the nodes of a rule.
  half <- c(0, round(stats::runif(n / 2 - 1, -1, 1), 3))
  x <- sample(c(half, -half))
  d <- data.frame(x, z = stats::runif(n, -1, 1), g = factor(sample(8L, n, TRUE)),
                  h = factor(sample(5L, n, TRUE)), f = factor(sample(c("a", "b"), n, TRUE)),
                  o = factor(seq_len(n)), size = sample(1:6, n, TRUE))
  d$a <- factor(rep_len(1:4, n))
  d$ab <- interaction(d$a, rep_len(rep(1:3, each = 4), n), drop = TRUE)
  d$abc <- interaction(d$ab, rep_len(rep(1:2, each = 12), n), drop = TRUE)
  d
}

# A factor of the layout's size: lower triangle with an sd on the diagonal.
layout_factor <- function(term, sd, k = dense_k(term)) {
  L <- diag(sd * seq(1, 0.8, length.out = k), k)
  if (term$structure == "us") L[lower.tri(L)] <- 0.3 * sd
  if (term$structure == "id") diag(L) <- sd
  L
}

# Specification and a point of the parameter space near the values that made the data.
#   extra: any of "weights", "offset", "dispersion" (a covariate of log phi)
glmm_case <- function(family, link, layout = "intercept", n = 60L, seed = 1L, points = 1L,
                      extra = character()) {
  d <- glmm_frame(n, seed)
  setting <- glmm_setting(family, link)
  terms <- glmm_layouts[[layout]](d)
  Lambda <- lapply(terms, layout_factor, sd = setting$sd)
  X <- cbind(1, d$x, d$f == "b")
  beta <- c(setting$beta, -0.5 * setting$beta[2L])
  weights <- if ("weights" %in% extra) rep_len(c(1, 2, 0.5, 0, 1.5), n) else double()
  offset <- if ("offset" %in% extra) setting$beta[2L] * d$z / 2 else double()
  phi <- setting$phi
  dispersion <- matrix(1, n, length(phi))
  if ("dispersion" %in% extra && length(phi)) {
    dispersion <- cbind(1, d$z)
    phi <- c(phi, 0.4)
  }
  size <- if (family %in% glmm_binomial_kinds) d$size else double()
  spec <- glmm_spec(double(n), X, terms, family, link, size, weights, offset, dispersion, points)
  list(spec = simulate_spec(spec, beta, Lambda, phi), beta = beta * 1.1, Lambda = Lambda,
       phi = phi + 0.1)
}

# Fills in a response drawn from the model.
simulate_spec <- function(spec, beta, Lambda, phi) {
  n <- length(spec$y)
  or <- function(x, value) if (length(x)) x else rep(value, n)
  all_rows <- spec
  all_rows$weights <- double()
  rows <- glmm_rows(all_rows, beta, phi)
  eta <- rows$eta
  for (j in seq_along(rows$terms)) {
    term <- rows$terms[[j]]
    b <- Lambda[[j]] %*% matrix(stats::rnorm(ncol(term$basis) * term$n_levels), ncol(term$basis))
    eta <- eta + rowSums(term$basis * t(b)[term$codes, , drop = FALSE])
  }
  # A linear predictor drawn outside its domain is taken back inside.
  eta <- pmin(pmax(eta, rows$domain[1L] + 0.3), rows$domain[2L] - 0.3)
  a <- or(spec$weights, 1)
  spec$y <- as.double(glmm_draw(spec$family, row_values(rows, "mean", eta), rows$m,
                                ifelse(a > 0, a, 1), rows$phi))
  spec
}
