#' tiers: mixed-effects models that are fast, exact and plain
#'
#' [lmm()] fits linear and [glmm()] generalized linear mixed-effects models with lme4's formulas, by
#' an algorithm with exact derivatives that converges in a few iterations and says plainly what it
#' found.
#'
#' @keywords internal
#' @useDynLib tiers, .registration = TRUE
#' @importFrom Rcpp sourceCpp
#' @importFrom stats anova coef confint deviance df.residual extractAIC family fitted formula logLik
#' @importFrom stats model.frame model.matrix nobs predict residuals sigma simulate terms update
#' @importFrom stats vcov weights
"_PACKAGE"

#' @importFrom nlme fixef
#' @export
nlme::fixef

#' @importFrom nlme ranef
#' @export
nlme::ranef

#' @importFrom nlme VarCorr
#' @export
nlme::VarCorr

#' @importFrom nlme getData
#' @export
nlme::getData

#' @importFrom generics tidy
#' @export
generics::tidy

#' @importFrom generics glance
#' @export
generics::glance

#' @importFrom generics augment
#' @export
generics::augment
