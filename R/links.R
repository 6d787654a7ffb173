# Links as R functions, for predictions, simulation and residuals; the fit itself uses the compiled
# ones of the same names. A link is a list of linkfun, linkinv and mu.eta, as in stats::make.link(),
# but without its cut-offs: a probability may be as small as a double can be.

link_functions <- function(name) {
  switch(
    name,
    identity = list(linkfun = function(mu) mu, linkinv = function(eta) eta,
                    mu.eta = function(eta) rep(1, length(eta))),
    log = list(linkfun = function(mu) log(mu), linkinv = function(eta) exp(eta),
               mu.eta = function(eta) exp(eta)),
    inverse = list(linkfun = function(mu) 1 / mu, linkinv = function(eta) 1 / eta,
                   mu.eta = function(eta) -1 / eta^2),
    sqrt = list(linkfun = function(mu) sqrt(mu), linkinv = function(eta) eta^2,
                mu.eta = function(eta) 2 * eta),
    `1/mu^2` = list(linkfun = function(mu) 1 / mu^2, linkinv = function(eta) 1 / sqrt(eta),
                    mu.eta = function(eta) -1 / (2 * eta^1.5)),
    logit = list(linkfun = stats::qlogis, linkinv = stats::plogis, mu.eta = stats::dlogis),
    probit = list(linkfun = stats::qnorm, linkinv = stats::pnorm, mu.eta = stats::dnorm),
    cauchit = list(linkfun = stats::qcauchy, linkinv = stats::pcauchy, mu.eta = stats::dcauchy),
    cloglog = list(linkfun = function(mu) log(-log1p(-mu)),
                   linkinv = function(eta) -expm1(-exp(eta)),
                   mu.eta = function(eta) exp(eta - exp(eta))),
    loglog = list(linkfun = function(mu) -log(-log(mu)), linkinv = function(eta) exp(-exp(-eta)),
                  mu.eta = function(eta) exp(-eta - exp(-eta)))
  )
}

# 1 - linkinv(eta) without cancellation, by the link of the failures; NULL where the mean is no
# probability.
complement_of <- function(family, eta) {
  failures <- c(logit = "logit", probit = "probit", cauchit = "cauchit", cloglog = "loglog",
                loglog = "cloglog")
  if (is.null(family$custom) && family$link %in% names(failures)) {
    return(link_functions(failures[[family$link]])$linkinv(-eta))
  }
  if (family_response_kind(family$name) %in% c("success", "unit")) 1 - mean_of(family, eta)
}

is_identity_link <- function(family) is.null(family$custom) && family$link == "identity"

# The three functions of the link of a family that was read (see family.R).
link_of <- function(family) {
  custom <- family$custom
  if (is.null(custom)) return(link_functions(family$link))
  if (is.null(custom$size)) custom else link_in_rows(custom)
}

# TRUE where `eta` is a value that the link can take; NULL domain functions take all.
in_link_domain <- function(family, eta) {
  positive <- mean_is_positive(family$name)
  share <- family_response_kind(family$name) %in% c("success", "unit")
  if (!is.null(family$custom)) {
    mu <- link_of(family)$linkinv(eta)
    return(is.finite(mu) & (!(positive | share) | mu >= 0) & (!share | mu <= 1))
  }
  ok <- !is.nan(eta)
  above_zero <- family$link %in% c("1/mu^2", "sqrt") ||
    (family$link %in% c("inverse", "identity") && positive)
  if (above_zero) ok <- ok & eta > 0
  if (share) {
    mu <- suppressWarnings(link_functions(family$link)$linkinv(eta))
    ok <- ok & mu >= 0 & mu <= 1
  }
  ok
}

# Links whose mean, or its odds, changes at least about as e^eta far out: with an offset that spans
# more than this no mean suits all rows.
largest_offset_span <- 50

offset_span <- function(family, offset, used) {
  exponential <- is.null(family$custom) &&
    family$link %in% c("log", "logit", "cloglog", "loglog", "probit")
  if (!exponential || length(offset) == 0L || !any(used)) return(0)
  diff(range(offset[used]))
}

# "The offset spans 849 on the log link ..."; NULL where its span is a usual one.
offset_span_words <- function(family, offset, used) {
  span <- offset_span(family, offset, used)
  if (!(span > largest_offset_span)) return(NULL)
  what <- if (family$link == "log") "means" else "odds"
  paste0("The offset spans ", signif(span, 3L), " on the ", family$link, " link: some rows have ",
         what, " e^", signif(span, 3L), " times those of others.")
}

# A link-glm object with these functions, for family objects made here.
link_object <- function(name) {
  functions <- link_functions(name)
  valid <- function(eta) all(is.finite(eta))
  structure(c(functions, list(valideta = valid, name = name)), class = "link-glm")
}

# A user's link-glm as plain data: its functions keep what they mention and nothing else.
stored_link <- function(link) {
  functions <- lapply(link[c("linkfun", "linkinv", "mu.eta")], slim_function)
  c(functions, list(valideta = slim_function(link$valideta), name = link$name))
}

slim_function <- function(f) {
  if (!is.function(f) || is.primitive(f)) return(f)
  env <- environment(f)
  environment(f) <- slim_environment(env, list(body(f), as.call(c(quote(list), unname(
    as.list(formals(f))[-1L])))), character(), -1L)
  utils::removeSource(f)
}
