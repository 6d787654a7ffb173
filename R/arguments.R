# What the arguments of a function are: that they exist, and what may stand in the dots of a method.

# Arguments that were given are evaluated here, so that one which cannot be is an error of the
# package. `frame` is that of the function whose arguments they are.
force_arguments <- function(names, frame = parent.frame()) {
  for (name in names) {
    if (eval(call("missing", as.name(name)), frame)) next
    tryCatch(get(name, envir = frame, inherits = FALSE), error = function(e) {
      if (inherits(e, "tiers_error")) stop(e)
      stop_input(c("{.arg {name}} cannot be evaluated.", x = "{conditionMessage(e)}"),
                 argument = name, parent = e)
    })
  }
}

# Arguments that other packages hand to a generic whatever the model, and those of lme4's and other
# packages' methods. `ignored`: they change nothing here, so their value is not looked at. `later`:
# they ask for something that this version does not have, unless they have one of the values listed.
tolerated_arguments <- list(
  augment = list(
    ignored = c("quick", "conf.level", "type.predict", "type.residuals"),
    later = list(se_fit = FALSE, se.fit = FALSE, interval = "none", conf.int = FALSE)),
  Anova = list(ignored = c("singular.ok", "error", "verbose")),
  coef = list(ignored = "complete"),
  confint = list(ignored = c("quiet", "oldNames", "zeta", "verbose",
                             "signames", "parallel", "ncpus", "cl", ".progress", "PBargs")),
  cooks.distance = list(ignored = c("infl", "res", "sd", "hat", "dispersion")),
  dfbeta = list(ignored = "infl"),
  dfbetas = list(ignored = "infl"),
  extractAIC = list(ignored = c("trace", "steps")),
  fitted = list(ignored = "asList"),
  fixef = list(later = list(add.dropped = TRUE)),
  formula = list(ignored = c("env", "keep.order", "verbose", "ignore.environment")),
  glance = list(ignored = c("quick", "parametric", "conf.int", "conf.level")),
  hatvalues = list(ignored = c("infl", "do.coef"), later = list(fullHatMatrix = FALSE)),
  influence = list(ignored = "do.coef"),
  model.frame = list(
    ignored = c("data", "na.action", "drop.unused.levels", "xlev"),
    later = list(random.only = FALSE)),
  model.matrix = list(ignored = c("contrasts.arg", "xlev"), later = list(data = NULL)),
  nobs = list(ignored = "use.fallback"),
  predict = list(
    ignored = c("verbose", "quiet", "newdata.guaranteed"),
    later = list(newparams = NULL, terms = NULL, se = FALSE)),
  ranef = list(ignored = "augFrame", later = list(postVar = c(TRUE, FALSE), standard = FALSE)),
  refit = list(ignored = c("control", "rename.response", "maxit", "verbose"),
               later = list(newweights = NULL)),
  rstandard = list(ignored = c("infl", "sd")),
  rstudent = list(ignored = c("infl", "res")),
  sigma = list(ignored = "use.fallback"),
  simulate = list(
    ignored = c("na.action", "verbose", "cond.sim", "type"),
    later = list(newparams = NULL, family = NULL, weights = NULL)),
  summary = list(later = list(use.hessian = FALSE)),
  terms = list(ignored = c("fixed.only", "data", "keep.order"), later = list(random.only = FALSE)),
  tidy = list(
    ignored = c("parametric", "quick", "quiet", "profile", "debug", "ran_prefix", "fe", "digits"),
    later = list(conf.method = c("Wald", "wald"), component = c("cond", "all"), ddf.method = NULL,
                 exponentiate_ran_coefs = FALSE, robust = FALSE, se.type = NULL)),
  VarCorr = list(ignored = "rdig"),
  vcov = list(ignored = c("sigm", "useScale", "verbose"),
              later = list(correlation = FALSE, use.hessian = FALSE)),
  weights = list(later = list(type = "prior"))
)

# First line of every method: evaluates its arguments and refuses what should not be in its dots. A
# misspelt argument must not be ignored.
check_dots <- function(generic, ...) {
  frame <- parent.frame()
  own <- setdiff(names(formals(sys.function(sys.parent()))), "...")
  force_arguments(own, frame)
  if (...length() == 0L) return(invisible())
  known <- tolerated_arguments[[generic]]
  given <- ...names() %||% character(...length())
  given[is.na(given)] <- ""
  if (any(!nzchar(given))) {
    stop_input("{.fn {generic}} was given an argument without a name too many.")
  }
  for (i in seq_along(given)) {
    name <- given[i]
    if (name %in% known$ignored) next
    if (!name %in% names(known$later)) {
      hint <- did_you_mean(name, c(own, names(known$later)))
      stop_input("Unused argument of {.fn {generic}}: {.arg {name}}{hint}", argument = name)
    }
    neutral <- known$later[[name]]
    value <- tryCatch(...elt(i), error = function(e) "given")
    if (is.null(value) || is.atomic(value) && length(value) == 1L && value %in% neutral) next
    stop_input("{.arg {name}} of {.fn {generic}} is not available in this version of tiers.",
               argument = name)
  }
}

# A function, or NULL.
read_na_action <- function(na.action) {
  known <- c("na.omit", "na.exclude", "na.fail", "na.pass")
  if (is_text(na.action) && nzchar(na.action)) {
    found <- get0(na.action, envir = globalenv(), mode = "function")
    if (is.null(found)) found <- get0(na.action, envir = asNamespace("stats"), mode = "function")
    if (!is.null(found)) return(found)
    hint <- did_you_mean(na.action, known)
    stop_input("{.arg na.action}: there is no function {.code {na.action}}{hint}")
  }
  if (is.null(na.action) || is.function(na.action)) return(na.action)
  stop_input(c("{.arg na.action} must be a function such as {.fn na.omit}.",
               x = "It is {shown(na.action)}."))
}

# One of the choices, which may be abbreviated; all of them are the default of an argument.
match_choice <- function(value, choices, name) {
  if (identical(value, choices)) return(choices[1L])
  at <- if (is.character(value) && length(value) == 1L) pmatch(value, choices) else NA
  if (is.na(at)) {
    stop_input(c("{.arg {name}} must be one of {.val {choices}}.", "x" = "It is {shown(value)}."))
  }
  choices[at]
}

# Several of them.
match_choices <- function(values, choices, name) {
  unknown <- if (is.character(values)) setdiff(values, choices) else values
  if (is.character(values) && length(unknown) == 0L && length(values)) return(values)
  stop_input(c("{.arg {name}} must be among {.val {choices}}.", "x" = "It has {shown(unknown)}."))
}

# A value in an error: itself where it is short, or what it is.
shown <- function(value) {
  if (!is.atomic(value) || is.null(value) || !length(value) %in% 1:5) {
    return(cli::format_inline("{.obj_type_friendly {value}}"))
  }
  toString(if (is.character(value)) encodeString(value, quote = "\"") else value)
}

is_text <- function(x) is.character(x) && length(x) == 1L && !is.na(x)

check_text <- function(x, name) {
  if (!is_text(x)) stop_input(c("{.arg {name}} must be a text.", x = "It is {shown(x)}."))
}

# Digits of a printout.
check_digits <- function(digits) check_number(digits, "digits", 1, 22)

# A seed for set.seed(), or NULL.
check_seed <- function(seed) {
  ok <- is.null(seed) || is.numeric(seed) && length(seed) == 1L && is.finite(seed) &&
    abs(seed) <= .Machine$integer.max
  if (!ok) {
    stop_input(c("{.arg seed} must be {.code NULL} or a number.", "x" = "It is {shown(seed)}."))
  }
}
