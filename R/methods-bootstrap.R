# What a user does with a bootstrap.

boot_types <- c("percentile", "basic", "norm", "bca", "shortest")

#' @rdname bootstrap
#' @export
confint.tiers_bootstrap <- function(object, parm, level = 0.95,
                                    type = c("percentile", "basic", "norm", "bca", "shortest"),
                                    scale = c("sd", "var"), ...) {
  check_dots("confint", ...)
  check_level(level)
  type <- match_choice(type, boot_types, "type")
  scale <- match_choice(scale, c("sd", "var"), "scale")
  parm <- if (missing(parm)) names(object$t0) else match_statistics(object, parm, "parm")
  limits <- bootstrap_limits(object, parm, level, type)
  if (is.null(object$FUN)) on_variance_scale(limits, object$fit, scale) else limits
}

match_statistics <- function(boot, parm, arg) {
  check_parm(parm, arg)
  names <- names(boot$t0)
  if (is.numeric(parm) && all(parm %in% seq_along(names))) return(names[parm])
  fixed <- if (is.null(boot$FUN)) intersect(names, names(boot$fit$coefficients))
  parm <- unlist(lapply(parm, function(name) {
    if (name %in% names) name else switch(as.character(name), beta_ = fixed,
                                          theta_ = setdiff(names, fixed), name)
  }))
  match_choices(parm, names, arg)
}

bootstrap_limits <- function(boot, names, level, type) {
  tails <- c((1 - level) / 2, 1 - (1 - level) / 2)
  usable <- sum(!nzchar(boot$status))
  if (too_few_replicates(usable, tails)) {
    inform("tiers_message_replicates", c(
      "{usable} replicate{?s} {?does/do} not reach as far as limits at the level {level}: they end
       at the last one.",
      i = "Take at least {ceiling(1 / tails[1L]) - 1} replicates, better ten times as many."))
  }
  acceleration <- stats::setNames(rep(NA_real_, length(boot$t0)), names(boot$t0))
  if (type == "bca") acceleration[] <- jackknife_acceleration(jackknife_values(boot))
  limits <- vapply(names, function(name) {
    boot_limits(boot$t[, name], boot$t0[[name]], tails, type, acceleration[[name]])
  }, numeric(2L))
  limits <- t(limits)
  dimnames(limits) <- list(names, percent_labels(tails))
  limits
}

#' @rdname bootstrap
#' @export
summary.tiers_bootstrap <- function(object, level = 0.95,
                                    limits = c("percentile", "basic", "norm", "bca", "shortest"),
                                    ...) {
  check_dots("summary", ...)
  check_level(level)
  limits <- match_choice(limits, boot_types, "limits")
  t <- object$t
  t[!is.finite(t)] <- NA
  bias <- unname(colMeans(t, na.rm = TRUE) - object$t0)
  bounds <- bootstrap_limits(object, names(object$t0), level, limits)
  data.frame(statistic = names(object$t0), estimate = unname(object$t0),
             bias = replace(bias, !is.finite(bias), NA_real_),
             std.error = unname(apply(t, 2L, stats::sd, na.rm = TRUE)),
             lower = unname(bounds[, 1L]), upper = unname(bounds[, 2L]),
             stringsAsFactors = FALSE)
}

#' @rdname bootstrap
#' @export
print.tiers_bootstrap <- function(x, level = 0.95,
                                  limits = c("percentile", "basic", "norm", "bca", "shortest"),
                                  digits = max(3L, getOption("digits") - 3L), ...) {
  check_dots("print", ...)
  check_digits(digits)
  limits <- match_choice(limits, boot_types, "limits")
  table <- summary(x, level, limits)
  words <- c(parametric = "Parametric bootstrap", residual = "Residual bootstrap",
             cases = "Cases bootstrap")
  cat(words[[x$type]], ", ", format(x$nsim, big.mark = ","), " replicate", if (x$nsim > 1L) "s",
      " (seed ", x$seed, ")\n", sep = "")
  cat(wrapped("Model: ", text_of(full_formula(x$fit))), sep = "\n")
  for (line in failure_words(x)) cat(strwrap(line, 0.95 * getOption("width")), sep = "\n")
  cat("\n")
  names(table)[5:6] <- percent_labels(c((1 - level) / 2, 1 - (1 - level) / 2))
  print(`rownames<-`(as.matrix(table[-1L]), table$statistic), digits = digits)
  cat("\nLimits: ", limits, "\n", sep = "")
  invisible(x)
}

# Sentences about replicates that failed and those at a boundary.
failure_words <- function(x) {
  failed <- sum(x$failures)
  reasons <- paste0(names(x$failures), if (length(x$failures) > 1L) paste0(" (", x$failures, ")"))
  boundary <- sum(x$boundary)
  infinite <- sum(x$infinite & !nzchar(x$status))
  c(if (failed) paste0(failed, " failed and count nowhere: ", toString(reasons), "."),
    if (length(x$errors)) paste0("First error of FUN: ", x$errors[1L]),
    if (boundary) paste0(boundary, if (boundary == 1L) " has" else " have",
                         " a variance of zero or another parameter at the end of its range."),
    if (infinite) paste0(infinite, if (infinite == 1L) " is" else " are",
                         " separated: infinite coefficients are left out of bias and ",
                         "standard error."))
}

#' @rdname bootstrap
#' @export
as.data.frame.tiers_bootstrap <- function(x, row.names = NULL, optional = FALSE, ...) {
  cbind(data.frame(replicate = seq_len(x$nsim), as.data.frame(x$t), check.names = FALSE),
        data.frame(status = x$status, boundary = x$boundary, stringsAsFactors = FALSE))
}

#' @rdname bootstrap
#' @export
tidy.tiers_bootstrap <- function(x, conf.int = FALSE, conf.level = 0.95,
                                 conf.method = c("percentile", "basic", "norm", "bca", "shortest"),
                                 ...) {
  check_dots("tidy", ...)
  check_flag(conf.int, "conf.int")
  table <- summary(x, conf.level, match_choice(conf.method, boot_types, "conf.method"))
  names(table) <- c("term", "estimate", "bias", "std.error", "conf.low", "conf.high")
  as_table(if (conf.int) table else table[1:4])
}

#' @rdname bootstrap
#' @export
plot.tiers_bootstrap <- function(x, which = NULL, level = 0.95,
                                 limits = c("percentile", "basic", "norm", "bca", "shortest"),
                                 ...) {
  force_arguments(c("which", "level", "limits"))
  check_level(level)
  limits <- match_choice(limits, boot_types, "limits")
  names <- if (is.null(which)) names(x$t0) else match_statistics(x, which, "which")
  bounds <- bootstrap_limits(x, names, level, limits)
  draw_panels(lapply(names, function(name) {
    function() plot_replicates(x$t[, name], x$t0[[name]], bounds[name, ], name, ...)
  }))
  invisible(x)
}

plot_replicates <- function(t, t0, limits, name, ...) {
  t <- t[is.finite(t)]
  if (length(t) == 0L) {
    graphics::plot.new()
    graphics::title(main = name, sub = "no finite replicates")
    return(invisible())
  }
  finite <- c(t, t0, limits)
  graphics::hist(t, breaks = min(60, max(10, ceiling(sqrt(length(t))))), main = name, xlab = "",
                 xlim = range(finite[is.finite(finite)]), col = "grey85", border = "white", ...)
  graphics::abline(v = t0, lwd = 2)
  graphics::abline(v = limits, lty = 2)
  graphics::box(bty = "l")
}
