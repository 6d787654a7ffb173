# Findings of diagnose() that only a generalized fit can have.

separation_findings <- function(fit) {
  columns <- fit$separation$columns
  terms <- fit$separation$terms
  rbind(
    if (length(columns)) {
      finding(
        toString(columns),
        paste(separation_headline(fit, toString(columns)),
              if (length(columns) == 1L) "Its coefficient is" else "Their coefficients are",
              "infinite; the log-likelihood and the other estimates are their finite limit."),
        separation_remedy(fit)
      )
    },
    if (length(terms)) {
      finding(
        toString(vapply(fit$random[terms], `[[`, "", "label")),
        paste0("Within each group all responses are alike, or the other effects tell them apart: ",
               "the standard deviation has no finite estimate by this approximation."),
        "Use more rows for each group, or leave the term out."
      )
    }
  )
}

# What the verdict in one line says of separated data.
infinite_words <- function(fit, brief) {
  if (!is_separated(fit)) return("")
  if (brief) return("; infinite coefficients (separated data)")
  paste0("; separated data, with infinite coefficients of ", toString(fit$separation$columns))
}

separated_groups_words <- function(fit, brief) {
  labels <- toString(vapply(fit$random[fit$separation$terms], `[[`, "", "label"))
  if (brief) return(paste0("NO finite estimate, ", labels, " separated: see diagnose()"))
  paste0("NO finite estimate: the groups of ", labels, " are separated, its standard deviation and ",
         "the tests below mean nothing: see diagnose()")
}

dispersion_findings <- function(fit) {
  limit <- dispersion_limit(fit)
  if (is.null(limit)) return(NULL)
  finding(
    family_traits(fit$family$name)$dispersion,
    paste0("No overdispersion: the ", fit$family$name, " family is at its limit, the ", limit,
           " family. Its parameter has no finite estimate."),
    paste0("This is a valid fit. family = ", limit, "() is the same model with one parameter less.")
  )
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

# How far Laplace is from quadrature at the estimates of the fit.
laplace_findings <- function(fit, compared) {
  if (is.null(compared) || abs(compared$difference) <= accuracy_limit) return(NULL)
  finding(
    "likelihood",
    paste0("At these estimates -2 logLik is ", format(fit$deviance, digits = 6L),
           " by the Laplace approximation and ", format(compared$deviance, digits = 6L),
           " by ", compared_words(compared), "; variances and fixed effects may be off as well."),
    "Use nAGQ = \"auto\" to see how much it matters."
  )
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
  spec <- fit_specification(fit)
  dimensions <- sum(vapply(fit$random, function(term) length(term$columns), 1L))
  numbers <- c(if (dimensions > 1L) 7L, 15L, 25L, 51L, 101L)
  # Some seconds at most.
  numbers <- numbers[numbers^dimensions <= 2e7 / nrow(fit$frame)]
  nested <- tryCatch(is.null(check_nested(fit$random_terms, spec$terms)),
                     tiers_error_model = function(e) FALSE)
  if (!nested) return(NULL)
  for (points in numbers) {
    spec$points[] <- points
    at <- run_glmm_evaluate(spec, engine_coefficients(fit), fit_lambdas(fit), engine_dispersion(fit))
    if (at$accuracy <= sure_accuracy) break
  }
  if (length(numbers)) list(points = points, deviance = at$deviance, bound = at$accuracy,
                            difference = at$deviance - fit$deviance)
}
