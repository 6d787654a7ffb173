# Parameters that the user holds at a value (`fix`) or sets equal (`equal`), by the names of
# fit$parameters: read, checked, and put into the specification as
#   held   a value for each parameter in the order of fit$parameters, NA where it is free
#   same   a number for each; equal ones share it

# The parameters of a model before it is fitted: name, type, lower, upper, as in fit$parameters,
# term, row and column (the places in the term of the columns that it belongs to; 0: all or none),
# other (a correlation's name with its two columns the other way round).
parameters_of <- function(spec, terms) {
  names <- random_parameter_names(terms)
  random <- lapply(seq_along(terms), function(j) {
    about <- covariance_parameters(terms[[j]])
    data.frame(name = names[[j]], type = about$type, lower = about$lower, upper = about$upper,
               term = rep(j, length(names[[j]])), row = about$row, column = about$column,
               other = other_names(names[[j]], about, terms[[j]]), stringsAsFactors = FALSE)
  })
  do.call(rbind, c(random, list(residual_parameters(spec))))
}

# Rows of that table for parameters that belong to no random term.
parameter_rows <- function(name, type, lower) {
  data.frame(name = name, type = rep(type, length(name)), lower = rep(lower, length(name)),
             upper = rep(Inf, length(name)), term = rep(0L, length(name)),
             row = rep(0L, length(name)), column = rep(0L, length(name)),
             other = rep(NA_character_, length(name)), stringsAsFactors = FALSE)
}

other_names <- function(names, about, term) {
  pair <- about$type == "cor" & about$row > 0L
  first <- term$columns[about$row[pair]]
  second <- term$columns[about$column[pair]]
  end <- substring(names[pair], nchar(paste0("cor_", first, ".", second)) + 1L)
  replace(rep(NA_character_, length(names)), pair, paste0("cor_", second, ".", first, end))
}

# Names as the table has them, from names in which backticks were left out or added, or the columns
# of a correlation are in the other order.
table_names <- function(names, table) {
  at <- match_names(names, c(table$name, table$other))
  ifelse(is.na(at), names, rep(table$name, 2L)[at])
}

# Where names stand among known ones, with or without backticks.
match_names <- function(names, known) {
  bare <- function(x) gsub("`", "", x, fixed = TRUE)
  at <- match(names, known, incomparables = NA)
  ifelse(is.na(at), match(bare(names), bare(known), incomparables = NA), at)
}

with_table_names <- function(values, table) {
  named <- is.numeric(values) && !is.null(names(values))
  if (named) names(values) <- table_names(names(values), table)
  values
}

with_constraints <- function(spec, fix, equal, terms) {
  if (is.null(fix) && is.null(equal)) return(spec)
  table <- parameters_of(spec, terms)
  if (is.list(fix)) fix <- unlist(fix)
  fix <- with_table_names(fix, table)
  if (!is.null(fix)) check_parameter_values(fix, table, "fix")
  spec$held <- as.double(unname(fix[table$name]))
  if (is.null(fix)) spec$held <- rep(NA_real_, nrow(table))
  spec$same <- equal_groups(equal, table)
  check_constrained_kinds(spec, table)
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
  spec$held[without_meaning(spec, table)] <- 0
  check_held_correlations(spec, terms, table)
  spec
}

# Ranges and the like: the search under constraints is in standard deviations and correlations.
takes_no_constraint <- function(table) table$type == "structure" & table$upper > 1

check_constrained_kinds <- function(spec, table) {
  none <- table$name[takes_no_constraint(table)]
  tied <- !is.na(spec$held) | spec$same %in% spec$same[duplicated(spec$same)]
  if (length(none) == 0L || !any(tied & table$term > 0L)) return(invisible())
  stop_input(c("{.arg fix} and {.arg equal} of random effects are not available in a model with
                {.val {none}}."))
}

# Of each term: is one of its parameters held, or equal to another?
constrained_terms <- function(spec, terms) {
  if (is.null(spec$held)) return(logical(length(terms)))
  table <- parameters_of(spec, terms)
  tied <- !is.na(spec$held) | spec$same %in% spec$same[duplicated(spec$same)]
  seq_along(terms) %in% table$term[tied]
}

# Correlations with an effect whose standard deviation is held at zero: they are no parameters of
# the model, unless others that are some are equal to them.
without_meaning <- function(spec, table) {
  zero <- table$type == "sd" & spec$held %in% 0
  none <- table$type == "cor" & vapply(seq_along(zero), function(i) {
    own <- zero & table$term == table$term[i]
    any(table$row[own] %in% c(0L, table$row[i], table$column[i]))
  }, NA)
  which(is.na(spec$held) & !spec$same %in% spec$same[!none])
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
    names <- table_names(names, table)
    check_parameter_names(names, table$name, "equal")
    at <- match(names, table$name)
    if (!all(table$type[at] %in% c("sd", "sigma")) && !all(table$type[at] == "cor")) {
      stop_input(c("{.arg equal} takes standard deviations ({.val sigma} of {.fn lmm} among
                    them), or correlations.",
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
    cor <- table$type[own] != "sd"
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
  about <- covariance_parameters(term)
  open <- is.na(value)
  # Well inside, where some are open: searches start there.
  holds <- function(value, least) {
    factor <- covariance_factor(term, value)
    !is.null(factor) && all(diag(factor)^2 >= least * rowSums(factor^2))
  }
  value[open] <- 0
  if (!is_linear_structure(term)) value[open] <- covariance_natural(term, diag(k))$value[open]
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
  shown <- format(value, digits = 8L)
  stop_input("{.arg {arg}}: {.val {name}} is {shown} and must be {rule}.")
}

# "sigma = 1; sd_a|g = sd_b|g", or NULL.
held_words <- function(fit) {
  table <- fit$parameters
  fixed <- table$fixed & !is.na(table$estimate)
  words <- if (any(fixed)) paste(table$name[fixed], "=", signif(table$estimate[fixed], 4L))
  groups <- split(table$name, ifelse(table$fixed, NA, table$equal))
  words <- c(words, vapply(groups[lengths(groups) > 1L], paste, "", collapse = " = "))
  if (length(words)) paste(unname(words), collapse = "; ")
}
