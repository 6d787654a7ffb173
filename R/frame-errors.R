# Why a model frame or a design matrix could not be made. Only reached when base R has failed:
# the cause is looked for variable by variable, so that the message can name it.

explain_frame_error <- function(e, terms, data, parsed, n) {
  if (inherits(e, "tiers_error") || of_time_limit(e)) stop(e)
  env <- parsed$env
  variables <- as.list(attr(terms, "variables"))[-1L]
  response <- attr(terms, "response") == 1L
  of_response <- if (response) all.vars(variables[[1L]])
  for (name in all.vars(attr(terms, "variables"))) {
    check_variable_exists(name, data, env, name %in% of_response)
  }
  for (i in seq_along(variables)) {
    check <- if (response && i == 1L) parsed$check_response
    check_variable_value(variables[[i]], data, env, n, check)
  }
  if (grepl("missing values in object", conditionMessage(e), fixed = TRUE)) {
    stop_input(c("There are missing values and {.arg na.action} does not allow any.",
                 x = "{missing_counts(variables, data, env)}"), parent = e)
  }
  stop_input(c("The variables of the model cannot be put together.",
               x = "{conditionMessage(e)}"), parent = e)
}

# Base R warns of `x | g` or `f + 1` with a factor and makes every value missing. The warning is
# known by its call, since its text is translated.
refuse_factor_ops <- function(w) {
  call <- conditionCall(w)
  if (!is.call(call) || !identical(call[[1L]], quote(Ops.factor))) return(invisible())
  stop_input(c("The formula calculates with a factor.", x = "{conditionMessage(w)}.",
               i = "A bar term such as {.code (x | g)} must not stand inside of a function."),
             parent = w)
}

check_variable_exists <- function(name, data, env, response = FALSE) {
  if (name %in% names(data)) return(invisible())
  value <- tryCatch(get0(name, envir = env, ifnotfound = NULL), error = function(e) NULL)
  if (!is.null(value) && !is.function(value)) return(invisible())
  hint <- did_you_mean(name, names(data))
  if (is.null(data) || is.environment(data)) {
    stop_input(c("`{name}` not found.", i = "No {.arg data} were given."), variable = name)
  }
  check_wide_data(name, names(data), response)
  stop_input("`{name}` not in data{hint}", variable = name)
}

# `check`: for the response, what says whether its kind will do.
check_variable_value <- function(expr, data, env, n, check = NULL) {
  text <- text_of(expr)
  value <- tryCatch(suppressWarnings(eval(expr, data, env)), error = function(e) {
    stop_input(c("`{text}` cannot be evaluated.", x = "{conditionMessage(e)}",
                 i = formula_function_hint(expr)), variable = text, parent = e)
  })
  if (!is.null(check)) check(value, text)
  if (is.function(value) || is.language(value) || is.environment(value) ||
        is.list(value) || is.null(value)) {
    stop_input(c("`{text}` cannot be used in a model: it is of class {.cls {class(value)[1L]}}.",
                 i = formula_function_hint(expr) %||% variable_class_hint(value, text)),
               variable = text)
  }
  if (NROW(value) != n) {
    where <- if (is.name(expr) && !text %in% names(data)) {
      " (not in data, found in the formula's environment)"
    } else {
      ""
    }
    stop_input("`{text}` has length {NROW(value)}{where}, the other variables have {n}.",
               variable = text)
  }
}

missing_counts <- function(variables, data, env) {
  counts <- vapply(variables, function(expr) {
    value <- suppressWarnings(eval(expr, data, env))
    sum(if (is.matrix(value)) rowSums(is.na(value)) > 0 else is.na(value))
  }, 0)
  names(counts) <- vapply(variables, text_of, "")
  counts <- counts[counts > 0]
  paste0("missing values: ", paste0("`", names(counts), "` ", counts, collapse = ", "))
}

# The frame with its missing values; what R warns of has been told by then.
whole_frame <- function(args) {
  args$na.action <- stats::na.pass
  suppressWarnings(do.call(stats::model.frame.default, args))
}

explain_no_rows <- function(terms, args) {
  frame <- whole_frame(args)
  if (nrow(frame) == 0L) stop_input("The data have 0 rows.")
  counts <- missing_by_variable(args)
  detail <- paste0("`", names(counts), "` ", counts, collapse = ", ")
  stop_input(c("No complete rows: all {nrow(frame)} row{?s} {?has/have} a missing value.",
               x = "Missing values: {detail}."), missing_counts = counts)
}

# Numbers of missing values of the variables that have any, for the arguments of a model frame.
missing_by_variable <- function(args) {
  counts <- vapply(whole_frame(args), function(x) {
    sum(if (is.matrix(x)) rowSums(is.na(x)) > 0 else is.na(x))
  }, 0)
  counts <- counts[counts > 0]
  names(counts) <- gsub("^\\((.*)\\)$", "\\1", names(counts))
  # What is calculated from a variable is missing with it.
  by_variable <- vapply(names(counts), function(name) {
    inside <- tryCatch(all.vars(str2lang(name)), error = function(e) character())
    sum(counts[setdiff(inside, name)], na.rm = TRUE)
  }, 0)
  counts[counts > by_variable]
}

explain_design_error <- function(e, terms, frame, label) {
  where <- if (is.null(label)) "" else paste0(" in `", label, "`")
  own <- intersect(names(frame), rownames(attr(terms, "factors")))
  for (name in own) {
    x <- frame[[name]]
    if (is.complex(x) || is.raw(x)) {
      stop_input(c("`{name}`{where} is of type {.cls {typeof(x)}} and no covariate.",
                   i = if (is.complex(x)) "Use {.fn Re}, {.fn Im} or {.fn Mod} of it." else
                     "Use {.fn as.integer} of it."), variable = name)
    }
    if (!is.factor(x) && !is.character(x)) next
    levels <- unique(as.character(x))
    if (length(levels) < 2L) {
      stop_input(c("The factor `{name}`{where} has one level only ({.val {levels}}) in the rows
                    used.", i = "Leave it out, or use rows in which it varies."), variable = name)
    }
  }
  text <- conditionMessage(e)
  if (grepl("allocate", text, fixed = TRUE)) {
    rows <- nrow(frame)
    stop_memory(c("There is not enough memory for the design matrix{where} ({rows} rows).",
                  x = "{text}"), needed = NA_real_, available = NA_real_, parent = e)
  }
  stop_input(c("The design matrix{where} cannot be made.", x = "{text}"), parent = e)
}
