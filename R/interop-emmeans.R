# Methods for emmeans, registered when that package is loaded.

#' Estimated marginal means
#'
#' Fits work with the functions of the package emmeans: `emmeans()`, `emtrends()`, `contrast()`,
#' `pairs()`, `joint_tests()`, `ref_grid()` and others. These methods are what emmeans calls; their
#' arguments are given to `emmeans()` or `ref_grid()`.
#'
#' The degrees of freedom are those of each marginal mean or contrast by the method that
#' [summary()][summary.tiers_fit] has for the fit (Satterthwaite for linear, none for generalized
#' fits), or by the one asked for. With Kenward and Roger's method the adjusted covariance matrix is
#' used. A transformation of the response that emmeans knows, such as `log(y)`, and the link of a
#' generalized fit are recorded, so that `type = "response"` goes back. That is the mean of the
#' typical group; with `bias.adjust = TRUE` emmeans approximates the mean over the groups (and, of a
#' transformed response, over the residuals), for which it is told the standard deviation that the
#' fit has for them, the root of the mean variance over the rows. [predict()][predict.tiers_fit]
#' with `type = "marginal"` and [estimate()] integrate.
#'
#' Offsets are at their mean, as for fits of lme4. Cells of the design that the data cannot estimate
#' are shown as `nonEst`.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param data Data to take the reference grid from; by default those that the fit keeps.
#' @param trms,xlev,grid,misc,options As emmeans passes them.
#' @param ddf How degrees of freedom are found: see [summary.tiers_fit()]. `mode` and `lmer.df` are
#'   the names that emmeans has for fits of lme4.
#' @param mode,lmer.df The same as `ddf`.
#' @param vcov. A covariance matrix of the fixed effects to use in place of the model's own, a
#'   function of the fit that returns one, or the name of a cluster-robust one such as `"CR2"`; the
#'   latter has its own degrees of freedom.
#' @param cluster With such a name, the clusters: as in [vcov()][vcov.tiers_fit].
#' @param ... Further arguments of emmeans.
#' @return What emmeans documents for methods of `recover_data()` and `emm_basis()`.
#' @seealso [estimate()] for linear functions without emmeans, random effects among them;
#'   [anova()][anova.tiers_fit].
#' @concept marginal means
#' @concept least-squares means
#' @concept pairwise comparisons
#' @concept LSMEANS
#' @examplesIf requireNamespace("emmeans", quietly = TRUE)
#' fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), nlme::Machines)
#' machine <- emmeans::emmeans(fit, "Machine", ddf = "kenward-roger")
#' machine
#' pairs(machine)
#' emmeans::emmeans(fit, "Machine", vcov. = "CR2", cluster = ~ Worker)
#' @name emmeans-methods
NULL

#' @rdname emmeans-methods
#' @exportS3Method emmeans::recover_data
recover_data.tiers_fit <- function(object, data = NULL, ...) {
  force_arguments("data")
  if (!is.null(data) && !is.data.frame(data)) {
    stop_input("{.arg data} must be a data frame, not {shown(data)}.")
  }
  validate_fit(object)
  formula <- full_formula(object)
  # Of counts and shares the left side is no transformation to go back by.
  if (!adds_residual(object)) formula[[2L]] <- quote(response)
  call <- as.call(list(object$call[[1L]], formula, data = object$call$data))
  own <- is.null(data)
  if (own) data <- fit_data(object)
  value <- emmeans::recover_data(call, stats::delete.response(object$terms), NULL, data = data,
                                 frame = if (own) object$frame else data, ...)
  if (own && is.data.frame(value) && nrow(value) == nrow(object$frame)) {
    value[["(weights)"]] <- prior_weights(object)
  }
  value
}

#' @rdname emmeans-methods
#' @exportS3Method emmeans::emm_basis
emm_basis.tiers_fit <- function(object, trms, xlev, grid, misc = NULL, options = NULL, ddf = NULL,
                                mode = NULL, lmer.df = NULL, vcov. = NULL, cluster = NULL, ...) {
  check_given(!missing(grid), "grid", "emm_basis")
  force_arguments(c("grid", "misc", "ddf", "mode", "lmer.df", "vcov.", "cluster"))
  validate_fit(object)
  if (is_separated(object)) {
    stop_model(c("The coefficients of {.val {object$separation$columns}} are infinite: marginal
                  means over them do not exist.",
                 i = "{.fn estimate} and {.fn predict} answer for what is finite."))
  }
  prepared <- prepare_ddf(object, ddf %||% mode %||% lmer.df, vcov., cluster)
  X <- fixed_matrix(object, grid)
  method <- function(k, dfargs) dfargs$df(k)
  attr(method, "mesg") <- if (has_normal_tests(object, prepared)) "asymptotic" else prepared$label
  list(X = X, bhat = object$coefficients, nbasis = inestimable_basis(object), V = prepared$vcov,
       dffun = method, dfargs = list(df = function(k) prepared$df_rows(as_rows(k))),
       misc = link_labels(object, misc, prepared), model.matrix = compact_matrix(object))
}

as_rows <- function(k) if (is.matrix(k)) k else matrix(k, 1L)

# A matrix whose columns are orthogonal to all rows that the data can estimate; NA where these are
# all.
inestimable_basis <- function(fit) {
  kept <- !is.na(fit$coefficients)
  if (all(kept)) return(matrix(NA))
  dependence <- column_dependence(fit)
  basis <- matrix(0, length(kept), sum(!kept))
  basis[kept, ] <- -dependence$coefficients / dependence$scale[kept]
  basis[cbind(which(!kept), seq_len(sum(!kept)))] <- 1 / dependence$scale[!kept]
  qr.Q(qr(sweep(basis, 2L, sqrt(colSums(basis^2)), "/")))
}

# What emmeans takes for submodels.
compact_matrix <- function(fit) {
  X <- fixed_matrix(fit)
  emmeans::.cmpMM(used_rows(fit, X), used_values(fit, prior_weights(fit)), attr(X, "assign"))
}

used_values <- function(fit, x) drop(used_rows(fit, cbind(x)))

link_labels <- function(fit, misc, prepared) {
  misc$initMesg <- c(misc$initMesg, if (!is.null(prepared$vcov_words)) {
    sentence(prepared$vcov_words)
  })
  misc$postGridHook <- function(result, ...) with_total_sd(result, fit)
  family <- stats::family(fit)
  if (is_identity_link(family_of(fit))) return(misc)
  misc$tran <- link_of_emmeans(fit, family)
  misc$inv.lbl <- switch(family_response_kind(fit$family$name), success = "prob", count = "rate",
                         "response")
  misc
}

# The name where emmeans makes the same link of it.
link_of_emmeans <- function(fit, family) {
  known <- is.null(fit$family$custom) &&
    !inherits(tryCatch(stats::make.link(family$link), error = identity), "error")
  if (known) return(family$link)
  list(linkfun = family$linkfun, linkinv = family$linkinv, mu.eta = family$mu.eta,
       valideta = family$valideta, name = family$link)
}

# For adjustments of bias the variation around a mean is that of the groups and, where a response is
# transformed, of the residual. What the user gave stays.
with_total_sd <- function(result, fit) {
  if (!identical(result@misc$sigma, stats::sigma(fit))) return(result)
  # Rows with standard deviations of their own have no common one to predict with.
  if (has_structure(fit)) {
    if (!fit$residual$has_sigma || length(fit$dispersion)) result@misc$sigma <- NA_real_
    return(result)
  }
  variance <- mean(used_values(fit, random_sd(fit, random_parts(fit, NA)))^2)
  if (adds_residual(fit)) {
    variance <- variance + mean(fit$sigma^2 / used_values(fit, prior_weights(fit)))
  }
  result@misc$sigma <- sqrt(variance)
  result
}
