# Profile likelihoods: what is asked of the engine, and what comes back as limits and tables.

# A data frame with a row for each name: is it a coefficient; its number among the columns of X or
# the rows of fit$parameters; its standard error, NA where there is none.
profile_requests <- function(fit, names) {
  coefficient <- names %in% names(fit$coefficients)
  error <- numeric(length(names))
  error[coefficient] <- sqrt(diag(stats::vcov(fit)))[names[coefficient]]
  own <- match(names[!coefficient], fit$parameters$name)
  error[!coefficient] <- parameter_errors(fit)[own]
  which <- match(names, names(fit$coefficients))
  which[!coefficient] <- own
  data.frame(name = names, coefficient = coefficient, which = which,
             error = replace(error, !is.finite(error), NA_real_), stringsAsFactors = FALSE)
}

# Why a parameter has no profile; NA where it has one.
no_profile_reason <- function(fit, names) {
  reason <- stats::setNames(rep(NA_character_, length(names)), names)
  beta <- fit$coefficients[names]
  fixed <- names %in% names(fit$coefficients)
  reason[fixed & is.na(beta)] <- "columns that were dropped have none"
  reason[fixed & is.infinite(beta)] <- "separated data leave it without a finite estimate"
  if (any(fit$points == 0L)) {
    reason[fixed & is.na(reason)] <-
      "with nAGQ = 0 the likelihood is no function of the fixed effects"
  }
  table <- fit$parameters[match(names, fit$parameters$name), ]
  reason[!fixed & table$fixed] <- "what is held at a value has none"
  zero <- !fixed & table$type %in% c("cor", "structure") & is.na(table$estimate)
  reason[zero] <- "one of its standard deviations is zero"
  if (has_structure(fit)) {
    reason[] <- "models with a residual structure have Wald limits only"
  }
  if (any(takes_no_constraint(fit$parameters))) {
    reason[!fixed] <- "only Wald limits are available beside a range or a smoothness"
  }
  saturated <- vapply(seq_along(names), function(i) {
    !fixed[i] && table$term[i] > 0L && length(saturated_columns(fit, table$term[i])) > 0L
  }, NA)
  reason[saturated] <- "the fixed effects take up all that its groups could do"
  reason[!fixed & table$type == "dispersion" & table$boundary] <-
    "the dispersion has no finite estimate"
  reason
}

# The profiles of `names`, those that have none left out with a message. Where the way leads below
# the fit the model is fitted again from there, and profiled anew.
run_profile <- function(fit, names, zeta) {
  reason <- no_profile_reason(fit, names)
  for (why in unique(reason[!is.na(reason)])) {
    shown <- names[!is.na(reason) & reason == why]
    inform("tiers_message_limits", "No profile of {.val {shown}}: {why}.", parameters = shown)
  }
  names <- names[is.na(reason)]
  for (attempt in seq_len(most_refits)) {
    sides <- kind_profile(fit, profile_requests(fit, names), zeta)
    lower <- lower_point(sides)
    if (is.null(lower) || attempt == most_refits) break
    better <- refit_from(fit, lower)
    if (!(better$deviance < fit$deviance)) break
    gain <- signif(fit$deviance - better$deviance, 3L)
    inform("tiers_message_optimum",
           c("The profile found a better optimum, by {gain} in the deviance; it is that one's.",
             i = "Fit again with {.code start = } the values in the field {.field start} of this
                  message."), start = parameter_start(better), fit = better)
    fit <- better
  }
  list(fit = fit, names = names, sides = sides)
}

most_refits <- 3L

# The table's values at a point below the fit; NULL: there is none.
lower_point <- function(sides) {
  for (side in unlist(sides, recursive = FALSE)) {
    if (side$end == "lower") return(side$parameters[nrow(side$parameters), ])
  }
  NULL
}

# The model of a fit, searched from given values of its parameters.
refit_from <- function(fit, values) {
  start <- stats::setNames(values, fit$parameters$name)
  spec <- fit_specification(fit)
  random <- fit$parameters$term > 0L
  spec$terms <- Map(function(term, built, j) {
    own <- fit$parameters$term == j
    natural <- replace(start[own], is.na(start[own]), 0)
    Lambda <- covariance_factor(built, unname(natural))
    sigma <- if ("sigma" %in% names(start)) start[["sigma"]] else 1
    if (!is.null(Lambda)) term$start <- Lambda / sigma
    term
  }, spec$terms, fit$random_terms, seq_along(spec$terms))
  update_fit(fit, spec, kind_run(spec, fit$control))
}

parameter_start <- function(fit) {
  table <- fit$parameters
  random <- table$term > 0L & !is.na(table$estimate)
  stats::setNames(table$estimate[random], table$name[random])
}

# Lower and upper limits of the profiles, a row for each of `names`.
profile_limits <- function(fit, names, level) {
  refuse_structure(fit, "Profile likelihoods", "Use {.code method = \"wald\"}.")
  tails <- c((1 - level) / 2, 1 - (1 - level) / 2)
  out <- matrix(NA_real_, length(names), 2L, dimnames = list(names, percent_labels(tails)))
  if (isTRUE(fit$REML) && any(names %in% names(fit$coefficients))) {
    inform("tiers_message_limits", "The limits of fixed effects are by maximum likelihood: REML has
            no likelihood of them.", parameters = intersect(names, names(fit$coefficients)))
  }
  found <- run_profile(fit, names, sqrt(stats::qchisq(level, 1)))
  for (i in seq_along(found$names)) {
    sides <- found$sides[[i]]
    out[found$names[i], ] <- c(sides$below$limit, sides$above$limit)
    report_profile_ends(found$names[i], sides)
  }
  # A standard deviation or a correlation may end where its range ends, no other parameter does.
  out
}

report_profile_ends <- function(name, sides) {
  ends <- vapply(sides, `[[`, "", "end")
  lost <- c(below = "lower", above = "upper")[ends == "not reached" | ends == "lower"]
  if (length(lost)) {
    inform("tiers_message_limits",
           "The profile of {.val {name}} does not come to its {lost} limit: {?it is/they are}
            {.code NA}.", parameters = name)
  }
}

# The profiles as a table: a row a point, in the order of the parameter's values.
profile_table <- function(found) {
  fit <- found$fit
  rows <- lapply(seq_along(found$names), function(i) {
    name <- found$names[i]
    below <- found$sides[[i]]$below
    above <- found$sides[[i]]$above
    estimate <- c(fit$coefficients, stats::setNames(fit$parameters$estimate, fit$parameters$name))
    turn <- rev(seq_along(below$value))
    # A side has no points where the range ends at the estimate.
    others <- matrix(0, length(below$value) + 1L + length(above$value), nrow(fit$parameters),
                     dimnames = list(NULL, fit$parameters$name))
    own <- length(below$value) + 1L
    others[own, ] <- fit$parameters$estimate
    if (length(turn)) others[seq_along(turn), ] <- below$parameters[turn, ]
    after <- own + seq_along(above$value)
    if (length(after)) others[after, ] <- above$parameters
    data.frame(parameter = name, value = c(below$value[turn], estimate[[name]], above$value),
               zeta = c(-sqrt(pmax(below$rise[turn], 0)), 0, sqrt(pmax(above$rise, 0))),
               others, check.names = FALSE, row.names = NULL, stringsAsFactors = FALSE)
  })
  do.call(rbind, rows)
}
