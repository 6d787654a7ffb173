# Family objects: constructors for the families that stats does not have, and family(fit).

#' Families for counts with overdispersion, shares and grouped successes
#'
#' Response families for [glmm()] beside those of [stats::family()]. Their dispersion parameter is
#' estimated with the other parameters, in the true marginal likelihood.
#'
#' * `nbinom2()`: counts with variance `mu + mu^2 / size`; the larger the size, the nearer to
#'   Poisson.
#' * `nbinom1()`: counts with variance `mu * (1 + overdispersion)`.
#' * `beta_family()`: shares inside (0, 1) with variance `mu * (1 - mu) / (1 + precision)`.
#' * `betabinomial()`: successes of `m` trials with variance
#'   `m * mu * (1 - mu) * (m + precision) / (1 + precision)`.
#'
#' [glmm()] also takes the names of all families as text: `"binomial"`, `"poisson"`, `"gaussian"`,
#' `"Gamma"`, `"inverse.gaussian"`, `"nbinom1"`, `"nbinom2"`, `"beta"`, `"betabinomial"`. Any link
#' that is not listed can be given as an object of class `link-glm`, as in stats, here and in
#' `binomial(link = )`. Its functions may hold a value for each row, as those of logistic exposure,
#' `plogis(eta)^days`, do: values for all rows of `data` or for those that are used, in their order.
#' Predictions of means then need as many rows as the fit; `type = "link"` takes any.
#'
#' @param link Name of the link of the mean. Counts: `"log"`, `"sqrt"`, `"identity"`, `"inverse"`,
#'   `"1/mu^2"`. Shares: `"logit"`, `"probit"`, `"cloglog"`, `"loglog"`, `"cauchit"`, `"log"`. Or
#'   an object of class `link-glm`.
#' @return An object of class `family`. Its functions `variance` and `dev.resids` take the
#'   dispersion parameter as their last argument; those of `family(fit)` know the estimate.
#' @seealso [glmm()]; [sigma()][logLik.tiers_fit] for the estimate of the dispersion parameter,
#'   [confint()][vcov.tiers_fit] with `component = "dispersion"` for its interval.
#' @references
#' Hilbe JM (2011). Negative Binomial Regression, 2nd ed. Cambridge University Press.
#'
#' Ferrari SLP, Cribari-Neto F (2004). Beta regression for modelling rates and proportions. Journal
#' of Applied Statistics 31, 799-815.
#' @concept overdispersion
#' @concept negative binomial
#' @concept beta regression
#' @concept zero-inflation (not there yet)
#' @examples
#' # Seizures of 59 patients: the same mean, two ways for the variance to grow with it
#' epil <- MASS::epil
#' two <- glmm(y ~ trt * lbase + lage + V4 + (1 | subject), epil, family = nbinom2())
#' one <- glmm(y ~ trt * lbase + lage + V4 + (1 | subject), epil, family = nbinom1())
#' c(nbinom2 = logLik(two), nbinom1 = logLik(one))
#' sigma(two)
#' @name nbinom2
NULL

#' @rdname nbinom2
#' @export
nbinom2 <- function(link = "log") {
  force_arguments("link")
  new_family("nbinom2", link)
}

#' @rdname nbinom2
#' @export
nbinom1 <- function(link = "log") {
  force_arguments("link")
  new_family("nbinom1", link)
}

#' @rdname nbinom2
#' @export
beta_family <- function(link = "logit") {
  force_arguments("link")
  new_family("beta", link)
}

#' @rdname nbinom2
#' @export
betabinomial <- function(link = "logit") {
  force_arguments("link")
  new_family("betabinomial", link)
}

# A family object from a name and a link (a name or a link-glm). With `dispersion` the functions
# know the estimate.
new_family <- function(name, link, dispersion = NULL) {
  link <- family_link(name, link)
  traits <- family_traits(name)
  object <- c(
    list(family = name, link = link$name), link[c("linkfun", "linkinv", "mu.eta", "valideta")],
    family_functions(name, traits, dispersion))
  structure(object, class = "family")
}

family_link <- function(name, link) {
  if (inherits(link, "link-glm")) return(unclass(link))
  if (!is_text(link)) {
    stop_input(c("{.arg link} must be the name of a link or an object of class link-glm.",
                 x = "It is {shown(link)}."))
  }
  unclass(link_object(known_link(link, name)))
}

# The members of a family object beside its link. They are closures over this frame alone, which
# holds the family's name and the dispersion: nothing large is kept alive by them.
family_functions <- function(name, traits, dispersion) {
  functions <- list(
    variance = function(mu, dispersion) family_traits(name)$variance(mu, dispersion, 1, 1),
    dev.resids = function(y, mu, wt, dispersion) {
      trials <- if (family_traits(name)$response == "success") wt else rep(1, length(y))
      weight <- if (family_traits(name)$response == "success") 1 else wt
      family_traits(name)$deviance(y * trials, mu, dispersion, trials, weight)
    },
    aic = NULL,
    simulate = function(object, nsim) {
      unname(as.list(stats::simulate(object, nsim, re.form = NULL)))
    })
  if (!is.null(dispersion)) {
    formals(functions$variance)$dispersion <- dispersion
    formals(functions$dev.resids)$dispersion <- dispersion
  }
  c(functions[lengths(functions) > 0L],
    list(validmu = valid_mean(traits$response), dispersion = dispersion,
         parameter = traits$dispersion))
}

valid_mean <- function(response) {
  switch(
    response,
    real = function(mu) all(is.finite(mu)),
    positive = , count = function(mu) all(is.finite(mu)) && all(mu > 0),
    function(mu) all(is.finite(mu)) && all(mu > 0 & mu < 1))
}

#' @rdname formula.tiers_fit
#' @export
family.tiers_glmm <- function(object, ...) {
  check_dots("family", ...)
  family <- object$family
  link <- if (is.null(family$custom)) family$link else {
    structure(family$custom[c("linkfun", "linkinv", "mu.eta", "valideta", "name")],
              class = "link-glm")
  }
  standard <- stats_family(family$name, link)
  if (!is.null(standard)) return(standard)
  d <- dispersion_values(object)
  new_family(family$name, link, if (length(d) == 1L) d)
}

# stats' own object where stats has the family and the link.
stats_family <- function(name, link) {
  if (!family_traits(name)$from_stats) return(NULL)
  make <- get(name, envir = asNamespace("stats"), mode = "function")
  tryCatch(make(link = link), error = function(e) NULL)
}
