# Standard errors and Wald limits of the parameters in fit$parameters, from the observed information
# by the delta method: on the log scale for what is above zero, on Fisher's z scale for
# correlations. A parameter at its boundary, or held at a value, has neither; confint() takes the
# profile of the former. A standard deviation that is smaller than its standard error has no Wald
# limits: on the log scale they would be powers of ten apart.

parameter_errors <- function(fit) {
  variance <- diag(fit$vcov_parameters)
  sqrt(replace(variance, !(variance > 0), NA_real_))
}

# Lower and upper limits (one row a parameter) for two tail probabilities. `chi_square`: variances
# as multiples of chi-squares of the same mean and variance (Satterthwaite 1946; CL of PROC MIXED).
parameter_limits <- function(fit, tails, chi_square = FALSE) {
  table <- fit$parameters
  x <- table$estimate
  # The derivative of the scale on which the error is taken as normal, and the way back.
  scale <- limit_scale(table)
  range <- z_range(table)
  z <- pmin(pmax((x - range$middle) / range$half, -1), 1)
  slope <- ifelse(scale == "log", 1 / x,
                  ifelse(scale == "z", 1 / (range$half * (1 - z^2)), 1))
  at <- ifelse(scale == "log", log(abs(x)), ifelse(scale == "z", atanh(z), x))
  limits <- at + outer(parameter_errors(fit) * slope, stats::qnorm(tails))
  limits[scale == "log", ] <- exp(limits[scale == "log", ])
  limits[scale == "z", ] <- (range$middle + range$half * tanh(limits))[scale == "z", ]
  if (chi_square) {
    sd <- which(table$type %in% c("sd", "sigma"))
    df <- (x[sd] / parameter_errors(fit)[sd])^2 / 2
    limits[sd, ] <- x[sd] * sqrt(df / cbind(stats::qchisq(tails[2L], df),
                                            stats::qchisq(tails[1L], df)))
  }
  limits[!is.finite(limits) | vague_sd(fit)] <- NA_real_
  dimnames(limits) <- list(table$name, percent_labels(tails))
  limits
}

vague_sd <- function(fit) {
  fit$parameters$type == "sd" & parameter_errors(fit) > fit$parameters$estimate
}

limit_scale <- function(table) {
  own <- table$type %in% c("structure", "residual")
  ends <- own & is.finite(table$lower) & is.finite(table$upper)
  ifelse(table$type == "cor" | ends, "z", ifelse(table$lower >= 0, "log", "identity"))
}

# Where Fisher's z has its zero, and how far its ends are from there.
z_range <- function(table) {
  own <- limit_scale(table) == "z" & table$type %in% c("structure", "residual")
  list(middle = ifelse(own, (table$lower + table$upper) / 2, 0),
       half = ifelse(own, (table$upper - table$lower) / 2, 1))
}

# Why a parameter has no limits; NA where it has.
no_limits_reason <- function(fit) {
  table <- fit$parameters
  reason <- rep(NA_character_, nrow(table))
  unknown <- is.na(parameter_errors(fit))
  reason[unknown] <- "the information about it is not positive at the estimate"
  reason[which(vague_sd(fit))] <- "its standard error is larger than the estimate"
  reason[table$boundary] <- "its estimate is at the end of its range"
  reason[table$fixed] <- "what is held at a value has none"
  zero <- table$type %in% c("cor", "structure") & is.na(table$estimate)
  reason[zero] <- "one of its standard deviations is zero"
  reason
}

# Parameters without Wald limits of which there is a profile: at the end of their range, or too near
# to it for their standard errors.
needing_profile <- function(fit, names) {
  at <- match(names, fit$parameters$name)
  names <- names[(fit$parameters$boundary[at] | vague_sd(fit)[at] %in% TRUE) &
                   !fit$parameters$fixed[at]]
  names[is.na(no_profile_reason(fit, names))]
}

# One message for all parameters that were asked for and have no limits.
report_no_limits <- function(fit, names) {
  reason <- no_limits_reason(fit)[match(names, fit$parameters$name)]
  for (why in unique(reason[!is.na(reason)])) {
    shown <- names[!is.na(reason) & reason == why]
    inform("tiers_message_limits", "No Wald limits for {.val {shown}}: {why}.", parameters = shown)
  }
}

# Number of the parameter that each standard deviation (effect2 NA) or correlation of the random
# effects belongs to; NA: it is none (a correlation that the structure does not have).
parameter_places <- function(fit, term, effect1, effect2) {
  table <- fit$parameters
  type <- ifelse(is.na(effect2), "sd", "cor")
  same <- function(stored, asked) is.na(stored) | (!is.na(asked) & stored == asked)
  vapply(seq_along(term), function(i) {
    own <- table$term == term[i] & table$type == type[i]
    one_way <- same(table$effect1, effect1[i]) & same(table$effect2, effect2[i])
    other_way <- type[i] == "cor" & same(table$effect1, effect2[i]) &
      same(table$effect2, effect1[i])
    c(which(own & (one_way | other_way)), NA_integer_)[1L]
  }, 1L)
}
