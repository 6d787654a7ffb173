# Kenward and Roger's adjusted covariance matrix and F test (Kenward and Roger 1997), in the entries
# of G and the residual variance, in which V is linear: no term with its second derivatives is left.
#
# With P_a = -X'V^-1 V_a V^-1 X, U_ab = X'V^-1 V_a P V_b V^-1 X, P = V^-1 - V^-1 X Phi X'V^-1 and
# W the asymptotic covariance of the variance parameters,
#   Phi_A = Phi + 2 Phi (sum_ab W_ab U_ab) Phi,
# and for l rows L, with Theta = L'(L Phi L')^-1 L and D_a = -Phi P_a Phi (the derivative of Phi),
#   A1 = sum W_ab tr(Theta D_a) tr(Theta D_b),  A2 = sum W_ab tr(Theta D_a Theta D_b).
# U_ab is also Q_ab - P_a Phi P_b of the paper, without its cancellation. The D_a and the sum of
# Phi U_ab Phi come from the compiled code; for functions of random effects too, in place of l'Phi l
# their prediction error, core/inference/linear_contrasts.h. A joint test of df within 0.01 of 2 is
# not scaled, as in pbkrtest: the factor has a pole there.

#' Kenward-Roger degrees of freedom
#'
#' A value for the argument `ddf` of [summary()][summary.tiers_fit], [anova()][anova.tiers_fit],
#' [confint()][vcov.tiers_fit], [predict()][predict.tiers_fit] and [estimate()] that says which form
#' of Kenward and Roger's method to use; `ddf = "kenward-roger"` is `ddf_kr()`.
#'
#' The method replaces the covariance matrix of the fixed effects by one that allows for the
#' estimation of the variances, and scales the F statistic. It needs the covariance matrix of the
#' variance parameters, for which there are two: from the expected information (the original
#' paper, pbkrtest) and from the observed one (PROC MIXED). The two agree in balanced designs and
#' differ visibly in small unbalanced ones.
#'
#' A variance that is estimated as zero stays among the parameters of the expected information, as
#' in pbkrtest: in a balanced design the degrees of freedom are those of the analysis of variance
#' whatever the estimate. It drops out of the observed information, as in PROC MIXED, and the
#' degrees of freedom are those of the model without it. In very small designs limits by the
#' expected information hold a little more than their level (.96 for .95 with eight groups), those
#' by the observed one are nearer.
#'
#' The variance parameters are the entries of the covariance matrices of the random effects and the
#' residual variance, in which the covariance matrix of the response is linear. Its second
#' derivatives, which the method has a term for, are zero then: `linear` and `version` give the
#' same numbers and are there because other programs have the choice. With `fix` or `equal` the
#' parameters are those that the constraints leave free. Beside a residual structure (see
#' [residual_structures]) they are its variances, correlations and ranges, and second derivatives
#' count: the standard errors of `linear = TRUE` are others, the degrees of freedom of single
#' coefficients the same.
#'
#' The same holds for predictions and contrasts that contain random effects: the variance of their
#' prediction error takes the place of that of the estimate (Kackar and Harville 1984).
#'
#' Where the method has no answer, as with too few groups for the rows of a joint test, the degrees
#' of freedom are `NA` and a message says why.
#'
#' Of a fit by maximum likelihood the variances are biased; the method is meant for REML.
#'
#' @param information `"expected"` or `"observed"`.
#' @param linear Leave the term with second derivatives out (`DDFM=KR(LINEAR)` of PROC MIXED)?
#' @param version `1`, or `2` with the correction for the bias of the variance estimates
#'   (`DDFM=KR2` of PROC MIXED).
#' @return An object to give as `ddf`.
#' @references Kackar RN, Harville DA (1984). Approximations for standard errors of estimators of
#'   fixed and random effects in mixed linear models. Journal of the American Statistical
#'   Association 79, 853-862.
#'
#'   Kenward MG, Roger JH (1997). Small sample inference for fixed effects from restricted
#'   maximum likelihood. Biometrics 53, 983-997.
#'
#'   Kenward MG, Roger JH (2009). An improved approximation to the precision of fixed effects from
#'   restricted maximum likelihood. Computational Statistics and Data Analysis 53, 2583-2595.
#' @seealso [summary.tiers_fit()], [anova.tiers_fit()], [predict()][predict.tiers_fit], [estimate()]
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' summary(fit, ddf = "kenward-roger")
#' anova(fit, ddf = ddf_kr(information = "observed"))
#' boy <- data.frame(age = 12, Sex = "Male", Subject = "M01")
#' predict(fit, boy, interval = "confidence", ddf = "kenward-roger")
#' @concept small samples
#' @concept pbkrtest
#' @export
ddf_kr <- function(information = c("expected", "observed"), linear = FALSE, version = 1) {
  force_arguments(c("information", "linear", "version"))
  if (missing(information)) information <- "expected"
  information <- match_choice(information, c("expected", "observed"), "information")
  check_flag(linear, "linear")
  if (!is.numeric(version) || length(version) != 1L || !version %in% 1:2) {
    stop_input("{.arg version} must be 1 or 2, not {shown(version)}.")
  }
  label <- if (information == "observed") "Kenward-Roger (observed information)"
  structure(list(name = "kenward-roger", options = list(information = information,
                                                        linear = linear, version = version),
                 label = label), class = "tiers_ddf_choice")
}

prepare_kenward_roger <- function(fit, vcov, information = "expected", linear = FALSE,
                                  version = 1) {
  if (has_structure(fit)) return(prepare_structured_kr(fit, vcov, information, linear, version))
  # In the entries of a covariance matrix V is linear; what of them can move its parameters say.
  curved <- any_curved(fit)
  constrained <- !is.null(fit$constraints) || curved
  spec <- fit_specification(fit)
  forms <- variance_forms(fit$random, "entries")
  if (!constrained) forms <- forms_in_even_coordinates(forms, spec$terms)
  parts <- run_variance_information(
    spec, fit_lambdas(fit), forms, fit$inference$vcov_psi,
    all_free = !constrained, also_free = if (constrained && !curved) pinned_directions(fit))
  W <- parts[[information]]
  phi <- fit$vcov
  own <- identical(vcov, phi)
  random <- contrast_df(W, function(variance, gradient) kenward_roger_df(variance, gradient, W),
                        linear = list(forms = forms, psi = parts$psi, weight = W))
  c(list(vcov = if (own) phi + 2 * parts[[paste0(information, "_products")]] else vcov,
         random = random),
    kenward_roger_df(phi, parts$derivatives, W, scaled = own))
}

# With a residual structure V is not linear in its parameters: Phi_A = Phi + 2 (sum W Phi U Phi -
# bend / 4), where the bend, what second derivatives of V by natural parameters add (Kenward and
# Roger 1997), is left out by the linear form (Kenward and Roger 2009).
prepare_structured_kr <- function(fit, vcov, information, linear, version) {
  if (version == 2) {
    refuse_structure(fit, "Kenward and Roger's degrees of freedom of version 2",
                     "Use {.code ddf_kr()}, or {.code ddf_kr(linear = TRUE)}.")
  }
  parts <- run_structured_information(fit)
  W <- parts[[information]]
  own <- identical(vcov, fit$vcov)
  part <- function(name) parts[[paste0(information, "_", name)]]
  bend <- if (linear) 0 else part("bend") / 4
  random <- contrast_df(W, function(variance, gradient) kenward_roger_df(variance, gradient, W),
                        linear = list())
  adjusted <- if (own) fit$vcov + 2 * (part("products") - bend) else vcov
  check_adjusted(adjusted, linear)
  c(list(vcov = adjusted, random = random),
    kenward_roger_df(fit$vcov, parts$derivatives, W, scaled = own))
}

# Where the likelihood is nearly flat in a parameter that V is far from linear in, its second
# derivatives say nothing of it any more.
check_adjusted <- function(adjusted, linear) {
  known <- all(is.finite(adjusted))
  if (nrow(adjusted) == 0L || known && all(eigen(adjusted, TRUE, TRUE)$values > 0)) {
    return(invisible())
  }
  stop_model(c("Kenward and Roger's adjusted covariance matrix of the fixed effects is not
                positive: the data hardly tell a parameter of the residual covariance.",
               i = if (linear) "Use {.code ddf = \"satterthwaite\"}." else {
                 "Use {.code ddf_kr(linear = TRUE)} or {.code ddf = \"satterthwaite\"}."
               }))
}

# Of functions whose estimates have the covariance matrix phi, with its derivatives D by parameters
# that have the covariance matrix W.
kenward_roger_df <- function(phi, D, W, scaled = TRUE) {
  told <- FALSE
  joint <- function(L) {
    found <- kenward_roger_joint(L, phi, D, W)
    if (!is.null(found$reason) && !told) {
      told <<- TRUE
      tell_no_df(L, found$reason)
    }
    list(df = found$df, scale = if (scaled) found$scale else 1)
  }
  list(
    df_rows = function(L) {
      # What the formulas for several rows come to for one.
      df <- matching_rows_df(L, phi, D, W)
      # Says why, if there is a variance.
      without <- which(is.na(df))
      if (length(without)) joint(L[without[1L], , drop = FALSE])
      df
    },
    df_joint = joint)
}

tell_no_df <- function(L, reason) {
  inform("tiers_message_ddf", c(
    "Kenward and Roger's method has no degrees of freedom for {tested_words(L)}: {reason}.",
    i = "Use {.code ddf = \"satterthwaite\"}, or test fewer coefficients together."))
}

# What the rows of L are about: a term, or the coefficients in them.
tested_words <- function(L) {
  term <- attr(L, "term")
  if (!is.null(term)) return(paste0("`", term, "`"))
  names <- colnames(L)[colSums(asks_for(L, TRUE)) > 0]
  if (length(names)) paste0("`", paste(names, collapse = "`, `"), "`") else "a hypothesis"
}

# df and scale of the F test of all rows of L.
kenward_roger_joint <- function(L, phi, D, W) {
  # Rows with unit variance that are not correlated: Theta is rows'rows.
  rows <- whitening(L %*% phi %*% t(L)) %*% L
  l <- nrow(rows)
  if (l == 0L) return(list(df = NA_real_, scale = 1))
  by_parameter <- lapply(D, function(d) rows %*% d %*% t(rows))
  traces <- vapply(by_parameter, function(m) sum(diag(m)), 1)
  products <- crossprod(matrix(unlist(by_parameter), l^2))
  A1 <- sum(W * outer(traces, traces))
  A2 <- sum(W * products)
  if (A2 == 0) return(list(df = Inf, scale = 1))
  none <- function(reason) list(df = NA_real_, scale = 1, reason = reason)
  if (!is.finite(A2) || A2 < 0) return(none("the information about the variances is not positive"))
  # What the formulas below come to for one row.
  if (l == 1L) return(list(df = 2 / A2, scale = 1))
  B <- (A1 + 6 * A2) / (2 * l)
  g <- ((l + 1) * A1 - (l + 4) * A2) / ((l + 2) * A2)
  below <- 3 * l + 2 * (1 - g)
  numerator <- zero_rounding(1 + g / below * B)
  first <- zero_rounding(1 - (l - g) / below * B)
  second <- zero_rounding(1 - (l + 2 - g) / below * B)
  mean_factor <- 1 - A2 / l
  # Variance over twice the squared mean of F; in balanced designs the first two factors vanish
  # together.
  ratio <- if (first == 0 && zero_rounding(mean_factor) == 0) 1 else mean_factor / first
  rho <- ratio^2 * numerator / second / l
  df <- 4 + (l + 2) / (l * rho - 1)
  # Beyond A2 = l, where F has no mean, the formulas still give the classical test of a balanced
  # design with one or two df.
  scale <- if (abs(df - 2) < 0.01) 1 else df * mean_factor / (df - 2)
  if (!is.finite(df) || df <= 0 || scale <= 0) {
    return(none("the variances are known too poorly, no F distribution has the moments of F"))
  }
  list(df = df, scale = scale)
}

zero_rounding <- function(x) if (abs(x) < 1e-10) 0 else x
