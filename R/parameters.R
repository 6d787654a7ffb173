# The parameters beside the fixed effects as a table with names: standard deviations and
# correlations of the random effects, sigma, the dispersion of a family. `fit$parameters` has a row
# for each:
#   name       "sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "sigma", "size"
#   component  "random", "residual" or "dispersion"
#   term       number of the random term (0: none); group, effect1, effect2: its grouping factor and
#              the columns that a standard deviation or correlation belongs to (NA: all of them)
#   type       "sd", "cor", "structure" (what correlations follow from), "sigma" or "dispersion"
#   estimate   on the scale on which it is printed; lower, upper: the values that it can have
#   fixed      does it have the value that the user gave it?
#   equal      a number that parameters share which the user has set equal
#   boundary   is the estimate at the end of its range?
# and `fit$vcov_parameters` their covariance matrix, NA in rows and columns of parameters at a
# boundary.

with_parameters <- function(fit, result) {
  fit$parameters <- parameter_table(fit, result$parameters)
  names <- fit$parameters$name
  V <- matrix(result$vcov_parameters, length(names), length(names), dimnames = list(names, names))
  V[is.nan(V)] <- NA_real_
  fit$vcov_parameters <- V
  fit
}

parameter_table <- function(fit, found) {
  terms <- fit$random_terms
  random <- found$term > 0L
  effect <- function(place) {
    vapply(seq_along(random), function(i) {
      if (random[i] && place[i] > 0L) terms[[found$term[i]]]$columns[place[i]] else NA_character_
    }, "")
  }
  group <- rep(NA_character_, length(random))
  group[random] <- vapply(terms[found$term[random]], `[[`, "", "group")
  data.frame(
    name = as.character(c(unlist(random_parameter_names(terms)),
                          if ("sigma" %in% found$type) "sigma",
                          if ("dispersion" %in% found$type) dispersion_names(fit))),
    component = ifelse(random, "random", ifelse(found$type == "sigma", "residual", "dispersion")),
    term = found$term, group = group, effect1 = effect(found$row),
    effect2 = ifelse(found$type == "cor", effect(found$column), NA_character_), type = found$type,
    estimate = found$estimate, lower = found$lower, upper = found$upper,
    fixed = found$fixed, equal = fit$constraints$same %||% seq_along(random),
    boundary = found$boundary, stringsAsFactors = FALSE)
}

# Names of the parameters of each random term; two terms may share a factor and a structure whose
# parameters are common to all columns.
random_parameter_names <- function(terms) {
  names <- lapply(terms, covariance_parameter_names)
  all <- make.unique(as.character(unlist(names)))
  unname(split(all, rep(seq_along(names), lengths(names))))
}

# The dispersion parameter by its own name where it is a constant, coefficients of its logarithm
# otherwise.
dispersion_names <- function(fit) {
  name <- family_traits(fit$family$name)$dispersion
  if (is.null(fit$dispersion$terms)) return(name)
  paste0("log(", name, ")_", names(fit$dispersion$coefficients))
}
