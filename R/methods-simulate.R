#' Simulated responses
#'
#' New responses from the fitted model: random effects and responses are drawn, the estimates stay.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param nsim Number of simulated responses.
#' @param seed `NULL` to go on with the random numbers of the session, or a number for
#'   [set.seed()]; then the state of the generator is put back afterwards.
#' @param use.u `TRUE` keeps all random effects at their estimates, as `re.form = NULL`; only one of
#'   the two can be given.
#' @param re.form Which random effects are kept at their estimates: `NA` none (all are drawn),
#'   `NULL` all, a formula those of its bar terms, as in [predict.tiers_fit()].
#' @param newdata Data to simulate for; `NULL` for the rows of the fit. Levels that the fit has not
#'   seen are drawn; effects kept at their estimates need `allow.new.levels` for these and are zero
#'   there. New rows have weight 1; numbers of trials are taken from the response (or the weights)
#'   of the new data: of `cbind(s, n - s)` it is enough that they have `n`. Where they cannot be
#'   told they are 1, with a message of class `tiers_message_trials`.
#' @param allow.new.levels See `newdata`.
#' @param ... Not used.
#' @return A data frame with columns `sim_1`, `sim_2`, … and one row for each row used (for each
#'   row of the data after `na.action = na.exclude`). A column has the form of the response:
#'   numbers, a matrix of successes and failures, a factor, shares. The attribute `seed` is the
#'   state of the generator at the start, as in [stats::simulate()]. Rows of weight zero, which
#'   count nowhere, are drawn as if their weight were 1.
#' @seealso [bootstrap()], which simulates and refits; [refit_response()] fits the model to one
#'   simulated response, [predict()][predict.tiers_fit] gives the mean.
#' @concept parametric bootstrap
#' @concept power analysis
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' sims <- simulate(fit, nsim = 2, seed = 1)
#' head(sims)
#' @export
simulate.tiers_fit <- function(object, nsim = 1, seed = NULL, use.u = FALSE, re.form = NA,
                               newdata = NULL, allow.new.levels = FALSE, ...) {
  check_dots("simulate", ...)
  validate_fit(object)
  check_number(nsim, "nsim", 1, .Machine$integer.max)
  if (nsim != trunc(nsim)) stop_input("{.arg nsim} must be a whole number, not {nsim}.")
  check_flag(use.u, "use.u")
  if (use.u && !missing(re.form) && !is.null(re.form)) {
    stop_input(c("{.arg use.u} and {.arg re.form} say different things.",
                 x = "{.code use.u = TRUE} keeps all random effects, as {.code re.form = NULL}.",
                 i = "Give one of them."))
  }
  if (use.u) re.form <- NULL
  state <- start_seed(seed)
  if (!is.null(state$restore)) on.exit(state$restore())
  if (!is.null(newdata)) newdata <- ready_newdata(object, newdata)
  parts <- random_parts(object, re.form)
  centre <- unname(fixed_values(object, newdata) +
                     random_values(object, parts, newdata, allow.new.levels))
  drawn <- drawn_terms(object, parts, newdata)
  draw_response <- response_drawer(object, newdata, length(centre))
  values <- lapply(seq_len(nsim), function(i) {
    for (term in drawn) centre <- centre + draw_random(term)
    draw_response(centre)
  })
  warn_lost_draws(object, values, is.na(Reduce(`+`, lapply(drawn, unknown_rows), centre)))
  names(values) <- paste0("sim_", seq_len(nsim))
  names <- if (is.null(newdata)) row_names(object) else row.names(newdata)
  if (is.null(newdata)) {
    values <- lapply(values, function(y) stats::naresid(object$na.action, y))
    names <- names(stats::naresid(object$na.action, stats::setNames(seq_along(names), names)))
  }
  structure(values, class = "data.frame", row.names = names, seed = state$seed)
}

# Draws that the model has no response for, told once for all. `missing` rows have none to begin
# with.
warn_lost_draws <- function(fit, values, missing) {
  lost <- vapply(values, function(y) {
    sum((if (is.matrix(y)) is.na(y[, 1L]) else is.na(y)) & !missing)
  }, 1L)
  if (sum(lost) == 0L) return(invisible())
  family <- family_of(fit)
  total <- length(values) * sum(!missing)
  warn_data(c("{sum(lost)} of {total} draws {?is/are} {.code NA}: with the random effects that were
               drawn the mean lies outside of what the {family$name} family with {family$link} link
               can have.",
              i = "The fitted distribution of the random effects goes beyond the domain of the
                   link."),
            draws = which(lost > 0L), lost = lost)
}

# Trials and dispersion of new data.
new_rows <- function(fit, newdata, n) {
  m <- if (is_success_family(fit$family)) new_trials(fit, newdata, n) else rep(1, n)
  list(m = m, a = rep(1, n), d = dispersion_values(fit, newdata))
}

new_trials <- function(fit, newdata, n) {
  value <- fit$frame[[1L]]
  pairs <- is.matrix(value) && ncol(value) == 2L
  expr <- if (pairs) full_formula(fit)[[2L]] else fit$call$weights
  # Any successes will do, if they do not change the number of trials: n of cbind(s, n - s).
  absent <- setdiff(intersect(all.vars(expr), fit$variables), names(newdata))
  totals <- lapply(list(0, 1, 2.5), function(filler) {
    newdata[absent] <- rep(list(rep(filler, n)), length(absent))
    found <- tryCatch(suppressWarnings(eval(expr, newdata, environment(fit$terms))),
                      error = function(e) NULL)
    if (is.matrix(found)) rowSums(found) else found
  })
  found <- totals[[1L]]
  usable <- is.numeric(found) && length(found) == n && !anyNA(found) && all(found >= 0) &&
    all(found == round(found)) &&
    all(vapply(totals[-1L], function(other) isTRUE(all.equal(other, found)), NA))
  if (usable) return(as.double(found))
  if (any(family_rows(fit)$m != 1)) {
    inform("tiers_message_trials", c(
      "{.arg newdata} does not say how many trials its rows have: one each.",
      i = "Give it the variables of {.code {text_of(expr)}}; the successes can be left out where the
           trials are known without them."))
  }
  rep(1, n)
}

# Sets a seed, says what the state was and how to put it back.
start_seed <- function(seed) {
  check_seed(seed)
  env <- globalenv()
  if (!exists(".Random.seed", envir = env, inherits = FALSE)) stats::runif(1L)
  before <- get(".Random.seed", envir = env)
  if (is.null(seed)) return(list(seed = before))
  set.seed(seed)
  list(
    seed = structure(seed, kind = as.list(RNGkind())),
    restore = function() assign(".Random.seed", before, envir = env)
  )
}

# For each term what its draws need. Columns kept at their estimates make it a draw of the others
# given nothing else: their rows are left out of the factor.
drawn_terms <- function(fit, parts, newdata) {
  terms <- lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    columns <- setdiff(seq_along(term$columns), parts[[j]])
    if (length(columns) == 0L) return(NULL)
    at <- random_basis(fit, j, newdata)
    codes <- at$codes
    levels <- length(term$levels)
    unseen <- is.na(codes) & !is.na(at$labels)
    new <- unique(as.character(at$labels[unseen]))
    codes[unseen] <- levels + match(as.character(at$labels[unseen]), new)
    list(basis = at$basis[, columns, drop = FALSE], codes = codes, levels = levels + length(new),
         factor = random_scale(fit) * term$Lambda[columns, , drop = FALSE])
  })
  terms[lengths(terms) > 0L]
}

# NA for the rows that have no draw of a term: their group or a variable is missing. 0 otherwise.
unknown_rows <- function(term) {
  ifelse(is.na(term$codes) | rowSums(is.na(term$basis)) > 0, NA_real_, 0)
}

draw_random <- function(term) {
  k <- ncol(term$factor)
  u <- matrix(stats::rnorm(term$levels * k), term$levels, k, byrow = TRUE)
  b <- tcrossprod(u, term$factor)
  rowSums(term$basis * b[term$codes, , drop = FALSE])
}
