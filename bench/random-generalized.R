# Many random generalized data sets, every third hostile: no crash, no hang, no condition without a
# class, no false warning; where the peers succeed, no higher log-likelihood of theirs.
#   Rscript bench/random-generalized.R [first seed] [last seed] [--peers]
# The first 60 run in make test. Prints what went wrong and exits with 1, or the count.

suppressPackageStartupMessages(library(tiers))
Sys.setenv(TESTTHAT = "true") # the helpers find their fixtures as they do in a test
helpers <- c("helper-conditions.R", "helper-dense.R", "helper-glmm-density.R", "helper-glmm.R",
             "helper-glmm-designs.R", "helper-glmm-random.R", "helper-guarded.R")
for (file in helpers) {
  text <- parse(file.path("tests", "testthat", file))
  for (expression in text) eval(expression, globalenv())
}
arguments <- commandArgs(TRUE)
with_peers <- "--peers" %in% arguments
seeds <- as.integer(grep("^--", arguments, value = TRUE, invert = TRUE))
seeds <- if (length(seeds) == 2L) seq(seeds[1L], seeds[2L]) else 1:1000
limit <- 60 # seconds for one fit, a hundred times what one should take

# The log-likelihood of a peer that fits the same model and finds no fault with its own fit.
peer_log_lik <- function(case) {
  environment(case$formula) <- environment()
  w <- case$weights
  with_weights <- if (is.null(w)) list() else list(weights = w)
  data <- case$data
  quiet <- function(expr) tryCatch(suppressMessages(expr), error = function(e) NULL,
                                   warning = function(w) NULL)
  name <- family_name(case$family)
  tmb <- if (case$points == 1L && name != "inverse.gaussian") quiet({
    family <- switch(name, nbinom1 = glmmTMB::nbinom1(), nbinom2 = glmmTMB::nbinom2(),
                     beta = glmmTMB::beta_family(), betabinomial = glmmTMB::betabinomial(),
                     case$family)
    formula <- if (any(grepl("||", deparse1(case$formula), fixed = TRUE))) {
      stats::as.formula(sub("(x || g)", "diag(x | g)", deparse1(case$formula), fixed = TRUE),
                        env = environment())
    } else {
      case$formula
    }
    fit <- do.call(glmmTMB::glmmTMB, c(list(formula, data, family = family), with_weights))
    # Its weights multiply every log density; ours divide the dispersion of these two.
    if (!is.null(w) && name %in% c("gaussian", "Gamma")) NULL else as.numeric(stats::logLik(fit))
  })
  glmer <- if (name %in% c("binomial", "poisson") && case$points == 1L) quiet({
    fit <- do.call(lme4::glmer, c(list(case$formula, data, family = case$family), with_weights))
    if (is.null(w)) as.numeric(stats::logLik(fit))
  })
  max(c(-Inf, tmb, glmer), na.rm = TRUE)
}

fit_and_judge <- function(seed) {
  case <- random_generalized(seed)
  clock <- proc.time()
  bad <- complaints(case)
  seconds <- sum((proc.time() - clock)[1:2])
  fit <- suppressWarnings(suppressMessages(tryCatch(fit_random_generalized(case),
                                                    error = function(e) NULL)))
  list(complaints = bad, seconds = seconds, fit = if (!is.null(fit)) {
    list(log_lik = as.numeric(logLik(fit)), steps = fit$convergence$iterations)
  })
}

check_result <- function(seed, result) {
  case <- random_generalized(seed)
  if (is.character(result)) {
    cat(case$name, ":", result, "\n")
    return(list(wrong = TRUE, steps = NA, seconds = NA))
  }
  bad <- result$complaints
  if (with_peers && !is.null(result$fit)) {
    best <- peer_log_lik(case)
    ours <- result$fit$log_lik
    compared <<- compared + is.finite(best)
    if (best > ours + 1e-6) {
      bad <- c(bad, sprintf("%s: a peer has log-likelihood %.7f, above %.7f", case$name, best,
                            ours))
    }
    if (is.finite(best)) lower <<- lower + (best < ours - 1e-6)
  }
  if (length(bad)) cat(bad, sep = "\n")
  list(wrong = length(bad) > 0L, steps = result$fit$steps, seconds = result$seconds)
}

compared <- 0L
lower <- 0L
results <- Map(check_result, seeds, guarded_each(seeds, fit_and_judge, limit))
wrong <- sum(vapply(results, `[[`, NA, "wrong"))
cat(length(seeds), "data sets,", wrong, "with something wrong; at most",
    max(unlist(lapply(results, `[[`, "steps")), na.rm = TRUE), "iterations and",
    format(max(unlist(lapply(results, `[[`, "seconds")), na.rm = TRUE), digits = 2),
    "s of computing\n")
if (with_peers) {
  cat("Compared with a peer:", compared, "; lower there:", lower, "\n")
}
quit(status = as.integer(wrong > 0L))
