# The call of a fit that is made again with something changed: where its data and arguments come
# from. update() evaluates the call again in the caller's frame, as R does, and takes what the fit
# has kept for what is not to be found there. Searches and fits to another response take the rows
# and the response that the fit holds (`held`), whatever the names in the call mean by then.

# `change` of the formula (or NULL) and `changes` of other arguments, as the user's frame `caller`
# means them.
update_in <- function(fit, change, changes, caller, evaluate = TRUE,
                      held = isTRUE(fit$refitted) && !"data" %in% names(changes)) {
  call <- fit$call
  call$formula <- full_formula(fit)
  if (!is.null(change)) call$formula <- changed_formula(expanded_formula(fit), change)
  for (name in names(changes)) call[name] <- list(changes[[name]])
  asked <- call
  call[[1L]] <- fitting_function(call[[1L]], caller)
  unchanged <- setdiff(names(call)[-1L], c(names(changes), "formula"))
  call <- with_arguments(call, fit, unchanged, caller, held)
  call <- if (held) {
    with_held_data(call, fit, unchanged, caller)
  } else if (!"data" %in% names(changes)) {
    with_meant_data(call, fit, unchanged, caller)
  } else {
    environment(call$formula) <- supplied_environment(call$formula, fit, list(), caller)
    call
  }
  if (!evaluate) return(call)
  as_asked(eval_with_stored(call, fit, caller), call, asked, fit)
}

# The fit with the call as the user would type it, and with what its names stood for.
as_asked <- function(made, call, asked, fit) {
  replaced <- Filter(function(name) !identical(call[[name]], asked[[name]]),
                     c("data", "weights", "offset", "subset"))
  made$local <- union(made$local,
                      intersect(fit$local, unlist(lapply(as.list(asked[replaced]), all.vars))))
  made$call <- light_call(asked, as.character(asked[[1L]]), list())
  made$data_name <- data_name_of(asked)
  if (is.null(fit$data) && "data" %in% replaced && nrow(made$frame) == nrow(fit$frame)) {
    made[c("na.action", "n_dropped")] <- list(fit$na.action, fit$n_dropped)
  }
  made
}

# The formula with `.` written out, as it was understood.
expanded_formula <- function(fit) {
  formula <- full_formula(fit)
  if (!"." %in% all.vars(formula[[3L]])) return(formula)
  bars <- split_bars(formula[[3L]], environment(formula))$bars
  formula[[3L]] <- with_bars(stats::formula(fit$terms)[[3L]], bars)
  formula
}

# Frames ----------------------------------------------------------------------------------------

# Searches compare fits, which must all be to the same data.
is_search <- function(frame) environmentName(topenv(frame)) %in% c("stats", "MASS")

# The frame that the user called from: a search of stats or MASS may stand between.
user_frame <- function(frame) {
  for (i in seq_len(sys.nframe())) {
    if (!is_search(frame)) break
    frame <- do.call(parent.frame, list(), envir = frame)
  }
  frame
}

# The fitting function itself, also where the package is not attached in the caller.
fitting_function <- function(name, caller) {
  if (is.symbol(name) && !exists(as.character(name), envir = caller, mode = "function")) {
    return(get(as.character(name), envir = topenv(), mode = "function"))
  }
  name
}

# Arguments that do not go by rows ---------------------------------------------------------------

# Unchanged arguments whose expressions cannot be evaluated any more (in a `held` fit all) as values
# that the fit has. A start is for the model that it was made for.
with_arguments <- function(call, fit, unchanged, caller, held) {
  if ("family" %in% unchanged) call <- with_usable_family(call, fit, caller)
  stored <- stored_arguments(fit, call)
  for (name in intersect(unchanged, names(stored))) {
    if (!held && (!is.language(call[[name]]) || evaluates(call[[name]], fit, caller))) next
    call[[name]] <- stored[[name]]
    if (name == "method") call$nAGQ <- stored$nAGQ
  }
  call
}

evaluates <- function(expr, fit, caller) {
  if (!names_hold(expr, fit, caller)) return(FALSE)
  found <- tryCatch(eval(expr, caller), error = identity)
  !inherits(found, "error") && !is.function(found)
}

stored_arguments <- function(fit, call) {
  used <- all.vars(call$formula)
  contrasts <- fit$contrasts[vapply(names(fit$contrasts), function(name) {
    tryCatch(all(all.vars(str2lang(name)) %in% used), error = function(e) name %in% used)
  }, NA)]
  held <- fit$constraints$held
  if (!is.null(held)) names(held) <- fit$parameters$name
  same <- split(fit$parameters$name, fit$parameters$equal)
  list(REML = fit$REML, control = fit$control, contrasts = if (length(contrasts)) contrasts,
       start = NULL, method = NULL, nAGQ = stored_points(fit), fix = held[!is.na(held)],
       equal = unname(same[lengths(same) > 1L]),
       dispersion = if (is.null(fit$dispersion$terms)) ~ 1 else {
         stats::formula(fit$dispersion$terms)
       })
}

# Numbers of quadrature points as `nAGQ` has them.
stored_points <- function(fit) {
  if (isTRUE(fit$automatic)) return("auto")
  points <- unique(fit$points)
  if (length(points) == 0L) return(1L)
  if (length(points) == 1L) return(points)
  stats::setNames(fit$points, term_groups(fit))
}

# The family as typed where it can still be evaluated, otherwise that of the fit.
with_usable_family <- function(call, fit, caller) {
  if (is.null(call$family)) return(call)
  found <- tryCatch(read_family(eval(call$family, caller), call$family, caller),
                    error = function(e) NULL)
  known <- c("name", "link")
  if (!identical(found[known], fit$family[known])) call$family <- stats::family(fit)
  call
}

# Data as R finds them, or kept -------------------------------------------------------------------

with_meant_data <- function(call, fit, unchanged, caller) {
  found <- found_data(call, fit, caller)
  if (is.null(fit$data)) {
    holds <- !is.null(found) && all(vapply(intersect(c("weights", "offset"), unchanged),
      function(name) argument_holds(call[[name]], fit, found, environment(call$formula), caller),
      NA))
    return(if (holds) with_outside(call, fit, unchanged, found, caller) else {
      with_stored_data(call, fit, caller)
    })
  }
  if (is.null(found)) {
    found <- kept_data(fit)
    call$data <- found
  } else if (!is.null(call$data)) {
    inform_changed_data(found, fit)
  }
  with_outside(call, fit, unchanged, found, caller)
}

# What the name of the data stands for, if that can be what the fit was made from: a name such as
# `df` or `.x` may find a function, or a list of fits.
found_data <- function(call, fit, caller) {
  if (is.null(call$data)) return(found_vectors(call$formula, fit, caller))
  if (!names_hold(call$data, fit, caller)) return(NULL)
  found <- tryCatch(eval(call$data, caller), error = function(e) NULL)
  if (!(is.list(found) || is.environment(found)) || inherits(found, "tiers_fit")) return(NULL)
  if (isTRUE(fit$data$framed) && !is.data.frame(found)) return(NULL)
  columns <- if (is.null(fit$data)) fit$variables else names(fit$data$columns)
  if (all(intersect(all.vars(call$formula), columns) %in% names(found))) found
}

# Without `data` the variables are vectors. Those that the fit has kept need not be found.
found_vectors <- function(formula, fit, caller) {
  names <- setdiff(all.vars(formula), names(fit$data$outside))
  found <- vapply(names, function(name) {
    names_hold(as.name(name), fit, caller) &&
      (exists(name, envir = environment(formula)) || exists(name, envir = caller))
  }, NA)
  if (all(found)) list()
}

inform_changed_data <- function(found, fit) {
  columns <- kept_part(fit, "columns")
  columns <- columns[intersect(fit$variables, names(columns))]
  same <- all(vapply(names(columns), function(name) identical(found[[name]], columns[[name]]), NA))
  if (same) return(invisible())
  inform("tiers_message_data", c(
    "`{fit$data_name}` is not what it was when the model was fitted: {.fn update} takes it as it is
     now.",
    "i" = "With {.code data = getData(fit)} it takes the rows of the fit."))
}

# Variables, weights, offset and subset that are not to be found any more, from the fit.
with_outside <- function(call, fit, unchanged, data, caller) {
  outside <- kept_part(fit, "outside")
  env <- supplied_environment(call$formula, fit, outside, caller)
  for (name in intersect(c("weights", "offset"), unchanged)) {
    column <- paste0("(", name, ")")
    if (is.null(outside[[column]])) next
    if (argument_holds(call[[name]], fit, data, env, caller)) next
    call[[name]] <- as.name(column)
    assign(column, outside[[column]], envir = env)
  }
  if ("subset" %in% unchanged && !is.null(fit$data$selected) &&
        !argument_holds(call$subset, fit, data, env, caller)) {
    call$subset <- fit$data$selected
  }
  environment(call$formula) <- env
  call
}

argument_holds <- function(expr, fit, data, env, caller) {
  if (!is.language(expr)) return(TRUE)
  if (!names_hold(expr, fit, caller, names(data))) return(FALSE)
  for (enclosure in list(env, caller)) {
    found <- tryCatch(eval(expr, data, enclosure), error = identity)
    if (!inherits(found, "error") && !is.function(found)) return(TRUE)
  }
  FALSE
}

# An environment for the formula in which its variables are found that are no columns of the data:
# as they stand in the caller's frame, or else in `outside`.
supplied_environment <- function(formula, fit, outside, caller) {
  env <- new.env(parent = environment(formula))
  for (name in setdiff(all.vars(formula), ".")) {
    holds <- names_hold(as.name(name), fit, caller) &&
      (exists(name, envir = environment(formula)) || exists(name, envir = caller))
    if (name %in% names(outside) && !holds) {
      assign(name, outside[[name]], envir = env)
    } else if (!exists(name, envir = environment(formula))) {
      value <- get0(name, envir = caller)
      if (!is.null(value) && !is.function(value)) assign(name, value, envir = env)
    }
  }
  env
}

# Data as the fit holds them ---------------------------------------------------------------------

# The rows and the response of the fit. collect_frame() reads the mark `held`.
with_held_data <- function(call, fit, unchanged, caller) {
  data <- kept_data(fit)
  whole <- !is.null(data)
  if (!whole) data <- fit_variables(fit)
  used <- fit$data$used
  outside <- kept_part(fit, "outside")
  env <- supplied_environment(call$formula, fit, outside, caller)
  for (name in names(outside)) assign(name, outside[[name]], envir = env)
  place <- if (!is.null(used)) replace(rep(NA_integer_, fit$data$n), used, seq_along(used))
  for (name in intersect(c("weights", "offset"), unchanged)) {
    column <- paste0("(", name, ")")
    if (is.null(fit$frame[[column]])) next
    call[[name]] <- as.name(column)
    assign(column, take_rows(fit$frame[[column]], place), envir = env)
  }
  if (!whole) {
    call$subset <- stored_rows(call, fit, data, caller)
  } else if ("subset" %in% unchanged) {
    call$subset <- fit$data$selected
  }
  if (!"na.action" %in% names(call) || "na.action" %in% unchanged) {
    call$na.action <- held_na_action(fit$na.action)
  }
  if (isTRUE(fit$refitted)) data <- with_held_response(data, fit, call$formula, used)
  call$data <- data
  environment(call$formula) <- env
  call
}

# The response of a refit beside the data or, where the left side of the formula is another one now,
# in their columns.
with_held_response <- function(data, fit, formula, used) {
  left <- full_formula(fit)[[2L]]
  if (identical(formula[[2L]], left)) {
    attr(data, "held") <- list(rows = used, response = fit$frame[[1L]])
    return(data)
  }
  data <- with_new_response(data, fit, used)
  lost <- Filter(function(name) all(is.na(data[[name]])), intersect(all.vars(left), names(data)))
  if (length(lost)) {
    stop_input(c("The new response of {.fn refit_response} is one of `{text_of(left)}`; what
                  `{lost[1L]}` would be is not known.",
                 "i" = "Give {.fn update} the data: {.code data = }."))
  }
  attr(data, "held") <- list(rows = used)
  data
}

# Leaves out the rows that the fit left out, and others with missing values.
held_na_action <- function(omitted) {
  function(object, ...) {
    incomplete <- attr(stats::na.omit(object), "na.action")
    labels <- row.names(object)
    out <- sort(union(as.integer(incomplete), which(labels %in% names(omitted))))
    if (length(out) == 0L) return(object)
    kept <- object[-out, , drop = FALSE]
    attr(kept, "na.action") <- structure(out, names = labels[out],
                                         class = if (is.null(omitted)) "omit" else class(omitted))
    kept
  }
}

# The frame with the response that the data were marked with.
with_marked_response <- function(frame, held, used, n) {
  if (is.null(held$response)) return(frame)
  used <- if (is.null(used)) seq_len(n) else used
  at <- if (is.null(held$rows)) used else match(used, held$rows)
  if (anyNA(at)) {
    stop_input(c("The response was replaced by {.fn refit_response} for the rows of that fit only:
                  {.arg subset} asks for others.",
                 "i" = "Give {.fn update} the data: {.code data = }."))
  }
  frame[[1L]] <- take_rows(held$response, at)
  frame
}

# Data that were not kept ------------------------------------------------------------------------

# The call with the stored data, which are the variables of the formula for the rows used; weights
# and offset of the fit are columns of them.
with_stored_data <- function(call, fit, caller) {
  data <- fit_data(fit)
  for (argument in c("weights", "offset")) {
    column <- paste0("(", argument, ")")
    as_before <- identical(call[[argument]], fit$call[[argument]])
    if (!as_before || is.null(fit$frame[[column]])) next
    data[[column]] <- fit$frame[[column]]
    call[[argument]] <- as.name(column)
  }
  call$subset <- stored_rows(call, fit, data, caller)
  call$data <- data
  call
}

# The rows of the stored data that a new `subset` means; NULL for all of them. Row numbers count the
# rows of the fit's own data, of which those with missing values are not stored.
stored_rows <- function(call, fit, data, caller) {
  subset <- call$subset
  if (identical(subset, fit$call$subset)) return(NULL)
  if (!is.null(fit$call$subset)) {
    stop_input(c("{.arg subset} cannot be changed: the data of the call (`{fit$data_name}`) cannot
                  be found, and the fit has kept no rows outside of its own subset.",
                 "i" = "Give {.fn update} the data: {.code data = }."))
  }
  rows <- row_argument(subset, stop("The data of the call cannot be found, and the fit has kept ",
                                    "only the variables of its formula."),
                       "subset", data, environment(call$formula), caller)
  omitted <- as.integer(fit$na.action)
  n <- nrow(data)
  if (length(omitted) == 0L || any(all.vars(subset) %in% names(data))) {
    return(subset_rows(rows, n, data))
  }
  if (is.character(rows)) return(subset_rows(setdiff(rows, names(fit$na.action)), n, data))
  kept <- seq_len(n + length(omitted))[-omitted]
  which(kept %in% subset_rows(rows, n + length(omitted), data))
}

eval_with_stored <- function(call, fit, caller) {
  tryCatch(eval(call, caller), tiers_error_input = function(e) {
    name <- e$variable
    kept <- !is.null(fit$data) || is.language(call$data) || is.null(name) ||
      name %in% names(call$data) || !name %in% all.vars(call$formula)
    if (kept) stop(e)
    stop_input(c(
      "`{name}` is not among the variables that the fit has kept, and the data of the call
       (`{fit$data_name}`) cannot be found any more.",
      "i" = "Give {.fn update} the data: {.code data = }."
    ), variable = name, parent = e)
  })
}
