# Parameters that the user holds at a value (`fix`) or sets equal (`equal`), by the names of
# fit$parameters: read, checked, and put into the specification as
#   held   a value for each parameter in the order of fit$parameters, NA where it is free
#   same   a number for each; equal ones share it

# The parameters of a model before it is fitted: name, type, lower, upper, as in fit$parameters,
# and term.
parameters_of <- function(spec, terms) {
  names <- random_parameter_names(terms)
  random <- lapply(seq_along(terms), function(j) {
    about <- covariance_parameters(terms[[j]]$structure, length(terms[[j]]$columns))
    data.frame(name = names[[j]], type = about$type, lower = about$lower, upper = about$upper,
               term = rep(j, length(names[[j]])), stringsAsFactors = FALSE)
  })
  do.call(rbind, c(random, list(residual_parameters(spec))))
}

# Rows of that table for parameters that belong to no random term.
parameter_rows <- function(name, type, lower) {
  data.frame(name = name, type = rep(type, length(name)), lower = rep(lower, length(name)),
             upper = rep(Inf, length(name)), term = rep(0L, length(name)),
             stringsAsFactors = FALSE)
}

with_constraints <- function(spec, fix, equal, terms) {
  if (is.null(fix) && is.null(equal)) return(spec)
  table <- parameters_of(spec, terms)
  if (is.list(fix)) fix <- unlist(fix)
  if (!is.null(fix)) check_parameter_values(fix, table, "fix")
  spec$held <- as.double(unname(fix[table$name]))
  if (is.null(fix)) spec$held <- rep(NA_real_, nrow(table))
  spec$same <- equal_groups(equal, table)
  for (group in unique(spec$same)) {
    own <- which(spec$same == group)
    values <- unique(spec$held[own][!is.na(spec$held[own])])
    if (length(values) > 1L) {
      stop_input(c("{.arg fix} and {.arg equal} contradict each other.",
                   x = "{.val {table$name[own]}} are to be equal and have the values
                        {.val {values}}."))
    }
    if (length(values)) spec$held[own] <- values
  }
  check_held_correlations(spec, terms, table)
  spec
}

equal_groups <- function(equal, table) {
  same <- seq_len(nrow(table))
  if (is.null(equal)) return(same)
  if (is.character(equal)) equal <- list(equal)
  if (!is.list(equal) || !all(vapply(equal, function(x) is.character(x) && length(x) > 1L, NA))) {
    stop_input(c("{.arg equal} must be a list of character vectors, each with the names of
                  parameters that are equal.", x = "It is {shown(equal)}."))
  }
  for (names in equal) {
    check_parameter_names(names, table$name, "equal")
    at <- match(names, table$name)
    if (!all(table$type[at] == "sd") && !all(table$type[at] == "cor")) {
      stop_input(c("{.arg equal} takes standard deviations, or correlations, of random effects.",
                   x = "{.val {names}} are not of one of these kinds."))
    }
    same[same %in% same[at]] <- min(same[at])
  }
  same
}

# There must be a covariance matrix that has the correlations that are fixed.
check_held_correlations <- function(spec, terms, table) {
  for (j in seq_along(terms)) {
    own <- table$term == j
    value <- spec$held[own]
    cor <- table$type[own] == "cor"
    if (!any(cor) || all(is.na(value[cor]))) next
    value[!cor] <- 1
    if (is.null(completed_natural(value, terms[[j]]))) {
      stop_input(c("{.arg fix}: no covariance matrix of `{terms[[j]]$label}` has these
                    correlations.",
                   x = "{.val {table$name[own][cor & !is.na(value)]}} {?is/are}
                        {.val {value[cor & !is.na(value)]}}."))
    }
  }
}

# Natural values of a term, those that are missing filled in so that a covariance matrix has them:
# correlations of zero where that will do, else by alternating projections on the positive
# (semi)definite matrices and on those with the given entries (Higham 2002). NULL: there is none.
completed_natural <- function(value, term) {
  k <- length(term$columns)
  about <- covariance_parameters(term$structure, k)
  open <- is.na(value)
  # Well inside, where some are open: searches start there.
  holds <- function(value, least) {
    factor <- covariance_factor(term$structure, k, value)
    !is.null(factor) && all(diag(factor)^2 >= least * rowSums(factor^2))
  }
  value[open] <- 0
  if (holds(value, if (any(open)) 0.05 else 0)) return(value)
  if (!any(open) || any(about$row == 0L)) return(NULL)
  cor <- about$type == "cor"
  at <- cbind(about$row, about$column)
  R <- diag(k)
  for (least in c(0.05, 1e-3, 0)) for (iteration in seq_len(200L)) {
    R[at[cor, , drop = FALSE]] <- R[at[cor, 2:1, drop = FALSE]] <- value[cor]
    diag(R) <- 1
    parts <- eigen(R, symmetric = TRUE)
    inside <- parts$vectors %*% (pmax(parts$values, 2 * least) * t(parts$vectors))
    value[open & cor] <- inside[at[open & cor, , drop = FALSE]]
    if (holds(value, least)) return(value)
  }
  NULL
}

check_parameter_names <- function(names, known, arg) {
  unknown <- setdiff(names, known)
  if (length(unknown) > 0L) {
    hint <- did_you_mean(unknown[1L], known)
    stop_input(c("{.arg {arg}} names {.val {unknown[1L]}}, which is no parameter of this
                  model{hint}", i = "The parameters are {.val {known}}."))
  }
  repeated <- names[duplicated(names)]
  if (length(repeated) > 0L) stop_input("{.arg {arg}} names {.val {repeated[1L]}} twice.")
}

# Named values against the ranges in `table`.
check_parameter_values <- function(values, table, arg) {
  if (!is.numeric(values) || is.null(names(values)) || any(!nzchar(names(values)))) {
    what <- if (arg == "start") " or an earlier fit" else ""
    stop_input(c("{.arg {arg}} must be a named numeric vector{what}.",
                 i = "The names are {.val {table$name}}."))
  }
  check_parameter_names(names(values), table$name, arg)
  for (name in names(values)) {
    row <- table[match(name, table$name), ]
    check_parameter_value(values[[name]], name, row$type, row$lower, row$upper, arg)
  }
}

check_parameter_value <- function(value, name, type, lower, upper, arg) {
  positive <- type %in% c("sigma", "dispersion") && lower == 0
  rule <- if (is.finite(upper)) {
    paste("between", format(lower, digits = 3L), "and", format(upper, digits = 3L))
  } else if (positive) {
    "above 0"
  } else if (lower == 0) {
    "0 or above"
  } else {
    "a number"
  }
  ok <- is.finite(value) && value >= lower && value <= upper && !(positive && value == 0)
  if (ok) return(invisible())
  stop_input("{.arg {arg}}: {.val {name}} is {value} and must be {rule}.")
}

# "sigma = 1; sd_a|g = sd_b|g", or NULL.
held_words <- function(fit) {
  table <- fit$parameters
  fixed <- table$fixed
  words <- if (any(fixed)) paste(table$name[fixed], "=", signif(table$estimate[fixed], 4L))
  groups <- split(table$name, ifelse(fixed, NA, table$equal))
  words <- c(words, vapply(groups[lengths(groups) > 1L], paste, "", collapse = " = "))
  if (length(words)) paste(unname(words), collapse = "; ")
}
