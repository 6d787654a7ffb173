# The family argument: from what the user gave to plain data,
#   list(name, link, custom)   custom: NULL for a registered link, else the user's link functions.
# Which families and links there are comes from the compiled registry.

# The registry does not change during a session, so it is asked once.
family_cache <- new.env(parent = emptyenv())

family_names <- function() {
  if (is.null(family_cache$names)) family_cache$names <- family_names_cpp()
  family_cache$names
}

# Number of the first response (successes, with their trials) that the family cannot have; 0: none.
first_invalid_response <- function(name, y, size) {
  first_invalid_response_cpp(name, as.double(y), as.double(size))
}

# The default link first.
family_links <- function(name) {
  if (is.null(family_cache[[name]])) assign(name, family_links_cpp(name), envir = family_cache)
  family_cache[[name]]
}

# Other names that users bring.
family_aliases <- c(beta_family = "beta", inverse_gaussian = "inverse.gaussian")

# Families of other packages and kinds of fit, with what to use here.
foreign_families <- list(
  quasibinomial = "quasi", quasipoisson = "quasi", quasi = "quasi", negative.binomial = "negative",
  `Negative Binomial` = "negative", negbin = "negative", nb = "negative")

# `family` is forced here, so that a failure can be explained from what was `typed`.
read_family <- function(family, typed, caller) {
  value <- tryCatch(family, error = function(e) e)
  if (inherits(value, "condition")) return(family_from_call(typed, value, caller))
  if (is_text(value)) return(registered_family(value))
  if (is.function(value)) value <- call_family(value, typed)
  if (inherits(value, "registered_family")) return(unclass(value))
  if (!is.list(value) || !is_text(value$family)) {
    stop_input(c("{.arg family} must be a family such as {.code binomial()}, or its name.",
                 x = "It is {shown(value)}."))
  }
  name <- known_family(value$family)
  c(list(name = name), read_link(name, value))
}

# A family function given without brackets; base::beta() stands for the beta family.
call_family <- function(f, typed) {
  if (identical(f, base::beta)) return(structure(registered_family("beta"),
                                                 class = "registered_family"))
  if ("theta" %in% names(formals(f))) known_family("negative.binomial")
  tryCatch(f(), error = function(e) {
    stop_input(c("{.arg family} cannot be used: {.code {text_of(typed)}} does not give a family.",
                 x = "{conditionMessage(e)}"), parent = e)
  })
}

registered_family <- function(name, link = NULL) {
  name <- known_family(name)
  links <- family_links(name)
  list(name = name, link = if (is.null(link)) links[1L] else known_link(link, name), custom = NULL)
}

known_family <- function(name) {
  if (name %in% names(family_aliases)) name <- family_aliases[[name]]
  known <- family_names()
  if (name %in% known) return(name)
  foreign <- foreign_families[[sub("\\(.*$", "", name)]]
  if (identical(foreign, "quasi")) {
    stop_input(c("Quasi families have no likelihood and cannot be fitted: {.val {name}}.",
                 i = "For counts that vary more than their family allows use {.fn nbinom2},
                      {.fn nbinom1} or {.fn betabinomial}, or a random effect for each row."))
  }
  if (identical(foreign, "negative")) {
    stop_input(c("{.code {name}} needs its size to be known; here it is estimated.",
                 i = "Use {.code family = nbinom2()}."))
  }
  hint <- did_you_mean(name, c(known, names(family_aliases)))
  stop_input(c("There is no family {.val {name}}{hint}", i = "The families are {.val {known}}."),
             family = name)
}

known_link <- function(link, name) {
  links <- family_links(name)
  if (link %in% links) return(link)
  hint <- did_you_mean(link, links)
  stop_input(c("The {name} family has no link {.val {link}}{hint}",
               i = "Its links are {.val {links}}; others can be given as an object of class
                    link-glm."), link = link)
}

# The expression where its evaluation failed: stats' own families refuse links that are known here
# (loglog), and a mistyped name deserves an answer.
family_from_call <- function(typed, e, caller) {
  if (inherits(e, "tiers_error")) stop(e)
  fun <- if (is.call(typed)) typed[[1L]] else typed
  if (call_name(fun) %in% c("::", ":::")) fun <- fun[[3L]]
  name <- if (is.name(fun)) as.character(fun) else ""
  defined <- nzchar(name) && exists(name, envir = caller, mode = "function")
  if (nzchar(name) && !defined) known_family(name)
  if (is.call(typed) && name %in% c(family_names(), names(family_aliases)) &&
        length(typed) == 2L) {
    link <- typed[[2L]]
    link <- if (is.name(link)) as.character(link) else {
      tryCatch(eval(link, caller), error = function(e) NULL)
    }
    if (is.character(link) && length(link) == 1L) return(registered_family(name, link))
  }
  stop_input(c("{.arg family} cannot be evaluated: {.code {text_of(typed)}}.",
               x = "{conditionMessage(e)}"), parent = e)
}

# The link of a family object. A name that is registered counts unless the object's functions say
# something else.
read_link <- function(name, object) {
  link <- object$link
  if (inherits(link, "link-glm")) {
    object[c("linkfun", "linkinv", "mu.eta", "valideta")] <-
      link[c("linkfun", "linkinv", "mu.eta", "valideta")]
    link <- link$name
  }
  if (is.null(link)) link <- family_links(name)[1L]
  if (link %in% family_links(name) && same_link(link, object)) {
    return(list(link = link, custom = NULL))
  }
  functions <- object[c("linkfun", "linkinv", "mu.eta")]
  if (!all(vapply(functions, is.function, NA))) return(list(link = known_link(link, name)))
  size <- link_size(functions)
  check_link_functions(functions, link, size)
  functions$valideta <- object$valideta
  functions$name <- link
  custom <- stored_link(functions)
  list(link = link, custom = if (size == 1L) custom else with_link_size(custom, size))
}

same_link <- function(link, object) {
  if (!is.function(object$linkinv)) return(TRUE)
  at <- c(-0.7, -0.2, 0.4, 1.3)
  value <- tryCatch(suppressWarnings(object$linkinv(at)), error = function(e) NULL)
  expected <- suppressWarnings(link_functions(link)$linkinv(at))
  is.numeric(value) && length(value) == length(at) &&
    isTRUE(all.equal(as.double(value), expected, tolerance = 1e-7))
}

# `size`: see link-rows.R.
check_link_functions <- function(functions, link, size) {
  at <- if (size == 1L) c(-0.4, 0.3, 0.9) else rep_len(c(-0.4, 0.3, 0.9), size)
  for (part in c("linkinv", "mu.eta")) {
    value <- tryCatch(suppressWarnings(functions[[part]](at)), error = function(e) NULL)
    if (!is.numeric(value) || length(value) != length(at)) {
      stop_input(c("The link {.val {link}}: its function {.code {part}} must return a number for
                    each number that it is given.",
                   i = "It was given {length(at)} and returned {length(value)}."))
    }
  }
}

# "binomial, logit link"
family_words <- function(family) paste0(family$name, ", ", family$link, " link")

# What the traits of a family (family-traits.R) say of a fit or a specification.
family_response_kind <- function(name) family_traits(name)$response
mean_is_positive <- function(name) family_response_kind(name) %in% c("count", "positive")
has_dispersion <- function(family) !is.null(family_traits(family$name)$dispersion)
