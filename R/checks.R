# Checks of arguments and of data. What can be decided from the data is decided before the fit.

check_number <- function(x, name, lower, upper) {
  ok <- is.numeric(x) && length(x) == 1L && !is.na(x) && x >= lower && x <= upper
  if (!ok) stop_input("{.arg {name}} must be a number between {lower} and {upper}.")
}

check_flag <- function(x, name) {
  if (!isTRUE(x) && !isFALSE(x)) stop_input("{.arg {name}} must be TRUE or FALSE.")
}

# An argument whose capability comes in a later version must be NULL (or absent). The arguments
# name things that need not exist yet, such as ar1(visit | id): failing to evaluate is a use too.
check_later_argument <- function(value, name, what) {
  value <- tryCatch(value, error = function(e) "given")
  if (!is.null(value)) {
    stop_input("{.arg {name}} ({what}) is not available in this version of tiers.")
  }
}

# Zero-inflation comes in a later version.
check_zi <- function(zi) {
  none <- inherits(zi, "formula") && length(zi) == 2L && is.numeric(zi[[2L]]) && zi[[2L]] == 0
  if (is.null(zi) || none) return(invisible())
  stop_input("{.arg zi} (zero-inflation) is not available in this version of tiers.")
}

check_arguments <- function(data, freq) {
  check_data(data)
  check_later_argument(freq, "freq", "frequency weights")
}

# Numbers -------------------------------------------------------------------------------------

# Rows with infinite or missing values; the sum finds the usual case (none) in one pass.
bad_rows <- function(x) {
  if (is.finite(sum(x))) return(integer())
  which(!is.finite(x))
}

check_finite <- function(x, name, labels) {
  bad <- bad_rows(x)
  if (length(bad) == 0L) return(invisible())
  missing_too <- anyNA(x[bad])
  if (missing_too) bad <- bad[is.na(x[bad])]
  n_bad <- length(bad)
  rows <- first_rows(labels[bad])
  kind <- if (missing_too) "missing" else "infinite"
  stop_input("`{name}` has {n_bad} {kind} {cli::qty(n_bad)}value{?s} (row{?s} {rows}).",
             rows = labels[bad])
}

# Columns of a design; `term` is the random term whose basis it is.
check_matrix <- function(x, labels, term = NULL) {
  if (length(x) == 0L || is.finite(sum(x))) return(invisible())
  names <- if (is.null(term)) colnames(x) else paste0(term$columns, "` in `", term$label)
  for (j in seq_len(ncol(x))) check_finite(x[, j], names[j], labels)
}

# An `offset()` of the formula.
check_offset_term <- function(value, expr) {
  if (is.numeric(value) && NCOL(value) == 1L) return(invisible())
  name <- text_of(expr[[2L]])
  stop_input("The offset `{name}` must be a numeric variable, not {.cls {class(value)[1L]}}.",
             variable = name)
}

# NaN in an `offset()` is no missing value, for which the row could be left out.
check_offsets_defined <- function(terms, data, subset, env) {
  for (i in attr(terms, "offset")) {
    expr <- attr(terms, "variables")[[i + 1L]]
    # What cannot be evaluated is told by the frame.
    value <- tryCatch(suppressWarnings(eval(expr, data, env)), error = function(e) NULL)
    bad <- if (is.numeric(value)) which(is.nan(value))
    if (!is.null(subset)) bad <- intersect(bad, subset)
    if (length(bad) == 0L) next
    name <- plain_text(text_of(expr[[2L]]))
    labels <- if (is.data.frame(data)) row.names(data) else seq_along(value)
    stop_rows(bad, labels, paste0("The offset `", name, "` is undefined (NaN)"))
  }
}

check_offset <- function(frame, labels) {
  offset <- stats::model.offset(frame)
  if (!is.null(offset)) check_finite(offset, "offset", labels)
}

# Response ------------------------------------------------------------------------------------

# The response as a plain numeric vector, or an error that says what is wrong with it.
numeric_response <- function(y, name) {
  if (is.data.frame(y)) {
    stop_input(c("The response `{name}` is a data frame with {NCOL(y)} column{?s}.",
                 i = "Name one of its columns as the response."))
  }
  if (is.matrix(y)) {
    if (NCOL(y) != 1L) {
      stop_input(c("The response `{name}` has {NCOL(y)} columns.",
                   i = "A model has one response; fit the columns one by one."))
    }
    y <- y[, 1L]
  }
  if (inherits(y, "difftime")) {
    inform(character(), "The response `{name}` is a time difference, used in {.val {units(y)}}.")
    return(as.double(unclass(y)))
  }
  if (inherits(y, "integer64")) return(plain_integer64(y, name))
  usable <- (is.numeric(y) || is.logical(y)) && !is.factor(y)
  if (!usable) {
    kind <- class(y)[1L]
    stop_input(c("The response `{name}` must be numeric, not {.cls {kind}}.",
                 if (is.character(y)) text_response_lines(y, name),
                 i = response_class_hint(y, name),
                 i = if (is.factor(y)) "A factor is not a response of a linear model; for two
                      classes use a binomial model, or convert it with {.fn as.numeric} if the
                      numbers of its levels are what you mean."))
  }
  if (is.double(y) && is.null(attributes(y))) y else as.double(y)
}

plain_integer64 <- function(x, name) {
  if (!requireNamespace("bit64", quietly = TRUE)) {
    stop_input("`{name}` is of class integer64; install the package {.pkg bit64} to use it.")
  }
  withCallingHandlers(as.double(x), warning = function(w) {
    warn_data("`{name}` has 64-bit integers beyond 2^53, which are rounded where the model
               calculates with them.", variable = name)
    tryInvokeRestart("muffleWarning")
  })
}

check_response <- function(y, name, used) {
  if (!is.null(used)) y <- y[used]
  if (length(y) > 1L && min(y) == max(y)) {
    stop_model("The response is constant: `{name}` is {format(y[1L])} in every row used.")
  }
}

check_weights <- function(weights, labels) {
  check_finite(weights, "weights", labels)
  if (min(weights) < 0) {
    bad <- which(weights < 0)
    rows <- first_rows(labels[bad])
    stop_input("{.arg weights} has {length(bad)} negative value{?s}
                ({cli::qty(length(bad))}row{?s} {rows}).", rows = labels[bad])
  }
  if (max(weights) == 0) stop_input("All {.arg weights} are zero: no row is left.")
}

# Identifiability -----------------------------------------------------------------------------

# Everything about the model that the data decide before any optimisation.
check_model <- function(spec, terms, response, labels) {
  check_repeated(terms)
  weights <- spec$weights
  if (length(weights) > 0L) check_weights(weights, labels)
  used <- weighted_rows(weights)
  n <- if (is.null(used)) length(spec$y) else length(used)
  family <- family_of(spec)
  if (family_traits(family$name)$continuous) {
    check_response(spec$y, response, used)
  }
  if (n == 1L) stop_model("There is only one row to fit the model to.")
  check_trials(family$name, spec$size, used)
  check_fixed_size(spec$X, n, used)
  rest <- rest_variance(spec, used)
  constrained <- constrained_terms(spec, terms)
  for (j in seq_along(terms)) {
    # Of what is held or equal the rank of the derivatives of V decides.
    own <- if (constrained[j]) "known" else rest
    check_levels(spec$terms[[j]], terms[[j]], n, used, own)
  }
}

# With one trial a row the likelihood does not depend on an overdispersion of successes.
check_trials <- function(name, size, used) {
  traits <- family_traits(name)
  if (!traits$needs_trials) return(invisible())
  size <- if (length(size) == 0L) 1 else if (is.null(used)) size else size[used]
  if (max(size) > 1) return(invisible())
  stop_model(c("The {traits$dispersion} of the {name} family cannot be estimated: every row has one
                trial.", i = "Use {.code family = {traits$limit}()}."))
}

varies <- function(x) min(x) < max(x)

# What a random effect for each row would have to be told apart from: "residual", an unknown
# variance of the rows; "binary", single trials, which have no more to tell than their mean; or
# "known".
rest_variance <- function(spec, used) {
  weights <- spec$weights
  if (length(weights) > 0L && !is.null(used)) weights <- weights[used]
  family <- family_of(spec)
  traits <- family_traits(family$name)
  if (traits$residual && is_identity_link(family)) {
    # The residual variance comes last in the table of parameters.
    given <- length(spec$held) > 0L && !is.na(spec$held[length(spec$held)])
    return(if (given || (length(weights) > 0L && varies(weights))) "known" else "residual")
  }
  single <- length(spec$size) == 0L || max(spec$size) <= 1
  if (traits$response == "success" && single) "binary" else "known"
}

check_fixed_size <- function(X, n, used) {
  p <- ncol(X)
  if (p < n) return(invisible())
  # The tolerance of the core (kCollinear in design.cpp): with more columns kept there than counted
  # here the search would have nothing left.
  rank <- qr(if (is.null(used)) X else X[used, , drop = FALSE], tol = 1e-11)$rank
  if (rank >= n) {
    stop_model(c("No residual degrees of freedom: {rank} fixed effect{?s} for {n} row{?s}.",
                 i = "Use fewer fixed effects or more data."))
  }
}

# NULL: all of them.
weighted_rows <- function(weights) if (length(weights) > 0L && min(weights) == 0) which(weights > 0)

used_codes <- function(codes, used) if (is.null(used)) codes else codes[used]

check_levels <- function(spec_term, term, n, used, rest) {
  levels <- spec_term$n_levels
  if (!is.null(used)) levels <- sum(tabulate(spec_term$codes[used], levels) > 0L)
  group <- term$group
  label <- term$label
  if (levels < 2L) {
    stop_model(c("The grouping factor `{group}` of `{label}` has one level only.",
                 i = "A variance between groups needs at least two of them."))
  }
  k <- length(term$columns)
  check_parameter_count(term, levels, k, n)
  if (rest == "known") return(invisible())
  if (levels >= n && rest == "binary") {
    stop_model(c("The variance of `{label}` cannot be estimated: `{group}` has {levels} levels for
                  {n} rows of one trial each.",
                 i = "Leave the term out, or use a grouping factor with several rows a level."))
  }
  if (rest == "binary") return(invisible())
  if (levels >= n) {
    stop_model(c("`{label}` and the residual are not separable: `{group}` has {levels} levels for
                  {n} rows, one row each.",
                 i = "Leave the term out, or give {.arg weights} that are known to differ."))
  }
  # What a few parameters say of all correlations is told or not by the rank of derivatives of V.
  correlated <- is.null(term$recipe) && has_correlations(term)
  if (correlated && levels * k >= n) {
    stop_model(c("`{label}` has too many random effects: {levels} levels x {k} columns =
                  {levels * k} for {n} rows, so they are not separable from the residual.",
                 i = "Leave out a random slope, or the correlations (`||`)."))
  }
}

# Variances and correlations beyond the number of random effects (or of rows) are told by nothing
# but rounding, and so many that the search for them would take minutes are refused.
parameters_to_refuse <- 100L

check_parameter_count <- function(term, levels, k, n) {
  count <- covariance_parameter_count(term)
  most <- min(as.double(levels) * k, n)
  if (count <= parameters_to_refuse || count <= most) return(invisible())
  effects <- "{levels * k} random effects ({levels} levels x {k} columns)"
  told <- if (most < n) effects else "{n} rows"
  stop_model(c(paste0("`{term$label}` has {count} variances and correlations, more than its ", told,
                      " can tell."),
               i = "Use fewer columns, or leave out the correlations (`||`)."))
}

# Two terms that estimate the same variance twice: the same factor and a column in common.
check_repeated <- function(terms) {
  for (j in seq_along(terms)) for (i in seq_len(j - 1L)) {
    a <- terms[[i]]
    b <- terms[[j]]
    if (!setequal(a$components, b$components)) next
    common <- intersect(a$columns, b$columns)
    if (length(common) > 0L) stop_same_term(a, b, common)
  }
}

stop_same_term <- function(a, b, common) {
  if (setequal(a$columns, b$columns)) {
    stop_formula(c("The same term twice: `{a$label}` and `{b$label}`.",
                   i = "Leave one of them out."))
  }
  stop_formula(c("`{a$label}` and `{b$label}` both have a variance for `{common[1L]}` by
                  `{a$group}`: only their sum can be estimated.",
                 i = "Name each column once for each grouping factor."))
}

# Do two vectors of level codes divide the rows in the same way?
same_partition <- function(a, b) {
  if (length(a) == 0L) return(FALSE)
  top <- max(a)
  partner <- integer(top)
  partner[a] <- b
  if (!identical(partner[a], b)) return(FALSE)
  met <- partner[partner > 0L]
  anyDuplicated(met) == 0L
}
