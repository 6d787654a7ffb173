# Intraclass correlation and R2: what shares of the variance make.

#' Intraclass correlation and variance explained
#'
#' `icc()`: how alike two observations of a group are, the share of the variance that lies between
#' groups. `r2()`: the share that the fixed effects explain (marginal), and the fixed and random
#' effects together (conditional). Both with confidence intervals.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param at A data frame of values of the variables that random slopes belong to (of a generalized
#'   fit on the response scale, of all variables): the intraclass correlation there, a row each.
#'   `NULL`: that of the variances averaged over the rows of the fit.
#' @param scale Of a generalized fit. `"latent"`: of the linear predictor, with the variance of the
#'   link's distribution for the observations: pi^2/3 with a logit link, 1 with probit, pi^2/6 with
#'   cloglog; with a log link `log(1 + V(m) / m^2)` of the mean `m` of all rows, for counts
#'   `log(1 + 1/m + 1/size)`. This is the default where it exists, as in Stata's `estat icc` and the
#'   package performance. `"response"`: of the response itself, of one trial for binomial kinds, by
#'   integrals over the random effects; for every family and link. In a linear model the two are
#'   the same.
#' @param level Level of the confidence intervals.
#' @param x,digits The result, and significant digits to print.
#' @param ... Not used.
#' @return A data frame with a class of its own for printing. `icc()`: a row for each grouping
#'   factor and, of several, `"total"`, of two types: `"adjusted"`, the variance between groups by
#'   itself and the residual's, and `"conditional"`, by these and the variance of the fixed part.
#'   Where a factor is nested in others a third, `"correlation"`, is the (adjusted) correlation of
#'   two observations with the same level of it, which have the levels of the others in common too.
#'   `r2()`: a row for `"marginal"` and one for `"conditional"`. Columns `estimate`, `std.error`,
#'   `conf.low`, `conf.high`.
#' @details
#' With random slopes the variance between groups is its mean over the rows (Johnson 2014).
#' The variance of the fixed part is that of `X beta` (without the offset, in linear models and on
#' the latent scale) over the rows. Means and variances are over the rows of positive weight, each
#' counted once.
#'
#' On the response scale of a generalized fit the part of a grouping factor is the covariance of two
#' observations that have its level in common and no other, so that its share is their correlation.
#' Such parts do not add up to the total, in which the effects of several factors act together. Each
#' takes a series of integrals for every different row, about a second for twenty thousand; where
#' the factor has nearly all of a large variance, an integral within an integral.
#'
#' Intervals are those of the delta method on the logit scale, from the covariance matrices of the
#' fixed effects and of the variance parameters, and so between 0 and 1; at an estimate of exactly 0
#' or 1 there are none. An R2 near 0 is not symmetric on any scale: there a [bootstrap()] of
#' `function(fit) r2(fit)$estimate` is better.
#' @references
#' Nakagawa S, Johnson PCD, Schielzeth H (2017). The coefficient of determination R2 and intra-class
#' correlation coefficient from generalized linear mixed-effects models revisited and expanded.
#' Journal of the Royal Society Interface 14, 20170213.
#'
#' Johnson PCD (2014). Extension of Nakagawa & Schielzeth's R2GLMM to random slopes models. Methods
#' in Ecology and Evolution 5, 944-946.
#' @seealso [reliability()], [VarCorr()][VarCorr.tiers_fit] for the variances themselves,
#'   [glance()][tidy.tiers_fit].
#' @concept intraclass correlation
#' @concept variance partition coefficient
#' @concept R squared
#' @concept variance explained
#' @concept Nakagawa
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' icc(fit)
#' icc(fit, at = data.frame(age = c(8, 14)))
#' r2(fit)
#'
#' bacteria <- glmm(y ~ trt + week + (1 | ID), MASS::bacteria, family = binomial())
#' icc(bacteria)
#' r2(bacteria, scale = "response")
#' @export
icc <- function(fit, at = NULL, scale = NULL, level = 0.95, ...) {
  check_dots("icc", ...)
  validate_fit(fit)
  check_level(level)
  if (length(fit$random) == 0L) {
    stop_input("The model has no random effects, and so no intraclass correlation.")
  }
  fit <- near_origin_fit(fit)
  if (!is.null(at)) return(icc_at(fit, as_newdata(at), scale, level))
  parts <- variance_shares(fit, scale)
  total <- parts$between
  shares <- shown_shares(parts)
  adjusted <- share_rows(fit, shares, list(total, parts$residual), level)
  conditional <- share_rows(fit, shares, list(parts$fixed, total, parts$residual), level)
  nested <- share_rows(fit, nested_shares(fit, parts), list(total, parts$residual), level)
  table <- rbind(typed_rows(adjusted, "adjusted"), typed_rows(conditional, "conditional"),
                 typed_rows(nested, "correlation"))
  new_shares(table, fit, parts$scale, level, "tiers_icc")
}

# Of each grouping factor, and of all where there are several.
shown_shares <- function(parts) {
  shares <- lapply(stats::setNames(nm = parts$groups), parts$of_groups)
  if (length(shares) > 1L) c(shares, list(total = parts$between)) else shares
}

# A factor with all those that it is nested in.
nested_shares <- function(fit, parts) {
  names <- parts$groups
  if (length(names) < 2L) return(list())
  codes <- group_codes_of(fit)[names]
  found <- lapply(seq_along(names), function(i) {
    outer <- vapply(seq_along(names), function(j) i != j && nested_in(codes[[i]], codes[[j]]), NA)
    if (any(outer)) parts$of_groups(names[c(i, which(outer))])
  })
  names(found) <- names
  found[lengths(found) > 0L]
}

# At values of the variables. The residual's variance is that of a row of weight 1.
icc_at <- function(fit, at, scale, level) {
  refuse_structure(fit, "Intraclass correlations")
  scale <- match_share_scale(fit, scale)
  rows <- seq_len(nrow(at))
  response <- scale == "response" && !adds_residual(fit)
  if (response) check_share_integrals(fit)
  values <- lapply(rows, function(i) {
    if (response) return(response_at(fit, at[i, , drop = FALSE]))
    terms <- lapply(seq_along(fit$random), function(j) {
      term_variance(fit, j, random_columns(fit, j, at[i, , drop = FALSE]), 1)
    })
    groups <- by_group(fit, terms)
    residual <- if (scale == "latent") latent_part(fit, used_share_rows(fit)) else {
      d <- share_dispersion(fit, 1L, at[i, , drop = FALSE])
      list(value = d^2, slope = dispersion_slope(fit, 2 * d, 1L, at[i, , drop = FALSE]))
    }
    list(groups = names(groups), of_groups = function(names) add_parts(groups[names]),
         between = add_parts(groups), residual = residual)
  })
  tables <- lapply(rows, function(i) {
    whole <- list(values[[i]]$between, values[[i]]$residual)
    found <- typed_rows(share_rows(fit, shown_shares(values[[i]]), whole, level), "adjusted")
    cbind(at[rep(i, nrow(found)), , drop = FALSE], found, row.names = NULL)
  })
  new_shares(do.call(rbind, tables), fit, scale, level, "tiers_icc")
}

response_at <- function(fit, at) {
  X <- kept_columns(fit, fixed_matrix(fit, at))
  sd <- random_sd(fit, random_parts(fit, NA), at)
  d <- share_dispersion(fit, 1L, at)
  one <- row_integrals(fit, fixed_values(fit, at), sd, family_at(family_of(fit), 1L), d, 1)
  slope <- function(by_eta, by_s2, own = integer(), by_own = by_s2) {
    terms <- lapply(seq_along(fit$random), function(j) {
      term_variance(fit, j, random_columns(fit, j, at), if (j %in% own) by_own else by_s2)
    })
    c(drop(crossprod(X, by_eta)), numeric(nrow(fit$parameters))) + add_parts(terms)$slope
  }
  groups <- term_groups(fit)
  between <- list(value = one$m2 - one$m1^2,
                  slope = slope(one$m2_eta - 2 * one$m1 * one$m1_eta,
                                one$m2_s2 - 2 * one$m1 * one$m1_s2))
  of_groups <- function(names) {
    own <- which(groups %in% names)
    if (length(own) == length(groups)) return(between)
    pair <- pair_integrals(fit, 1L, own, at)
    list(value = pair$c - one$m1^2,
         slope = slope(pair$c_eta - 2 * one$m1 * one$m1_eta,
                       pair$c_rest - 2 * one$m1 * one$m1_s2, own,
                       pair$c_own - 2 * one$m1 * one$m1_s2))
  }
  list(groups = unique(groups), of_groups = of_groups, between = between,
       residual = list(value = one$v, slope = slope(one$v_eta, one$v_s2) +
                         dispersion_slope(fit, one$v_d, 1L, at)))
}

#' @rdname icc
#' @export
r2 <- function(fit, scale = NULL, level = 0.95, ...) {
  check_dots("r2", ...)
  validate_fit(fit)
  check_level(level)
  fit <- near_origin_fit(fit)
  parts <- variance_shares(fit, scale)
  between <- parts$between
  table <- share_rows(fit, list(marginal = parts$fixed,
                                conditional = add_parts(list(parts$fixed, between))),
                      list(parts$fixed, between, parts$residual), level)
  names(table)[1L] <- "type"
  new_shares(table, fit, parts$scale, level, "tiers_r2")
}

# A row for each share of the sum of `whole`.
share_rows <- function(fit, shares, whole, level) {
  total <- add_parts(whole)
  V <- share_vcov(fit)
  rows <- lapply(shares, function(part) {
    estimate <- min(max(part$value / total$value, 0), 1)
    slope <- (part$slope - estimate * total$slope) / total$value
    variance <- if (length(slope) == nrow(V)) sum(slope * (V %*% slope)) else NA_real_
    se <- if (!is.na(variance) && variance > 0) sqrt(variance) else NA_real_
    limits <- stats::qlogis(estimate) + c(-1, 1) * stats::qnorm((1 + level) / 2) * se /
      (estimate * (1 - estimate))
    c(estimate, se, if (is.finite(sum(limits))) stats::plogis(limits) else c(NA_real_, NA_real_))
  })
  rows <- matrix(as.double(unlist(rows)), ncol = 4L, byrow = TRUE)
  data.frame(group = as.character(names(shares)), estimate = rows[, 1L], std.error = rows[, 2L],
             conf.low = rows[, 3L], conf.high = rows[, 4L], stringsAsFactors = FALSE)
}

typed_rows <- function(table, type) {
  cbind(table[1L], type = rep(type, nrow(table)), table[-1L], stringsAsFactors = FALSE)
}

# Covariance matrix of coefficients and parameters. Those at the end of their range, or held, do
# not vary.
share_vcov <- function(fit) {
  p <- nrow(fit$vcov)
  K <- nrow(fit$vcov_parameters)
  V <- matrix(0, p + K, p + K)
  V[seq_len(p), seq_len(p)] <- fit$vcov
  V[p + seq_len(K), p + seq_len(K)] <- replace(fit$vcov_parameters, is.na(fit$vcov_parameters), 0)
  V
}

new_shares <- function(table, fit, scale, level, class) {
  structure(table, class = c(class, "data.frame"), level = level, scale = scale_words(fit, scale))
}

scale_words <- function(fit, scale) {
  if (adds_residual(fit)) return(NULL)
  paste0("on the ", scale, " scale (", family_words(family_of(fit)), ")")
}

#' @rdname icc
#' @method print tiers_icc
#' @export
print.tiers_icc <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_shares(x, "Intraclass correlation", digits)
}

#' @rdname icc
#' @method print tiers_r2
#' @export
print.tiers_r2 <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  print_shares(x, "Variance explained (R2)", digits)
  if (any(x$estimate < 0.05, na.rm = TRUE)) {
    cat("Near 0 the limits are rough: a bootstrap is better there.\n")
  }
  invisible(x)
}

print_shares <- function(x, title, digits) {
  force_arguments("digits")
  check_digits(digits)
  # Columns can have been taken out.
  level <- attr(x, "level")
  title <- paste(c(title, attr(x, "scale")), collapse = " ")
  if (!is.null(level)) title <- paste0(title, ", ", format(100 * level), "% limits")
  cat(title, "\n\n", sep = "")
  print(structure(x, class = "data.frame"), digits = digits, row.names = FALSE)
  invisible(x)
}
