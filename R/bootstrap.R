# The bootstrap of a fitted model.

#' Bootstrap of a fit
#'
#' The model fitted again and again: to responses drawn from it, to its residuals and random effects
#' drawn anew, or to groups drawn with replacement. What the estimates do then says how they vary,
#' where the usual approximations are poor: for standard deviations near zero, for functions of the
#' parameters, in small samples.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param FUN `NULL` for the parameters: fixed effects, standard deviations and correlations of the
#'   random effects, sigma or the dispersion. Or a function of a fit that returns a vector of
#'   numbers, such as `function(fit) fixef(fit)["a"] / fixef(fit)["b"]`.
#' @param nsim Number of replicates.
#' @param type Of `bootstrap()`: what is drawn; of `confint()`: what limits, see below.
#'
#'   `"parametric"`: random effects and responses from the fitted distributions, as
#'   [simulate()][simulate.tiers_fit] draws them.
#'
#'   `"residual"` (linear models): random effects and residuals from those of the fit, centred and
#'   rescaled to the estimated covariances, which makes up for their shrinkage; the distributions
#'   need not be normal (Carpenter, Goldstein and Rasbash 2003).
#'
#'   `"cases"`: whole clusters with all their rows. Nothing is assumed but that the clusters are
#'   alike and independent, and there should be many of them.
#' @param seed A number, or `NULL` to draw one from the session's random numbers; it is kept in the
#'   result. The state of the generator is as it was afterwards.
#' @param cluster With `type = "cases"` what is drawn: a formula such as `~ school` or a vector with
#'   a value for each row. By default the groups of the factor that contains all the others, rows of
#'   a model without random effects. Where factors are crossed it has to be given; groups that reach
#'   beyond a cluster then keep their names, others are new ones where a cluster is drawn twice.
#' @param workers Number of processes, copies of the running one (not on Windows). `NULL`: those of
#'   the plan that the user has made with [future::plan()], where the package future.apply is
#'   installed, otherwise one.
#' @param ... Further arguments of `FUN`.
#' @param x,object A bootstrap.
#' @param level,conf.level Level of the limits.
#' @param limits,conf.method The type of the limits, see `confint()` below.
#' @param parm Names or numbers of the statistics, all by default; `"beta_"` stands for all fixed
#'   effects, `"theta_"` for all other parameters.
#' @param scale Limits of standard deviations, or of variances?
#' @param digits Significant digits.
#' @param which Names or numbers of the statistics to plot.
#' @param row.names,optional Ignored.
#' @param conf.int Add limits?
#' @return An object of class `tiers_bootstrap`: a list with `t0`, the statistics of the fit, `t`,
#'   those of the replicates (`nsim` rows, `NA` where one failed), `failures` (why, counted),
#'   `status` (the reason of each, or `""`), `boundary` (the replicates in which a variance is zero
#'   or another parameter at the end of its range), `seed`, `type` and more.
#'
#'   `summary()` gives a data frame with estimate, bias, standard error and limits of each
#'   statistic, `tidy()` the same with the column names of broom, `as.data.frame()` the replicates,
#'   `plot()` their histograms with the estimate (line) and the limits (broken lines).
#'
#'   `confint()`: a matrix of limits of `type`
#'   * `"percentile"`: quantiles of the replicates;
#'   * `"basic"`: these reflected at the estimate;
#'   * `"norm"`: normal limits with the bias taken off and the standard error of the replicates;
#'   * `"bca"`: quantiles corrected for bias and for a standard error that changes with the
#'     parameter (Efron 1987), which takes fits without each group on top: the jackknife;
#'   * `"shortest"`: the shortest interval that holds this share of the replicates; of a variance it
#'     is not the square of that of its root.
#'
#'   With `scale = "var"` the limits of standard deviations (sigma) are squared.
#' @section Random numbers:
#' Replicate number i draws from stream number i of L'Ecuyer's generator (see
#' [parallel::nextRNGStream()]) with the seed given. The first ten replicates are the same for
#' `nsim = 10` and `nsim = 1000`, for any number of workers and in any order. `FUN` may draw too: it
#' goes on with the stream of its replicate.
#' @section Replicates that fail:
#' A search that does not converge, a response to which the model cannot be fitted, drawn clusters
#' in which a level of a fixed factor is missing and an error of `FUN` cost one replicate: its row
#' is `NA`, and the printout says how many there were and why. Replicates with a variance of zero
#' are no failures; they are counted as well. In a generalized model a replicate may be separated
#' and have infinite coefficients: these count for percentile limits and are left out of bias and
#' standard error.
#' @section Speed:
#' For the parameters every search is compiled code from the estimates of the fit on; the
#' cross-products of a linear model are made once. With `FUN` a fit is made for each replicate.
#' @references
#' Carpenter JR, Goldstein H, Rasbash J (2003). A novel bootstrap procedure for assessing the
#' relationship between class size and achievement. Journal of the Royal Statistical Society C 52,
#' 431-443.
#'
#' Davison AC, Hinkley DV (1997). Bootstrap methods and their application. Cambridge University
#' Press.
#'
#' Efron B (1987). Better bootstrap confidence intervals. Journal of the American Statistical
#' Association 82, 171-185.
#'
#' L'Ecuyer P, Simard R, Chen EJ, Kelton WD (2002). An object-oriented random-number package with
#' many long streams and substreams. Operations Research 50, 1073-1075.
#' @seealso [confint()][confint.tiers_fit] with `method = "boot"` for limits alone,
#'   [anova()][anova.tiers_fit] with `method = "bootstrap"` to compare two fits,
#'   [profile()][profile.tiers_fit] for limits by the likelihood,
#'   [simulate()][simulate.tiers_fit] and [refit_response()] for one replicate.
#' @concept parametric bootstrap
#' @concept bootMer
#' @concept bootstrap confidence interval
#' @concept case resampling
#' @concept resampling
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' boot <- bootstrap(fit, nsim = 200, seed = 1)
#' boot
#' confint(boot, "sigma", type = "bca")
#' plot(boot, which = c("age", "sd_age|Subject"))
#'
#' # A function of the estimates: how much of the variance at age 8 is between children
#' share <- function(fit) {
#'   between <- sum(outer(c(1, 8), c(1, 8)) * VarCorr(fit)$Subject)
#'   c(share = between / (between + sigma(fit)^2))
#' }
#' bootstrap(fit, share, nsim = 50, seed = 1)
#'
#' # Children drawn with replacement
#' bootstrap(fit, nsim = 200, type = "cases", seed = 1)
#' @export
bootstrap <- function(fit, FUN = NULL, nsim = 1000, type = c("parametric", "residual", "cases"),
                      seed = NULL, cluster = NULL, workers = NULL, ...) {
  force_arguments(c("fit", "FUN", "nsim", "type", "seed", "cluster", "workers"))
  validate_fit(fit)
  type <- match_choice(type, c("parametric", "residual", "cases"), "type")
  check_number(nsim, "nsim", 1, 1e7)
  if (!is.null(cluster) && type != "cases") {
    stop_input("{.arg cluster} is for {.code type = \"cases\"}.")
  }
  if (is.null(FUN)) check_dots("bootstrap", ...)
  FUN <- match_statistic(FUN, ...)
  nsim <- as.integer(nsim)
  fit$control$trace <- FALSE
  t0 <- if (is.null(FUN)) replicate_statistics(fit) else own_statistics(fit, FUN)
  random <- start_streams(seed, nsim)
  on.exit(random$restore())
  found <- bind_chunks(run_streams(random$streams, bootstrap_runner(fit, type, cluster, FUN, t0),
                                   workers, chunk_size(fit)))
  new_bootstrap(fit, FUN, t0, found, type, random$seed, cluster)
}

# `FUN` with its further arguments; NULL stays NULL.
match_statistic <- function(FUN, ...) {
  if (is.null(FUN)) return(NULL)
  if (!is.function(FUN)) {
    stop_input(c("{.arg FUN} must be a function of a fit, or {.code NULL} for its parameters.",
                 x = "It is {shown(FUN)}."))
  }
  if (...length() == 0L) return(FUN)
  function(fit) FUN(fit, ...)
}

own_statistics <- function(fit, FUN) {
  value <- tryCatch(FUN(fit), error = function(e) {
    stop_input(c("{.arg FUN} failed for the fit itself.", x = "{conditionMessage(e)}"), parent = e)
  })
  read_statistics(value)
}

# A function of streams that returns a chunk.
bootstrap_runner <- function(fit, type, cluster, FUN, t0) {
  if (type == "cases") {
    clusters <- case_clusters(fit, cluster)
    if (is.null(FUN)) return(case_runner(fit, clusters))
    return(function_runner(case_fitter(fit, clusters), FUN, t0))
  }
  draw <- if (type == "residual") residual_drawer(fit) else parametric_drawer(fit)
  if (is.null(FUN)) return(response_runner(fit, draw))
  spec <- warm_specification(fit)
  function_runner(function() {
    y <- draw()
    if (anyNA(y)) stop_input("The mean of a draw lies outside of the domain of the link.")
    replicate_fit(fit, spec, y)
  }, FUN, t0)
}

# Responses of a chunk take some ten megabytes at most.
chunk_size <- function(fit) as.integer(min(250, max(1, 2e6 / nrow(fit$frame))))

new_bootstrap <- function(fit, FUN, t0, found, type, seed, cluster) {
  colnames(found$t) <- names(t0)
  failed <- nzchar(found$why)
  structure(class = "tiers_bootstrap", list(
    t0 = t0, t = found$t, status = found$why, failures = table(found$why[failed], dnn = NULL),
    boundary = found$boundary, infinite = found$infinite,
    errors = unique(as.character(found$errors)), seed = seed, type = type, nsim = nrow(found$t),
    cluster = cluster, FUN = FUN, fit = fit))
}
