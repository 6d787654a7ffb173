# Estimates: fixed effects, conditional modes, per-group coefficients, variance components.

#' Fixed effects, random effects and coefficients by group
#'
#' What holds for everybody, by how much each group departs from it, and the sum of the two.
#'
#' @param object A fit made by [lmm()] or [glmm()]; for `summary()` the result of `ranef()`.
#' @param component Of which part: `"conditional"`, the fixed effects of the mean, or
#'   `"dispersion"`, the coefficients of the log dispersion parameter of a generalized fit.
#' @param type `"mode"`: the most probable values given the data, at the estimates. `"mean"`: their
#'   means given the data, by adaptive quadrature, for one grouping factor or nested ones. In a
#'   linear model the two are the same.
#' @param condVar Add the conditional variances of the random effects?
#' @param drop Turn random effects with a single column into named vectors?
#' @param whichel Names of the grouping factors wanted; all of them by default.
#' @param x The result of `ranef()`, or of `summary()` of it.
#' @param row.names,optional Ignored.
#' @param ... Not used.
#' @return `fixef()`: a named vector, `NA` where a coefficient could not be estimated (`Inf` where
#'   separated data let it grow without end). `ranef()`: a
#'   list with a data frame for each grouping factor, in the order of the formula, one row a level
#'   and one column an effect. With `condVar` each has an attribute `postVar`: the conditional
#'   covariance matrices of the levels as an array (a list of arrays, if several terms share the
#'   factor). `as.data.frame()` of it: one row for each effect, with columns `grpvar`, `term`,
#'   `grp`, `condval` and `condsd`. `coef()`: for each grouping factor a data frame of fixed plus
#'   random effects.
#'
#'   `summary()` of `ranef()`: the solution for random effects of PROC MIXED, a data frame with one
#'   row for each effect and the columns `group`, `level`, `term`, `estimate`, `std.error`, `df`,
#'   `statistic`, `p.value`. The standard error is that of the prediction, with the uncertainty of
#'   the fixed effects in it, and so above `condsd`. With degrees of freedom that are counted, as
#'   `"containment"`, these are z tests.
#' @seealso [VarCorr()][VarCorr.tiers_fit] for their variances, [plot()][plot.tiers_fit] for a
#'   caterpillar plot, [predict()][predict.tiers_fit], [tidy()][tidy.tiers_fit] with `effects =
#'   "ran_vals"`.
#' @references
#' Robinson GK (1991). That BLUP is a good thing: the estimation of random effects. Statistical
#' Science 6, 15-32.
#' @concept BLUP
#' @concept solution for random effects
#' @concept conditional modes
#' @concept empirical Bayes
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' fixef(fit)
#' head(as.data.frame(ranef(fit)))
#' summary(ranef(fit))
#' head(coef(fit)$Subject)
#' @name ranef.tiers_fit
NULL

#' @rdname ranef.tiers_fit
#' @export
fixef.tiers_fit <- function(object, component = c("conditional", "dispersion"), ...) {
  check_dots("fixef", ...)
  component <- match_choice(component, c("conditional", "dispersion"), "component")
  if (component == "dispersion") return(dispersion_part(object)$coefficients)
  object$coefficients
}

#' @rdname ranef.tiers_fit
#' @export
ranef.tiers_fit <- function(object, condVar = TRUE, drop = FALSE, whichel = NULL,
                            type = c("mode", "mean"), ...) {
  check_dots("ranef", ...)
  validate_fit(object)
  type <- match_choice(type, c("mode", "mean"), "type")
  check_flag(condVar, "condVar")
  check_flag(drop, "drop")
  groups <- term_groups(object)
  wanted <- unique(groups)
  if (!is.null(whichel)) {
    wanted <- intersect(wanted, match_choices(whichel, wanted, "whichel"))
  }
  means <- if (type == "mean") conditional_means(object)
  variances <- if (!is.null(means)) means$variances else if (condVar) conditional_variances(object)
  effects <- lapply(stats::setNames(nm = wanted), function(group) {
    at <- which(groups == group)
    modes <- if (is.null(means)) lapply(object$random[at], `[[`, "modes") else means$means[at]
    modes <- do.call(cbind, unname(modes))
    value <- as.data.frame(modes, check.names = FALSE)
    if (condVar) {
      attr(value, "postVar") <- if (length(at) == 1L) variances[[at]] else unname(variances[at])
    }
    if (drop && ncol(value) == 1L) drop_to_vector(value) else value
  })
  # The fit, for tests of them.
  structure(effects, class = "tiers_ranef", fit = object, type = type)
}

drop_to_vector <- function(value) {
  structure(
    stats::setNames(value[[1L]], rownames(value)),
    postVar = if (!is.null(attr(value, "postVar"))) attr(value, "postVar")[1L, 1L, ]
  )
}

conditional_variances <- function(fit) {
  if (length(fit$random) == 0L) return(list())
  named_variances(kind_condvar(fit, fit_specification(fit)), fit)
}

named_variances <- function(values, fit) {
  Map(function(value, term) {
    dimnames(value) <- list(term$columns, term$columns, term$levels)
    value
  }, values, unname(fit$random))
}

#' @method print tiers_ranef
#' @export
print.tiers_ranef <- function(x, ...) {
  with_variances <- !vapply(x, function(effects) is.null(attr(effects, "postVar")), NA)
  print(lapply(x, function(effects) {
    attr(effects, "postVar") <- NULL
    effects
  }), ...)
  if (any(with_variances)) {
    cat("with conditional variances for", toString(names(x)[with_variances]), "\n")
  }
  invisible(x)
}

#' @rdname ranef.tiers_fit
#' @export
as.data.frame.tiers_ranef <- function(x, row.names = NULL, optional = FALSE, ...) {
  tables <- lapply(names(x), function(group) {
    effects <- x[[group]]
    if (!is.data.frame(effects)) {
      effects <- data.frame(`(Intercept)` = effects, check.names = FALSE)
    }
    levels <- rownames(effects)
    # Levels in the order of the first effect, which is what a caterpillar plot wants.
    data.frame(
      grpvar = group,
      term = factor(rep(names(effects), each = length(levels)), levels = names(effects)),
      grp = factor(rep(levels, ncol(effects)), levels = levels[order(effects[[1L]])]),
      condval = unlist(effects, use.names = FALSE),
      condsd = conditional_sds(attr(x[[group]], "postVar"), length(levels) * ncol(effects)),
      stringsAsFactors = FALSE
    )
  })
  value <- if (length(tables)) do.call(rbind, tables) else {
    data.frame(grpvar = character(), term = factor(), grp = factor(), condval = double(),
               condsd = double())
  }
  if (nrow(value) && all(is.na(value$condsd))) value$condsd <- NULL
  value
}

# Standard deviations in the order of the columns.
conditional_sds <- function(variances, length) {
  if (is.null(variances)) return(rep(NA_real_, length))
  if (!is.list(variances)) variances <- list(variances)
  unlist(lapply(variances, function(array) {
    if (is.null(dim(array))) return(sqrt(array))
    k <- dim(array)[1L]
    vapply(seq_len(k), function(column) sqrt(array[column, column, ]), numeric(dim(array)[3L]))
  }), use.names = FALSE)
}

#' @rdname ranef.tiers_fit
#' @export
coef.tiers_fit <- function(object, ...) {
  check_dots("coef", ...)
  fixed <- object$coefficients
  effects <- ranef(object, condVar = FALSE)
  only_random <- setdiff(unlist(lapply(effects, names)), names(fixed))
  fixed <- c(stats::setNames(rep(0, length(only_random)), only_random), fixed)
  values <- lapply(effects, function(random) {
    value <- as.data.frame(
      matrix(fixed, nrow(random), length(fixed), byrow = TRUE,
             dimnames = list(rownames(random), names(fixed))),
      check.names = FALSE
    )
    for (name in names(random)) value[[name]] <- value[[name]] + random[[name]]
    value
  })
  structure(unclass(values), class = "tiers_coef")
}

#' @method print tiers_coef
#' @export
print.tiers_coef <- function(x, ...) {
  print(unclass(x), ...)
  invisible(x)
}

#' Variances and correlations of the random effects
#'
#' How much groups differ: the covariance matrix of each random term, with standard deviations and
#' correlations, and the residual's.
#'
#' @param x A fit made by [lmm()] or [glmm()], or the result of `VarCorr()` for its methods.
#' @param sigma Taken for the generic: a factor for the standard deviations, not needed here.
#' @param ... Not used.
#' @return A list with the covariance matrix of each random term, in the order of the formula and
#'   named by its grouping factor. Each has the attributes `stddev` and `correlation`; the list has
#'   `sc`, the residual standard deviation (of a generalized fit its [sigma()]), and `useSc`,
#'   whether it is that of a residual. `as.data.frame()` gives one row for each variance and
#'   covariance with columns `grp`, `var1`, `var2`, `vcov` and `sdcor`, and with `conf.int = TRUE`
#'   `std.error`, `conf.low` and `conf.high`, which are `NA` at the end of the range and of standard
#'   deviations below their standard errors: [confint()][vcov.tiers_fit] has their profile limits.
#' @seealso [icc()] for the intraclass correlation, [summary()][summary.tiers_fit], which shows them
#'   with the fixed effects;
#'   [sigma()][logLik.tiers_fit]; [ranef()][ranef.tiers_fit] for the effects themselves;
#'   [anova()][anova.tiers_fit] to test one by comparing fits; [tidy()][tidy.tiers_fit].
#' @concept variance components
#' @concept intraclass correlation
#' @concept ICC
#' @concept random effects covariance matrix
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' VarCorr(fit)
#' as.data.frame(VarCorr(fit))
#' print(VarCorr(fit), conf.int = TRUE)
#' as.data.frame(VarCorr(fit), conf.int = TRUE)
#' @export
VarCorr.tiers_fit <- function(x, sigma = 1, ...) {
  check_dots("VarCorr", ...)
  validate_fit(x)
  parts <- lapply(x$random, function(term) {
    value <- term$Sigma
    sd <- random_scale(x) * sqrt(rowSums(term$Lambda^2))
    names(sd) <- term$columns
    correlation <- tcrossprod(term$Lambda / sqrt(rowSums(term$Lambda^2)))
    # Without correlations in the structure there is none to be undefined where an SD is 0.
    if (!has_correlations(term)) correlation[] <- 0
    # That of an effect without variance is not defined.
    correlation[is.nan(correlation)] <- NA
    diag(correlation) <- 1
    dimnames(correlation) <- dimnames(value)
    structure(value, stddev = sd, correlation = correlation)
  })
  structure(parts, sc = x$sigma, useSc = has_residual(x),
            structures = vapply(x$random, function(term) term$structure, ""),
            correlated = vapply(x$random, has_correlations, NA),
            residual = if (has_structure(x)) {
              list(table = residual_table(x), words = residual_words(x))
            },
            held = held_words(x), known = x[c("parameters", "vcov_parameters")],
            class = "tiers_varcorr")
}

#' @rdname VarCorr.tiers_fit
#' @param row.names,optional Ignored.
#' @param order `"cov.last"`: of each term the variances, then the covariances; `"lower.tri"`: the
#'   lower triangle by columns.
#' @param conf.int Add standard errors and confidence limits?
#' @param conf.level Level of the limits.
#' @param scales `"sdcor"`: standard errors and limits of standard deviations and correlations,
#'   `"vcov"`: of variances (the squares of the limits); covariances have none.
#' @export
as.data.frame.tiers_varcorr <- function(x, row.names = NULL, optional = FALSE,
                                        order = c("cov.last", "lower.tri"), conf.int = FALSE,
                                        conf.level = 0.95, scales = c("sdcor", "vcov"), ...) {
  force_arguments(c("order", "conf.int", "conf.level", "scales"))
  check_flag(conf.int, "conf.int")
  check_level(conf.level)
  scales <- match_choice(scales, c("sdcor", "vcov"), "scales")
  order <- match_choice(order, c("cov.last", "lower.tri"), "order")
  correlated <- shows_correlation(x)
  tables <- lapply(seq_along(x), function(j) {
    varcorr_rows(x[[j]], names(x)[j], order, correlated[j])
  })
  sc <- if (attr(x, "useSc")) attr(x, "sc") else double()
  none <- rep(NA_character_, length(sc))
  residual <- data.frame(grp = rep("Residual", length(sc)), var1 = none, var2 = none,
                         vcov = sc^2, sdcor = sc, stringsAsFactors = FALSE)
  table <- do.call(rbind, c(tables, list(residual)))
  if (!conf.int || nrow(table) == 0L) return(table)
  cbind(table, varcorr_limits(x, table, scales, conf.level))
}

# Standard errors and Wald limits for the rows of the table; variances have the squares of the
# limits of standard deviations, covariances have none.
varcorr_limits <- function(x, table, scales, level) {
  known <- attr(x, "known")
  at <- varcorr_places(x, table)
  single <- is.na(table$var2)
  se <- parameter_errors(known)[at]
  limits <- unname(parameter_limits(known, c((1 - level) / 2, (1 + level) / 2)))[at, , drop = FALSE]
  if (scales == "vcov") {
    se <- 2 * known$parameters$estimate[at] * se
    limits <- limits^2
    se[!single] <- limits[!single, ] <- NA_real_
  }
  data.frame(std.error = unname(se), conf.low = limits[, 1L], conf.high = limits[, 2L])
}

# Rows of the table of parameters.
varcorr_places <- function(x, table) {
  known <- attr(x, "known")
  at <- parameter_places(known, match(table$grp, names(x), 0L), table$var1, table$var2)
  at[is.na(table$var1)] <- residual_place(known$parameters)
  at
}

# `correlated`: does the structure have covariances? They have no rows otherwise.
varcorr_rows <- function(value, group, order, correlated) {
  k <- nrow(value)
  below <- lower.tri(value) & correlated
  table <- data.frame(
    grp = group,
    var1 = colnames(value)[c(seq_len(k), col(value)[below])],
    var2 = c(rep(NA_character_, k), colnames(value)[row(value)[below]]),
    vcov = c(diag(value), value[below]),
    sdcor = c(attr(value, "stddev"), attr(value, "correlation")[below]),
    stringsAsFactors = FALSE, row.names = NULL
  )
  if (order == "cov.last") return(table)
  place <- matrix(NA_integer_, k, k)
  diag(place) <- seq_len(k)
  place[below] <- k + seq_len(sum(below))
  place <- place[lower.tri(place, diag = TRUE)]
  table <- table[place[!is.na(place)], ]
  rownames(table) <- NULL
  table
}

#' @rdname VarCorr.tiers_fit
#' @param digits Significant digits.
#' @param comp What to print of each effect: `"SD"` (or `"Std.Dev."`, as lme4 has it), `"Variance"`,
#'   or both. With `conf.int = TRUE` also standard errors and limits of the standard deviations.
#' @method print tiers_varcorr
#' @export
print.tiers_varcorr <- function(x, digits = max(3L, getOption("digits") - 2L),
                                comp = "SD", conf.int = FALSE, conf.level = 0.95, ...) {
  force_arguments(c("digits", "comp", "conf.int", "conf.level"))
  check_digits(digits)
  check_flag(conf.int, "conf.int")
  check_level(conf.level)
  if (length(x) == 0L && !attr(x, "useSc")) cat("No random effects\n") else {
    if (!is.character(comp)) comp <- NA
    show <- c(Variance = "Variance", Std.Dev. = "SD", SD = "SD")[comp]
    if (anyNA(show)) {
      stop_input("{.arg comp} must be among {.val {c('SD', 'Std.Dev.', 'Variance')}}.")
    }
    random <- varcorr_random(x)
    if (conf.int) {
      table <- as.data.frame(x, conf.int = TRUE, conf.level = conf.level)
      own <- table[is.na(table$var2), ]
      random[c("se", "lower", "upper")] <- own[c("std.error", "conf.low", "conf.high")]
      show <- c(show, "SE", "limits")
      cat("SE, lower, upper: standard error and ", format(100 * conf.level),
          "% limits (Wald, log scale) of the SD\n", sep = "")
    }
    cat(c(random_lines(random, varcorr_correlations(x), digits, show),
          structure_lines(attr(x, "known")$parameters, attr(x, "structures"), digits)), sep = "\n")
    if (!is.null(attr(x, "held"))) cat(wrapped("Held: ", attr(x, "held")), sep = "\n")
  }
  residual <- attr(x, "residual")
  if (!is.null(residual)) {
    cat(residual_lines(residual$table, residual$words, digits, if (conf.int) "limits"), sep = "\n")
  }
  invisible(x)
}

# The tables that random_lines() takes.
varcorr_random <- function(x) {
  structures <- attr(x, "structures")
  rows <- lapply(seq_along(x), function(j) {
    data.frame(term = j, group = names(x)[j], structure = structures[[j]],
               name = rownames(x[[j]]), variance = diag(x[[j]]), sd = attr(x[[j]], "stddev"))
  })
  if (attr(x, "useSc")) {
    sc <- attr(x, "sc")
    rows <- c(rows, list(data.frame(term = 0L, group = "Residual", structure = "id", name = "",
                                    variance = sc^2, sd = sc)))
  }
  do.call(rbind, rows)
}

varcorr_correlations <- function(x) {
  rows <- lapply(which(shows_correlation(x)), function(j) {
    correlation <- attr(x[[j]], "correlation")
    below <- which(lower.tri(correlation), arr.ind = TRUE)
    data.frame(term = rep(j, nrow(below)), name1 = rownames(correlation)[below[, 2L]],
               name2 = rownames(correlation)[below[, 1L]], correlation = correlation[below])
  })
  none <- data.frame(term = integer(), name1 = character(), name2 = character(),
                     correlation = double())
  do.call(rbind, c(list(none), rows))
}

shows_correlation <- function(x) unname(attr(x, "correlated"))
