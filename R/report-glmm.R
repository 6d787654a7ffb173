# What is said after a generalized fit beside the verdict: separated data, an inaccurate likelihood.

report_separation <- function(fit) {
  if (!is_separated(fit)) return(invisible())
  columns <- fit$separation$columns
  shown <- paste0("`", plain_text(columns), "`", collapse = ", ")
  number <- length(columns)
  warn_tiers("tiers_warning_separation", c(
    separation_headline(fit, shown),
    x = "The coefficient{cli::qty(number)}{?s} of {shown} {cli::qty(number)}{?is/are} infinite, with
         infinite standard error{cli::qty(number)}{?s}; the log-likelihood and all other estimates
         are the finite limit.",
    i = finite_advice(fit),
    i = separation_remedy(fit)),
    columns = columns, kind = fit$separation$kind, logLik = fit$logLik, .envir = environment())
}

# Counts separate at zero, successes at none or all. Where some rows are separated these say more
# than the columns, which may be those of any coding.
separation_headline <- function(fit, shown) {
  edge <- constant_edge(fit)
  if (!is.null(edge)) return(paste0("The response is ", edge, " in every row used."))
  if (identical(fit$separation$kind, "complete")) {
    kind <- if (is_success_family(fit$family)) "successes and failures" else "counts of zero"
    return(paste0("The data are completely separated: ", shown, " can tell all ", kind,
                  " without error."))
  }
  paste0("The data are partly separated by ", plain_text(separated_row_words(fit)), ".")
}

# Where contrasts of a factor whose coefficients are infinite are to be had.
finite_advice <- function(fit) {
  terms <- unique(fit$separation$finite$contrasts$term)
  if (length(terms) == 0L) return(NULL)
  shown <- paste0("`", plain_text(terms), "`", collapse = ", ")
  paste0("Differences between the other levels of ", shown, " are finite: ",
         "`fit$separation$finite$contrasts` has them, with standard errors.")
}

# "0" or "all successes", where no row has anything else.
constant_edge <- function(fit) {
  rows <- family_rows(fit)
  used <- rows$a > 0
  if (all(rows$y[used] == 0)) return("0")
  if (is_success_family(fit$family) && all(rows$y[used] == rows$m[used])) "all successes"
}

separation_remedy <- function(fit) {
  if (!is.null(constant_edge(fit))) return("There is nothing that the model could explain.")
  paste("Leave the column out, combine levels, or compare fits by their likelihoods",
        "(`anova(fit1, fit2)`), which stays right; Wald tests of such a coefficient mean nothing.")
}

report_group_separation <- function(fit) {
  terms <- fit$separation$terms
  if (length(terms) == 0L) return(invisible())
  labels <- vapply(fit$random[terms], `[[`, "", "label")
  pronoun <- if (length(terms) > 1L) "they" else "it"
  warn_tiers("tiers_warning_separation", c(
    plain_text(separated_groups_headline(fit)),
    x = paste0(capitalized(separated_parameters(fit)), " not estimable by this approximation:
               {pronoun} can grow without end and still reproduce the data, and what is printed is
               where the approximation of the likelihood has its peak."),
    i = if (length(terms) == 1L) "Use more rows for each level of
         `{fit$random[[terms]]$group}`, leave the term out, or analyse one value for each level.",
    i = if (length(terms) > 1L) "Use more rows for each level, or leave one of the terms out.",
    i = if (all(fit$points <= 1L) && length(terms) == 1L) "Quadrature (`nAGQ = \"auto\"`), where
         possible, shows whether the likelihood itself has a maximum."),
    terms = labels, .envir = environment())
}

separated_groups_headline <- function(fit) {
  terms <- fit$separation$terms
  labels <- vapply(fit$random[terms], `[[`, "", "label")
  shown <- paste0("`", labels, "`")
  if (length(terms) > 1L) {
    return(paste0("The random effects of ", paste(shown, collapse = " and "), " together separate ",
                  "the data: with the fixed effects they tell all successes from all failures."))
  }
  several <- length(fit$random[[terms]]$columns) > 1L
  paste0("The groups of ", shown, " are separated: within each of them all responses are alike, ",
         "or the ", if (several) "columns of the term and the ", "fixed effects tell them apart.")
}

separated_parameters <- function(fit) {
  terms <- fit$random[fit$separation$terms]
  if (length(terms) > 1L) return("their standard deviations are")
  if (length(terms[[1L]]$columns) > 1L) "its covariance matrix is" else "its standard deviation is"
}

# A family with overdispersion at its limit without any: said with the boundary.
dispersion_limit_lines <- function(fit) {
  limit <- dispersion_limit(fit)
  if (is.null(limit)) return(character())
  paste0("the data show no overdispersion, and the ", fit$family$name,
         " family has come to its limit, the ", limit, " family")
}

# The name of the family in the limit, where the variance of no row differs from its by more than
# a millionth.
dispersion_limit <- function(fit) {
  limit <- family_traits(family_of(fit)$name)$limit
  if (is.null(limit)) return(NULL)
  rows <- family_rows(fit)
  mu <- unname(fit$fitted)
  variance <- family_traits(fit$family$name)$variance(mu, rows$d, rows$m, rows$a)
  simple <- family_traits(limit)$variance(mu, rows$d, rows$m, rows$a)
  used <- simple > 0 & rows$a > 0
  if (any(used) && all(variance[used] <= simple[used] * (1 + 1e-6))) limit
}

# Rows whose linear predictor has come to the end of what the link can take.
edge_rows <- function(fit) {
  if (is.null(fit$eta)) return(integer())
  used <- prior_weights(fit) > 0 & is.finite(fit$eta)
  near <- 1e-3 * stats::median(abs(fit$eta[used]))
  inside <- in_link_domain(fit$family, fit$eta - near) & in_link_domain(fit$family, fit$eta + near)
  which(used & !inside)
}

edge_words <- function(fit, rows) {
  shown <- plain_text(first_rows(row_names(fit)[rows]))
  several <- length(rows) > 1L
  paste0("The linear predictor", if (several) "s", " of row", if (several) "s", " ", shown,
         if (several) " are" else " is", " at the edge of what the ", fit$family$link,
         " link can take, and the likelihood still rises towards it: beyond, the random effects ",
         "of such rows have no most likely values, and no approximation of the likelihood.")
}

edge_advice <- function(family) {
  link <- if (family_response_kind(family$name) %in% c("success", "unit")) "logit" else "log"
  paste0("Use a link without such an edge (", link, ", say), or fewer random effects.")
}

# A likelihood that its approximation does not give --------------------------------------------

# No point with a finite likelihood; or probabilities above 1, the approximation's breakdown.
check_likelihood <- function(result, spec) {
  family <- family_of(spec)
  used <- if (length(spec$weights)) spec$weights > 0 else TRUE
  offset <- offset_span_words(family, spec$offset, used)
  lines <- if (is.null(offset)) undefined_lines(family, spec$points) else {
    c(x = offset, i = wide_offset_advice)
  }
  if (identical(result$status, "undefined")) {
    stop_model(c("The likelihood of this model cannot be approximated where the search for its
                  maximum ended.", lines))
  }
  if (!family_traits(family$name)$continuous && isTRUE(result$deviance < -1e-6)) {
    stop_model(c("The approximation of the likelihood breaks down: it gives the data a probability
                  above 1.", lines))
  }
}

# Where the approximation has no value, and what to use in place of this model.
undefined_lines <- function(family, points) {
  if (link_has_edge(family)) {
    return(c(
      x = paste0("The link `", family$link, "` takes only some linear predictors, and the ",
                 "conditional modes of random effects come to the edge of these."),
      i = edge_advice(family)))
  }
  c(x = paste0("The conditional modes of some random effects are not clear maxima there: the data ",
               "are too few for these random effects, or the model reproduces the response, or ",
               "the likelihood has several peaks (not every family and link is log-concave)."),
    i = paste0("Use fewer random effects, another link or family",
               if (all(points == 1L)) ", or quadrature (`nAGQ = 7`)", "."))
}

# Is the domain of linear predictors bounded?
link_has_edge <- function(family) !all(in_link_domain(family_at(family, c(1L, 1L)), c(-1e3, 1e3)))
