# The residual side of a linear model as the user writes it: `residual = ar1(week | id, by = arm)`.
#
# read_residual() -> list(label, structure, arguments, time, components, component_exprs, by,
#                         by_exprs, exprs), or NULL
#   time         expressions of the time or the coordinates; none: the order of the rows
#   components   the subject's variables, as text and as expressions; `by` likewise
#   exprs        all of them, for the model frame
# residual-rows.R makes of it what the engine takes.

#' Covariance structures of residuals
#'
#' With `residual = structure(time | subject)` in [lmm()] the residuals of a subject are correlated,
#' and with `dispersion = ~ x` their standard deviation depends on variables. Both go with any
#' random effects, and without a bar term in the formula the model is marginal: what `gls()` of
#' package nlme and the REPEATED statement of PROC MIXED fit, and mixed models for repeated
#' measures (MMRM).
#'
#' The structures are those of random effects, see [covariance_structures] (`us`, `cs`, `ar1`,
#' `toep`, `ante`, `ou`, `sp_exp` and so on, with the same arguments), and also
#'
#' * `hf`, Huynh and Feldt's: covariances are means of two variances, less a constant;
#' * `fa`, one common factor and a variance of its own for each visit.
#'
#' `cs` may have a negative correlation. `by = group` gives each group parameters of its own.
#'
#' @section Time:
#' What stands before the bar says when the rows of a subject were observed. Numbers, dates and
#' integers count by their values, and so do levels of a factor that are numbers; other factors
#' count 1, 2, .... Levels without data count too, and rows may stand in any order. A visit that a
#' subject does not have needs no row. `ar1(1 | id)` takes the rows of a subject in their order, one
#' step apart. Structures with distances take several coordinates: `sp_exp(x + y | field)`. Two
#' rows of a subject at the same time are an error where the structure has correlations.
#'
#' `ar1`, `toep` and `arma` count in the largest step of which all gaps are multiples.
#'
#' @section Parameters:
#' They are called `cor|residual`, `sd_2|residual`, `range|residual` and so on, with `by` for
#' instance `cor|residual:M`, and coefficients of `dispersion` `log(sigma)_x`. `sigma` is the
#' standard deviation of a row with weight one and all columns of `dispersion` zero, where the
#' structure has one variance; elsewhere there is none, and [sigma()] is `NA`. `VarCorr()` has the
#' random effects, [getVarCov()] the covariance matrix of a subject.
#'
#' @section Not there yet:
#' `start`, `fix` and `equal`, profile likelihoods, tests of variances by [covtest()], influence
#' and leverage of models with a residual structure are refused with an error. Rows that share
#' subjects or levels of grouping factors are one unit, whose covariance matrix is dense: up to
#' 2,500 rows. Cluster-robust covariance matrices are of types CR0, CR1 and CR3, with clusters that
#' contain the subjects. [predict()][predict.tiers_fit] of new rows does not use what was observed
#' of their subject beyond the random effects.
#' @name residual_structures
#' @aliases hf fa
#' @seealso [lmm()]; [covariance_structures] for random effects; [getVarCov()],
#'   [residuals()][residuals.tiers_fit] of type `"normalized"`.
#' @references
#' Jennrich RI, Schluchter MD (1986). Unbalanced repeated-measures models with structured covariance
#' matrices. Biometrics 42, 805-820.
#'
#' Pinheiro JC, Bates DM (2000). Mixed-effects models in S and S-PLUS. Springer.
#' @concept residual covariance
#' @concept repeated measures
#' @concept MMRM
#' @concept generalized least squares
#' @concept serial correlation
#' @concept heteroscedasticity
#' @examples
#' # Growth of 27 children, each with four visits: a covariance matrix of the visits for each sex
#' fit <- lmm(distance ~ age * Sex, nlme::Orthodont, residual = us(age | Subject, by = Sex))
#' fit
#' summary(fit)
#'
#' # One correlation of all visits, standard deviations by sex
#' lmm(distance ~ age * Sex, nlme::Orthodont, residual = cs(age | Subject), dispersion = ~ Sex)
NULL

# All that can stand before the bar on the residual side.
residual_names <- function() residual_traits()$name

residual_traits <- function() {
  if (is.null(covariance_cache$residual)) {
    traits <- as.data.frame(covariance_traits_cpp(residual = TRUE))
    covariance_cache$residual <- traits[traits$alone, ]
  }
  covariance_cache$residual
}

# `typed` is what the user wrote; `value` the argument, evaluated only where that is no structure.
read_residual <- function(typed, value, env) {
  expr <- residual_expression(typed, value)
  if (is.null(expr)) return(NULL)
  name <- call_name(expr)
  check_residual_name(expr, name)
  arguments <- as.list(expr)[-1L]
  bar <- strip_brackets(arguments[[1L]])
  by <- arguments[["by"]]
  rest <- as.call(c(as.list(expr)[1:2], arguments[-1L][names(arguments)[-1L] != "by"]))
  given <- if (length(rest) > 2L) read_structure_arguments(rest, name) else list()
  structure <- resolve_covariance(name)
  if (!is.null(given$hom)) structure <- with_scale(structure, given$hom, expr)
  components <- lapply(group_components(bar[[3L]]), strip_brackets)
  lapply(components, check_group_component, bar = bar)
  by_parts <- if (!is.null(by)) lapply(group_components(by), strip_brackets)
  lapply(by_parts, check_by_component, expr = expr)
  time <- if (!identical(bar[[2L]], 1)) lapply(additive_pieces(bar[[2L]]), strip_brackets)
  if ("." %in% all.vars(expr)) stop_formula("`.` cannot be used in `{text_of(expr)}`.")
  texts <- function(exprs) vapply(exprs, text_of, "")
  list(label = text_of(expr), structure = structure, arguments = given[names(given) != "hom"],
       time = time, components = texts(components), component_exprs = components,
       by = if (length(by_parts)) texts(by_parts), by_exprs = by_parts,
       exprs = c(time, components, by_parts), expr = expr)
}

# The call of a structure; NULL for none. A formula, a call or a text that a variable holds will do.
residual_expression <- function(typed, value) {
  if (is.call(typed) && length(typed) > 1L && call_name(typed) != "~" &&
        (call_name(typed) %in% c(residual_names(), names(covariance_aliases), residual_planned) ||
           is_bar(strip_brackets(typed[[2L]])))) return(typed)
  if (is_bar(strip_brackets(typed))) return(strip_brackets(typed))
  if (is.call(typed) && call_name(typed) == "~") return(typed[[length(typed)]])
  value <- tryCatch(value, error = function(e) {
    stop_formula(c("{.arg residual} cannot be read.", x = "{conditionMessage(e)}",
                   i = residual_hint), parent = e)
  })
  if (is.null(value)) return(NULL)
  if (is.character(value) && length(value) == 1L) value <- parsed_text(value)
  if (inherits(value, "formula")) value <- value[[length(value)]]
  if (is.call(value)) return(strip_brackets(value))
  stop_formula(c("{.arg residual} must be a covariance structure, not {.cls {class(value)[1L]}}.",
                 i = residual_hint))
}

# What the grammar knows and this version cannot fit yet.
residual_planned <- c(covariance_planned, "varfun", "custom_cov", "%x%")

residual_hint <- "For example {.code residual = ar1(week | id)}."

check_residual_name <- function(expr, name) {
  words <- c(residual_names(), names(covariance_aliases))
  if (is_bar(expr)) {
    stop_formula(c("{.arg residual}: `{text_of(expr)}` names no covariance structure.",
                   i = "Write, for instance, {.code us({text_of(expr)})}."))
  }
  if (name == "%x%") {
    stop_formula("Kronecker structures (`%x%`) are not available in this version of tiers.")
  }
  if (name %in% setdiff(residual_planned, words)) {
    stop_formula(c("The covariance structure `{name}` of {.arg residual} is not available in this
                    version of tiers.", i = "This version has {.code {residual_names()}}."))
  }
  if (!name %in% words) {
    hint <- did_you_mean(name, words)
    stop_formula(c("{.arg residual}: unknown covariance structure `{name}`{hint}",
                   i = "This version has {.code {residual_names()}}."))
  }
  first <- if (length(expr) > 1L) strip_brackets(expr[[2L]])
  if (!is_bar(first) || call_name(first) != "|" || nzchar(names(expr)[2L] %||% "")) {
    stop_formula(c("{.arg residual}: `{text_of(expr)}` does not say whose rows are correlated.",
                   i = "Write {.code {name}(time | subject)}, or {.code {name}(1 | subject)} for the
                        order of the rows."))
  }
  if (is_bar(strip_brackets(first[[2L]]))) {
    stop_formula("{.arg residual}: `{text_of(expr)}` has two bars.")
  }
}

check_by_component <- function(part, expr) {
  if (is.name(part) || is.call(part)) return(invisible())
  stop_formula(c("`{text_of(expr)}`: {.arg by} must be a variable.",
                 i = if (is.character(part)) "Write its name without quotes."))
}

# `dispersion` beside a residual: a log-linear model of the standard deviation, whose intercept is
# log(sigma) or the structure's own. NULL: a constant.
read_residual_dispersion <- function(dispersion, env) {
  terms <- read_dispersion(dispersion, registered_family("gaussian"), env)
  if (!is.null(terms) && attr(terms, "intercept") == 0L) {
    stop_formula(c("{.arg dispersion} of a linear model always has an intercept, the residual
                    standard deviation itself.",
                   i = "Leave `0 +` or `- 1` out of {.code {text_of(dispersion)}}."))
  }
  terms
}

check_structured_arguments <- function(start, fix, equal) {
  given <- c("start", "fix", "equal")[!vapply(list(start, fix, equal), is.null, NA)]
  if (length(given) == 0L) return(invisible())
  stop_input(c("{.arg {given[1L]}} of a model with {.arg residual} or {.arg dispersion} is not
                available in this version of tiers.",
               i = if (given[1L] == "start") "Leave it out: starting values are seldom needed."))
}
