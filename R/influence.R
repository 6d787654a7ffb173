# Influence of rows and groups: fits without each of them.

#' Influence of rows and of groups
#'
#' How much the estimates owe to single rows, schools, patients: what they become without each of
#' them.
#'
#' @param model A fit made by [lmm()] or [glmm()]; for `cooks.distance()`, `dfbeta()` and
#'   `dfbetas()` also the result of `influence()`.
#' @param group What is left out at a time. `NULL`: single rows. A formula such as `~ school`, or
#'   `~ school:class` for the cells of two variables, which need not be in the model but in its
#'   data; the name of a grouping factor of the fit; or a vector with a value for each row.
#' @param refit `0`: the variances stay at their estimates and the fixed effects follow in closed
#'   form. `1`: the variance parameters of a linear model take one scoring step, without a refit,
#'   and the fixed effects follow. `Inf`: the model is fitted again without each unit, starting from
#'   the estimates.
#' @param x The result of `influence()`.
#' @param row.names,optional Ignored.
#' @param n Number of units to print, those with the largest Cook's distances.
#' @param digits Significant digits.
#' @param which What to plot: one or more of `"cook"`, `"dfbetas"`, `"mdffits"`, `"covratio"`,
#'   `"covtrace"`, `"rld"`.
#' @param label How many of the largest units of a panel to label.
#' @param ... Not used; for `plot()` passed to the points.
#' @return An object of class `tiers_influence`. `as.data.frame()` of it has one row for each unit,
#'   with its name (in a column called after the group, or `row`) and the columns
#'   * `n`: rows left out;
#'   * `cook`: Cook's distance, `d' V^-1 d / p` with `d` the change of the `p` fixed effects and
#'     `V` their covariance matrix;
#'   * `mdffits`: the same with the covariance matrix without the unit;
#'   * `covtrace`, `covratio`: `|trace(V^-1 V_i) - p|` and `|V_i| / |V|`, how much less precise the
#'     fixed effects are without the unit (`V_i`);
#'   * `rld`: likelihood displacement, by how much -2 logLik of all data is larger at the estimates
#'     without the unit (by maximum likelihood, also for REML fits);
#'   * `cook_theta` (with `refit` above 0): Cook's distance of the variance parameters, not divided
#'     by their number;
#'   * `dfbetas_NAME`: change of a fixed effect by its standard error without the unit;
#'   * `rvc_NAME` (with `refit` above 0): relative change of a variance (of the dispersion), from
#'     all data to those without the unit.
#'
#'   `cooks.distance()`, `dfbeta()` (estimate minus estimate without the unit) and `dfbetas()` take
#'   these parts out. `NA`: without the unit a coefficient cannot be estimated.
#' @details
#' The closed form is exact, also for groups that other random effects cross: it is what fits with
#' `fix =` at the estimates would give. In a generalized model it is that of the working linear
#' model at the estimates, an approximation; `refit = Inf` is exact there too.
#'
#' [cooks.distance()][residuals.tiers_fit] of a fit itself is that of `influence(fit)`, row by row.
#' lme4 gives another number there, made of the leverage of a row on its own conditional fitted
#' value, which the random effects follow as well.
#' @references
#' Christensen R, Pearson LM, Johnson W (1992). Case-deletion diagnostics for mixed models.
#' Technometrics 34, 38-45.
#'
#' Demidenko E, Stukel TA (2005). Influence analysis for linear mixed-effects models. Statistics in
#' Medicine 24, 893-909.
#' @seealso [dfbetas()][rstudent.tiers_fit] and [rstudent()][rstudent.tiers_fit] of a fit, row by
#'   row; [residuals()][residuals.tiers_fit] with leverage; [plot()][plot.tiers_fit].
#' @concept influence
#' @concept Cook's distance
#' @concept case deletion
#' @concept leave one out
#' @concept HLMdiag
#' @concept covratio
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' children <- influence(fit, group = ~ Subject)
#' children
#' plot(children)
#' head(as.data.frame(influence(fit, ~ Subject, refit = Inf)))
#' @importFrom stats influence
#' @export
influence.tiers_fit <- function(model, group = NULL, refit = 0, ...) {
  check_dots("influence", ...)
  validate_fit(model)
  if (!is.numeric(refit) || length(refit) != 1L || !refit %in% c(0, 1, Inf)) {
    stop_input(c("{.arg refit} must be 0, 1 or {.code Inf}.", x = "It is {shown(refit)}."))
  }
  if (refit == 1) check_scoring(model)
  units <- deletion_units(model, group)
  deletion <- deletion_model(model)
  found <- if (refit == 0) {
    closed <- if (is.null(group)) delete_rows(model, deletion) else {
      delete_units(deletion, units$rows)
    }
    with_displacement(closed, ncol(deletion$X))
  } else {
    again <- if (refit == 1) scoring_deletions(model, units$rows) else {
      refitted_deletions(model, units$rows)
    }
    summarize_refits(model, deletion, again)
  }
  p <- names(kept_coefficients(model))
  infinite <- p %in% model$separation$columns
  found$change[, infinite] <- found$variance[, infinite] <- NA_real_
  rownames(found$change) <- units$labels
  structure(c(list(name = units$name, units = units$labels, rows = lengths(units$rows),
                   refit = refit, coefficients = kept_coefficients(model),
                   estimates = stats::setNames(model$parameters$estimate, model$parameters$name),
                   types = model$parameters$type, linear = kind_tests(model)$linear,
                   formula = full_formula(model), data_name = model$data_name), found),
            class = "tiers_influence")
}

# With the variances held -2 logLik is a parabola in the p fixed effects.
with_displacement <- function(found, p) {
  found$rld <- found$cook * p
  found
}

# What is left out at a time: list(name, labels, rows).
deletion_units <- function(fit, group) {
  n <- nrow(fit$frame)
  if (is.null(group)) {
    return(list(name = "row", labels = row_names(fit), rows = as.list(seq_len(n))))
  }
  found <- read_units(fit, group)
  value <- found$value
  missing <- which(is.na(value))
  if (length(missing)) {
    stop_input("{.arg group}: `{found$name}` is missing in row{?s} {first_rows(missing)} of the
                fit.")
  }
  labels <- if (is.factor(value)) levels(droplevels(value)) else sort(unique(value))
  rows <- split(seq_len(n), factor(value, labels))
  if (length(rows) < 2L) {
    stop_input("{.arg group}: `{found$name}` has one value in all rows, and without it nothing is
                left.")
  }
  list(name = found$name, labels = as.character(labels), rows = unname(rows))
}

read_units <- function(fit, group) {
  groups <- term_groups(fit)
  if (is.character(group) && length(group) == 1L && group %in% groups) {
    at <- random_basis(fit, match(group, groups))
    levels <- fit$random[[match(group, groups)]]$levels
    return(list(name = group, value = factor(levels, levels)[at$codes]))
  }
  if (inherits(group, "formula")) return(formula_units(fit, group))
  if (is.character(group) && length(group) == 1L) {
    hint <- did_you_mean(group, groups)
    stop_input(c("{.arg group}: `{group}` is no grouping factor of the fit{hint}",
                 i = "A variable of the data is named by a formula: {.code ~ {group}}."))
  }
  list(name = "group", value = cluster_rows(fit, group, "group", "group"))
}

# ~ a, or ~ a:b for the cells of both.
formula_units <- function(fit, formula) {
  labels <- if (length(formula) == 2L) attr(stats::terms(formula), "term.labels")
  if (length(labels) != 1L) {
    stop_input(c("{.arg group} must be a formula with one term, such as {.code ~ school} or
                  {.code ~ school:class}.", x = "It is {.code {text_of(formula)}}."))
  }
  variables <- as.list(attr(stats::terms(formula), "variables"))[-1L]
  values <- lapply(variables, cluster_variable, fit = fit, env = environment(formula),
                   arg = "group")
  value <- if (length(values) == 1L) values[[1L]] else {
    interaction(values, sep = ":", drop = TRUE, lex.order = TRUE)
  }
  list(name = labels, value = value)
}
