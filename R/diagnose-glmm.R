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
        paste(c(finite_advice(fit), separation_remedy(fit)), collapse = " ")
      )
    },
    if (length(terms)) {
      finding(
        toString(vapply(fit$random[terms], `[[`, "", "label")),
        paste0(separated_groups_headline(fit), " ", capitalized(separated_parameters(fit)),
               " not estimable by this approximation."),
        "Use more rows for each group, or leave a term out."
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
  paste0("NO finite estimate: the groups of ", labels, " are separated, ",
         separated_parameters(fit), " not estimable, and the tests below mean nothing: see ",
         "diagnose()")
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
