# What is done with the result of influence().

#' @rdname influence.tiers_fit
#' @export
as.data.frame.tiers_influence <- function(x, row.names = NULL, optional = FALSE, ...) {
  table <- data.frame(unit = x$units, n = x$rows, stringsAsFactors = FALSE)
  for (part in influence_measures(x)) table[[part]] <- unname(x[[part]])
  changes <- stats::dfbetas(x)
  table[paste0("dfbetas_", colnames(changes))] <- as.data.frame(unname(changes))
  relative <- relative_changes(x)
  if (!is.null(relative)) {
    table[paste0("rvc_", colnames(relative))] <- as.data.frame(unname(relative))
  }
  names(table)[1L] <- x$name
  table
}

influence_measures <- function(x) {
  intersect(c("cook", "mdffits", "covtrace", "covratio", "rld", "cook_theta"), names(x))
}

# Of variances, where the parameters are standard deviations.
relative_changes <- function(x) {
  if (is.null(x$parameters)) return(NULL)
  power <- ifelse(x$types %in% c("sd", "sigma"), 2, 1)
  wanted <- x$types != "cor" & x$estimates != 0 & !is.na(x$estimates)
  ratio <- sweep(x$parameters, 2L, x$estimates, "/")
  value <- sweep(ratio, 2L, power, "^") - 1
  value[, wanted, drop = FALSE]
}

#' @rdname influence.tiers_fit
#' @export
cooks.distance.tiers_influence <- function(model, ...) {
  check_dots("cooks.distance", ...)
  stats::setNames(model$cook, model$units)
}

#' @rdname influence.tiers_fit
#' @importFrom stats dfbeta
#' @export
dfbeta.tiers_influence <- function(model, ...) {
  check_dots("dfbeta", ...)
  model$change
}

#' @rdname influence.tiers_fit
#' @importFrom stats dfbetas
#' @export
dfbetas.tiers_influence <- function(model, ...) {
  check_dots("dfbetas", ...)
  model$change / sqrt(model$variance)
}

#' @rdname influence.tiers_fit
#' @method print tiers_influence
#' @export
print.tiers_influence <- function(x, n = 6L, digits = max(3L, getOption("digits") - 3L), ...) {
  force_arguments(c("n", "digits"))
  check_digits(digits)
  check_number(n, "n", 1, Inf)
  units <- length(x$units)
  what <- if (x$name == "row") paste(units, "rows") else paste(units, "levels of", x$name)
  cat(wrapped("Influence of ", paste0(what, ": ", refit_words(x))), sep = "\n")
  cat(wrapped("Formula: ", text_of(x$formula)), sep = "\n")
  cat("\n")
  shown <- utils::head(order(-x$cook, na.last = NA), n)
  table <- as.data.frame(x)[c(x$name, "n", influence_measures(x))]
  rownames(table) <- NULL
  if (x$name == "row") table$n <- NULL
  table <- table[shown, , drop = FALSE]
  numbers <- vapply(table, is.double, NA)
  table[numbers] <- lapply(table[numbers], format, digits = digits)
  print(table, row.names = FALSE)
  lost <- sum(is.na(x$cook))
  rest <- units - length(shown) - lost
  if (rest > 0L) cat("and ", rest, " with smaller Cook's distances\n", sep = "")
  if (lost > 0L) {
    cat(wrapped("Without these not all fixed effects can be estimated: ",
                first_rows(x$units[is.na(x$cook)])), sep = "\n")
  }
  invisible(x)
}

refit_words <- function(x) {
  if (x$refit == Inf) return("model fitted again without each")
  if (x$refit == 1) return("variances by one scoring step, fixed effects in closed form")
  if (x$linear) return("variances held, fixed effects in closed form")
  "in the working linear model at the estimates"
}

#' @rdname influence.tiers_fit
#' @export
plot.tiers_influence <- function(x, which = c("cook", "dfbetas"), label = 3L, ...) {
  force_arguments(c("which", "label"))
  check_number(label, "label", 0, Inf)
  which <- match_choices(which, c("cook", "dfbetas", "mdffits", "covratio", "covtrace", "rld"),
                         "which")
  draw_panels(lapply(which, function(what) {
    if (what == "dfbetas") return(function() plot_dfbetas(x, label, ...))
    function() plot_measure(x, what, label, ...)
  }))
  invisible(x)
}

measure_label <- function(what) {
  c(cook = "Cook's distance", mdffits = "MDFFITS", covratio = "COVRATIO", covtrace = "COVTRACE",
    rld = "Likelihood displacement")[[what]]
}

# A needle a unit; COVRATIO stands on 1.
plot_measure <- function(x, what, label, ...) {
  value <- x[[what]]
  foot <- if (what == "covratio") 1 else 0
  at <- seq_along(value)
  graphics::plot(at, value, type = "n", xaxt = if (x$name == "row") "s" else "n",
                 xlab = x$name, ylab = measure_label(what),
                 ylim = range(foot, value * 1.12, finite = TRUE), main = measure_label(what))
  # Of many units axis() writes a part of the names; a mark for each would be a black bar.
  if (x$name != "row") graphics::axis(1, at, x$units, tick = length(at) <= 40L)
  graphics::abline(h = foot, col = "grey70")
  graphics::segments(at, foot, at, value, col = "grey60")
  do.call(graphics::points, c(list(at, value), point_style(length(value), ...)))
  far <- utils::head(order(-abs(value - foot), na.last = NA), label)
  if (length(far)) {
    graphics::text(at[far], value[far], x$units[far], pos = 3, cex = 0.8, col = "#C03A2B")
  }
}

# The units' changes in standard errors, a line for each fixed effect.
plot_dfbetas <- function(x, label, ...) {
  value <- stats::dfbetas(x)
  value <- value[, colSums(is.finite(value)) > 0, drop = FALSE]
  names <- colnames(value)
  place <- rev(seq_along(names))
  before <- graphics::par("mar")
  on.exit(graphics::par(mar = before))
  wide <- max(graphics::strwidth(names, units = "inches", cex = 0.8)) / graphics::par("csi") + 1
  graphics::par(mar = replace(before, 2L, min(wide, 12)))
  graphics::plot(grDevices::extendrange(range(0, value, finite = TRUE)),
                 range(0.5, length(names) + 0.5), type = "n", yaxt = "n",
                 xlab = "Change in standard errors", ylab = "", main = "DFBETAS")
  graphics::axis(2, place, names, las = 1, cex.axis = 0.8)
  graphics::abline(v = 0, col = "grey70")
  graphics::abline(v = c(-2, 2) / sqrt(length(x$units)), col = "grey80", lty = 2)
  for (j in seq_along(names)) {
    at <- rep(place[j], nrow(value))
    do.call(graphics::points, c(list(value[, j], at), point_style(nrow(value), ...)))
    far <- utils::head(order(-abs(value[, j]), na.last = NA), min(label, 2L))
    if (length(far)) {
      graphics::text(value[far, j], at[far], x$units[far], pos = 3, cex = 0.7, xpd = NA,
                     col = "#C03A2B")
    }
  }
}
