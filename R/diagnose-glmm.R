# Findings of diagnose() that only a generalized fit can have.

generalized_findings <- function(fit) {
  rbind(separation_findings(fit), dispersion_findings(fit), accuracy_findings(fit))
}

separation_findings <- function(fit) {
  columns <- fit$separation$columns
  terms <- fit$separation$terms
  rbind(
    if (length(columns)) {
      finding(
        toString(columns),
        paste(separation_headline(fit, toString(columns)), "Its coefficients are infinite; the",
              "log-likelihood and the other estimates are their finite limit."),
        separation_remedy(fit)
      )
    },
    if (length(terms)) {
      finding(
        toString(vapply(fit$random[terms], `[[`, "", "label")),
        paste0("Within each group all responses are alike, or the fixed effects tell them apart: ",
               "the standard deviation has no finite estimate."),
        "Use more rows for each group, or leave the term out."
      )
    }
  )
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

accuracy_findings <- function(fit) {
  if (length(fit$random) == 0L || length(fit$separation$terms)) return(NULL)
  points <- max(fit$points)
  total <- fit$accuracy[["total"]]
  if (points == 0L) {
    return(finding(
      "nAGQ = 0", paste0("The fast approximation: the fixed effects are those that are best ",
                         "together with the modes of the random effects, not those of the largest ",
                         "likelihood."),
      "Fit with nAGQ = 1 for a report."))
  }
  if (is.na(total)) return(unknown_accuracy(fit))
  if (total <= 0.01) return(NULL)
  method <- if (points == 1L) "The Laplace approximation" else {
    paste("Quadrature with", points, "points")
  }
  finding(
    "likelihood",
    paste0(method, " may be off by ", format(total, digits = 2L), " in -2 logLik, in one group by ",
           format(fit$accuracy[["largest"]], digits = 2L), " (a bound, usually far above the true ",
           "error)."),
    if (quadrature_possible(fit)) {
      "Use nAGQ = \"auto\", which raises the number of points until the bound is below 0.01."
    } else {
      "With crossed factors there is no quadrature; compare with simulated data if it matters."
    }
  )
}

# Laplace whose error nobody has worked out: worth a word for single trials in small groups.
unknown_accuracy <- function(fit) {
  if (!is_success_family(fit$family) || !quadrature_possible(fit)) return(NULL)
  rows <- family_rows(fit)
  smallest <- min(vapply(fit$random, function(term) length(term$levels), 1L))
  if (sum(rows$m) / smallest > 50) return(NULL)
  finding(
    "likelihood",
    paste0("Groups have few trials (", format(sum(rows$m) / smallest, digits = 2L),
           " on average): the Laplace approximation tends to make variances too small there."),
    "Use nAGQ = \"auto\" to see how much it matters."
  )
}

quadrature_possible <- function(fit) {
  spec <- fit_specification(fit)
  tryCatch({
    check_nested(fit$random_terms, spec$terms)
    TRUE
  }, tiers_error_model = function(e) FALSE)
}
