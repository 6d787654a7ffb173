# The suites: their cases, and how each package fits a case. `peers` gives, for each other
# package, a function that fits a case or NULL where the package cannot; `evaluate` is the deviance
# of a peer's estimates where its own logLik() is on another scale.

fit_lme <- function(case, d) {
  nlme::lme(case$nlme$fixed, d, case$nlme$random, method = if (case$REML) "REML" else "ML")
}

is_negative_binomial <- function(case) identical(case$family, "nbinom2")

fit_glmer <- function(case, d) {
  if (is_negative_binomial(case)) return(lme4::glmer.nb(case$formula, d))
  lme4::glmer(case$formula, d, family = case$family, nAGQ = case$points)
}

fit_glmm_tmb <- function(case, d) {
  family <- if (is_negative_binomial(case)) glmmTMB::nbinom2() else case$family
  glmmTMB::glmmTMB(case$formula, d, family = family)
}

fit_glmm_adaptive <- function(case, d) {
  family <- if (is_negative_binomial(case)) GLMMadaptive::negative.binomial() else case$family
  GLMMadaptive::mixed_model(reformulas::nobars(case$formula), random = case$adaptive, data = d,
                            family = family, nAGQ = case$points)
}

# Deviance of other estimates by our likelihood, which has all constants. glmer() leaves some out
# with more than one point; GLMMadaptive's own value keeps nodes of an earlier iteration.
our_deviance <- function(ours, beta, covariance, phi = double()) {
  spec <- tiers:::fit_specification(ours)
  Lambda <- list(t(chol(as.matrix(covariance))))
  tiers:::run_glmm_evaluate(spec, beta, Lambda, phi)$deviance
}

evaluate_glmer <- function(fit, case, ours) {
  if (case$points == 1L) return(NA_real_)
  our_deviance(ours, lme4::fixef(fit), lme4::VarCorr(fit)[[1L]])
}

evaluate_glmm_adaptive <- function(fit, case, ours) {
  phi <- if (is_negative_binomial(case)) unname(fit$phis) else double()
  our_deviance(ours, nlme::fixef(fit), fit$D, phi)
}

suites <- list(
  linear = list(
    title = "Linear mixed models", cases = bench_cases,
    tiers = function(case, d) lmm(case$formula, d, REML = case$REML),
    packages = c(lme4 = "lme4", nlme = "nlme"),
    peers = list(
      lme4 = function(case) function(case, d) lme4::lmer(case$formula, d, REML = case$REML),
      nlme = function(case) if (!is.null(case$nlme)) fit_lme),
    evaluate = list()),
  generalized = list(
    title = "Generalized linear mixed models", cases = generalized_cases,
    tiers = function(case, d) glmm(case$formula, d, family = case$family, nAGQ = case$points),
    packages = c(glmer = "lme4", glmmTMB = "glmmTMB", GLMMadaptive = "GLMMadaptive"),
    peers = list(
      glmer = function(case) fit_glmer,
      glmmTMB = function(case) if (case$points == 1L) fit_glmm_tmb,
      GLMMadaptive = function(case) if (!is.null(case$adaptive)) fit_glmm_adaptive),
    evaluate = list(glmer = evaluate_glmer, GLMMadaptive = evaluate_glmm_adaptive)),
  longitudinal = list(
    title = "Residual covariance structures", cases = longitudinal_cases, tiers = fit_structured,
    packages = c(nlme = "nlme", glmmTMB = "glmmTMB"),
    peers = list(
      nlme = function(case) if (!is.null(case$nlme)) fit_gls,
      glmmTMB = function(case) if (!is.null(case$tmb)) fit_tmb_marginal),
    evaluate = list()))
