# The parameters beside the fixed effects as a table with names: standard deviations and
# correlations of the random effects, sigma, the dispersion of a family. `fit$parameters` has a row
# for each:
#   name       "sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "sigma", "size"
#   component  "random", "residual" or "dispersion"
#   role       of a parameter of the residual structure: "sd", "correlation", "range", ...
#   term       number of the random term (0: none); group, effect1, effect2: its grouping factor and
#              the columns that a standard deviation or correlation belongs to (NA: all of them)
#   type       "sd", "cor", "structure" (what correlations follow from), "residual" (of a structure
#              of the residuals), "sigma" or "dispersion"
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
                          residual_parameter_names(fit, found),
                          if ("dispersion" %in% found$type) dispersion_names(fit),
                          if ("sigma" %in% found$type) "sigma")),
    component = ifelse(random, "random", ifelse(found$type == "dispersion", "dispersion",
                                                "residual")),
    term = found$term, group = group, effect1 = effect(found$row),
    effect2 = ifelse(found$type == "cor", effect(found$column), NA_character_), type = found$type,
    estimate = found$estimate, lower = found$lower, upper = found$upper,
    fixed = found$fixed, equal = fit$constraints$same %||% seq_along(random),
    boundary = found$boundary, role = ifelse(found$type == "residual", found$role, NA_character_),
    stringsAsFactors = FALSE)
}

# The row of the residual standard deviation: sigma, or the dispersion that it is in a generalized
# model.
residual_place <- function(table) {
  c(which(table$type == "sigma"), which(table$component != "random"))[1L]
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
  name <- family_traits(family_of(fit)$name)$dispersion
  if (is.null(fit$dispersion$terms)) return(name)
  columns <- if (has_structure(fit)) setdiff(fit$dispersion$columns, "(Intercept)") else {
    names(fit$dispersion$coefficients)
  }
  paste0("log(", name, ")_", columns)
}

# "cor|residual", "sd_2|residual", "cor_3.2|residual:M": with the labels of visits and the group.
residual_parameter_names <- function(fit, found) {
  own <- which(found$type == "residual")
  label <- function(place) {
    ifelse(place > 0L, fit$residual$visits[pmax(place, 1L)] %||% as.character(place), "")
  }
  names <- vapply(own, function(i) {
    row <- found$row[i]
    column <- found$column[i]
    # The column of a loading is the number of its factor.
    second <- if (found$role[i] == "loading") as.character(column) else label(column)
    place <- if (row > 0L && column > 0L) paste0(label(row), ".", second) else label(row)
    paste0(found$word[i], if (nzchar(place)) "_", place, "|residual",
           if (found$by[i] > 0L) ":", fit$residual$by_levels[found$by[i]])
  }, "")
  make.unique(as.character(names))
}
