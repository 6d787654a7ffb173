# Methods on generics that lme4 owns. They are registered when lme4 is loaded and change nothing
# for whoever does not use it.

#' Methods for generics of lme4
#'
#' With lme4 loaded, its functions `isREML()`, `isLMM()`, `isGLMM()`, `isNLMM()`, `isSingular()`,
#' `rePCA()`, `ngrps()`, `refit()`, `refitML()` and `getME()` work on fits of this package. Parts
#' that go by random term follow the order of the formula, where lme4 sorts terms by their number of
#' levels.
#'
#' @param object,x A fit made by [lmm()] or [glmm()].
#' @param newresp A new response: a vector, or a list or data frame of one.
#' @param name One or more of `"X"`, `"Z"`, `"Zt"`, `"y"`, `"mu"`, `"b"`, `"u"`, `"Lambda"`,
#'   `"Lambdat"`, `"theta"`, `"lower"`, `"beta"`, `"fixef"`, `"sigma"`, `"flist"`, `"cnms"`,
#'   `"Gp"`, `"offset"`, `"weights"`, `"n"`, `"N"`, `"p"`, `"q"`, `"k"`, `"m"`, `"p_i"`, `"l_i"`,
#'   `"q_i"`, `"n_rtrms"`, `"n_rfacs"`, `"REML"`, `"is_REML"`, `"devcomp"`, or `"ALL"`.
#' @param tol A standard deviation relative to the residual's (of a direction of correlated effects)
#'   below which a fit counts as singular.
#' @param ... Not used.
#' @return What lme4 documents for each of them: `getME()` the part (a named list of parts, for
#'   several names), `ngrps()` the number of levels of each grouping factor, `refit()` a fit to the
#'   new response, `refitML()` the fit by maximum likelihood, the others `TRUE` or `FALSE`.
#' @seealso [refit_response()] does what `refit()` does without lme4;
#'   [model.matrix()][formula.tiers_fit] and [VarCorr()][VarCorr.tiers_fit] give the parts asked for
#'   most often.
#' @examplesIf requireNamespace("lme4", quietly = TRUE)
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' lme4::ngrps(fit)
#' lme4::getME(fit, "theta")
#' @name lme4-methods
NULL

#' @rdname lme4-methods
#' @exportS3Method lme4::isREML
isREML.tiers_fit <- function(x, ...) isTRUE(x$REML)

# The one that is true of a kind of model stands in its own file (kind-*.R).
#' @rdname lme4-methods
#' @exportS3Method lme4::isLMM
isLMM.tiers_fit <- function(x, ...) FALSE

#' @rdname lme4-methods
#' @exportS3Method lme4::isGLMM
isGLMM.tiers_fit <- function(x, ...) FALSE

#' @rdname lme4-methods
#' @exportS3Method lme4::isNLMM
isNLMM.tiers_fit <- function(x, ...) FALSE

#' @rdname lme4-methods
#' @exportS3Method lme4::ngrps
ngrps.tiers_fit <- function(object, ...) group_sizes(object)

#' @rdname lme4-methods
#' @rawNamespace S3method(lme4::refit, tiers_fit)
refit.tiers_fit <- function(object, newresp, ...) {
  check_dots("refit", ...)
  refit_response(object, newresp)
}

#' @rdname lme4-methods
#' @exportS3Method lme4::refitML
refitML.tiers_fit <- function(x, ...) {
  check_dots("refitML", ...)
  validate_fit(x)
  if (!isTRUE(x$REML)) return(x)
  x$call$REML <- FALSE
  fit_by_ml(x)
}

#' @rdname lme4-methods
#' @exportS3Method lme4::isSingular
isSingular.tiers_fit <- function(x, tol = 1e-4, ...) {
  check_dots("isSingular", ...)
  validate_fit(x)
  check_number(tol, "tol", 0, Inf)
  theta <- free_factors(x)
  at_end <- !vapply(x$convergence$boundary, is.null, NA)
  any(at_end) || any(theta[attr(theta, "diagonal")] < tol)
}

#' @rdname lme4-methods
#' @exportS3Method lme4::rePCA
rePCA.tiers_fit <- function(x) {
  validate_fit(x)
  groups <- term_groups(x)
  parts <- lapply(stats::setNames(nm = unique(groups)), function(group) {
    factors <- lapply(x$random[groups == group], function(term) unname(term$Lambda))
    parts <- svd(as.matrix(Matrix::bdiag(unname(factors))), nv = 0L)
    structure(list(sdev = parts$d, rotation = parts$u, center = FALSE, scale = FALSE),
              class = "prcomp")
  })
  structure(parts, class = "prcomplist")
}

#' @rdname lme4-methods
#' @exportS3Method lme4::getME
getME.tiers_fit <- function(object, name, ...) {
  check_dots("getME", ...)
  validate_fit(object)
  if (missing(name) || !is.character(name) || length(name) == 0L) {
    stop_input("{.arg name} must be the name of a part.")
  }
  if (identical(name, "ALL")) name <- names(model_parts())
  # lme4 completes names, and others rely on it.
  at <- pmatch(name, names(model_parts()), duplicates.ok = TRUE)
  name[!is.na(at)] <- names(model_parts())[at[!is.na(at)]]
  unknown <- setdiff(name, names(model_parts()))
  if (length(unknown)) {
    stop_input(c("A fit of tiers has no part {.val {unknown}}.",
                 "i" = "It has {.val {names(model_parts())}}."))
  }
  parts <- lapply(stats::setNames(nm = name), function(part) model_parts()[[part]](object))
  if (length(name) == 1L) parts[[1L]] else parts
}

# One function for each part.
model_parts <- function() {
  list(
    X = kept_matrix,
    Z = random_matrix,
    Zt = function(fit) Matrix::t(random_matrix(fit)),
    y = function(fit) observed_response(fit),
    mu = function(fit) fit$fitted,
    u = function(fit) spherical_modes(fit),
    b = function(fit) stacked_modes(fit),
    Lambda = relative_factor,
    Lambdat = function(fit) Matrix::t(relative_factor(fit)),
    theta = function(fit) structure(free_factors(fit), diagonal = NULL),
    lower = function(fit) {
      theta <- free_factors(fit)
      stats::setNames(ifelse(attr(theta, "diagonal"), 0, -Inf), names(theta))
    },
    beta = function(fit) unname(kept_coefficients(fit)),
    fixef = function(fit) fit$coefficients,
    sigma = function(fit) fit$sigma,
    flist = grouping_factors,
    cnms = function(fit) lapply(fit$random, function(term) term$columns),
    Gp = function(fit) c(0L, cumsum(unname(effects_of_terms(fit)))),
    offset = fixed_offset,
    weights = prior_weights,
    n = function(fit) nrow(fit$frame),
    N = function(fit) nrow(fit$frame),
    p = function(fit) nrow(fit$vcov),
    q = function(fit) sum(effects_of_terms(fit)),
    k = function(fit) length(fit$random),
    m = function(fit) length(free_factors(fit)),
    p_i = function(fit) vapply(fit$random, function(term) length(term$columns), 1L),
    l_i = group_sizes,
    q_i = effects_of_terms,
    n_rtrms = function(fit) length(fit$random),
    n_rfacs = function(fit) length(unique(term_groups(fit))),
    REML = function(fit) if (fit$REML) nrow(fit$vcov) else 0L,
    is_REML = function(fit) fit$REML,
    devcomp = deviance_parts
  )
}

effects_of_terms <- function(fit) {
  vapply(fit$random, function(term) length(term$modes), 1L)
}

# b: the effects of a level next to each other, terms in order; names as the columns of Z.
stacked_modes <- function(fit) {
  values <- unlist(lapply(unname(fit$random), function(term) as.vector(t(term$modes))))
  if (is.null(values)) values <- numeric()
  matrix(values, ncol = 1L, dimnames = list(random_names(fit), NULL))
}

random_names <- function(fit) {
  unlist(lapply(unname(fit$random), function(term) {
    rep(term$levels, each = length(term$columns))
  }))
}

# u = Lambda'Z'W (y - fitted), or with the derivative of the log density in its place; this needs no
# inverse of Lambda.
spherical_modes <- function(fit) {
  if (length(fit$random) == 0L) return(numeric())
  score <- Matrix::crossprod(random_matrix(fit), row_scores(fit))
  as.vector(Matrix::crossprod(relative_factor(fit), score))
}

# The parameters that the engine works with. Entries of the factors have lme4's names; those of
# other structures the names of what they are.
free_factors <- function(fit) {
  parts <- lapply(unname(fit$random), function(term) {
    at <- covariance_entries(term)
    diagonal <- at[, 1L] == at[, 2L]
    names <- if (nrow(at)) {
      paste0(term$group, ".", term$columns[at[, 1L]],
             ifelse(diagonal, "", paste0(".", term$columns[at[, 2L]])))
    } else {
      diagonal <- covariance_parameters(term)$type == "sd"
      covariance_parameter_names(term)
    }
    list(value = stats::setNames(term$theta, names), diagonal = diagonal)
  })
  value <- unlist(lapply(parts, `[[`, "value"))
  structure(if (is.null(value)) numeric() else value,
            diagonal = as.logical(unlist(lapply(parts, `[[`, "diagonal"))))
}

# Factors of the rows, one for each distinct group; "assign" says which belongs to which term.
grouping_factors <- function(fit) {
  groups <- term_groups(fit)
  first <- which(!duplicated(groups))
  factors <- lapply(first, function(j) {
    term <- fit$random[[j]]
    structure(as.integer(random_basis(fit, j)$codes), levels = term$levels, class = "factor")
  })
  structure(stats::setNames(factors, groups[first]), assign = match(groups, groups[first]))
}

deviance_parts <- function(fit) {
  cmp <- c(sigmaML = NA_real_, sigmaREML = NA_real_, REML = NA_real_, dev = NA_real_)
  cmp[[if (fit$REML) "REML" else "dev"]] <- fit$deviance
  cmp[[if (fit$REML) "sigmaREML" else "sigmaML"]] <- fit$sigma
  list(cmp = cmp, dims = c(
    N = nrow(fit$frame), n = nrow(fit$frame), p = nrow(fit$vcov),
    q = sum(effects_of_terms(fit)), nth = length(free_factors(fit)),
    REML = if (fit$REML) nrow(fit$vcov) else 0L, useSc = as.integer(has_residual(fit)),
    reTrms = length(fit$random)
  ))
}
