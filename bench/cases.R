# The benchmark cases: data, one model in the words of each package, and how large it is.
# A case without an entry for a package is one which that package cannot fit as it stands.

fixture <- function(name, factors) {
  path <- file.path("tests", "testthat", "fixtures", paste0(name, c(".csv", ".csv.gz")))
  d <- utils::read.csv(path[file.exists(path)][1L])
  d[factors] <- lapply(d[factors], factor)
  d
}

# Pupils in schools, ten rows a pupil, ten pupils a school; both with random slopes.
nested_slopes <- function(n) {
  set.seed(1)
  pupil <- gl(n / 10, 10)
  school <- gl(n / 100, 100)
  x <- rnorm(n)
  slopes <- function(factor, sd) {
    rnorm(nlevels(factor), 0, sd)[factor] + rnorm(nlevels(factor), 0, sd / 2)[factor] * x
  }
  data.frame(school, pupil, x, y = 1 + 0.5 * x + slopes(school, 0.7) + slopes(pupil, 1) + rnorm(n))
}

# Every row pairs one of `a` raters with one of `b` items at random.
crossed_intercepts <- function(n, a, b) {
  set.seed(2)
  rater <- factor(sample(a, n, TRUE))
  item <- factor(sample(b, n, TRUE))
  x <- rnorm(n)
  data.frame(rater, item, x,
             y = 0.3 * x + rnorm(a)[rater] + rnorm(b, 0, 0.5)[item] + rnorm(n))
}

nested_case <- function(n) {
  list(data = function() nested_slopes(n),
       formula = y ~ x + (x | school/pupil), REML = TRUE,
       nlme = list(fixed = y ~ x, random = ~ x | school/pupil))
}

bench_cases <- list(
  sleepstudy = list(
    data = function() fixture("sleepstudy", "Subject"),
    formula = Reaction ~ Days + (Days | Subject), REML = TRUE,
    nlme = list(fixed = Reaction ~ Days, random = ~ Days | Subject)),
  Penicillin = list(
    data = function() fixture("penicillin", c("plate", "sample")),
    formula = diameter ~ 1 + (1 | plate) + (1 | sample), REML = TRUE),
  Pastes = list(
    data = function() fixture("pastes", c("batch", "cask")),
    formula = strength ~ 1 + (1 | batch/cask), REML = TRUE,
    nlme = list(fixed = strength ~ 1, random = ~ 1 | batch/cask)),
  cake = list(
    data = function() {
      d <- fixture("cake", c("replicate", "recipe", "temperature"))
      d$batch <- interaction(d$recipe, d$replicate)
      d
    },
    formula = angle ~ recipe * temperature + (1 | batch), REML = TRUE,
    nlme = list(fixed = angle ~ recipe * temperature, random = ~ 1 | batch)),
  InstEval = list(
    data = function() fixture("insteval", c("s", "d", "service", "dept")),
    formula = y ~ service + (1 | s) + (1 | d) + (1 | dept), REML = FALSE),
  egsingle = list(
    data = function() fixture("egsingle", c("schoolid", "childid")),
    formula = math ~ year + (year | schoolid) + (year | childid), REML = FALSE,
    nlme = list(fixed = math ~ year, random = ~ year | schoolid/childid)),
  "nested slopes, n = 1e4" = nested_case(1e4),
  "nested slopes, n = 1e5" = nested_case(1e5),
  "nested slopes, n = 1e6" = nested_case(1e6),
  "crossed intercepts, n = 1e5" = list(
    data = function() crossed_intercepts(1e5, 3000, 1000),
    formula = y ~ x + (1 | rater) + (1 | item), REML = FALSE))

# Generalized models -------------------------------------------------------------------------------
# `points` is the number of quadrature points; `adaptive` is the random part for GLMMadaptive.

# Counts of `n` rows in `groups` groups; with `size` they are negative binomial.
grouped_counts <- function(n, groups, size = Inf) {
  set.seed(3)
  g <- factor(sample(groups, n, TRUE))
  x <- rnorm(n)
  mu <- exp(0.5 + 0.3 * x + rnorm(groups, 0, 0.7)[g])
  data.frame(g, x, y = if (is.finite(size)) rnbinom(n, size = size, mu = mu) else rpois(n, mu))
}

# 0/1 answers of `a` persons to `b` items.
crossed_answers <- function(n, a, b) {
  set.seed(4)
  person <- factor(sample(a, n, TRUE))
  item <- factor(sample(b, n, TRUE))
  x <- rnorm(n)
  eta <- -0.3 + 0.4 * x + rnorm(a)[person] + rnorm(b, 0, 0.7)[item]
  data.frame(person, item, x, y = rbinom(n, 1, plogis(eta)))
}

toenail_case <- function(points) {
  list(data = function() fixture("toenail", "patient"),
       formula = y ~ terbinafine * time + (1 | patient), family = binomial(), points = points,
       adaptive = ~ 1 | patient)
}

bangladesh <- function() {
  d <- fixture("bangladesh", c("district", "children"))
  transform(d, children = relevel(children, "None"))
}

generalized_cases <- list(
  cbpp = list(
    data = function() fixture("cbpp", c("herd", "period")),
    formula = cbind(incidence, size - incidence) ~ period + (1 | herd), family = binomial(),
    points = 1L, adaptive = ~ 1 | herd),
  "contraception, intercept" = list(
    data = bangladesh, formula = use ~ urban + age + children + (1 | district),
    family = binomial(), points = 1L, adaptive = ~ 1 | district),
  "contraception, slope" = list(
    data = bangladesh, formula = use ~ urban + age + children + (urban | district),
    family = binomial(), points = 1L, adaptive = ~ urban | district),
  VerbAgg = list(
    data = function() {
      d <- fixture("verbagg", c("id", "item", "Gender", "btype", "situ"))
      transform(d, r2 = as.integer(r2 == "Y"))
    },
    formula = r2 ~ (Anger + Gender + btype + situ)^2 + (1 | id) + (1 | item),
    family = binomial(), points = 1L),
  grouseticks = list(
    data = function() fixture("grouseticks", c("BROOD", "INDEX", "LOCATION", "YEAR")),
    formula = TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION),
    family = poisson(), points = 1L),
  "toenail, Laplace" = toenail_case(1L),
  "toenail, 7 points" = toenail_case(7L),
  "toenail, 25 points" = toenail_case(25L),
  "Poisson, n = 1e5" = list(
    data = function() grouped_counts(1e5, 1000), formula = y ~ x + (1 | g), family = poisson(),
    points = 1L, adaptive = ~ 1 | g),
  "negative binomial, n = 1e5" = list(
    data = function() grouped_counts(1e5, 1000, 2), formula = y ~ x + (1 | g),
    family = "nbinom2", points = 1L, adaptive = ~ 1 | g),
  "Bernoulli crossed, n = 1e5" = list(
    data = function() crossed_answers(1e5, 2000, 200),
    formula = y ~ x + (1 | person) + (1 | item), family = binomial(), points = 1L))
