# One call of model.frame() collects everything that goes by rows: response, fixed variables,
# variables of the random bases, grouping variables, weights and offset.

# weights, offset and subset as the user means them: looked up in the data, then in the formula's
# environment, as lm() does; failing that, in the data and the caller's environment, and last as an
# ordinary argument (`value` is forced only then).
row_argument <- function(expr, value, name, data, env, caller) {
  if (is.null(expr) || !is.language(expr)) return(expr)
  for (enclosure in list(env, caller)) {
    found <- found_in(expr, name, data, enclosure)
    if (inherits(found, "error") || is.function(found)) next
    if (!identical(enclosure, caller)) note_other(expr, found, name, data, caller)
    return(found)
  }
  tryCatch(value, error = function(e) {
    stop_input(c("{.arg {name}} cannot be evaluated.", x = "{conditionMessage(e)}"), parent = e)
  })
}

# All three; `weights`, `offset` and `subset` stay promises until they are needed.
found_in <- function(expr, name, data, enclosure) {
  tryCatch(with_data_warnings(eval(expr, data, enclosure), "{.arg {name}}: ", environment()),
           error = identity)
}

# Where the caller has another variable of the same name, which one is used must be said.
note_other <- function(expr, found, name, data, caller) {
  if (all(all.vars(expr) %in% names(data))) return(invisible())
  other <- suppressWarnings(found_in(expr, name, data, caller))
  if (inherits(other, "error") || is.function(other) || identical(other, found)) return(invisible())
  inform("tiers_message_arguments", c(
    "{.arg {name}}: there are two different {.code {text_of(expr)}}. That of the formula's
     environment is used, as in {.fn lm}, not that of the function that called.",
    i = "Put it into the data, or give it another name."))
}

row_arguments <- function(typed, weights, offset, subset, data, env, caller) {
  list(weights = row_argument(typed$weights, weights, "weights", data, env, caller),
       offset = row_argument(typed$offset, offset, "offset", data, env, caller),
       subset = row_argument(typed$subset, subset, "subset", data, env, caller),
       exprs = as.list(typed[c("weights", "offset")]))
}

row_count <- function(parsed, data) {
  if (is.data.frame(data)) return(nrow(data))
  # What R warns of is told when the frame is made.
  response <- tryCatch(suppressWarnings(eval(parsed$formula[[2L]], data, parsed$env)),
                       error = function(e) NULL)
  NROW(response)
}

# `rows` (weights, offset, subset) checked against the number of rows of the data.
check_row_arguments <- function(rows, n, data) {
  for (name in c("weights", "offset")) {
    value <- rows[[name]]
    if (is.null(value)) next
    if (is.matrix(value) && ncol(value) == 1L) value <- value[, 1L]
    if (!(is.numeric(value) || is.logical(value)) || is.factor(value) || !is.null(dim(value))) {
      stop_input("{.arg {name}} must be a numeric vector, not {.cls {class(value)[1L]}}.")
    }
    if (length(value) != n) {
      stop_input(c("{.arg {name}} has length {length(value)}, the data have {n} row{?s}.",
                   i = if (inherits(value, "varFunc")) "Variance functions of nlme are not available
                       in this version of tiers; {.arg weights} are numbers, one a row."))
    }
    rows[[name]] <- as.double(value)
    bad <- which(is.infinite(rows[[name]]) | is.nan(rows[[name]]))
    if (length(bad) > 0L) {
      n_bad <- length(bad)
      stop_input("`{name}` has {n_bad} infinite or undefined value{?s}
                  ({cli::qty(n_bad)}row{?s} {first_rows(bad)}).", rows = bad)
    }
  }
  if (!is.null(rows$subset)) rows$subset <- subset_rows(rows$subset, n, data)
  rows
}

# `subset` as row numbers; a missing value selects nothing.
subset_rows <- function(subset, n, data) {
  if (is.logical(subset) && length(subset) %in% c(1L, n)) {
    selected <- which(rep_len(subset, n))
  } else if (is.numeric(subset) && all(abs(subset) <= n, na.rm = TRUE)) {
    selected <- seq_len(n)[subset[!is.na(subset)]]
  } else if (is.character(subset) && is.data.frame(data) && all(subset %in% row.names(data))) {
    selected <- match(subset, row.names(data))
  } else {
    stop_input(c("{.arg subset} does not fit the data, which have {n} row{?s}.",
                 i = "It must be a condition on the rows, or row numbers."))
  }
  if (length(selected) == 0L) stop_input("{.arg subset} selects 0 rows.")
  selected
}

# The frame and all that is read off it. `terms` is the fixed part with what predict() needs;
# `bars` come back with the terms of their bases, `dispersion` with its own where there is one.
collect_frame <- function(parsed, data, rows, na.action) {
  n <- row_count(parsed, data)
  if (n == 0L && is.data.frame(data)) stop_input("{.arg data} has 0 rows.")
  rows <- check_row_arguments(rows, n, data)
  bars <- lapply(parsed$bars, add_basis_terms, data = data, env = parsed$env)
  all_terms <- frame_terms(parsed$fixed, bars, parsed$dispersion, parsed$residual$exprs)
  frame <- evaluate_frame(all_terms, data, rows, na.action, parsed, n)
  full <- attr(frame, "terms")
  variables <- raw_variables(all_terms, data, parsed$env, n)
  exprs <- c(list(parsed$formula, parsed$dispersion, rows$exprs$offset), parsed$residual$exprs)
  env <- slim_environment(parsed$env, exprs, c(variables, names(frame)), n)
  terms <- with_prediction_info(parsed$fixed, full, env)
  dispersion <- parsed$dispersion
  if (!is.null(dispersion)) dispersion <- with_prediction_info(dispersion, full, env)
  bars <- lapply(bars, function(bar) {
    if (!is.null(bar$basis_terms)) {
      bar$basis_terms <- with_prediction_info(bar$basis_terms, full, env)
    }
    bar
  })
  na_action <- attr(frame, "na.action")
  missing <- attr(frame, "missing")
  attr(frame, "missing") <- NULL
  attr(frame, "terms") <- terms
  held <- attr(data, "held")
  used <- rows_in_frame(rows$subset, na_action, n)
  frame <- with_marked_response(frame, held, used, n)
  list(frame = frame, terms = terms, bars = bars, dispersion = dispersion, env = env,
       na.action = na_action, missing = missing,
       variables = variables, n_data = n, used = used,
       raw_data = raw_columns(variables, frame, data, parsed$env, used),
       data = keep_data(data, frame, rows, variables, parsed$env, used, n),
       local = local_variables(variables, data, parsed$env),
       refitted = !is.null(held))
}

add_basis_terms <- function(bar, data, env) {
  if (identical(bar$lhs, 1)) return(bar)
  right <- tryCatch(
    stats::terms(structure_formula(positional_basis(bar, data, env))),
    error = function(e) {
      stop_formula(c("`{bar$label}` cannot be read.", x = "{conditionMessage(e)}"), parent = e)
    })
  if (!is.null(attr(right, "offset"))) {
    stop_formula("`{bar$label}`: an offset belongs in the fixed part of the formula.")
  }
  if (length(attr(right, "term.labels")) == 0L) {
    if (attr(right, "intercept") == 1L) return(bar)
    stop_formula("`{bar$label}` has no column: write 1 or a variable before the bar.")
  }
  bar$basis_terms <- right
  bar
}

# Terms of the fixed part whose variables go on with those of the bars, of the dispersion and with
# those (expressions) of the residual structure: all
# that model.frame() looks at. The fixed variables stay first, so positions (of offsets) remain
# true.
frame_terms <- function(fixed, bars, dispersion = NULL, others = NULL) {
  variables <- as.list(attr(fixed, "variables"))[-1L]
  for (bar in bars) {
    if (!is.null(bar$basis_terms)) {
      variables <- c(variables, as.list(attr(bar$basis_terms, "variables"))[-1L])
    }
    variables <- c(variables, bar$component_exprs)
  }
  if (!is.null(dispersion)) {
    variables <- c(variables, as.list(attr(dispersion, "variables"))[-1L])
  }
  variables <- c(variables, others)
  variables <- variables[!duplicated(vapply(variables, text_of, ""))]
  attr(fixed, "variables") <- as.call(c(quote(list), variables))
  fixed
}

evaluate_frame <- function(terms, data, rows, na.action, parsed, n) {
  check_offsets_defined(terms, data, rows$subset, parsed$env)
  args <- list(formula = terms, data = data, subset = rows$subset, na.action = na.action,
               drop.unused.levels = TRUE)
  if (is.null(data)) args$data <- parsed$env
  if (is.null(rows$subset)) args$subset <- NULL
  args$weights <- rows$weights
  args$offset <- rows$offset
  frame <- tryCatch(
    with_data_warnings(
      withCallingHandlers(do.call(stats::model.frame.default, args), warning = refuse_factor_ops),
      "The variables of the model: "),
    error = function(e) explain_frame_error(e, terms, data, parsed, n))
  if (nrow(frame) == 0L) explain_no_rows(terms, args)
  if (length(attr(frame, "na.action"))) attr(frame, "missing") <- missing_by_variable(args)
  for (i in attr(terms, "offset")) {
    check_offset_term(frame[[i]], attr(terms, "variables")[[i + 1L]])
  }
  frame
}

# What makepredictcall() recorded, for the variables of one part of the model.
with_prediction_info <- function(terms, full, env) {
  all_variables <- attr(full, "variables")
  own <- match(vapply(as.list(attr(terms, "variables"))[-1L], text_of, ""),
               vapply(as.list(all_variables)[-1L], text_of, ""))
  predvars <- attr(full, "predvars")
  attr(terms, "predvars") <- predvars[c(1L, own + 1L)]
  attr(terms, "dataClasses") <- attr(full, "dataClasses")[own]
  attr(terms, ".Environment") <- env
  terms
}

# The variables' own data -----------------------------------------------------------------------

# Names of the data variables that the formula is written in. Constants that only sit in the
# environment (`poly(x, degree)`) are not among them.
raw_variables <- function(terms, data, env, n) {
  names_used <- all.vars(attr(terms, "variables"))
  in_data <- names_used %in% names(data)
  if (all(in_data)) return(names_used)
  elsewhere <- vapply(names_used[!in_data], function(name) {
    value <- get0(name, envir = env, ifnotfound = NULL)
    !is.null(value) && !is.function(value) && NROW(value) == n && n > 1L
  }, NA)
  c(names_used[in_data], names_used[!in_data][elsewhere])
}

# Columns for the variables that the frame holds only in transformed shape.
raw_columns <- function(variables, frame, data, env, used) {
  wanted <- setdiff(variables, names(frame))
  if (length(wanted) == 0L) return(NULL)
  columns <- lapply(wanted, function(name) {
    take_rows(if (name %in% names(data)) data[[name]] else get(name, envir = env), used)
  })
  stats::setNames(columns, wanted)
}

# The model in numbers: response, fixed design and random terms, added to what collect_frame()
# returned.
build_model <- function(kind, parsed, model, contrasts) {
  frame <- model$frame
  check_contrasts(contrasts, frame)
  labels <- frame_row_labels(frame)
  model$response <- kind_response(kind, frame, parsed$response, labels)
  X <- design_matrix(model$terms, frame, contrasts)
  model$xlevels <- stats::.getXlevels(model$terms, frame)
  model$contrasts <- contrast_matrices(X, frame)
  model$X <- plain_matrix(X)
  check_matrix(model$X, labels)
  model$built <- lapply(model$bars, random_term, frame = frame, contrasts = contrasts)
  model$random_terms <- lapply(model$built, `[[`, "term")
  for (built in model$built) check_matrix(built$basis, labels, built$term)
  if (!is.null(model$dispersion)) model <- build_dispersion(model, contrasts, labels)
  check_offset(frame, labels)
  environment(parsed$formula) <- model$env
  model$formula <- parsed$formula
  model
}

# The design of the log dispersion parameter, with all that predict() needs.
build_dispersion <- function(model, contrasts, labels) {
  terms <- model$dispersion
  Z <- design_matrix(terms, model$frame, contrasts, "dispersion")
  stored <- list(terms = terms, xlevels = stats::.getXlevels(terms, model$frame),
                 contrasts = contrast_matrices(Z, model$frame), columns = colnames(Z))
  Z <- plain_matrix(Z)
  check_matrix(Z, labels)
  check_dispersion_rank(Z)
  model$dispersion <- stored
  model$dispersion_matrix <- Z
  model
}

# The fixed design ------------------------------------------------------------------------------

design_matrix <- function(terms, frame, contrasts, label = NULL) {
  # To model.matrix() the bits of integer64 are those of other numbers. Grouping variables of this
  # class stay as they are.
  for (name in intersect(names(frame), rownames(attr(terms, "factors")))) {
    if (inherits(frame[[name]], "integer64")) frame[[name]] <- plain_integer64(frame[[name]], name)
  }
  if (length(contrasts) > 0L) {
    contrasts <- contrasts[names(contrasts) %in% rownames(attr(terms, "factors"))]
    if (length(contrasts) == 0L) contrasts <- NULL
  }
  tryCatch(with_data_warnings(
    stats::model.matrix.default(terms, frame, contrasts.arg = contrasts), "The design matrix: "),
           error = function(e) explain_design_error(e, terms, frame, label))
}

# Contrasts as matrices, so that a change of options(contrasts) does not reach the fit.
contrast_matrices <- function(X, frame) {
  used <- attr(X, "contrasts")
  if (is.null(used)) return(NULL)
  for (name in names(used)) {
    if (is.matrix(used[[name]])) next
    variable <- frame[[name]]
    if (!is.factor(variable)) {
      variable <- if (is.logical(variable)) factor(variable, c(FALSE, TRUE)) else factor(variable)
    }
    attr(variable, "contrasts") <- used[[name]]
    used[[name]] <- stats::contrasts(variable)
  }
  used
}

# A design matrix without what model.matrix() hangs on it; column names stay.
plain_matrix <- function(X) {
  attr(X, "assign") <- attr(X, "contrasts") <- NULL
  dimnames(X) <- list(NULL, colnames(X))
  X
}

check_contrasts <- function(contrasts, frame) {
  if (is.null(contrasts)) return(invisible())
  if (!is.list(contrasts) || is.null(names(contrasts))) {
    stop_input(c("{.arg contrasts} must be a named list.",
                 i = "For example {.code contrasts = list(treatment = \"contr.sum\")}."))
  }
  unknown <- setdiff(names(contrasts), names(frame))
  if (length(unknown) > 0L) {
    hint <- did_you_mean(unknown[1L], names(frame))
    stop_input("{.arg contrasts} names `{unknown[1L]}`, which is not in the model{hint}")
  }
  for (name in names(contrasts)) {
    coding <- contrasts[[name]]
    if (!is.character(coding) || length(coding) != 1L) next
    # Where base R looks for it.
    if (exists(coding, envir = asNamespace("stats"), mode = "function")) next
    hint <- did_you_mean(coding, paste0("contr.", c("treatment", "sum", "helmert", "poly", "SAS")))
    stop_input("{.arg contrasts} for `{name}`: there is no function {.code {coding}}{hint}",
               variable = name)
  }
}
