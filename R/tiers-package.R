#' Mixed-effects models: all functions by what they are for
#'
#' Linear and generalized linear mixed-effects models with lme4's formulas, by an algorithm with
#' exact derivatives that converges in a few iterations and says plainly what it found.
#'
#' @section Fitting:
#' * [lmm()]: linear mixed models (repeated measures, multilevel and split-plot designs, crossed
#'   random effects), by REML or maximum likelihood.
#' * [glmm()]: binary, binomial, count, positive and share responses, by Laplace's approximation or
#'   adaptive quadrature. Families beside those of stats: [nbinom1()], [nbinom2()], [beta_family()],
#'   [betabinomial()].
#' * [covariance_structures]: of random effects, `ar1(week | id)` and the like;
#'   [residual_structures]: of residuals, [getVarCov()] of a subject, [compare_cov()] of several.
#' * [tiers_control()]: iterations, tolerance, trace.
#' * [update()][update.tiers_fit] fits again with something changed, [refit_response()] to another
#'   response; [drop1()][drop1.tiers_fit], [add1()][drop1.tiers_fit] and [stats::step()] go through
#'   the fixed terms.
#'
#' @section Did it work:
#' * [diagnose()]: convergence, singular fits, accuracy of the likelihood, in words.
#' * [plot()][plot.tiers_fit]: residuals, quantiles, caterpillars;
#'   [residuals()][residuals.tiers_fit], [fitted()][residuals.tiers_fit],
#'   [hatvalues()][residuals.tiers_fit], [cooks.distance()][residuals.tiers_fit];
#'   [nlme::ACF()][ACF.tiers_lmm] and [nlme::Variogram()][ACF.tiers_lmm], serial correlation of
#'   residuals.
#' * [influence()][influence.tiers_fit]: the estimates without each row or group;
#'   [rstudent()][rstudent.tiers_fit], [dfbetas()][rstudent.tiers_fit] row by row.
#'
#' @section Estimates, tests and intervals:
#' * [print()][print.tiers_fit], [summary()][summary.tiers_fit]: all of it on a page;
#'   [tidy()][tidy.tiers_fit], [glance()][tidy.tiers_fit], [augment()][tidy.tiers_fit] as data
#'   frames.
#' * [fixef()][ranef.tiers_fit], [ranef()][ranef.tiers_fit], [coef()][ranef.tiers_fit]: fixed
#'   effects, random effects (BLUPs; `summary(ranef(fit))` tests them), their sum by group.
#' * [VarCorr()][VarCorr.tiers_fit]: variances and correlations; [sigma()][logLik.tiers_fit]: the
#'   residual standard deviation; [icc()], [r2()], [reliability()]: what share of the variance is
#'   whose.
#' * [anova()][anova.tiers_fit]: F tests of types I to III, likelihood ratio tests between fits,
#'   with p values that are right where variances are tested;
#'   Satterthwaite's or other degrees of freedom, see [summary()][summary.tiers_fit] and
#'   [ddf_kr()].
#' * [covtest()]: tests of each random effect, exact ones in small samples, and HLM's chi-square.
#' * [estimate()]: linear functions of coefficients and random effects, alone or together;
#'   differences and ratios of means (risk differences).
#' * [vcov()][vcov.tiers_fit]: model-based or cluster-robust; [confint()][vcov.tiers_fit]: Wald,
#'   profile and bootstrap intervals, also of standard deviations and correlations;
#'   [profile()][profile.tiers_fit] with its plots.
#' * [bootstrap()]: parametric, of residuals or of groups, of the parameters or any function of a
#'   fit; [anova()][anova.tiers_fit] compares two fits by it.
#' * [logLik()][logLik.tiers_fit], [AIC()][logLik.tiers_fit], [nobs()][logLik.tiers_fit] and the
#'   like.
#'
#' @section Predictions:
#' * [predict()][predict.tiers_fit]: for known, typical or new groups, or averaged over groups, with
#'   standard errors, confidence and prediction limits; [marginal_coef()]: coefficients of the
#'   population.
#' * [simulate()][simulate.tiers_fit]: new responses, for a power analysis.
#' * [emmeans::emmeans()][emmeans-methods]: marginal means, pairwise comparisons and trends.
#'
#' @section Parts of a fit:
#' * [formula()][formula.tiers_fit], [model.frame()][formula.tiers_fit],
#'   [model.matrix()][formula.tiers_fit], [getData()][formula.tiers_fit],
#'   [weights()][formula.tiers_fit], [family()][formula.tiers_fit].
#' * [lme4::getME()][lme4-methods], [lme4::ngrps()][lme4-methods] and others of lme4's generics.
#'
#' @section With other packages:
#' There are methods for emmeans, car, multcomp, lmtest, sandwich, clubSandwich, insight,
#' parameters, performance, marginaleffects, broom and broom.mixed, lme4, nlme, pbkrtest
#' (`KRmodcomp()`, `SATmodcomp()`, `vcovAdj()`, `get_Lb_ddf()`) and lmerTest (`contest()`).
#' Functions that know the fits of a list of packages alone cannot be reached from here; in their
#' place
#' * `performance::compare_performance()`: [anova()][anova.tiers_fit] of several fits, or
#'   `do.call(rbind, lapply(fits, glance))`;
#' * `pbkrtest::PBmodcomp()`: `anova(small, large, method = "bootstrap")`;
#' * `lmerTest::ranova()`: [covtest()]; `lmerTest::ls_means()`:
#'   [emmeans::emmeans()][emmeans-methods];
#' * merTools: `predictInterval()` is [predict()][predict.tiers_fit] with `interval = "prediction"`,
#'   `REsim()` [summary(ranef(fit))][ranef.tiers_fit], `FEsim()` [bootstrap()], `ICC()` [icc()].
#'
#' @section Not there yet:
#' Residual correlation (AR(1)) and unequal residual variances; zero-inflation; ordinal responses;
#' nonlinear models.
#'
#' @section Pages:
#' `vignette("getting-started", package = "tiers")`,
#' `vignette("tests-and-predictions", package = "tiers")`,
#' `vignette("generalized-models", package = "tiers")`,
#' `vignette("algorithm", package = "tiers")`. Errors, warnings and messages have classes
#' (`tiers_error`, `tiers_warning`, `tiers_message`), so that a script can tell them apart.
#'
#' @seealso [lmm()], [glmm()]
#' @concept repeated measures
#' @concept mixed-effects model
#' @concept intraclass correlation
#' @concept ICC
#' @concept pairwise comparisons
#' @concept emmeans
#' @concept Kenward-Roger
#' @concept bootstrap
#' @concept profile likelihood
#' @concept zero-inflation
#' @concept convergence
#' @aliases tiers
#' @keywords internal
#' @useDynLib tiers, .registration = TRUE
#' @importFrom Rcpp sourceCpp
#' @importFrom stats AIC anova BIC coef confint deviance df.residual extractAIC family fitted
#'   formula logLik
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

#' @importFrom nlme getVarCov
#' @export
nlme::getVarCov

#' @importFrom generics tidy
#' @export
generics::tidy

#' @importFrom generics glance
#' @export
generics::glance

#' @importFrom generics augment
#' @export
generics::augment
