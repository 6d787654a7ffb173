# The left side of a formula solved for its variables: what the data must be for `log(y)` or
# `cbind(s, n - s)` to have given values.

# Values of the variables of `left` (those in the list `data`) at which it is `value`, or NULL. Of
# several variables the first that will do is changed, the others stay.
solve_response <- function(left, value, data, env) {
  for (name in names(data)) {
    changed <- if (call_name(left) == "cbind") {
      solve_columns(as.list(left)[-1L], value, data, env)
    } else {
      solve_for(name, left, value, data, env)
    }
    found <- tryCatch(eval(left, changed, env), error = function(e) NULL)
    if (!is.null(changed) && same_response(found, value)) return(changed)
  }
  NULL
}

same_response <- function(a, b) {
  if (is.factor(a) || is.factor(b)) return(identical(as.character(a), as.character(b)))
  NROW(a) == NROW(b) && isTRUE(all.equal(as.double(a), as.double(b), tolerance = 1e-8))
}

# The columns of cbind() one after the other. One that is right after the change of those before
# (`n - s` where `s` is new and `n` is not) changes nothing more.
solve_columns <- function(exprs, value, data, env) {
  if (!is.matrix(value) || length(exprs) != ncol(value)) return(NULL)
  open <- names(data)
  for (j in seq_along(exprs)) {
    wanted <- unname(value[, j])
    if (same_response(tryCatch(eval(exprs[[j]], data, env), error = function(e) NULL), wanted)) next
    for (name in open) {
      changed <- solve_for(name, exprs[[j]], wanted, data, env)
      if (!is.null(changed)) break
    }
    if (is.null(changed)) return(NULL)
    data <- changed
    open <- setdiff(open, name)
  }
  data
}

# `data` with `name`, which must occur once in `expr`, so that `expr` is `value`; NULL where that
# cannot be read off the expression.
solve_for <- function(name, expr, value, data, env) {
  while (!is.name(expr)) {
    if (!is.call(expr) || sum(all.names(expr) == name) != 1L) return(NULL)
    arguments <- as.list(expr)[-1L]
    at <- which(vapply(arguments, function(e) name %in% all.vars(e), NA))
    other <- if (length(arguments) == 2L) {
      tryCatch(eval(arguments[[3L - at]], data, env), error = function(e) NULL)
    }
    if (length(arguments) > 2L || (length(arguments) == 2L && !is.numeric(other))) return(NULL)
    value <- inverse_step(call_name(expr), value, at, other)
    if (is.null(value)) return(NULL)
    expr <- arguments[[at]]
  }
  if (!identical(as.character(expr), name)) return(NULL)
  data[[name]] <- value
  data
}

# One operation undone: the argument at place `at` of `f(x)` or `f(x, other)` from the value.
inverse_step <- function(f, value, at, other) {
  if (f %in% c("(", "I", "factor", "as.factor", "as.numeric", "as.double", "as.integer",
               "as.logical", "identity")) return(value)
  if (!is.numeric(value)) return(NULL)
  value <- as.double(value)
  if (is.null(other)) {
    inverse <- switch(f, log = exp, exp = log, log2 = function(x) 2^x, log10 = function(x) 10^x,
                      log1p = expm1, expm1 = log1p, sqrt = function(x) x^2, `-` = function(x) -x,
                      qlogis = stats::plogis, plogis = stats::qlogis, qnorm = stats::pnorm,
                      asin = sin, asinh = sinh)
    return(if (!is.null(inverse)) inverse(value))
  }
  first <- at == 1L
  switch(f, `+` = value - other, `*` = value / other,
         `-` = if (first) value + other else other - value,
         `/` = if (first) value * other else other / value,
         `^` = if (first) sign(value) * abs(value)^(1 / other) else log(value, other),
         log = if (first) other^value)
}
