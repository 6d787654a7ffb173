# The formula: from what the user typed to a fixed part (base R's terms) and a list of bar terms.
#
# parse_formula() -> list(formula, env, response, fixed, bars)
#   formula   as typed, two-sided
#   fixed     terms object of the part without bars, `.` expanded
#   bars      list of list(lhs, components, structure, label, group), `a/b` and `a*b` expanded

parse_formula <- function(formula, data, env) {
  formula <- as_two_sided(formula, env)
  env <- environment(formula)
  right <- formula[[3L]]
  check_unbracketed_bar(right)
  parts <- split_bars(right, env)
  if (has_bar(formula[[2L]])) stop_formula("The left side of the formula must not have a bar.")
  fixed <- formula
  fixed[[3L]] <- if (is.null(parts$fixed)) 1 else parts$fixed
  terms <- fixed_terms(fixed, data)
  if (is.null(attr(terms, "factors")) || attr(terms, "response") != 1L) {
    stop_formula("The formula has no response.")
  }
  check_response_is_left(terms)
  list(formula = formula, env = env, response = text_of(formula[[2L]]), fixed = terms,
       bars = unlist(lapply(parts$bars, expand_bar), recursive = FALSE))
}

as_two_sided <- function(formula, env) {
  if (is.character(formula) && length(formula) == 1L) formula <- parsed_text(formula)
  formula <- attr(formula, "tiers_formula") %||% formula
  if (!inherits(formula, "formula")) {
    if (!is.call(formula) || !identical(formula[[1L]], quote(`~`))) {
      stop_formula(c("{.arg formula} must be a formula, not {.cls {class(formula)[1L]}}.",
                     i = "For example {.code y ~ x + (1 | group)}."))
    }
    formula <- structure(formula, class = "formula", .Environment = env)
  }
  if (length(formula) != 3L) {
    stop_formula(c("The formula `{text_of(formula)}` has no response.",
                   i = "Write {.code response ~ predictors + (1 | group)}."))
  }
  if (is.null(environment(formula))) environment(formula) <- env
  formula
}

# Text becomes a call by R's parser only; nothing in it is evaluated here.
parsed_text <- function(text) {
  tryCatch(str2lang(text), error = function(e) {
    stop_formula(c("The formula {.val {text}} cannot be read.", x = "{conditionMessage(e)}"),
                 parent = e)
  })
}

check_response_is_left <- function(terms) {
  uses <- attr(terms, "factors")
  if (length(uses) == 0L || all(uses[1L, ] == 0)) return(invisible())
  stop_formula("The response `{rownames(uses)[1L]}` is also on the right side of the formula.")
}

fixed_terms <- function(fixed, data) {
  dot <- "." %in% all.vars(fixed[[3L]])
  if (dot && !is.data.frame(data)) {
    if (!is.list(data)) {
      stop_formula("`.` in the formula stands for the other columns of {.arg data}, which is not
                    given.")
    }
    data <- as.data.frame(data, optional = TRUE)
  }
  tryCatch(
    if (dot) stats::terms(fixed, data = data) else stats::terms(fixed),
    error = function(e) {
      stop_formula(c("The formula `{text_of(fixed)}` cannot be read.", x = "{conditionMessage(e)}"),
                   parent = e)
    })
}

# Finding the bars ----------------------------------------------------------------------------

is_bar <- function(e) {
  is.call(e) && (identical(e[[1L]], quote(`|`)) || identical(e[[1L]], quote(`||`)))
}

strip_brackets <- function(e) {
  while (is.call(e) && identical(e[[1L]], quote(`(`))) e <- e[[2L]]
  e
}

call_name <- function(e) if (is.call(e) && is.name(e[[1L]])) as.character(e[[1L]]) else ""

formula_operators <- c("+", "-", "*", ":", "/", "^", "%in%", "(", "~")

# Is there a bar that the formula's own operators lead to? `factor(a | b)` has none: there the
# bar is the logical operator.
has_bar <- function(e) {
  if (!is.call(e)) return(FALSE)
  if (is_bar(e)) return(TRUE)
  if (call_name(e) %in% formula_operators) {
    for (i in seq_along(e)[-1L]) if (has_bar(e[[i]])) return(TRUE)
    return(FALSE)
  }
  is_structured_bar(e)
}

# f(x | g) with f the name of a covariance structure.
is_structured_bar <- function(e) {
  name <- call_name(e)
  length(e) >= 2L && nzchar(name) && is_bar(strip_brackets(e[[2L]])) &&
    name %in% c(covariance_words(), covariance_planned)
}

# `y ~ x + 1 | g` is read by R as `y ~ (x + 1) | g`.
check_unbracketed_bar <- function(right) {
  if (!is_bar(right)) return(invisible())
  bar <- text_of(right)
  pieces <- additive_pieces(right[[2L]])
  last <- text_of(pieces[[length(pieces)]])
  hint <- "If only the last part varies by group, write it as
           ... + ({last} {call_name(right)} {text_of(right[[3L]])})."
  stop_formula(c("A term with a bar needs brackets: use ({bar}).",
                 i = if (length(pieces) > 1L) hint))
}

additive_pieces <- function(e) {
  if (call_name(e) == "+" && length(e) == 3L) {
    return(c(additive_pieces(e[[2L]]), additive_pieces(e[[3L]])))
  }
  list(e)
}

# Takes the bar terms out of a sum. `fixed` is NULL when nothing is left.
split_bars <- function(right, env) {
  bars <- list()
  take_out <- function(e) {
    if (!is.call(e)) return(e)
    inner <- strip_brackets(e)
    if (is_bar(inner) || (is.call(inner) && is_structured_bar(inner))) {
      bars[[length(bars) + 1L]] <<- inner
      return(NULL)
    }
    name <- call_name(e)
    if (name == "(" || (name == "+" && length(e) == 2L)) {
      rest <- take_out(e[[2L]])
      if (is.null(rest)) return(NULL)
      e[[2L]] <- rest
      return(e)
    }
    if (name == "+") return(join("+", take_out(e[[2L]]), take_out(e[[3L]])))
    if (name == "-" && length(e) == 3L && !has_bar(e[[3L]])) {
      return(join("-", take_out(e[[2L]]), e[[3L]]))
    }
    check_no_bar(e, name, env)
    e
  }
  fixed <- take_out(right)
  list(fixed = fixed, bars = bars)
}

join <- function(operator, left, right) {
  # Taking out bars has an order: the left side comes first.
  force(left)
  if (is.null(right)) return(left)
  if (is.null(left)) return(if (operator == "-") call("-", right) else right)
  call(operator, left, right)
}

# A sum and the bar terms that belong to it; NULL if there is nothing.
with_bars <- function(fixed, bars) {
  Reduce(function(left, bar) join("+", left, bar), with_brackets(bars), fixed)
}

# A part of the formula that is to be fixed effects must not hide a bar.
check_no_bar <- function(e, name, env) {
  if (is.call(e[[1L]]) && has_bar(e[[1L]])) {
    stop_formula("The bar term in `{text_of(e)}` must be added with `+`.")
  }
  if (name %in% formula_operators) {
    if (has_bar(e)) {
      stop_formula(c("The bar term in `{text_of(e)}` must be added with `+`.",
                     i = "Terms with a bar cannot be multiplied, nested or subtracted."))
    }
    for (i in seq_along(e)[-1L]) {
      if (is.call(e[[i]])) check_no_bar(e[[i]], call_name(e[[i]]), env)
    }
    return(invisible())
  }
  if (length(e) < 2L || !is_bar(strip_brackets(e[[2L]]))) return(invisible())
  # f(a | b) with an ordinary function is R's logical "or"; a name that is no function, or nearly
  # the name of a structure, is a mistyped structure.
  words <- c(covariance_words(), covariance_planned)
  ordinary <- exists(name, envir = baseenv(), mode = "function") ||
    (exists(name, envir = env, mode = "function") && is.null(nearest_name(name, words)))
  inner <- strip_brackets(e[[2L]])
  # Nobody writes "1 or b": this is a bar term inside of a function.
  if (ordinary && is.numeric(inner[[2L]])) {
    stop_formula(c("The bar term in `{text_of(e)}` must not stand inside of `{name}()`.",
                   i = "Write `({text_of(inner)})`."))
  }
  if (ordinary) return(invisible())
  hint <- did_you_mean(name, words)
  stop_formula(c("Unknown covariance structure `{name}` in `{text_of(e)}`{hint}",
                 i = "This version has {.code {covariance_names()}}."))
}

# One bar term ---------------------------------------------------------------------------------

# The terms that a bar stands for: `(x | a/b)` is two. reformulas knows the rules of expansion.
expand_bar <- function(bar) {
  name <- call_name(bar)
  if (!is_bar(bar)) bar <- structured_call(bar, name)
  if (has_bar(bar_of(bar)[[2L]])) {
    stop_formula(c("`({text_of(bar_of(bar))})` has two bars.",
                   i = "Write one term for each grouping factor, or `a:b` after the bar."))
  }
  arguments <- if (!is_bar(bar)) as.list(bar)[-(1:2)]
  if (!is_bar(bar)) bar <- bar[1:2]
  group <- strip_brackets(bar_of(bar)[[3L]])
  simple <- is_bar(bar) && name == "|" && (is.name(group) || !call_name(group) %in% expanding)
  pieces <- if (simple) {
    list(bar)
  } else {
    reformulas::findbars_x(bar, default.special = NULL, specials = covariance_names())
  }
  lapply(pieces, read_bar, double_bar = name == "||", arguments = arguments)
}

expanding <- c("/", "*", "+", "%in%", "^", "-")

bar_of <- function(e) if (is_bar(e)) e else strip_brackets(e[[2L]])

# us(x | g), with the structure's proper name.
structured_call <- function(bar, name) {
  if (name %in% covariance_planned && !name %in% covariance_names()) {
    stop_formula(c("The covariance structure `{name}` in `{text_of(bar)}` is not available in this
                    version of tiers.", i = "This version has {.code {covariance_names()}}."))
  }
  inner <- strip_brackets(bar[[2L]])
  if (call_name(inner) == "||") {
    stop_formula(c("`{text_of(bar)}` names a structure and has a double bar.",
                   i = "Use `{name}({text_of(inner[[2L]])} | {text_of(inner[[3L]])})`."))
  }
  arguments <- read_structure_arguments(bar, name)
  name <- with_scale(resolve_covariance(name), arguments$hom, bar)
  as.call(c(list(as.name(name), inner), arguments[names(arguments) != "hom"]))
}

read_bar <- function(piece, double_bar, arguments = NULL) {
  structure <- if (is_bar(piece)) default_covariance else call_name(piece)
  bar <- bar_of(piece)
  components <- lapply(group_components(bar[[3L]]), strip_brackets)
  lapply(components, check_group_component, bar = bar)
  lhs <- strip_brackets(bar[[2L]])
  words <- all.names(lhs)
  if ("." %in% words) stop_formula("`.` cannot be used in `({text_of(bar)})`.")
  if ("%x%" %in% words) {
    stop_formula("Kronecker structures (`%x%`) are not available in this version of tiers.")
  }
  label <- paste0("(", text_of(bar), ")")
  if (double_bar) label <- paste0("(", text_of(bar[[2L]]), " || ", text_of(bar[[3L]]), ")")
  if (!is_bar(piece) && !double_bar) {
    inner <- c(text_of(bar), sprintf("%s = %s", names(arguments), vapply(arguments, text_of, "")))
    label <- paste0(structure, "(", paste(inner, collapse = ", "), ")")
  }
  components_text <- vapply(components, text_of, "")
  list(label = label, group = paste(components_text, collapse = ":"), structure = structure,
       double_bar = double_bar, lhs = lhs, components = components_text,
       component_exprs = components, arguments = arguments)
}

default_covariance <- "us"

group_components <- function(e) {
  e <- strip_brackets(e)
  if (call_name(e) == ":") c(group_components(e[[2L]]), group_components(e[[3L]])) else list(e)
}

check_group_component <- function(e, bar) {
  if (is.name(e) || (is.call(e) && !call_name(e) %in% c(expanding, "|", "||"))) return(invisible())
  stop_formula(c("The grouping factor `{text_of(bar[[3L]])}` of `({text_of(bar)})` cannot be read.",
                 i = if (is.character(e)) "Write its name without quotes: {.code {e}}."))
}

# Text of an expression; names come without backticks, as model frames have them.
text_of <- function(e) {
  if (is.name(e)) as.character(e) else paste(deparse(e, width.cutoff = 500L), collapse = " ")
}
