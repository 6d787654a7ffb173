# Correlation of residuals within a group, by distance in time: nlme's generics ACF and Variogram.

#' Serial correlation of residuals
#'
#' `ACF()` is the empirical autocorrelation function of the residuals within groups, `Variogram()`
#' half the mean square of the difference of two residuals by their distance. Both are methods of
#' the generic functions of the package nlme. The first is for visits that are whole steps apart,
#' the second for any distances.
#'
#' @param object A fit made by [lmm()].
#' @param maxLag The largest lag, in steps. By default that of the longest series, at most
#'   `10 log10` of its length.
#' @param resType Which residuals: `"pearson"`, `"response"` or `"normalized"`, all given the random
#'   effects. Normalized ones of a right model have no correlation left.
#' @param form A one-sided formula `~ time | group`, or `~ 1 | group` for the order of the rows in
#'   place of a time. By default those of the residual covariance structure, else the order of the
#'   rows within the grouping factor with the most levels.
#' @param nint How many intervals of distances the variogram is averaged over, of about equal
#'   numbers of pairs, where there are more different distances than that.
#' @param maxDist The largest distance.
#' @param robust `TRUE` uses the estimator of Cressie and Hawkins, on which single large differences
#'   have little influence.
#' @param x The result of `ACF()` or `Variogram()`.
#' @param alpha Draws limits that autocorrelations of independent residuals exceed with this
#'   probability; `NULL`: none.
#' @param ... Of the methods not used; of the plots passed to [plot()].
#' @details
#' Gaps count: a visit that was missed does not make its neighbours neighbours of each other. Times
#' of `ACF()` must be multiples of one step. The divisor of each lag is its number of pairs (in
#' column `pairs`); lags without a pair are left out.
#' @return `ACF()`: a data frame with columns `lag`, `ACF` and `pairs`. `Variogram()`: one with
#'   columns `variog`, `dist` (the mean in the interval) and `pairs`; of independent Pearson
#'   residuals it is about 1 at all distances.
#' @references
#' Pinheiro JC, Bates DM (2000). Mixed-effects models in S and S-PLUS, sections 5.3.3 and 5.3.2.
#' Springer.
#'
#' Cressie N, Hawkins DM (1980). Robust estimation of the variogram: I. Mathematical Geology 12,
#' 115-125.
#' @seealso [residuals()][residuals.tiers_fit], [covariance_structures].
#' @concept autocorrelation
#' @concept semivariogram
#' @concept repeated measures
#' @examples
#' fit <- lmm(follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time) + (1 | Mare), nlme::Ovary)
#' serial <- nlme::ACF(fit, maxLag = 10)
#' serial
#' plot(serial)
#' plot(nlme::Variogram(fit, form = ~ Time | Mare))
#' @name ACF.tiers_lmm
NULL

#' @rdname ACF.tiers_lmm
#' @exportS3Method nlme::ACF
ACF.tiers_lmm <- function(object, maxLag, resType = c("pearson", "response", "normalized"),
                          form = NULL, ...) {
  check_dots("ACF", ...)
  series <- residual_series(object, match_choice(resType, serial_types, "resType"), form)
  if (series$twice) {
    stop_input(c("{.fun ACF} needs one row of a group at a time, and some have several.",
                 i = "{.fun Variogram} takes them, and {.code form = ~ 1 | group} the order of the
                      rows."))
  }
  step <- whole_steps(series)
  longest <- max(step - stats::ave(step, series$group, FUN = min))
  if (missing(maxLag)) maxLag <- min(longest, floor(10 * log10(longest + 1)))
  check_number(maxLag, "maxLag", 0, 1e6)
  lags <- seq(0, floor(maxLag))
  # One number for each place of a group, so that the row `lag` steps later is found by its place.
  place <- series$group * (2 * (max(step) - min(step)) + maxLag + 2) + step
  sums <- vapply(lags, function(lag) {
    later <- match(place + lag, place)
    c(sum(series$residual * series$residual[later], na.rm = TRUE), sum(!is.na(later)))
  }, numeric(2L))
  mean_product <- sums[1L, ] / sums[2L, ]
  out <- data.frame(lag = lags, ACF = mean_product / mean_product[1L],
                    pairs = as.integer(sums[2L, ]))
  out <- out[out$pairs > 0L, ]
  rownames(out) <- NULL
  structure(out, type = series$type, class = c("tiers_acf", "data.frame"))
}

#' @rdname ACF.tiers_lmm
#' @exportS3Method nlme::Variogram
Variogram.tiers_lmm <- function(object, resType = c("pearson", "response", "normalized"),
                                form = NULL, nint = 20, maxDist = NULL, robust = FALSE, ...) {
  check_dots("Variogram", ...)
  series <- residual_series(object, match_choice(resType, serial_types, "resType"), form)
  check_number(nint, "nint", 1, 1e6)
  check_flag(robust, "robust")
  if (!is.null(maxDist)) check_number(maxDist, "maxDist", 0, Inf)
  pairs <- pairs_within(series)
  if (!is.null(maxDist)) pairs <- pairs[pairs$distance <= maxDist, ]
  if (nrow(pairs) == 0L) stop_model("No group has two rows: there is no variogram.")
  bin <- distance_bins(pairs$distance, nint)
  count <- as.vector(table(bin))
  mean_by <- function(x) as.vector(tapply(x, bin, mean))
  variogram <- if (!robust) mean_by(pairs$difference^2) / 2 else {
    mean_by(sqrt(abs(pairs$difference)))^4 / (2 * (0.457 + 0.494 / count))
  }
  out <- data.frame(variog = variogram, dist = mean_by(pairs$distance), pairs = count)
  structure(out, type = series$type, class = c("tiers_variogram", "data.frame"))
}

serial_types <- c("pearson", "response", "normalized")

# list(residual, group, time, type), the rows of a group together and in the order of time.
residual_series <- function(fit, type, form) {
  validate_fit(fit)
  fit <- plain_rows(fit)
  residual <- unname(stats::residuals(fit, type = type, scaled = type == "pearson"))
  by <- if (is.null(form)) fit_series(fit) else formula_series(fit, form)
  keep <- which(prior_weights(fit) > 0)
  group <- by$group[keep]
  time <- if (is.null(by$time)) stats::ave(seq_along(group), group, FUN = seq_along) else {
    as.double(rounded_times(by$time[keep]))
  }
  order <- order(group, time)
  twice <- anyDuplicated(data.frame(group, time)) > 0L
  list(residual = residual[keep][order], group = group[order], time = time[order], type = type,
       twice = twice)
}

# Those of the residual covariance structure, or the grouping factor with the most levels.
fit_series <- function(fit) {
  structured <- fit_specification(fit)$residual
  if (!is.null(structured)) {
    time <- structured$coordinates
    if (is.matrix(time)) time <- if (ncol(time) == 1L) time[, 1L]
    return(list(group = structured$subject, time = time %||% structured$visit))
  }
  terms <- fit$random_terms
  if (length(terms) == 0L) {
    stop_input(c("{.arg form} is needed: the fit has no groups.",
                 i = "Write {.code form = ~ time | group}."))
  }
  most <- which.max(vapply(terms, function(term) length(term$levels), 1L))
  list(group = build_groups(terms[[most]], fit$frame)$codes, time = NULL)
}

# The variables of ~ time | group in the data of the fit.
formula_series <- function(fit, form) {
  bar <- if (inherits(form, "formula") && length(form) == 2L) form[[2L]]
  if (!is.call(bar) || !identical(bar[[1L]], as.name("|"))) {
    stop_input(c("{.arg form} must be a formula {.code ~ time | group}, not
                  {.code {text_of(form)}}.",
                 i = "{.code ~ 1 | group} takes the rows in their order."))
  }
  data <- serial_data(fit, all.vars(form))
  read <- function(e, what) {
    value <- tryCatch(eval(e, data, environment(form)), error = function(condition) NULL)
    if (is.null(value) || length(value) != length(fit$fitted)) {
      stop_input("{.arg form}: the {what} {.code {text_of(e)}} is not in the data of the fit.")
    }
    value
  }
  group <- group_codes(read(bar[[3L]], "group"), text_of(bar[[3L]]))$codes
  if (identical(bar[[2L]], 1)) return(list(group = group, time = NULL))
  time <- read(bar[[2L]], "time")
  if (is.factor(time)) time <- as.integer(time)
  list(group = group, time = as.double(time))
}

# Variables of the formula, and of the data frame that the fit keeps.
serial_data <- function(fit, wanted) {
  data <- fit_data(fit)
  if (is.null(fit$data)) return(data)
  columns <- kept_part(fit, "columns")
  for (name in setdiff(intersect(wanted, names(columns)), names(data))) {
    data[[name]] <- take_rows(columns[[name]], fit$data$used)
  }
  data
}

# Times as whole numbers of steps.
whole_steps <- function(series) {
  values <- sort(unique(series$time))
  gaps <- diff(values)
  if (length(gaps) == 0L) return(rep(0, length(series$time)))
  step <- min(gaps)
  steps <- (series$time - values[1L]) / step
  if (max(steps) > 1e9 || any(abs(steps - round(steps)) > 1e-6 * pmax(1, steps))) {
    stop_input(c("{.fun ACF} needs times that are multiples of one step.",
                 i = "{.fun Variogram} takes any distances, and {.code form = ~ 1 | group} the
                      order of the rows."))
  }
  round(steps)
}

# All pairs of rows of a group: their distance and the difference of their residuals.
pairs_within <- function(series) {
  n <- length(series$group)
  size <- max(table(series$group))
  parts <- lapply(seq_len(size - 1L), function(apart) {
    from <- seq_len(max(n - apart, 0L))
    from <- from[series$group[from] == series$group[from + apart]]
    data.frame(distance = series$time[from + apart] - series$time[from],
               difference = series$residual[from + apart] - series$residual[from])
  })
  do.call(rbind, parts) %||% data.frame(distance = double(), difference = double())
}

# A bin for each distance where these are few, else bins of about equal numbers of pairs.
distance_bins <- function(distance, nint) {
  values <- sort(unique(distance))
  if (length(values) <= nint) return(match(distance, values))
  ends <- unique(stats::quantile(distance, seq(0, 1, length.out = nint + 1), names = FALSE))
  findInterval(distance, ends, all.inside = TRUE, left.open = TRUE)
}

#' @rdname ACF.tiers_lmm
#' @export
plot.tiers_acf <- function(x, alpha = 0.05, ...) {
  limit <- double()
  if (!is.null(alpha)) {
    check_level(1 - alpha)
    limit <- stats::qnorm(1 - alpha / 2) / sqrt(x$pairs[-1L])
  }
  arguments <- list(x = x$lag[-1L], y = x$ACF[-1L], type = "h", xlab = "Lag",
                    ylab = "Autocorrelation", ylim = range(0, x$ACF[-1L], limit, -limit), ...)
  do.call(graphics::plot, arguments[!duplicated(names(arguments), fromLast = TRUE)])
  graphics::abline(h = 0)
  if (length(limit)) {
    graphics::lines(x$lag[-1L], limit, lty = 2)
    graphics::lines(x$lag[-1L], -limit, lty = 2)
  }
  invisible(x)
}

#' @rdname ACF.tiers_lmm
#' @export
plot.tiers_variogram <- function(x, ...) {
  arguments <- list(x = x$dist, y = x$variog, xlab = "Distance", ylab = "Semivariogram",
                    ylim = c(0, max(x$variog)), ...)
  do.call(graphics::plot, arguments[!duplicated(names(arguments), fromLast = TRUE)])
  if (nrow(x) >= 4L) graphics::lines(stats::lowess(x$dist, x$variog))
  invisible(x)
}
