# Functions of predicted means for estimate(): rows of new data, or averages over data frames.

mean_functions <- function(fit, L, newdata, type, rhs, prepared) {
  if (is_separated(fit)) {
    stop_model(c("The coefficients of {.val {fit$separation$columns}} are infinite: functions of
                  means have no standard errors.", i = "Leave out the separated columns."))
  }
  cells <- mean_cells(newdata)
  if (is_identity_link(family_of(fit))) type <- "link"
  if (type == "marginal") fit <- near_origin_fit(fit)
  found <- lapply(cells, cell_mean, fit = fit, type = type)
  value <- vapply(found, `[[`, 1, "value")
  derivative <- do.call(rbind, lapply(found, `[[`, "derivative"))
  names <- names(cells)
  asked <- read_functions(L %||% diag_rows(names, names), names, value, rhs)
  rows <- asked$derivative %*% derivative
  test <- prepared
  if (type == "marginal") {
    p <- nrow(fit$vcov)
    test <- list(vcov = natural_covariance(fit, ncol(rows) - p),
                 df_rows = function(L) prepared$df_rows(L[, seq_len(p), drop = FALSE]),
                 df_joint = function(L) prepared$df_joint(L[, seq_len(p), drop = FALSE]))
  }
  list(value = asked$value, rhs = asked$rhs, labels = asked$labels,
       L = `dimnames<-`(asked$derivative, list(asked$labels, names)), rows = rows, test = test,
       estimate = numeric(ncol(rows)), against = asked$rhs - asked$value,
       limits = if (type != "link") range_limits(fit, asked, all(value > 0)),
       what = switch(type, link = NULL, response = "Means of the typical group",
                     marginal = "Means over the population of groups"))
}

# Limits that stay within the range of what they are of: of a mean on the scale of the link, as
# predict() has them (with a link of the user's, which may differ by row, on the logit or the log
# scale), of a ratio of positive means on the log scale. A function of the estimates, half the width
# of their intervals and the symmetric limits.
range_limits <- function(fit, asked, positive) {
  function(value, half, limits) {
    on_log <- positive & value > 0 & asked$kind == "ratio"
    on_link <- asked$kind == "mean"
    if (!is.null(family_of(fit)$custom)) {
      natural <- if (is_success_family(fit$family)) stats::make.link("logit")
      on_log <- on_log | (on_link & positive & is.null(natural))
      on_link <- on_link & !is.null(natural)
    } else {
      natural <- link_of(family_of(fit))
    }
    limits[on_log, ] <- value[on_log] * exp(outer(half / value, c(-1, 1))[on_log, ])
    if (any(on_link)) {
      centre <- natural$linkfun(value[on_link])
      half <- abs(half[on_link] / natural$mu.eta(centre))
      moved <- cbind(centre - half, centre + half)
      limits[on_link, ] <- if (is.null(family_of(fit)$custom)) through_link(fit, moved) else {
        natural$linkinv(moved)
      }
    }
    limits
  }
}

# A named list of data frames.
mean_cells <- function(newdata) {
  if (is.data.frame(newdata)) {
    cells <- lapply(seq_len(nrow(newdata)), function(i) newdata[i, , drop = FALSE])
    names(cells) <- row.names(newdata)
  } else {
    ok <- is.list(newdata) && length(newdata) > 0L && all(vapply(newdata, is.data.frame, NA)) &&
      length(unique(names(newdata))) == length(newdata) && all(nzchar(names(newdata)))
    if (!ok) {
      stop_input(c("{.arg newdata} must be a data frame or a list of data frames with a name each.",
                   x = "It is {.obj_type_friendly {newdata}}."))
    }
    cells <- newdata
  }
  empty <- vapply(cells, nrow, 1L) == 0L
  if (length(cells) == 0L || any(empty)) stop_input("{.arg newdata} has no rows.")
  cells
}

# Average over the rows of `data`, and its derivative by the coefficients, for means over the
# population of groups by the entries of each Sigma too.
cell_mean <- function(data, fit, type) {
  data <- ready_newdata(fit, data)
  X <- fixed_matrix(fit, data)
  eta <- fixed_values(fit, data, X)
  if (anyNA(eta)) {
    stop_input("{.arg newdata} has missing values in row {first_rows(which(is.na(eta)))}.")
  }
  outside <- !is_estimable(fit, X)
  if (any(outside)) {
    stop_input("The data cannot estimate the mean of row {first_rows(which(outside))} of
                {.arg newdata}.")
  }
  kept <- !is.na(fit$coefficients)
  family <- family_at(family_of(fit), seq_along(eta))
  if (type == "marginal") {
    sd <- random_sd(fit, random_parts(fit, NA), data)
    value <- marginal_mean(family, eta, sd)
    derivative <- mean_derivatives(fit, family, eta, sd, X, random_squares(fit, data))
  } else {
    value <- if (type == "link") eta else mean_of(family, eta)
    slope <- if (type == "link") 1 else slope_of(family, eta)
    derivative <- slope * X[, kept, drop = FALSE]
  }
  list(value = mean(value), derivative = unname(colMeans(derivative)))
}
