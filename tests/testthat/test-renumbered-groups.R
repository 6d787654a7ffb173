# The message about ids numbered anew in each cluster, NULL without one.
told <- function(expr) {
  found <- NULL
  suppressWarnings(withCallingHandlers(expr, message = function(m) {
    if (inherits(m, "tiers_message_groups")) found <<- m
    invokeRestart("muffleMessage")
  }))
  found
}

# Persons with several visits in clusters of these sizes, numbered anew in each.
clustered <- function(sizes, visits = 4, sd = 1, seed = 1) {
  set.seed(seed)
  d <- do.call(rbind, lapply(seq_along(sizes), function(c) {
    expand.grid(visit = seq_len(visits), id = seq_len(sizes[c]), centre = c)
  }))
  person <- interaction(d$centre, d$id, drop = TRUE)
  d$age <- round(rnorm(nlevels(person), 40, 10))[person]
  d$arm <- factor(sample(c("a", "b"), nlevels(person), TRUE))[person]
  d$y <- rnorm(nlevels(person), 0, sd)[person] + rnorm(length(sizes))[d$centre] + rnorm(nrow(d))
  d
}

test_that("persons numbered within two centres", {
  d <- fixture_data("respiratory")
  m <- told(glmm(outcome ~ center + treat + age + baseline + (1 | id), d, family = binomial()))
  expect_match(conditionMessage(m), "`id` 1 occurs in 2 levels of `center`", fixed = TRUE)
  expect_match(conditionMessage(m), "(1 | center:id)", fixed = TRUE)
  expect_s3_class(m, "tiers_message")
  expect_identical(m$cluster, "center")
  # What the message asks for says nothing any more.
  expect_null(told(glmm(outcome ~ center + treat + (1 | center:id), d, family = binomial())))
  expect_null(told(glmm(outcome ~ treat + (1 | center / id), d, family = binomial())))
})

test_that("clusters of other kinds and places", {
  d <- clustered(c(12, 9, 15, 7))
  expect_identical(told(lmm(y ~ visit + factor(centre) + (1 | id), d))$cluster, "centre")
  expect_identical(told(lmm(y ~ visit + (1 | centre) + (visit | id), d))$cluster, "centre")
  # Only in the data; as text; as factors.
  e <- transform(d, centre = c("Oslo", "Bergen", "Lund", "Kiel")[centre], id = factor(id))
  expect_identical(told(lmm(y ~ visit + (1 | id), e))$cluster, "centre")
  # The slope is kept in the advice.
  expect_match(conditionMessage(told(lmm(y ~ visit + (visit | id), e))), "(visit | centre:id)",
               fixed = TRUE)
  # Rows dropped.
  e$y[c(1, 50)] <- NA
  expect_identical(told(lmm(y ~ visit + (1 | id), e, subset = visit < 4))$cluster, "centre")
  # Equal sizes, with a variable of the person.
  f <- clustered(rep(10, 5), seed = 3)
  expect_identical(told(lmm(y ~ age + visit + centre + (1 | id), f))$cluster, "centre")
})

test_that("designs that cross persons with something else are silent", {
  set.seed(4)
  # Persons by items, one row each, whole and with gaps.
  d <- expand.grid(item = 1:12, id = 1:30)
  d$cond <- factor(sample(1:2, nrow(d), TRUE))
  d$y <- rnorm(30)[d$id] + rnorm(12)[d$item] + rnorm(nrow(d))
  expect_null(told(lmm(y ~ cond + (1 | id) + (1 | item), d)))
  expect_null(told(lmm(y ~ cond + (1 | id) + (1 | item), d[-(341:360), ])))
  # The same with repetitions.
  e <- d[rep(seq_len(nrow(d)), 3), ]
  e$y <- rnorm(30)[e$id] + rnorm(12)[e$item] + rnorm(nrow(e))
  expect_null(told(lmm(y ~ cond + (1 | id) + (1 | item), e)))
  expect_null(told(lmm(y ~ cond + factor(item) + (1 | id), e[-(1:3), ])))
  # Repeated measures with drop-out, the last persons first.
  v <- expand.grid(rep = 1:2, visit = 1:4, id = 1:25)
  v <- v[!(v$visit > 2 & v$id > 20) & !(v$visit > 3 & v$id > 15), ]
  v$y <- rnorm(25, 0, 2)[v$id] + rnorm(nrow(v))
  expect_null(told(lmm(y ~ factor(visit) + (1 | id), v)))
  # A crossover trial with a baseline of each period.
  x <- expand.grid(rep = 1:3, drug = c("a", "b"), id = 1:20)
  x$base <- rnorm(40)[interaction(x$drug, x$id)]
  x$y <- rnorm(20, 0, 2)[x$id] + x$base + rnorm(nrow(x))
  expect_null(told(lmm(y ~ drug + base + (1 | id), x)))
  # Visits by patients: a few numbers in many groups.
  w <- do.call(rbind, lapply(1:30, function(p) expand.grid(rep = 1:2, visit = seq_len(3 + p %% 4),
                                                           patient = p)))
  w$y <- rnorm(30)[w$patient] + rnorm(6)[w$visit] + rnorm(nrow(w))
  expect_null(told(lmm(y ~ 1 + (1 | patient) + (1 | visit), w)))
})

test_that("published designs are silent", {
  expect_null(told(lmm(score ~ Machine + (1 | Worker), machines())))
  expect_null(told(lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), machines())))
  expect_null(told(lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin"))))
  expect_null(told(lmm(Reaction ~ Days + (Days | Subject), fixture_data("sleepstudy"))))
  cake <- fixture_data("cake")
  expect_null(told(lmm(angle ~ recipe * temperature + (1 | replicate), cake)))
  pastes <- fixture_data("pastes")
  expect_null(told(lmm(strength ~ 1 + (1 | batch) + (1 | batch:cask), pastes)))
})

test_that("ids that are unique, or no numbers from 1, are silent", {
  d <- clustered(c(12, 9, 15))
  d$person <- as.integer(interaction(d$centre, d$id, drop = TRUE))
  expect_null(told(lmm(y ~ visit + centre + (1 | person), d)))
  d$label <- paste0("p", d$id)
  expect_null(told(lmm(y ~ visit + centre + (1 | label), d)))
  expect_null(told(lmm(y ~ visit + centre + (1 | id), transform(d, id = id + 100))))
})

test_that("a person lost from a crossover is no new numbering", {
  for (seed in 1:5) {
    set.seed(seed)
    d <- expand.grid(rep = 1:3, subject = 1:12, treatment = c("a", "b"))
    d <- d[!(d$subject == 12 & d$treatment == "b"), ]
    d$y <- rnorm(12, 0, 0.7)[d$subject] + rnorm(nrow(d))
    expect_null(told(lmm(y ~ treatment + (1 | subject), d)))
  }
})

test_that("links without a marginal mean and constant responses are looked at as others", {
  set.seed(1)
  ids <- c(rep(1:15, each = 2), rep(1:12, each = 2), rep(1:18, each = 2))
  d <- data.frame(centre = rep(1:3, c(30, 24, 36)), id = ids, y = rgamma(90, 2, 2), none = 0)
  expect_message(suppressMessages(glmm(y ~ 1 + (1 | id), d, family = Gamma),
                                  "tiers_message_accuracy"), class = "tiers_message_groups")
  expect_warning(fit <- glmm(none ~ 1 + (1 | id), d, family = poisson),
                 class = "tiers_warning")
  expect_identical(fit$coefficients[["(Intercept)"]], -Inf)
})
