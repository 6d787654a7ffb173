# How accurate the likelihood of a generalized fit is: what the fit knows of itself, what diagnose()
# finds out, and the words for both.

# Of quadrature, in -2 logLik.
accuracy_limit <- 0.1

# What Laplace's approximation may be off by, in -2 logLik and in the logarithm of a standard
# deviation, before the fit says so.
laplace_limits <- c(deviance = 1, log_sd = 0.05)

report_accuracy <- function(fit) {
  if (length(fit$separation$terms)) return(invisible())
  report_quadrature(fit)
  report_laplace(fit)
}

report_quadrature <- function(fit) {
  if (!poor_quadrature(fit)) return(invisible())
  largest <- signif(fit$accuracy[["largest"]], 2)
  inform("tiers_message_accuracy", c(
    "The quadrature is not accurate here: the log-likelihood of a single group may be off by
     {largest / 2}.",
    i = more_points_advice(fit)),
    accuracy = fit$accuracy)
}

report_laplace <- function(fit) {
  error <- laplace_error(fit)
  if (is.null(error)) return(invisible())
  inform("tiers_message_accuracy", c(
    "The Laplace approximation is not accurate here.",
    stats::setNames(plain_text(laplace_lines(fit, error)), rep("*", 1L + nrow(error$sd))),
    i = "Type {.code nAGQ = \"auto\"} in the call for a fit by quadrature."),
    accuracy = error)
}

# How far a fit by Laplace is off by the check that it came with, list(difference, sd): `difference`
# of -2 logLik by quadrature at the same estimates, `sd` a data frame (term, column, laplace,
# log_move) of the standard deviations that move. NULL: within the limits, or not compared.
laplace_error <- function(fit) {
  check <- fit$laplace
  if (is.null(check) || fit$convergence$status == "not_converged") return(NULL)
  sd <- do.call(rbind, Map(function(term, move) {
    data.frame(term = term$label, column = term$columns, log_move = move,
               laplace = unname(sqrt(rowSums(term$Lambda^2))), stringsAsFactors = FALSE)
  }, unname(fit$random), check$log_sd_move))
  sd <- sd[abs(sd$log_move) > laplace_limits[["log_sd"]], ]
  sd <- sd[order(-abs(sd$log_move)), ]
  if (abs(check$difference) <= laplace_limits[["deviance"]] && nrow(sd) == 0L) return(NULL)
  list(difference = check$difference, sd = sd, points = check$points)
}

# One sentence for -2 logLik and one for each standard deviation. Of far moves the prediction tells
# the direction only.
laplace_lines <- function(fit, error) {
  digits <- if (abs(error$difference) < 10) 1L else 0L
  about <- round(fit$deviance + error$difference, digits)
  sd <- error$sd
  far <- abs(sd$log_move) > 0.5
  by_quadrature <- ifelse(far, ifelse(sd$log_move < 0, "far less", "far more"),
                          paste("about", format_each(sd$laplace * exp(sd$log_move), 2L)))
  c(paste0("-2 logLik at these estimates: ", round(fit$deviance, digits),
           ", by quadrature about ", about, "."),
    if (nrow(sd)) paste0("Standard deviation of `", sd$column, "` in `", sd$term, "`: ",
                         format_each(sd$laplace, 3L), ", by quadrature ", by_quadrature, "."))
}

format_each <- function(x, digits) vapply(x, format, "", digits = digits)

# What to do where quadrature is not accurate.
more_points_advice <- function(fit) {
  points <- max(fit$points)
  if (isTRUE(fit$automatic)) {
    return(paste0("These are as many points (", points, ") as `nAGQ = \"auto\"` tries: give a ",
                  "larger number (up to 101), or look whether the data can tell the variance."))
  }
  paste0("Raise the number of points (now ", points, "), or use `nAGQ = \"auto\"`.")
}

poor_quadrature <- function(fit) {
  length(fit$points) > 0L && all(fit$points > 1L) &&
    isTRUE(fit$accuracy[["largest"]] > accuracy_limit)
}

# How far the likelihood may be off, where that is known: by quadrature always, by Laplace where it
# is far. NULL: nothing to say.
accuracy_words <- function(fit) {
  if (length(fit$points) == 0L) return(NULL)
  if (all(fit$points <= 1L)) {
    error <- laplace_error(fit)
    if (is.null(error)) return(NULL)
    return(paste("Laplace is off here.", paste(laplace_lines(fit, error), collapse = " "),
                 "Use nAGQ = \"auto\"."))
  }
  total <- fit$accuracy[["total"]]
  if (is.na(total)) return(NULL)
  paste0("error of -2 logLik by quadrature at most ", format(total, digits = 2L))
}

# Is the likelihood known to be off by more than the limits?
is_inaccurate <- function(fit) {
  length(fit$points) > 0L && (poor_quadrature(fit) || !is.null(laplace_error(fit)))
}

accuracy_findings <- function(fit, compared) {
  if (length(fit$random) == 0L || !is.null(fit$separation)) return(NULL)
  points <- max(fit$points)
  if (points == 0L) {
    return(finding(
      "nAGQ = 0", paste0("The fast approximation: the fixed effects are those that are best ",
                         "together with the modes of the random effects, not those of the largest ",
                         "likelihood."),
      "Fit with nAGQ = 1 for a report."))
  }
  if (points == 1L) laplace_findings(fit, compared) else quadrature_findings(fit, points)
}

quadrature_findings <- function(fit, points) {
  total <- fit$accuracy[["total"]]
  if (is.na(total) || total <= accuracy_limit) return(NULL)
  finding(
    "likelihood",
    paste0("Quadrature with ", points, " points may be off by ", format(total, digits = 2L),
           " in -2 logLik, in one group by ", format(fit$accuracy[["largest"]], digits = 2L),
           " (a bound, usually far above the true error)."),
    more_points_advice(fit)
  )
}

# How far Laplace is from quadrature at the estimates of the fit, and where quadrature would go.
laplace_findings <- function(fit, compared) {
  error <- laplace_error(fit)
  near <- is.null(compared) || abs(compared$difference) <= accuracy_limit
  if (near && is.null(error)) return(NULL)
  moves <- if (!is.null(error)) laplace_lines(fit, error)
  if (!is.null(compared)) {
    moves[1L] <- paste0(
      "At these estimates -2 logLik is ", format(fit$deviance, digits = 6L),
      " by the Laplace approximation and ", format(compared$deviance, digits = 6L),
      " by ", compared_words(compared), "; variances and fixed effects may be off as well.")
  }
  finding("likelihood", paste(moves, collapse = " "),
          "Fit with nAGQ = \"auto\" to see how much it matters.")
}

# How accurate the likelihood is, where that is no finding.
accuracy_note <- function(fit, compared) {
  if (!needs_comparison(fit)) return(accuracy_words(fit))
  if (is.null(compared)) {
    return(paste("How far the Laplace approximation is off cannot be checked here: quadrature",
                 "takes one grouping factor or nested ones, with few random effects. Laplace is",
                 "accurate where the levels of the factors have many rows or large counts."))
  }
  paste0("Laplace approximation: at these estimates -2 logLik differs by ",
         format(abs(compared$difference), digits = 2L), " from that by ", compared_words(compared),
         ".")
}

# Laplace is exact for normal responses with the identity link, and says nothing of separated ones.
needs_comparison <- function(fit) {
  if (length(fit$points) == 0L || !is.null(fit$separation)) return(FALSE)
  all(fit$points == 1L) && !laplace_is_exact(fit)
}

laplace_is_exact <- function(fit) {
  family_traits(fit$family$name)$residual && is_identity_link(fit$family)
}

# "quadrature with 25 points", and how far it may be off where that is not next to nothing.
compared_words <- function(compared) {
  paste0("quadrature with ", compared$points, " points", if (compared$bound > sure_accuracy) {
    paste0(" (which may itself be off by ", format(compared$bound, digits = 2L), ")")
  })
}

sure_accuracy <- 0.01

# The deviance by quadrature at the estimates, with more and more points until its bound is small;
# NULL where quadrature is not possible.
compared_quadrature <- function(fit) {
  spec <- with_modes(fit_specification(fit), fit)
  dimensions <- sum(vapply(fit$random, function(term) length(term$columns), 1L))
  numbers <- c(if (dimensions > 1L) 7L, 15L, 25L, 51L, 101L)
  # Some seconds at most.
  numbers <- numbers[numbers^dimensions <= 2e7 / nrow(fit$frame)]
  nested <- tryCatch(is.null(check_nested(fit$random_terms, spec$terms)),
                     tiers_error_model = function(e) FALSE)
  if (!nested) return(NULL)
  for (points in numbers) {
    spec$points[] <- points
    at <- run_glmm_evaluate(spec, engine_coefficients(fit), fit_lambdas(fit),
                            engine_dispersion(fit))
    if (at$accuracy <= sure_accuracy) break
  }
  if (length(numbers)) list(points = points, deviance = at$deviance, bound = at$accuracy,
                            difference = at$deviance - fit$deviance)
}
