# Comparison of fits by their likelihoods.

# Of the many classes that build on lm and glm those whose logLik() is the log-likelihood of a model
# that is one of ours without its random effects.
is_comparable <- function(fit) {
  inherits(fit, "tiers_fit") || class(fit)[1L] %in% c("lm", "aov", "glm", "negbin")
}

# What the user typed where that is a name; model1, model2 … otherwise.
comparison_names <- function(typed) {
  symbols <- vapply(typed, is.symbol, NA)
  names <- paste0("model", seq_along(typed))
  names[symbols] <- vapply(typed[symbols], as.character, "")
  explicit <- names(typed)
  if (!is.null(explicit)) names[nzchar(explicit)] <- explicit[nzchar(explicit)]
  make.unique(names)
}

compare_fits <- function(fits, names, refit) {
  check_comparison(fits, names)
  check_flag(refit, "refit")
  for (fit in fits) if (inherits(fit, "tiers_fit")) validate_fit(fit)
  check_same_measure(fits, names)
  rows <- lapply(fits, likelihood_rows)
  check_same_response(fits, rows, names)
  fits <- comparable_likelihoods(fits, refit)
  loglik <- lapply(fits, maximal_loglik)
  order <- order(vapply(loglik, function(l) as.double(attr(l, "df")), 0))
  fits <- fits[order]
  names <- names[order]
  obstacles <- c("", vapply(seq_along(fits)[-1L], function(i) {
    pair <- order[i - 1:0]
    test_obstacle(fits[i - 1:0], rows[pair], loglik[pair])
  }, ""))
  found <- likelihood_ratios(fits, loglik[order], names, obstacles)
  structure(found$table, class = c("tiers_comparison", "anova", "data.frame"),
            heading = comparison_heading(fits, names, obstacles, found$words))
}

check_comparison <- function(fits, names) {
  comparable <- vapply(fits, is_comparable, NA)
  if (!all(comparable)) {
    stop_input(c(
      "{.fn anova} compares fits made by {.fn lmm}, {.fn glmm}, {.fn lm} or {.fn glm}.",
      "x" = "{.val {names[!comparable]}} {?is/are} not."
    ))
  }
  if (length(names) != length(fits)) {
    stop_input("{.arg model.names} must have {length(fits)} names, not {length(names)}.")
  }
}

# Each fit against the one before it, where nothing stands in the way: list(table, words).
likelihood_ratios <- function(fits, loglik, names, obstacles) {
  npar <- vapply(loglik, function(l) as.double(attr(l, "df")), 0)
  value <- vapply(loglik, as.double, 0)
  df <- c(NA, diff(npar))
  chisq <- c(NA, pmax(2 * diff(value), 0))
  chisq[nzchar(obstacles)] <- NA
  naive <- stats::pchisq(chisq, df, lower.tail = FALSE)
  naive[!is.na(df) & df == 0] <- NA
  bounds <- boundary_tests(fits, chisq, df, naive)
  table <- data.frame(
    npar = npar, AIC = 2 * npar - 2 * value, BIC = log(stats::nobs(fits[[1L]])) * npar - 2 * value,
    logLik = value, deviance = -2 * value, Chisq = chisq, Df = df, row.names = names)
  if (bounds$any) table[["Naive p"]] <- naive
  table[["Pr(>Chisq)"]] <- bounds$p
  list(table = table, words = bounds$words)
}

# `words`: the distribution of a statistic at the boundary.
comparison_heading <- function(fits, names, obstacles, words) {
  formulas <- vapply(fits, function(fit) text_of(stats::formula(fit)), "")
  criterion <- if (is_reml(fits[[1L]])) "restricted likelihood" else "likelihood"
  shape <- vapply(fits, takes_shape_from_deviance, NA)
  against <- function(at) paste0(names[at - 1L], " against ", names[at], ": ")
  untested <- which(nzchar(obstacles))
  mixed <- which(nzchar(words))
  c(paste0("Comparison of fits by ", criterion, ", ", stats::nobs(fits[[1L]]), " rows"),
    paste0(format(paste0(names, ":")), " ", formulas, family_notes(fits), argument_notes(fits)),
    if (any(shape)) {
      paste0("Shape of ", toString(names[shape]),
             " by maximum likelihood, not from the deviance as in glm()")
    },
    if (length(untested)) paste0("No test of ", against(untested), obstacles[untested]),
    if (length(mixed)) paste0("Statistic of ", against(mixed), words[mixed]),
    "")
}

# p values by the distribution at the boundary of the variances, and what that is in words. `any`:
# is there a test for which it matters?
boundary_tests <- function(fits, chisq, df, naive) {
  p <- naive
  words <- character(length(fits))
  for (i in which(!is.na(naive))) {
    shape <- comparison_shape(fits[[i - 1L]], fits[[i]], df[i])
    if (is.null(shape)) next
    if (is.null(shape$reason)) {
      p[i] <- chi_bar_tail(chisq[i], shape)
      words[i] <- mixture_words(shape)
    } else {
      size <- if (isTRUE(shape$approximate)) "not exact" else "too large a p value"
      words[i] <- paste0("chi2(", df[i], "), ", size, ": ", shape$reason)
    }
  }
  list(p = p, words = words, any = any(nzchar(words)))
}

# Why two fits, the one with fewer parameters first, have no likelihood ratio test; "" if they have.
test_obstacle <- function(fits, rows, loglik) {
  if (!families_nested(fits[[1L]], fits[[2L]])) return("different families")
  if (!same_numbers(rows[[1L]]$a, rows[[2L]]$a)) return("different weights")
  kinds <- vapply(fits, integral_kind, "")
  if (kinds[1L] != kinds[2L] && !"exact" %in% kinds) {
    return("different approximations of the likelihood")
  }
  if (attr(loglik[[2L]], "df") == attr(loglik[[1L]], "df")) return("as many parameters")
  outside <- nesting_obstacle(fits[[1L]], fits[[2L]])
  if (nzchar(outside)) return(outside)
  # More than two optima can differ by rounding and by quadrature.
  error <- vapply(fits, function(fit) {
    bound <- fit$accuracy[["total"]]
    if (isTRUE(is.finite(bound))) bound / 2 else 0
  }, 1)
  lower <- as.double(loglik[[2L]]) < as.double(loglik[[1L]]) - 1e-4 - sum(error)
  if (lower && attr(loglik[[2L]], "df") > attr(loglik[[1L]], "df")) {
    return("not nested, the larger model has the lower likelihood")
  }
  ""
}

# How the likelihood of a fit was computed, as far as it matters to a comparison.
integral_kind <- function(fit) {
  if (length(fit$points) == 0L) return("exact")
  if (laplace_is_exact(fit) && all(fit$points >= 1L)) return("exact")
  accurate <- all(fit$points > 1L) && isTRUE(fit$accuracy[["total"]] <= accuracy_limit)
  if (accurate) "quadrature" else approximation_words(fit)
}

# The log-likelihood at its maximum. logLik() of a glm() that has a shape (Gamma, inverse Gaussian)
# takes it from the deviance, and weights as numbers of rows: here as glmm() has both. The
# coefficients of such a fit do not depend on the shape.
maximal_loglik <- function(fit) {
  value <- stats::logLik(fit)
  if (!takes_shape_from_deviance(fit)) return(value)
  used <- fit$prior.weights > 0
  response <- list(y = as.double(fit$y[used]), size = double(),
                   weights = as.double(fit$prior.weights[used]))
  family <- registered_family(fit$family$family, "log")
  eta <- log(unname(fit$fitted.values[used]))
  at <- function(phi) sum(run_family(family, response, phi, eta)$logp)
  near <- -log(summary(fit)$dispersion)
  best <- stats::optimize(at, near + c(-5, 5), maximum = TRUE, tol = 1e-8)
  value[1L] <- best$objective
  value
}

takes_shape_from_deviance <- function(fit) {
  if (!inherits(fit, "glm")) return(FALSE)
  traits <- family_registry[[family_of(fit)$name]]
  isTRUE(traits$scaled) && !traits$residual
}

# Family and link of the fits of stats and MASS that ours are compared with.

#' @export
family_of.lm <- function(fit) registered_family("gaussian")

#' @export
family_of.glm <- function(fit) list(name = fit$family$family, link = fit$family$link)

#' @export
family_of.negbin <- function(fit) list(name = "nbinom2", link = fit$family$link)

# What tells generalized fits apart beside their formulas.
family_notes <- function(fits) {
  words <- vapply(fits, function(fit) family_words(family_of(fit)), "")
  notes <- if (length(unique(words)) > 1L) paste0(" (", words, ")") else rep("", length(fits))
  approximated <- !vapply(fits, function(fit) is.null(fit$points), NA)
  methods <- vapply(fits[approximated], approximation_words, "")
  if (length(unique(methods)) > 1L) {
    notes[approximated] <- paste0(notes[approximated], " [", methods, "]")
  }
  notes
}

# Arguments that are part of the model, where they are not the same in all fits. Beside a residual
# structure a constant dispersion needs no words.
argument_notes <- function(fits) {
  typed <- function(name) {
    vapply(fits, function(fit) {
      if (is.null(fit$call[[name]])) "none" else text_of(fit$call[[name]])
    }, "")
  }
  words <- c(list(dispersion = vapply(fits, function(fit) {
    terms <- if (inherits(fit, "tiers_fit")) fit$dispersion$terms
    if (is.null(terms)) "~1" else text_of(stats::formula(terms))
  }, "")), lapply(stats::setNames(nm = c("offset", "fix", "equal")), typed))
  words <- c(list(residual = vapply(fits, residual_note, "")), words)
  structured <- any(vapply(fits, has_structure, NA))
  notes <- rep("", length(fits))
  for (name in names(words)) {
    if (length(unique(words[[name]])) == 1L) next
    spaced <- name %in% c("residual", "dispersion")
    own <- paste0(", ", name, if (spaced) " " else " = ", words[[name]])
    plain <- words[[name]] == "" | (structured & words[[name]] == "~1")
    notes <- paste0(notes, ifelse(plain, "", own))
  }
  notes
}

# Probabilities and densities have no common measure.
check_same_measure <- function(fits, names) {
  families <- vapply(fits, function(fit) family_of(fit)$name, "")
  if (any(grepl("^quasi", families))) {
    stop_input("Quasi-likelihood fits have no likelihood to compare: {.val {names[grepl('^quasi',
                families)]}}.")
  }
  continuous <- vapply(families, function(name) isTRUE(family_registry[[name]]$continuous), NA)
  if (length(unique(continuous)) == 1L) return(invisible())
  stop_input(c("Fits of discrete and of continuous families cannot be compared by their likelihoods:
                {.val {unique(families)}}.",
               "x" = "The one is a product of probabilities, the other of densities."))
}

# Is the first family the second or a limit of it?
families_nested <- function(small, large) {
  small <- family_of(small)
  large <- family_of(large)
  if (!identical(small$link, large$link)) return(FALSE)
  small$name == large$name || identical(family_registry[[large$name]]$limit, small$name)
}

is_reml <- function(fit) inherits(fit, "tiers_fit") && isTRUE(fit$REML)

check_same_response <- function(fits, rows, names) {
  same <- vapply(rows, function(row) {
    same_numbers(row$y, rows[[1L]]$y) && same_numbers(row$m, rows[[1L]]$m)
  }, NA)
  if (!all(same)) {
    sizes <- vapply(fits, stats::nobs, 1)
    stop_input(c(
      "Only fits to the same rows of the same response can be compared.",
      "x" = "{.val {names[!same]}} {?differs/differ} from {.val {names[1]}}.",
      "i" = if (length(unique(sizes)) > 1L) {
        "Rows used: {.val {sizes}}. Drop rows with missing values before fitting."
      }
    ))
  }
  # Weights that divide a dispersion are part of the model, others multiply the log-likelihood.
  multiplied <- vapply(fits, function(fit) {
    !isTRUE(family_registry[[family_of(fit)$name]]$scaled)
  }, NA)
  same <- vapply(rows, function(row) same_numbers(row$a, rows[[1L]]$a), NA)
  if (any(multiplied) && !all(same)) {
    stop_input(c("Fits with different weights cannot be compared: weights multiply the
                  log-likelihood of their rows.",
                 "x" = "{.val {names[!same]}} {?differs/differ} from {.val {names[1]}}."))
  }
}

same_numbers <- function(a, b) {
  length(a) == length(b) && isTRUE(all.equal(a, b, tolerance = 1e-12))
}

# What the likelihood of a fit of any class is a function of, in rows that count: the response (of
# binomial kinds successes, in whatever form they were given), trials and weights.
likelihood_rows <- function(fit) {
  frame <- stats::model.frame(fit)
  y <- stats::model.response(frame)
  n <- NROW(y)
  weights <- stats::model.weights(frame)
  response <- if (inherits(fit, "tiers_fit")) fit_response(fit) else if (inherits(fit, "glm") &&
    identical(family_registry[[family_of(fit)$name]]$response, "success")) {
    suppressMessages(read_successes(y, family_of(fit), if (is.null(weights)) double() else weights,
                                    names(frame)[1L], row.names(frame)))
  } else {
    list(y = as.double(y), weights = weights)
  }
  one <- function(x) if (length(x)) as.double(x) else rep(1, n)
  a <- one(response$weights)
  used <- a > 0
  list(y = response$y[used], m = one(response$size)[used], a = a[used])
}

# REML likelihoods compare where the fixed parts are the same.
comparable_likelihoods <- function(fits, refit) {
  reml <- vapply(fits, is_reml, NA)
  if (!any(reml) || (all(reml) && same_fixed_part(fits))) return(fits)
  if (refit) {
    inform("tiers_message_refit", c(
      "Fits by REML were fitted again by maximum likelihood for this comparison:
       {if (all(reml)) 'their fixed effects differ' else 'not all are fits by REML'}."
    ))
    fits[reml] <- lapply(fits[reml], fit_by_ml)
    return(fits)
  }
  if (!all(reml)) {
    stop_input(c("Fits by REML and by maximum likelihood cannot be compared as they are.",
                 "i" = "Leave {.code refit = TRUE}."))
  }
  stop_input(c(
    "REML fits with different fixed effects cannot be compared.",
    "i" = "Leave {.code refit = TRUE}, which compares them by maximum likelihood."
  ))
}

same_fixed_part <- function(fits) {
  first <- plain_matrix(fixed_matrix(fits[[1L]]))
  all(vapply(fits[-1L], function(fit) {
    X <- plain_matrix(fixed_matrix(fit))
    identical(dim(X), dim(first)) && all(X == first)
  }, NA))
}

# The same model fitted by maximum likelihood, from what the fit has stored.
fit_by_ml <- function(fit) {
  fit$REML <- FALSE
  refit_with(fit, as.double(stats::model.response(fit$frame)))
}
