# Data sets on which optimisers of other packages stop early, and a sampler of random ones.
# The linear rows of fixtures/hard-linear.csv name them. All draws use R's default generators.

hard_data <- function(name) {
  builders <- list(
    sleepstudy = function() fixture_data("sleepstudy"),
    egsingle = function() fixture_data("egsingle"),
    exam = function() fixture_data("exam"),
    part_operator = function() fixture_data("part_operator"),
    orthodont = function() nlme_data("Orthodont"),
    bodyweight = function() nlme_data("BodyWeight"),
    machines = function() nlme_data("Machines"),
    pixel = function() nlme_data("Pixel"),
    oxboys = function() nlme_data("Oxboys"),
    slope25 = correlated_slope_data,
    huge1e4 = function() dominant_group_data(1e4),
    huge1e6 = function() dominant_group_data(1e6),
    triglyceride = triglyceride_data,
    false_zero = small_variance_data,
    maximal = maximal_crossed_data)
  if (is.null(builders[[name]])) stop("no hard data set called ", name)
  builders[[name]]()
}

# Random slope of a covariate whose origin lies far from its values.
correlated_slope_data <- function() {
  set.seed(42)
  x <- rnorm(200, mean = 10, sd = 3)
  g <- gl(25, 8)
  h <- gl(8, 1, 200)
  intercept <- rnorm(25)
  slope <- rnorm(25, sd = 0.3)
  of_h <- 0.5 * rnorm(8)
  y <- 3 + 0.5 * x + intercept[g] + slope[g] * (x - 10) + of_h[h] + rnorm(200)
  data.frame(g, h, x, f = gl(3, 1, 200, labels = c("a", "b", "c")), y)
}

# The groups differ by `ratio` times the residual standard deviation.
dominant_group_data <- function(ratio) {
  set.seed(9)
  g <- gl(30, 5)
  x <- rnorm(150)
  effect <- rnorm(30)
  data.frame(g, x, y = x + ratio * effect[g] + rnorm(150))
}

# A precision study: four machines on each of four days, two determinations each.
triglyceride_data <- function() {
  first <- c(142.3, 148.6, 142.9, 133.8, 134.9, 145.2, 125.9, 108.9,
             148.6, 148.6, 135.5, 132.1, 152.0, 149.7, 142.9, 141.7)
  second <- c(144.0, 146.9, 147.4, 133.2, 146.3, 146.3, 127.6, 107.5,
              156.5, 153.1, 138.9, 149.7, 151.4, 152.0, 142.3, 141.2)
  data.frame(y = as.vector(rbind(first, second)), day = gl(4, 8), machine = gl(4, 2, 32))
}

# The group variance is small but not zero; from a bad start it looks like zero.
small_variance_data <- function() {
  set.seed(1)
  g <- gl(10, 5)
  effect <- rnorm(10, sd = 1.5)
  data.frame(g, y = rnorm(50, mean = 2 + effect[g], sd = 2))
}

# Crossed subjects and items under the maximal model, with most of its variances truly zero.
maximal_crossed_data <- function() {
  set.seed(11)
  d <- expand.grid(subj = gl(20, 1), item = gl(20, 1), A = c(-0.5, 0.5), B = c(-0.5, 0.5))
  subject <- rnorm(20, sd = 0.5)
  item <- rnorm(20, sd = 0.3)
  d$y <- 1 + 0.3 * d$A + subject[d$subj] + item[d$item] + rnorm(nrow(d))
  d
}

# Groups of equal size, up to three random slopes, a covariance of any rank, and columns on
# scales and origins that differ by up to twelve orders of magnitude.
random_hard <- function(seed) {
  set.seed(seed)
  pick <- function(values) sample(values, 1L)
  groups <- pick(c(3, 5, 10, 30, 200))
  size <- pick(2:20)
  slopes <- pick(0:3)
  g <- gl(groups, size)
  factor <- matrix(rnorm((slopes + 1)^2), slopes + 1)
  rank <- pick(0:(slopes + 1))
  factor[, seq_len(slopes + 1) > rank] <- 0
  effects <- matrix(rnorm(groups * (slopes + 1)), groups) %*% t(factor)
  y <- effects[g, 1L] + rnorm(length(g))
  columns <- list(g = g)
  for (j in seq_len(slopes)) {
    z <- rnorm(length(g))
    scale <- 10^pick(-6:6)
    columns[[paste0("x", j)]] <- scale * (z + pick(c(0, 1, 1e2, 1e4, 1e6)))
    y <- y + z * (1 + effects[g, j + 1L])
  }
  columns$y <- 10^pick(-6:6) * y
  as.data.frame(columns)
}

# The model for it: all slopes random, or those that the group sizes can tell from noise.
random_hard_formula <- function(d) {
  size <- nrow(d) / nlevels(d$g)
  slopes <- setdiff(names(d), c("g", "y"))
  slopes <- slopes[seq_len(min(length(slopes), max(0L, size - 2L)))]
  terms <- paste(c("1", slopes), collapse = " + ")
  stats::as.formula(paste0("y ~ ", terms, " + (", terms, " | g)"), env = globalenv())
}
