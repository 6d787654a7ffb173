#' Profile likelihoods
#'
#' How fast the deviance rises when one parameter is moved away from its estimate and all others
#' follow. Where the signed square root of the rise, zeta, is a straight line, Wald intervals and
#' standard errors tell the same as the profile; where it is bent, only the profile is to be
#' trusted.
#'
#' @param fitted A fit made by [lmm()] or [glmm()].
#' @param which Names of the parameters: fixed effects, and those of `fit$parameters`, such as
#'   `"sd_(Intercept)|Subject"`. `"theta_"` stands for all variance parameters, `"beta_"` for all
#'   fixed effects; `NULL` for both.
#' @param level How far the profile goes: to the limits of intervals at this level.
#' @param points Number of points on each side of the estimate, up to 10,000.
#' @param object,x A profile.
#' @param parm Names of the parameters; all those of the profile by default.
#' @param type `"zeta"`: zeta against the parameter, with the intervals at 50, 80, 90, 95 and 99 per
#'   cent. `"pairs"`: for each pair of variance parameters the two ways of their profiles, one
#'   against the other: where they cross at right angles the two estimates do not depend on each
#'   other.
#' @param ... Not used; in `plot()` graphical parameters of the lines.
#' @return `profile()`: a data frame of class `tiers_profile` with a row a point: `parameter`, its
#'   `value`, `zeta` (the square root of the rise of the deviance, negative below the estimate), and
#'   the values of all variance parameters there. `confint()`: a matrix as that of
#'   [confint()][confint.tiers_fit], by interpolation between the points;
#'   `confint(fit, method = "profile")` finds the limits themselves.
#'
#' @section Details:
#' Every point is an optimum of its own, found by Newton's method with exact derivatives from the
#' last point. Variance parameters of a fit by REML are profiled by the REML criterion. Fixed
#' effects are always profiled by maximum likelihood, also of a fit by REML, whose criterion is no
#' likelihood of theirs.
#'
#' A range that ends before `level` is reached ends the profile: a standard deviation at zero, a
#' correlation at one.
#' @seealso [confint()][confint.tiers_fit] for the limits, [summary()][summary.tiers_fit] for Wald
#'   intervals of standard deviations.
#' @concept profile likelihood
#' @concept confidence interval
#' @concept zeta plot
#' @references
#' Bates, D., Mächler, M., Bolker, B. and Walker, S. (2015). Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1).
#'
#' Venzon, D. J. and Moolgavkar, S. H. (1988). A method for computing profile-likelihood-based
#' confidence intervals. *Applied Statistics* 37, 87-94.
#' @examples
#' fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
#' steps <- profile(fit)
#' confint(steps)
#' plot(steps)
#' plot(steps, type = "pairs")
#' @name profile.tiers_fit
NULL

#' @rdname profile.tiers_fit
#' @importFrom stats profile
#' @export
profile.tiers_fit <- function(fitted, which = NULL, level = 0.99, points = 8L, ...) {
  check_dots("profile", ...)
  validate_fit(fitted)
  refuse_structure(fitted, "Profile likelihoods", "{.fn confint} has Wald limits.")
  check_level(level)
  if (!is.null(which)) check_parm(which, "which")
  # Each point is a fit.
  check_number(points, "points", 1, 10000)
  names <- names(fitted$coefficients)
  others <- fitted$parameters$name
  chosen <- if (is.null(which)) c(others, names[!is.na(fitted$coefficients)]) else {
    match_coefficients(which, names, others)
  }
  last <- sqrt(stats::qchisq(level, 1))
  found <- run_profile(fitted, chosen, last * seq_len(points) / points)
  structure(profile_table(found), class = c("tiers_profile", "data.frame"), level = level)
}

#' @rdname profile.tiers_fit
#' @export
confint.tiers_profile <- function(object, parm, level = 0.95, ...) {
  check_dots("confint", ...)
  check_level(level)
  names <- unique(object$parameter)
  parm <- if (missing(parm)) names else match_choices(parm, names, "parm")
  if (level > attr(object, "level")) {
    stop_input(c("The profile goes to a level of {attr(object, 'level')}, {.arg level} is
                  {level}.", i = "Make it with {.code profile(fit, level = {level})}."))
  }
  tails <- c((1 - level) / 2, 1 - (1 - level) / 2)
  limits <- t(vapply(parm, function(name) {
    interpolated_limits(object[object$parameter == name, ], level)
  }, numeric(2L)))
  dimnames(limits) <- list(parm, percent_labels(tails))
  limits
}

# Where zeta passes the quantile, by monotone cubic interpolation; a side that ends before has its
# end.
interpolated_limits <- function(points, level) {
  quantile <- sqrt(stats::qchisq(level, 1))
  points <- points[!duplicated(points$zeta), ]
  if (nrow(points) < 2L) return(c(NA_real_, NA_real_))
  value_at <- stats::splinefun(points$zeta, points$value, method = "monoH.FC")
  c(if (min(points$zeta) <= -quantile) value_at(-quantile) else min(points$value),
    if (max(points$zeta) >= quantile) value_at(quantile) else max(points$value))
}

#' @rdname profile.tiers_fit
#' @export
print.tiers_profile <- function(x, ...) {
  names <- unique(x$parameter)
  cat("Profile likelihood of ", length(names), if (length(names) == 1L) " parameter" else
      " parameters", ", to intervals at ", format(100 * attr(x, "level")), "%\n", sep = "")
  limits <- confint(x, level = min(0.95, attr(x, "level")))
  estimate <- x$value[match(paste(names, 0), paste(x$parameter, x$zeta))]
  print(cbind(estimate = estimate, limits), digits = 4L)
  invisible(x)
}

#' @rdname profile.tiers_fit
#' @export
plot.tiers_profile <- function(x, type = c("zeta", "pairs"), ...) {
  type <- match_choice(type, c("zeta", "pairs"), "type")
  names <- unique(x$parameter)
  if (type == "zeta") {
    draw_panels(lapply(names, function(name) {
      function() plot_zeta(x[x$parameter == name, ], name, ...)
    }), mar = c(4, 4, 1, 1))
    return(invisible(x))
  }
  paired <- intersect(names, names(x))
  if (length(paired) < 2L) {
    stop_input("Pairs need the profiles of two variance parameters; there {?is/are}
                {length(paired)}.")
  }
  pairs <- utils::combn(paired, 2L, simplify = FALSE)
  draw_panels(lapply(pairs, function(pair) function() plot_profile_pair(x, pair, ...)),
              mar = c(4, 4, 1, 1))
  invisible(x)
}

# The profile with the intervals that it gives as boxes between the curve and the axis.
plot_zeta <- function(points, name, ...) {
  graphics::plot(points$value, points$zeta, type = "n", xlab = name, ylab = "zeta")
  graphics::abline(h = 0, v = points$value[points$zeta == 0], col = "grey80")
  for (level in c(0.5, 0.8, 0.9, 0.95, 0.99)) {
    quantile <- sqrt(stats::qchisq(level, 1))
    if (quantile > max(abs(points$zeta)) * (1 + 1e-6)) next
    limits <- interpolated_limits(points, level)
    at <- c(max(-quantile, min(points$zeta)), min(quantile, max(points$zeta)))
    graphics::segments(limits, 0, limits, at, col = "grey50")
    graphics::segments(limits[1L], 0, limits[2L], 0, col = "grey50")
  }
  smooth <- smooth_profile(points$zeta, points$value)
  graphics::lines(smooth$y, smooth$x, ...)
}

# For two parameters the way of each while the other is profiled.
plot_profile_pair <- function(x, pair, ...) {
  first <- x[x$parameter == pair[1L], ]
  second <- x[x$parameter == pair[2L], ]
  graphics::plot(range(first$value, second[[pair[1L]]]), range(second$value, first[[pair[2L]]]),
                 type = "n", xlab = pair[1L], ylab = pair[2L])
  one <- smooth_profile(first$value, first[[pair[2L]]])
  two <- smooth_profile(second$value, second[[pair[1L]]])
  graphics::lines(one$x, one$y, ...)
  graphics::lines(two$y, two$x, lty = 2, ...)
  graphics::points(first$value[first$zeta == 0], second$value[second$zeta == 0], pch = 19)
}

smooth_profile <- function(x, y) {
  use <- !duplicated(x) & is.finite(x) & is.finite(y)
  if (sum(use) < 3L) return(list(x = x[use], y = y[use]))
  stats::spline(x[use], y[use], n = 101L, method = "natural")
}
