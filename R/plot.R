#' Plots of a fit
#'
#' Residuals against fitted values, their normal quantiles, and the groups' own effects with
#' intervals: the three pictures to look at before the numbers.
#'
#' @param x A fit made by [lmm()] or [glmm()], or the result of [ranef()], whose plot is the
#'   caterpillar plot (without intervals, where it has no conditional variances).
#' @param which What to plot: one or more of `"residuals"` (residuals against fitted values),
#'   `"qq"` (normal quantiles of the residuals), `"caterpillar"` (random effects with intervals,
#'   one panel for each), or their numbers 1 to 3.
#' @param type Which residuals, see [residuals.tiers_fit()]. By default `"scaled"` ones of a linear
#'   fit and `"quantile"` ones of a generalized fit: they average over the random effects and are
#'   standard normal for a right model, whatever the family. Their random part has a fixed seed.
#' @param level Level of the intervals of the caterpillar plot.
#' @param ... Passed to the points of the panels: `pch`, `col`, `cex`.
#' @return `x`, invisibly. Panels are laid out on one page unless a layout has been set, and the
#'   graphical parameters are put back.
#' @seealso [residuals()][residuals.tiers_fit] and [ranef()][ranef.tiers_fit], which are drawn;
#'   [diagnose()] for the verdict in words.
#' @concept residual plot
#' @concept caterpillar plot
#' @concept QQ plot
#' @concept model checking
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' plot(fit)
#' plot(fit, which = "caterpillar", level = 0.9)
#'
#' plot(glmm(y ~ trt * lbase + lage + (1 | subject), MASS::epil, family = nbinom2()))
#' @export
plot.tiers_fit <- function(x, which = c("residuals", "qq", "caterpillar"), type = NULL,
                           level = 0.95, ...) {
  force_arguments(c("which", "type", "level"))
  validate_fit(x)
  which <- match_panels(which)
  if (!is.null(type)) check_text(type, "type")
  if (is.null(type)) type <- kind_residual_axis(x)$type
  check_level(level)
  panels <- list()
  residual <- if (any(c("residuals", "qq") %in% which)) plotted_residuals(x, type)
  if ("residuals" %in% which) {
    panels <- c(panels, list(function() plot_residuals(x, residual, type, ...)))
  }
  if ("qq" %in% which) panels <- c(panels, list(function() plot_qq(residual, type, ...)))
  if ("caterpillar" %in% which) panels <- c(panels, caterpillar_panels(ranef(x), level, ...))
  draw_panels(panels)
  invisible(x)
}

#' @rdname plot.tiers_fit
#' @export
plot.tiers_ranef <- function(x, level = 0.95, ...) {
  force_arguments("level")
  check_level(level)
  draw_panels(caterpillar_panels(x, level, ...))
  invisible(x)
}

# Panels without titles take smaller margins, where the layout is ours.
draw_panels <- function(panels, mar = graphics::par("mar")) {
  if (length(panels) == 0L) {
    stop_input("There is nothing to plot: the model has no random effects.")
  }
  # A layout that is already there is the user's: fill it.
  if (length(panels) > 1L && all(graphics::par("mfrow") == 1L)) {
    columns <- ceiling(sqrt(length(panels)))
    before <- graphics::par(c("mfrow", "mar"))
    graphics::par(mfrow = c(ceiling(length(panels) / columns), columns), mar = mar)
    on.exit(graphics::par(before))
  }
  for (draw in panels) draw()
}

match_panels <- function(which) {
  known <- c("residuals", "qq", "caterpillar")
  if (is.numeric(which) && all(which %in% seq_along(known))) return(known[which])
  at <- if (is.character(which)) pmatch(which, known)
  match_choices(if (length(at) && !anyNA(at)) known[at] else which, known, "which")
}

residual_label <- function(type) {
  switch(type, scaled = "Residual / residual SD", pearson = "Pearson residual",
         quantile = "Quantile residual", deviance = "Deviance residual",
         studentized = "Studentized residual", normalized = "Normalized residual", "Residual")
}

# Many points are drawn smaller and translucent.
point_style <- function(n, ...) {
  given <- list(...)
  crowded <- n > 2000L
  style <- list(
    pch = if (crowded) 16L else 1L, cex = if (crowded) 0.4 else 0.8,
    col = if (crowded) grDevices::adjustcolor("grey20", 0.3) else "grey20"
  )
  utils::modifyList(style, given)
}

plot_residuals <- function(fit, residual, type, ...) {
  axis <- kind_residual_axis(fit, type)
  fitted <- axis$position
  graphics::plot(fitted, residual, type = "n", xlab = axis$label, ylab = residual_label(type),
                 main = "Residuals and fitted values")
  graphics::abline(h = 0, col = "grey70")
  do.call(graphics::points, c(list(fitted, residual), point_style(length(fitted), ...)))
  if (length(unique(fitted)) > 4L) {
    graphics::lines(stats::lowess(fitted, residual), col = "#C03A2B", lwd = 1.5)
  }
}

plotted_residuals <- function(fit, type) {
  fit <- plain_rows(fit)
  if (type != "quantile") return(stats::residuals(fit, type = type))
  stats::residuals(fit, type = type, level = "marginal", seed = 1L)
}

plot_qq <- function(residual, type, ...) {
  points <- stats::qqnorm(residual, plot.it = FALSE)
  graphics::plot(points$x, points$y, type = "n", xlab = "Normal quantile",
                 ylab = residual_label(type), main = "Normal quantiles of residuals")
  if (stats::IQR(residual) > 0) stats::qqline(residual, col = "grey70")
  do.call(graphics::points, c(list(points$x, points$y), point_style(length(residual), ...)))
}

# A function for each random effect of the result of ranef().
caterpillar_panels <- function(effects, level, ...) {
  if (length(effects) == 0L) return(list())
  effects <- as.data.frame(effects)
  effects$condsd <- effects$condsd %||% 0
  key <- unique(effects[c("grpvar", "term")])
  lapply(seq_len(nrow(key)), function(i) {
    part <- effects[effects$grpvar == key$grpvar[i] & effects$term == key$term[i], ]
    title <- paste0(key$term[i], " by ", key$grpvar[i])
    function() plot_caterpillar(part, title, level, ...)
  })
}

plot_caterpillar <- function(part, title, level, ...) {
  part <- part[order(part$condval), ]
  at <- seq_len(nrow(part))
  half <- stats::qnorm((1 + level) / 2) * part$condsd
  labels <- as.character(part$grp)
  # Labels as large as the rows allow; beyond legibility none.
  size <- min(0.7, 1.25 * graphics::par("pin")[2L] / nrow(part) / graphics::par("cin")[2L])
  if (size >= 0.35) {
    width <- max(graphics::strwidth(labels, units = "inches", cex = size))
    before <- graphics::par(mai = replace(graphics::par("mai"), 2L, min(2, width + 0.35)))
    on.exit(graphics::par(before))
  }
  graphics::plot(range(part$condval - half, part$condval + half), range(at), type = "n",
                 xlab = paste0("Effect and ", format(100 * level), "% interval"), ylab = "",
                 yaxt = "n", main = title)
  graphics::abline(v = 0, col = "grey70")
  graphics::segments(part$condval - half, at, part$condval + half, at, col = "grey50")
  do.call(graphics::points,
          c(list(part$condval, at), utils::modifyList(list(pch = 16L, cex = 0.7), list(...))))
  if (size >= 0.35) {
    graphics::axis(2L, at, labels, las = 1L, cex.axis = size, tick = FALSE, line = -0.5,
                   gap.axis = -1)
  }
}
