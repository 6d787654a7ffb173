# Replicates of a bootstrap: a stream each, statistics or the reason why there are none.

# What a chunk returns, and several of them together.
#   t        replicates x statistics, NA where a replicate failed
#   why      "" or the reason, one for each replicate
#   boundary is a variance zero, or another parameter at the end of its range?
#   infinite has a coefficient no finite estimate?
bind_chunks <- function(chunks) {
  list(t = do.call(rbind, lapply(chunks, `[[`, "t")),
       why = unlist(lapply(chunks, `[[`, "why")),
       boundary = unlist(lapply(chunks, `[[`, "boundary")),
       infinite = unlist(lapply(chunks, `[[`, "infinite")),
       errors = unlist(lapply(chunks, `[[`, "errors")))
}

# `rows`: statistics; `why` may come from the draws already.
chunk_of <- function(rows, why, boundary, infinite, errors = character()) {
  rows[nzchar(why), ] <- NA_real_
  list(t = rows, why = why, boundary = boundary & !nzchar(why), infinite = infinite,
       errors = errors)
}

# Drawn responses as the engine takes them, one column each; NA where one could not be drawn.
draw_responses <- function(fit, streams, draw, response) {
  vapply(streams, function(stream) {
    use_stream(stream)
    engine_response(draw(), response)
  }, numeric(nrow(fit$frame)))
}

# The default statistics of drawn responses, all of them in one call of the engine.
response_runner <- function(fit, draw) {
  spec <- warm_specification(fit)
  response <- fit_response(fit)
  function(streams) {
    y <- draw_responses(fit, streams, draw, response)
    dim(y) <- c(nrow(fit$frame), length(streams))
    statistics_chunk(fit, response_replicates(fit, spec, y))
  }
}

# kind_replicates() of the columns that have a response.
response_replicates <- function(fit, spec, y) {
  drawn <- colSums(is.na(y)) == 0L
  part <- kind_replicates(fit, spec, y[, drawn, drop = FALSE])
  if (all(drawn)) return(part)
  spread <- function(x) {
    out <- matrix(NA_real_, nrow(x), ncol(y))
    out[, drawn] <- x
    out
  }
  list(coefficients = spread(part$coefficients), parameters = spread(part$parameters),
       deviance = replace(rep(NA_real_, ncol(y)), drawn, part$deviance),
       status = replace(rep("no_response", ncol(y)), drawn, part$status))
}

statistics_chunk <- function(fit, found) {
  rows <- replicate_rows(fit, found)
  coefficients <- seq_along(kept_coefficients(fit))
  chunk_of(rows, replicate_failures(fit, found), found$status == "boundary",
           rowSums(is.infinite(rows[, coefficients, drop = FALSE])) > 0L)
}

# A function of the user's, of a fit for each replicate. `make(i)` draws and returns that fit.
function_runner <- function(make, FUN, t0) {
  function(streams) {
    parts <- lapply(streams, function(stream) {
      use_stream(stream)
      replicate <- quietly_fitted(make)
      if (is.character(replicate)) return(list(why = replicate))
      value <- tryCatch(read_statistics(FUN(replicate), t0), error = function(e) e)
      if (inherits(value, "error")) {
        return(list(why = "FUN failed", error = conditionMessage(value)))
      }
      list(why = "", value = value, boundary = replicate$convergence$status == "boundary",
           infinite = any(is.infinite(replicate$coefficients)))
    })
    rows <- t(vapply(parts, function(part) part$value %||% rep(NA_real_, length(t0)), t0 + 0))
    dim(rows) <- c(length(parts), length(t0))
    colnames(rows) <- names(t0)
    chunk_of(rows, vapply(parts, `[[`, "", "why"),
             vapply(parts, function(part) isTRUE(part$boundary), NA),
             vapply(parts, function(part) isTRUE(part$infinite), NA),
             unlist(lapply(parts, `[[`, "error")))
  }
}

# The fit of a replicate, without what it has to say; or why there is none.
quietly_fitted <- function(make) {
  fit <- tryCatch(suppressMessages(suppressWarnings(make())), tiers_error = function(e) "unfitted")
  if (is.character(fit)) return(replicate_words[[fit]])
  if (fit$convergence$status == "not_converged") replicate_words[["not_converged"]] else fit
}

# What a function of the user's returned for the fit itself and for a replicate.
read_statistics <- function(value, like = NULL) {
  if (!is.numeric(value) || length(value) == 0L) {
    stop_input(c("{.arg FUN} must return numbers.", x = "It returned {shown(value)}."))
  }
  names <- names(value)
  value <- as.double(value)
  if (is.null(like)) {
    if (is.null(names)) names <- paste0("t", seq_along(value))
    unnamed <- is.na(names) | !nzchar(names)
    names[unnamed] <- paste0("t", seq_along(value))[unnamed]
    return(stats::setNames(value, make.unique(names)))
  }
  if (length(value) != length(like)) {
    stop_input("{.arg FUN} returned {length(value)} number{?s} for a replicate and {length(like)}
                for the fit.")
  }
  stats::setNames(value, names(like))
}
