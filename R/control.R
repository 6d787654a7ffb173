#' Settings of the fitting algorithm
#'
#' The defaults are meant to be right for every model: the algorithm scales the data itself and
#' iterates until another step could not lower the deviance by more than `tolerance`.
#'
#' @param maxit Largest number of iterations. With `maxit = 0` the model is evaluated at its
#'   starting values and reported as not converged.
#' @param tolerance The search ends when another Newton step is predicted to lower the deviance
#'   by less than this; that step is still taken. The default puts every parameter within half a
#'   millionth of its standard error, so that two fits of one model agree to a millionth. Larger
#'   values end earlier. In [glmm()], whose deviance is itself found by iteration, values below
#'   1e-8 are the same as 1e-8, and one exact step from there leaves about as little as in [lmm()].
#' @param trace `TRUE` prints a line per iteration.
#' @param keep_data Does the fit keep the data frame that it was given? It is not copied, but a
#'   fit that is saved takes all of it along. [update()][update.tiers_fit] and [step()] use it where
#'   the name of the data stands for something else by then, or for nothing.
#' @param ... Nothing: an argument of another name is an error.
#' @return A list of class `tiers_control`, to be given to [lmm()] as `control`. A plain list with
#'   some of these entries will do as well.
#' @seealso [lmm()] and [glmm()], which take it; [diagnose()] for what the algorithm reached;
#'   `vignette("algorithm", package = "tiers")`.
#' @concept convergence
#' @concept optimizer
#' @examples
#' data(Orthodont, package = "nlme")
#' fit <- lmm(distance ~ age * Sex + (age | Subject), Orthodont,
#'            control = tiers_control(trace = TRUE))
#' @export
tiers_control <- function(maxit = 200, tolerance = 2.5e-13, trace = FALSE,
                          keep_data = TRUE, ...) {
  known <- setdiff(names(formals(tiers_control)), "...")
  refuse_arguments(as.list(substitute(list(...)))[-1L], "tiers_control", known)
  force_arguments(known)
  check_number(maxit, "maxit", lower = 0, upper = .Machine$integer.max)
  check_number(tolerance, "tolerance", lower = 0, upper = 1)
  check_flag(trace, "trace")
  check_flag(keep_data, "keep_data")
  structure(list(maxit = as.integer(maxit), tolerance = as.double(tolerance), trace = trace,
                 keep_data = keep_data), class = "tiers_control")
}

# A control that came as a plain list, checked; lme4's own settings mean nothing here.
as_control <- function(control) {
  if (inherits(control, "tiers_control")) return(do.call(tiers_control, unclass(control)))
  if (inherits(control, "merControl")) {
    inform(character(), c("lme4's control settings are ignored: they belong to its optimizer.",
                          i = "See {.fn tiers_control} for the settings of tiers."))
    return(tiers_control())
  }
  if (!is.list(control)) {
    stop_input("{.arg control} must be a list or come from {.fn tiers_control}.")
  }
  known <- setdiff(names(formals(tiers_control)), "...")
  given <- names(control)
  if (length(control) > 0L && (is.null(given) || any(!nzchar(given)))) {
    stop_input("Every entry of {.arg control} must have a name: {.val {known}}.")
  }
  unknown <- setdiff(given, known)
  if (length(unknown) > 0L) {
    hint <- did_you_mean(unknown[1L], known)
    stop_input(c("{.arg control} has no entry {.code {unknown[1L]}}{hint}",
                 i = "The entries are {.val {known}}."))
  }
  do.call(tiers_control, control)
}
