# The data that a fit keeps: those that it was given, so that what repeats or changes the fit does
# not depend on what their name means by then. Nothing is copied; rows are those of the data as
# given, and `used` says which of them are in the frame.

# What new_fit() stores. `outside` are variables and arguments, one value a row, that did not come
# from the data. Columns that the frame has as they stand are stored only there: a saved fit would
# have them twice. Class and other attributes of the data are not kept, they can hold environments.
keep_data <- function(data, frame, rows, variables, env, used, n) {
  if (is.environment(data)) data <- mget(intersect(variables, names(data)), envir = data)
  columns <- lapply(stats::setNames(seq_along(data), names(data)), function(j) .subset2(data, j))
  if (!is.data.frame(data)) {
    columns <- columns[vapply(columns, NROW, 1L) == n | names(columns) %in% variables]
  }
  outside <- setdiff(variables, names(columns))
  outside <- lapply(stats::setNames(nm = outside), function(name) get(name, envir = env))
  for (name in c("weights", "offset")) {
    value <- rows[[name]]
    if (is.null(value) || comes_from(rows$exprs[[name]], columns, value)) next
    outside[[paste0("(", name, ")")]] <- value
  }
  kept <- list(columns = columns, outside = outside, framed = is.data.frame(data), n = n,
               row_names = if (is.data.frame(data)) .row_names_info(data, 0L) else c(NA, -n),
               selected = rows$subset, used = used)
  if (is.null(used)) {
    for (part in c("columns", "outside")) {
      shared <- vapply(names(kept[[part]]), function(name) {
        name %in% names(frame) && identical(.subset2(frame, name), kept[[part]][[name]])
      }, NA)
      kept[[part]][shared] <- list(NULL)
    }
  }
  kept
}

# A data.table is changed in place by its own functions (`:=`, setorder()): of its columns the fit
# needs copies. Giving an element its own value makes R copy a column that has another name too.
unshared_data <- function(data) {
  if (!inherits(data, "data.table")) return(data)
  columns <- lapply(stats::setNames(seq_along(data), names(data)), function(j) {
    column <- .subset2(data, j)
    class <- oldClass(column)
    oldClass(column) <- NULL
    if (length(column) > 0L) column[[1L]] <- column[[1L]]
    oldClass(column) <- class
    column
  })
  as_kept_frame(columns, nrow(data), .row_names_info(data, 0L))
}

# Does an argument give this value for the columns of the data alone?
comes_from <- function(expr, columns, value) {
  if (!is.language(expr)) return(FALSE)
  found <- tryCatch(suppressWarnings(as.double(eval(expr, columns, baseenv()))),
                    error = function(e) NULL)
  identical(found, value)
}

# Row numbers of the data that are in the frame; NULL for all.
rows_in_frame <- function(selected, na_action, n) {
  if (is.null(na_action)) return(selected)
  if (is.null(selected)) selected <- seq_len(n)
  selected[-as.integer(na_action)]
}

# The columns that were given, and the values from elsewhere, with those that only the frame has.
# After refit_response() the frame has the new response.
kept_part <- function(fit, part) {
  values <- fit$data[[part]]
  shared <- vapply(values, is.null, NA)
  values[shared] <- lapply(names(values)[shared], function(name) .subset2(fit$frame, name))
  values
}

# The data of the fit as a data frame (as a list where they were one of different lengths); NULL
# where they were not kept.
kept_data <- function(fit) {
  if (is.null(fit$data)) return(NULL)
  columns <- kept_part(fit, "columns")
  if (length(columns) == 0L) columns <- kept_part(fit, "outside")
  as_kept_frame(columns, fit$data$n, fit$data$row_names)
}

as_kept_frame <- function(columns, n, row_names) {
  if (any(vapply(columns, NROW, 1L) != n)) return(columns)
  structure(columns, class = "data.frame", row.names = row_names)
}

take_rows <- function(x, rows) {
  if (is.null(rows)) return(x)
  if (length(dim(x)) == 2L) x[rows, , drop = FALSE] else x[rows]
}

# The variables that the formula is written in, for the rows of the fit and with its response: what
# getData() gives. Columns of the frame that are variables as they stand are shared with it.
fit_data <- function(fit) {
  data <- fit_variables(fit)
  if (isTRUE(fit$refitted)) with_new_response(data, fit, NULL) else data
}

# The same, but that a transformed response is the one before refit_response().
fit_variables <- function(fit) {
  frame <- fit$frame
  special <- c("(weights)", "(offset)")
  out <- frame[intersect(fit$variables, setdiff(names(frame), special))]
  attr(out, "terms") <- NULL
  raw <- fit$raw_data
  if (!is.null(fit$data)) {
    data <- c(kept_part(fit, "columns"), kept_part(fit, "outside"))
    raw <- lapply(data[setdiff(fit$variables, names(out))], take_rows, rows = fit$data$used)
  }
  for (name in names(raw)) out[[name]] <- raw[[name]]
  out
}

# `data` with the response of the fit in the columns that the left side of the formula is made of;
# `used` are the rows of the fit, others have none. What the response does not determine is NA.
with_new_response <- function(data, fit, used) {
  formula <- full_formula(fit)
  left <- formula[[2L]]
  names <- intersect(all.vars(left), names(data))
  here <- lapply(stats::setNames(nm = names), function(name) take_rows(data[[name]], used))
  solved <- solve_response(left, fit$frame[[1L]], here, environment(formula))
  if (is.null(solved)) {
    solved <- lapply(here[setdiff(names, all.vars(formula[[3L]]))], take_rows,
                     rows = rep(NA_integer_, nrow(fit$frame)))
  }
  place <- if (!is.null(used)) replace(rep(NA_integer_, fit$data$n), used, seq_along(used))
  for (name in names(solved)) data[[name]] <- take_rows(solved[[name]], place)
  data
}

# Names -----------------------------------------------------------------------------------------

# Variables of the arguments that stood in a function's own frame when the model was fitted (and
# not in the workspace or a package): when that is gone, a global object of the same name is another
# one.
local_names <- function(call, data, caller) {
  arguments <- as.list(call)[-1L]
  by_rows <- names(arguments) %in% c("weights", "offset", "subset", "residual")
  variables <- function(arguments) unlist(lapply(unname(arguments), all.vars))
  is_local <- function(name) {
    home <- home_of(name, caller)
    !is.null(home) && !is_lasting(home)
  }
  others <- variables(arguments[!by_rows & names(arguments) != "formula"])
  Filter(is_local, unique(c(others, setdiff(variables(arguments[by_rows]), names(data)))))
}

# The same for variables of the formula that are no columns of the data.
local_variables <- function(variables, data, env) {
  Filter(function(name) {
    home <- home_of(name, env)
    !is.null(home) && !is_lasting(home)
  }, setdiff(variables, names(data)))
}

# The environment in which a name is defined as seen from `env`; NULL if nowhere.
home_of <- function(name, env) {
  while (!identical(env, emptyenv())) {
    if (exists(name, envir = env, inherits = FALSE)) return(env)
    env <- parent.env(env)
  }
  NULL
}

# Do the names in an expression (those of `columns` aside) still stand for what they stood for, as
# far as names can tell? One that is nowhere may be a column, as in `subset(d, x > 0)`.
names_hold <- function(expr, fit, caller, columns = character()) {
  names <- intersect(setdiff(all.vars(expr), columns), fit$local)
  all(vapply(names, function(name) {
    home <- home_of(name, caller)
    !is.null(home) && !is_lasting(home)
  }, NA))
}
