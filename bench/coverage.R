# How often 95 % intervals hold the true value, in small unbalanced designs: fixed effects by each
# method of degrees of freedom, standard deviations, predictions, and cluster-robust limits.
#
#   Rscript bench/coverage.R [replicates] [part ...]
#
# Parts: fixed, fixed-twice, slopes, slopes-twice, deviations, predictions, robust (all of them
# unless named); "twice" has the same design two times over. With 5,000 replicates the standard
# error of a rate of .95 is .003. Writes results/coverage-PART.md.

suppressPackageStartupMessages(library(tiers))
arguments <- commandArgs(TRUE)
replicates <- as.integer(c(grep("^[0-9]+$", arguments, value = TRUE), "5000")[1L])
quantiles <- c(0.025, 0.975)

# Fits that lie on the boundary say so; here that is one of the things that happen.
quietly <- function(expr) {
  withCallingHandlers(suppressMessages(expr), tiers_warning = function(w) {
    invokeRestart("muffleWarning")
  })
}

holds <- function(limits, truth) unname(limits[, 1L] <= truth & truth <= limits[, 2L])

# `draw()` gives data, `cover(data)` a named logical vector; NA where a method gave no interval.
simulate_coverage <- function(draw, cover) {
  results <- lapply(seq_len(replicates), function(i) {
    set.seed(i)
    cover(draw())
  })
  rates <- do.call(rbind, results)
  data.frame(interval = colnames(rates), coverage = colMeans(rates, na.rm = TRUE),
             without = colSums(is.na(rates)), row.names = NULL)
}

ddf_methods <- list(satterthwaite = "satterthwaite", "kenward-roger" = "kenward-roger",
                    "kenward-roger, observed" = ddf_kr(information = "observed"),
                    "Wald z" = "asymptotic")

# What each method's limits hold, as one vector with names "what, method". `limits(method)` has a
# row for each of `truth`.
cover_each <- function(methods, truth, limits) {
  held <- lapply(names(methods), function(name) {
    stats::setNames(holds(quietly(limits(methods[[name]])), truth),
                    paste(names(truth), name, sep = ", "))
  })
  unlist(held)
}

cover_fixed <- function(fit, beta) {
  cover_each(ddf_methods, beta, function(ddf) confint(fit, names(beta), ddf = ddf))
}

# Eight groups of two to seven rows: a treatment of groups (five against three) and a covariate.
sizes <- c(2, 3, 3, 4, 4, 5, 6, 7)
draw_groups <- function(times = 1L) {
  sizes <- rep(sizes, times)
  b <- rnorm(length(sizes))
  d <- data.frame(g = factor(rep(seq_along(sizes), sizes)),
                  treated = rep(rep(c(0, 1, 0, 1, 0, 0, 1, 0), times), sizes),
                  x = rnorm(sum(sizes)))
  d$y <- 1 + d$treated + 0.5 * d$x + b[d$g] + rnorm(nrow(d))
  attr(d, "b") <- b
  d
}

# Ten persons with three to six visits of their own times, random slopes.
visits <- c(3, 3, 4, 4, 5, 5, 5, 6, 6, 6)
draw_persons <- function(times = 1L) {
  visits <- rep(visits, times)
  d <- data.frame(id = factor(rep(seq_along(visits), visits)),
                  arm = rep(rep(0:1, 5 * times), visits), time = stats::runif(sum(visits), 0, 4))
  b <- cbind(rnorm(10 * times), 0.5 * rnorm(10 * times))
  d$y <- 2 + 0.5 * d$arm + 0.3 * d$time + 0.2 * d$arm * d$time + b[d$id, 1L] +
    b[d$id, 2L] * d$time + 0.7 * rnorm(nrow(d))
  d
}

# Twelve clusters of unequal size whose residual variance and slope differ: a random intercept
# alone is not the whole truth.
cluster_sizes <- c(4, 5, 6, 6, 7, 8, 8, 9, 10, 12, 14, 16)
clusters <- data.frame(g = factor(rep(1:12, cluster_sizes)),
                       treated = rep(rep(0:1, 6), cluster_sizes))
draw_clusters <- function() {
  d <- clusters
  d$x <- rnorm(nrow(d))
  d$y <- 1 + d$treated + 0.5 * d$x + rnorm(12)[d$g] + 0.5 * rnorm(12)[d$g] * d$x +
    rep(seq(0.5, 1.5, length.out = 12), cluster_sizes) * rnorm(nrow(d))
  d
}

fixed_part <- function(title, times) {
  list(title = title, run = function() {
    simulate_coverage(function() draw_groups(times), function(d) {
      cover_fixed(quietly(lmm(y ~ treated + x + (1 | g), d)), c(treated = 1, x = 0.5))
    })
  })
}

slopes_part <- function(title, times) {
  list(title = title, run = function() {
    simulate_coverage(function() draw_persons(times), function(d) {
      cover_fixed(quietly(lmm(y ~ arm * time + (time | id), d)), c(time = 0.3, "arm:time" = 0.2))
    })
  })
}

parts <- list(
  fixed = fixed_part("Fixed effects: 8 groups of 2 to 7 rows, intercepts as large as the residual",
                     1L),
  "fixed-twice" = fixed_part("Fixed effects: 16 groups of 2 to 7 rows", 2L),
  slopes = slopes_part("Fixed effects: 10 persons with 3 to 6 visits of their own, random slopes",
                       1L),
  "slopes-twice" = slopes_part("Fixed effects: 20 persons with 3 to 6 visits, random slopes", 2L),
  deviations = list(
    title = "Standard deviations: 25 groups of 2 to 8 rows",
    run = function() {
      d <- data.frame(g = factor(rep(1:25, rep(c(2, 3, 5, 7, 8), 5))))
      draw <- function() replace(d, "y", list(0.7 * rnorm(25)[d$g] + rnorm(nrow(d))))
      truth <- c("sd_(Intercept)|g" = 0.7, sigma = 1)
      simulate_coverage(draw, function(d) {
        fit <- quietly(lmm(y ~ 1 + (1 | g), d))
        cover_each(c(profile = "profile", Wald = "wald"), truth, function(method) {
          confint(fit, names(truth), method = method)
        })
      })
    }),
  predictions = list(
    title = "Predictions of a new row: 8 groups of 2 to 7 rows",
    run = function() {
      at <- data.frame(g = factor(c("1", "new")), treated = c(0, 1), x = 0.3)
      simulate_coverage(draw_groups, function(d) {
        fit <- quietly(lmm(y ~ treated + x + (1 | g), d))
        effects <- c("known group" = attr(d, "b")[1L], "new group" = rnorm(1))
        y <- 1 + at$treated + 0.5 * at$x + effects + rnorm(2)
        cover_each(ddf_methods, stats::setNames(y, names(effects)), function(ddf) {
          predict(fit, at, interval = "prediction", allow.new.levels = TRUE,
                  ddf = ddf)[, c("lwr", "upr")]
        })
      })
    }),
  robust = list(
    title = "Cluster-robust limits: 12 clusters whose slopes and residual variances differ",
    run = function() {
      beta <- c(treated = 1, x = 0.5)
      simulate_coverage(draw_clusters, function(d) {
        fit <- quietly(lmm(y ~ treated + x + (1 | g), d))
        model <- cover_each(ddf_methods["satterthwaite"], beta, function(ddf) {
          confint(fit, names(beta), ddf = ddf)
        })
        types <- c(CR0 = "CR0", CR1 = "CR1", CR2 = "CR2", CR3 = "CR3")
        c(model, cover_each(types, beta, function(type) {
          confint(fit, names(beta), vcov = type, cluster = ~ g)
        }))
      })
    }))

asked <- intersect(names(parts), arguments)
for (part in if (length(asked)) asked else names(parts)) {
  clock <- proc.time()
  table <- parts[[part]]$run()
  seconds <- sum((proc.time() - clock)[1:2])
  lines <- c(paste("#", parts[[part]]$title), "",
             sprintf("%d replicates; nominal .95, standard error of a rate %.4f.", replicates,
                     sqrt(0.95 * 0.05 / replicates)), "",
             "| interval | coverage | replicates without one |", "|---|---|---|",
             sprintf("| %s | %.4f | %d |", gsub("|", "\\|", table$interval, fixed = TRUE),
                     table$coverage, table$without))
  writeLines(lines, file.path("bench", "results", paste0("coverage-", part, ".md")))
  cat(lines, sprintf("%.0f s of computing", seconds), sep = "\n")
}
