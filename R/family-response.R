# The response of a generalized model, from the forms that users write it in to what the engine
# takes: list(y, size, weights). `y` counts successes where the family has them, `size` are the
# trials (none: 1 each), `weights` prior weights (none: 1 each).

read_response <- function(value, family, weights, name, labels) {
  kind <- family_response_kind(family$name)
  response <- if (kind == "success") {
    read_successes(value, family, weights, name, labels)
  } else {
    list(y = read_values(value, family, kind, name, labels), size = double(), weights = weights)
  }
  check_possible(response, family, name, labels)
  response
}

# What the form of the response allows and the density does not.
check_possible <- function(response, family, name, labels) {
  bad <- first_invalid_response(family$name, response$y, response$size)
  if (bad == 0) return(invisible())
  value <- response$y[bad]
  stop_rows(bad, labels, "The {family$name} family cannot have the value {value} of `{name}`")
}

read_values <- function(value, family, kind, name, labels) {
  y <- response_numbers(value, family, name)
  check_finite(y, name, labels)
  switch(
    kind,
    count = y <- check_counts(y, name, labels),
    positive = check_positive(y, family, name, labels),
    unit = check_unit(y, name, labels))
  y
}

# Two classes want a binomial model, which is not the default.
check_default_family <- function(value, name) {
  if (is.matrix(value) && ncol(value) > 1L) return(invisible())
  levels <- if (is.factor(value)) levels(value) else unique(as.vector(value[!is.na(value)]))
  binary <- is.logical(value) || (is.numeric(value) && setequal(levels, 0:1)) ||
    ((is.factor(value) || is.character(value)) && length(levels) <= 2L)
  if (!binary) return(invisible())
  what <- if (is.logical(value)) "is logical" else {
    paste("has two values,", paste0(sort(levels), collapse = " and "))
  }
  what <- plain_text(what)
  stop_input(c(paste0("The response `{name}` ", what, ", and no {.arg family} is given."),
               i = "For the chance of one of two classes use {.code family = binomial}.",
               i = if (is.numeric(value)) "For a linear model use {.code family = gaussian}."))
}

warn_wide_offset <- function(family, model) {
  weights <- model$response$weights
  used <- if (length(weights)) weights > 0 else TRUE
  words <- offset_span_words(family, stats::model.offset(model$frame), used)
  if (!is.null(words)) warn_data(c(words, i = wide_offset_advice))
}

wide_offset_advice <- "An offset stands on the scale of the linear predictor: is a logarithm
                       missing, `offset(log(exposure))`?"

# One column of numbers, for the families that want nothing else.
response_numbers <- function(value, family, name) {
  if (is.matrix(value) && NCOL(value) == 2L) {
    stop_input(c("The response `{name}` has 2 columns.",
                 i = "Successes and failures are the response of the binomial family, not of the
                      {family$name} family."))
  }
  if (is.factor(value)) {
    stop_input(c("The response `{name}` of the {family$name} family must be numeric, not a factor.",
                 i = if (nlevels(value) == 2L) "For two classes use {.code family = binomial()}."))
  }
  numeric_response(value, name)
}

# An input error that ends in the rows it is about.
stop_rows <- function(bad, labels, problem, hint = NULL, .envir = parent.frame()) {
  rows <- labels[bad]
  where <- paste0(" (", if (length(rows) == 1L) "row " else "rows ",
                  plain_text(first_rows(rows)), ").")
  stop_input(c(paste0(problem, where), i = hint), rows = rows, .envir = .envir)
}

check_counts <- function(y, name, labels) {
  negative <- which(y < 0)
  if (length(negative)) {
    n_bad <- length(negative)
    stop_rows(negative, labels, "The counts `{name}` have {n_bad} negative value{?s}")
  }
  whole <- round(y)
  broken <- which(abs(y - whole) > 1e-7 * pmax(1, y))
  if (length(broken)) {
    n_bad <- length(broken)
    stop_rows(broken, labels, "The counts `{name}` have {n_bad} value{?s} that {?is/are} not whole",
              "Rates go into {.arg offset}: {.code offset = log(exposure)} with the counts as
               response. Continuous responses have families of their own, such as
               {.code Gamma(\"log\")}.")
  }
  whole
}

check_positive <- function(y, family, name, labels) {
  bad <- which(y <= 0)
  if (length(bad) == 0L) return(invisible())
  n_bad <- length(bad)
  stop_rows(bad, labels, "The {family$name} family needs values above 0: `{name}` has {n_bad}
            value{?s} of 0 or below",
            if (all(y == round(y))) "For counts use {.fn poisson} or {.fn nbinom2}." else
              "{.code gaussian(\"log\")} allows zeros; many exact zeros need a model of their own.")
}

check_unit <- function(y, name, labels) {
  bad <- which(y <= 0 | y >= 1)
  if (length(bad) == 0L) return(invisible())
  n_bad <- length(bad)
  stop_rows(bad, labels, "The beta family needs values between 0 and 1, both excluded: `{name}` has
            {n_bad} value{?s} outside",
            "Shares of a known number of trials, which may be 0 or 1, are for {.fn binomial} or
             {.fn betabinomial}.")
}

# Successes ------------------------------------------------------------------------------------

read_successes <- function(value, family, weights, name, labels) {
  if (is.data.frame(value)) {
    stop_input(c("The response `{name}` is a data frame.",
                 i = "Use {.code cbind(successes, failures)}."))
  }
  if (is.matrix(value) && ncol(value) == 2L) return(read_pairs(value, weights, name, labels))
  if (is.matrix(value) && ncol(value) > 2L) {
    stop_input(c("The response `{name}` has {ncol(value)} columns.",
                 i = "Two are expected: successes and failures."))
  }
  if (is.factor(value)) value <- two_classes(value, name)
  if (is.character(value)) {
    stop_input(c("The response `{name}` is text.",
                 i = "Make it a factor whose first level is the failure, or 0 and 1."))
  }
  y <- numeric_response(value, name)
  check_finite(y, name, labels)
  outside <- which(y < 0 | y > 1)
  if (length(outside)) {
    n_bad <- length(outside)
    stop_rows(outside, labels, "The response `{name}` of the {family$name} family must lie between
              0 and 1: {n_bad} value{?s} {?does/do} not",
              "Counts of successes are given as {.code cbind(successes, failures)}; classes coded
               1 and 2 as {.code factor({name})}.")
  }
  read_shares(y, weights, name, labels)
}

# The first level is the failure, every other a success.
two_classes <- function(value, name) {
  if (nlevels(value) > 2L) {
    inform("tiers_message_levels", c(
      "The response `{name}` has {nlevels(value)} levels: {.val {levels(value)[1L]}} is the failure,
       all others are successes."))
  }
  as.integer(value) != 1L
}

read_pairs <- function(value, weights, name, labels) {
  if (!is.numeric(value) && !is.logical(value)) {
    stop_input("The response `{name}` must hold numbers of successes and failures.")
  }
  success <- as.double(value[, 1L])
  failure <- as.double(value[, 2L])
  check_finite(success + failure, name, labels)
  negative <- which(success < 0 | failure < 0)
  if (length(negative)) {
    n_bad <- length(negative)
    stop_rows(negative, labels, "`{name}` has {n_bad} row{?s} with a negative number of successes or
              failures")
  }
  broken <- which(pmax(abs(success - round(success)) / pmax(1, success),
                       abs(failure - round(failure)) / pmax(1, failure)) > 1e-7)
  if (length(broken)) {
    n_bad <- length(broken)
    stop_rows(broken, labels, "`{name}` has {n_bad} row{?s} with a number of successes or failures
              that is not whole",
              if (max(success, failure) <= 1) "Shares of a known number of trials are given as
              response, with the numbers of trials as {.arg weights}; shares that do not come from
              counts are for {.fn beta_family}.")
  }
  success <- round(success)
  with_trials(success, success + round(failure), weights)
}

# Shares of the trials in `weights`. Where every response is 0 or 1 weights that are not whole
# numbers are prior weights.
read_shares <- function(y, weights, name, labels) {
  inside <- which(y > 0 & y < 1)
  if (length(weights) == 0L) {
    if (length(inside)) {
      n_bad <- length(inside)
      stop_rows(inside, labels, "`{name}` has {n_bad} value{?s} between 0 and 1, which {?is/are} no
                whole number of successes of one trial",
                "Give the numbers of trials as {.arg weights}, or use
                 {.code cbind(successes, failures)}; shares that do not come from counts are for
                 {.fn beta_family}.")
    }
    return(list(y = y, size = double(), weights = weights))
  }
  size <- round(weights)
  broken <- which(abs(weights - size) > 1e-7 * pmax(1, weights))
  if (length(broken)) {
    if (length(inside) == 0L) return(list(y = y, size = double(), weights = weights))
    n_bad <- length(broken)
    stop_rows(broken, labels, "{.arg weights} are the numbers of trials of the shares `{name}` and
              {n_bad} of them {?is/are} not whole")
  }
  success <- y * weights
  # As glm() judges them: shares are often rounded a little.
  broken <- which(abs(success - round(success)) > 1e-3)
  if (length(broken)) {
    n_bad <- length(broken)
    example <- broken[1L]
    stop_rows(broken, labels, "`{name}` times {.arg weights} is not a whole number of successes in
              {n_bad} row{?s}, for instance {signif(y[example], 4)} x {weights[example]} =
              {signif(success[example], 5)}",
              "Give the counts themselves: {.code cbind(successes, failures)}.")
  }
  with_trials(round(success), size, double())
}

# A row without trials does not count, as one of weight 0.
with_trials <- function(y, size, weights) {
  if (length(size) && min(size) == 0) {
    if (length(weights) == 0L) weights <- rep(1, length(y))
    weights[size == 0] <- 0
  }
  list(y = y, size = size, weights = weights)
}

# The response of a simulation in the form that the user wrote it in: `y` as the engine has it.
form_response <- function(y, value, size) {
  if (is.matrix(value) && ncol(value) == 2L) {
    pairs <- cbind(y, size - y)
    dimnames(pairs) <- list(NULL, colnames(value))
    return(pairs)
  }
  if (is.factor(value)) {
    return(factor(levels(value)[ifelse(y > 0, 2L, 1L)], levels = levels(value)))
  }
  if (is.logical(value)) return(y > 0)
  if (length(size)) ifelse(size > 0, y / size, 0) else y
}
