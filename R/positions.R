# What stands before the bar of a structure whose correlations follow from distances:
# `ou(time | id)` has a column for each value of `time`, at that value, and `sp_exp(x + y | id)` one
# for each place. The engine's columns are those of a factor; this is the factor.

# Columns of one term above this many are no visits that subjects share, and each costs as much as
# a random slope.
most_positions <- 500L

# The expression before the bar with a column for each position; `bar$lhs` where it is not made of
# variables alone, or its structure does not read positions. Numbers keep their values, dates and
# times become numbers; `0 +` may be left out.
positional_basis <- function(bar, data, env) {
  structure <- resolve_covariance(bar$structure)
  if (!structure %in% covariance_names() || !structure_traits(structure)$distances) return(bar$lhs)
  right <- stats::terms(structure_formula(bar$lhs))
  variables <- as.list(attr(right, "variables"))[-1L]
  if (length(variables) == 0L || length(variables) != length(attr(right, "term.labels")) ||
      any(attr(right, "order") > 1L)) {
    return(bar$lhs)
  }
  values <- lapply(variables, function(v) tryCatch(eval(v, data, env), error = function(e) NULL))
  if (any(!vapply(values, is_place, NA))) {
    if (length(variables) > 1L || is.null(values[[1L]])) return(bar$lhs)
    return(call("+", 0, variables[[1L]]))
  }
  check_positions(values, bar)
  numbers <- Map(function(v, x) if (is.numeric(x)) v else call("as.numeric", v), variables, values)
  if (length(numbers) == 1L) return(call("+", 0, call("factor", numbers[[1L]])))
  place <- as.call(c(quote(paste), unname(numbers), sep = ","))
  call("+", 0, call("factor", call("paste0", "(", place, ")")))
}

structure_formula <- function(right) {
  structure(call("~", right), class = "formula", .Environment = baseenv())
}

is_place <- function(x) {
  is.null(dim(x)) && !is.factor(x) &&
    (is.numeric(x) || inherits(x, c("Date", "POSIXct", "difftime")))
}

check_positions <- function(values, bar) {
  count <- nrow(unique(data.frame(lapply(values, as.numeric))))
  if (count <= most_positions) return(invisible())
  stop_model(c("`{bar$label}` has {count} different positions, and a random effect for each in every
                group; {most_positions} are the most.",
               i = "Round the positions to fewer values."))
}
