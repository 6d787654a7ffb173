# Methods for the tests of pbkrtest and lmerTest, registered when those packages are loaded: what
# their users have in scripts, with the numbers of anova() and estimate(). Tests that they make of
# more than the generic names are refused with what does the same here.

check_linear_for <- function(fit, generic) {
  validate_fit(fit)
  if (!kind_tests(fit)$linear) stop_input("{.fn {generic}} is for linear models.")
  fit
}

# The larger fit, and the hypothesis about it: `small` is a fit, a formula for update(), a matrix or
# a row.
nested_hypothesis <- function(large, small, generic) {
  check_linear_for(large, generic)
  if (inherits(small, "formula")) small <- stats::update(large, small)
  if (is.numeric(small)) {
    return(list(fit = large, L = hypothesis_rows(large, small), small = NULL))
  }
  if (!inherits(small, "tiers_fit")) {
    stop_input(c("{.fn {generic}} compares a fit of tiers with another one, a formula, or a matrix
                  of linear functions of its coefficients.",
                 x = "It is {.obj_type_friendly {small}}."))
  }
  if (nrow(small$frame) != nrow(large$frame)) {
    stop_input("{.fn {generic}} compares fits to the same rows: there are {nrow(large$frame)} and
                {nrow(small$frame)}.")
  }
  if (nrow(small$vcov) > nrow(large$vcov)) {
    swapped <- small
    small <- large
    large <- swapped
  }
  X <- kept_matrix(large)
  X0 <- kept_matrix(small)
  if (ncol(X) == ncol(X0) || !in_span(X0, X)) {
    stop_input(c("{.fn {generic}} tests fixed effects: those of one fit must be part of those of the
                  other.", i = "{.fn anova} compares fits that differ in their random effects."))
  }
  # The fixed part of the smaller one is where X beta has no part in what X adds to it.
  parts <- qr(X)
  L <- crossprod(left_null_space(qr.qty(parts, X0)[seq_len(ncol(X)), , drop = FALSE]),
                 qr.R(parts)[, order(parts$pivot), drop = FALSE])
  list(fit = large, L = L, small = small)
}

hypothesis_rows <- function(fit, L) {
  fixed_functions(fit, L, 0, prepare_ddf(fit, "asymptotic"))$rows
}

by_reml <- function(fit) if (isTRUE(fit$REML)) fit else stats::update(fit, REML = TRUE)

# "L" where the smaller model is a hypothesis, as print() of pbkrtest has it.
small_formula <- function(asked, against) {
  if (is.null(asked$small)) return(list(L = asked$L, betaH = against))
  plain_formula(asked$small)
}

plain_formula <- function(fit) `attributes<-`(full_formula(fit), NULL)

#' @exportS3Method pbkrtest::KRmodcomp
KRmodcomp.tiers_fit <- function(largeModel, smallModel, betaH = 0, details = 0) {
  check_given(!missing(smallModel), "smallModel", "KRmodcomp")
  force_arguments(c("smallModel", "betaH"))
  asked <- nested_hypothesis(largeModel, smallModel, "KRmodcomp")
  fit <- by_reml(asked$fit)
  prepared <- prepare_ddf(fit, "kenward-roger")
  found <- test_joint(kept_coefficients(fit) - betaH, prepared, asked$L)
  scale <- prepared$df_joint(asked$L)$scale
  plain <- found$statistic / scale
  p_value <- f_tail(plain, found$num_df, found$den_df)
  test <- data.frame(stat = c(found$statistic, plain), ndf = as.integer(found$num_df),
                     ddf = found$den_df, F.scaling = c(scale, NA),
                     p.value = c(found$p.value, p_value), row.names = c("Ftest", "FtestU"))
  aux <- c(F.scaling = scale)
  stats <- list(ndf = found$num_df, ddf = found$den_df, Fstat = found$statistic,
                p.value = found$p.value, F.scaling = scale, FstatU = plain, p.valueU = p_value,
                aux = aux)
  structure(list(test = test, type = "F", aux = aux, stats = stats,
                 formula.large = plain_formula(fit), formula.small = small_formula(asked, betaH),
                 L = asked$L), class = "KRmodcomp")
}

#' @exportS3Method pbkrtest::SATmodcomp
SATmodcomp.tiers_fit <- function(largeModel, smallModel, ...) {
  check_given(!missing(smallModel), "smallModel", "SATmodcomp")
  force_arguments("smallModel")
  asked <- nested_hypothesis(largeModel, smallModel, "SATmodcomp")
  fit <- by_reml(asked$fit)
  found <- test_joint(kept_coefficients(fit), prepare_ddf(fit, "satterthwaite"), asked$L)
  test <- data.frame(statistic = found$statistic, ndf = found$num_df, ddf = found$den_df,
                     p.value = found$p.value)
  structure(list(test = test, sigma = fit$sigma, formula.large = full_formula(fit),
                 formula.small = asked$L, L = asked$L), class = "SATmodcomp")
}

#' @exportS3Method pbkrtest::PBmodcomp
PBmodcomp.tiers_fit <- function(largeModel, smallModel, nsim = 1000, ...) {
  stop_input(c("{.fn PBmodcomp} is not for fits of tiers.",
               i = "Use {.code anova(small, large, method = \"bootstrap\", nsim = 1000)}."))
}

#' @exportS3Method pbkrtest::vcovAdj
vcovAdj.tiers_fit <- function(object, details = 0) {
  prepare_ddf(by_reml(check_linear_for(object, "vcovAdj")), "kenward-roger")$vcov
}

#' @exportS3Method pbkrtest::get_Lb_ddf
get_Lb_ddf.tiers_fit <- function(object, L) {
  check_given(!missing(L), "L", "get_Lb_ddf")
  force_arguments("L")
  check_linear_for(object, "get_Lb_ddf")
  fit <- by_reml(object)
  prepare_ddf(fit, "kenward-roger")$df_joint(hypothesis_rows(fit, L))$df
}

# `collect`, `check_estimability` and others of lmerTest change nothing here: what the data cannot
# estimate is refused.
#' @exportS3Method lmerTest::contest
contest.tiers_fit <- function(model, L, rhs = 0, joint = TRUE, confint = TRUE, level = 0.95,
                              ddf = NULL, ...) {
  check_given(!missing(L), "L", "contest")
  force_arguments(c("L", "rhs", "joint", "confint", "level", "ddf"))
  check_flag(joint, "joint")
  check_flag(confint, "confint")
  if (joint) return(contestMD.tiers_fit(model, L, rhs, ddf))
  contest1D.tiers_fit(model, L, rhs, ddf, confint, level)
}

#' @exportS3Method lmerTest::contestMD
contestMD.tiers_fit <- function(model, L, rhs = 0, ddf = NULL, ...) {
  check_given(!missing(L), "L", "contestMD")
  force_arguments(c("L", "rhs", "ddf"))
  fit <- check_linear_for(model, "contestMD")
  prepared <- prepare_ddf(fit, ddf)
  parts <- fixed_functions(fit, L, rhs, prepared)
  found <- test_joint(parts$estimate, parts$test, parts$rows, parts$against)
  # lmerTest's mean square is that of the F before its scaling.
  mean_square <- found$statistic / parts$test$df_joint(parts$rows)$scale * fit$sigma^2
  data.frame(`Sum Sq` = mean_square * found$num_df, `Mean Sq` = mean_square, NumDF = found$num_df,
             DenDF = found$den_df, `F value` = found$statistic, `Pr(>F)` = found$p.value,
             check.names = FALSE)
}

#' @exportS3Method lmerTest::contest1D
contest1D.tiers_fit <- function(model, L, rhs = 0, ddf = NULL, confint = FALSE, level = 0.95,
                                ...) {
  check_given(!missing(L), "L", "contest1D")
  force_arguments(c("L", "rhs", "ddf", "confint", "level"))
  check_flag(confint, "confint")
  check_level(level)
  fit <- check_linear_for(model, "contest1D")
  found <- as.data.frame(estimate(fit, L, rhs = rhs, ddf = ddf, level = level))
  out <- data.frame(Estimate = found$estimate, `Std. Error` = found$std.error, df = found$df,
                    `t value` = found$statistic, check.names = FALSE)
  if (confint) out <- cbind(out, lower = found$conf.low, upper = found$conf.high)
  cbind(out, `Pr(>|t|)` = found$p.value)
}

#' @exportS3Method lmerTest::ls_means
ls_means.tiers_fit <- function(model, which = NULL, level = 0.95, ...) {
  stop_input(c("{.fn ls_means} is not for fits of tiers.",
               i = "Use {.code emmeans::emmeans(fit, ~ f)} for a factor {.code f}, with the degrees
                    of freedom of the fit."))
}
