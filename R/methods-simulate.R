#' Simulated responses
#'
#' New responses from the fitted model: random effects and responses are drawn, the estimates stay.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param nsim Number of simulated responses.
#' @param seed `NULL` to go on with the random numbers of the session, or a number for
#'   [set.seed()]; then the state of the generator is put back afterwards.
#' @param use.u `TRUE` keeps all random effects at their estimates, as `re.form = NULL`.
#' @param re.form Which random effects are kept at their estimates: `NA` none (all are drawn),
#'   `NULL` all, a formula those of its bar terms, as in [predict.tiers_fit()].
#' @param newdata Data to simulate for; `NULL` for the rows of the fit. Levels that the fit has not
#'   seen are drawn; effects kept at their estimates need `allow.new.levels` for these and are zero
#'   there. New rows have weight 1; numbers of trials are taken from the response (or the weights)
#'   of the new data where these have one, and are 1 otherwise.
#' @param allow.new.levels See `newdata`.
#' @param ... Not used.
#' @return A data frame with columns `sim_1`, `sim_2`, … and one row for each row used (for each
#'   row of the data after `na.action = na.exclude`). A column has the form of the response:
#'   numbers, a matrix of successes and failures, a factor, shares. The attribute `seed` is the
#'   state of the generator at the start, as in [stats::simulate()]. Rows of weight zero, which
#'   count nowhere, are drawn as if their weight were 1.
#' @seealso [refit_response()] fits the model to a simulated response, [predict()][predict.tiers_fit] gives
#'   the mean.
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
  check_flag(use.u, "use.u")
  if (use.u) re.form <- NULL
  state <- start_seed(seed)
  if (!is.null(state$restore)) on.exit(state$restore())
  if (!is.null(newdata)) newdata <- as_newdata(newdata)
  parts <- random_parts(object, re.form)
  centre <- unname(fixed_values(object, newdata) +
                     random_values(object, parts, newdata, allow.new.levels))
  drawn <- drawn_terms(object, parts, newdata)
  draw_response <- response_drawer(object, newdata, length(centre))
  values <- lapply(seq_len(nsim), function(i) {
    for (term in drawn) centre <- centre + draw_random(term)
    draw_response(centre)
  })
  names(values) <- paste0("sim_", seq_len(nsim))
  names <- if (is.null(newdata)) row_names(object) else row.names(newdata)
  if (is.null(newdata)) {
    values <- lapply(values, function(y) stats::naresid(object$na.action, y))
    names <- names(stats::naresid(object$na.action, stats::setNames(seq_along(names), names)))
  }
  structure(values, class = "data.frame", row.names = names, seed = state$seed)
}

# Trials and dispersion of new data.
new_rows <- function(fit, newdata, n) {
  m <- if (is_success_family(fit$family)) new_trials(fit, newdata, n) else rep(1, n)
  list(m = m, a = rep(1, n), d = dispersion_values(fit, newdata))
}

new_trials <- function(fit, newdata, n) {
  value <- fit$frame[[1L]]
  env <- environment(fit$terms)
  expr <- if (is.matrix(value) && ncol(value) == 2L) fit$formula[[2L]] else fit$call$weights
  found <- tryCatch(eval(expr, newdata, env), error = function(e) NULL)
  if (is.matrix(found)) found <- rowSums(found)
  usable <- is.numeric(found) && length(found) == n && !anyNA(found) && all(found >= 0) &&
    all(found == round(found))
  if (usable) as.double(found) else rep(1, n)
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

draw_random <- function(term) {
  k <- ncol(term$factor)
  u <- matrix(stats::rnorm(term$levels * k), term$levels, k, byrow = TRUE)
  b <- tcrossprod(u, term$factor)
  rowSums(term$basis * b[term$codes, , drop = FALSE])
}
