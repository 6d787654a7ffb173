# Comparisons of fits with residual structures by their likelihoods.

# Is a structure a special case of another, by the registry and at the visits that both read?
is_structure_within <- function(small, large) {
  traits <- residual_traits()
  large %in% c(small, strsplit(traits$within[match(small, traits$name)], " ", fixed = TRUE)[[1L]])
}

# Why the residual part of the first fit is no special case of that of the second; "" if it is, as
# independent rows are of every structure.
structure_obstacle <- function(small, large) {
  a <- residual_part_of(small)
  b <- residual_part_of(large)
  if (is.null(a) || identical(text_of(a$expr), text_of(b$expr %||% 0))) return("")
  alike <- !is.null(b) && identical(a$components, b$components) &&
    identical(lapply(a$time, text_of), lapply(b$time, text_of)) &&
    (is.null(a$by) || identical(a$by, b$by))
  # One structure with and without a nugget; of two structures nothing beside their names.
  told <- function(x) unlist(x$arguments[setdiff(names(x$arguments), "nugget")])
  known <- alike && is_structure_within(a$structure, b$structure) &&
    if (a$structure == b$structure) {
      identical(told(a), told(b)) && (!isTRUE(a$arguments$nugget) || isTRUE(b$arguments$nugget))
    } else {
      length(a$arguments) == 0L && length(b$arguments) == 0L
    }
  if (known) "" else "their residual structures are not known to be nested"
}

# The residual structure in the list of fits that are compared.
residual_note <- function(fit) {
  if (has_structure(fit) && !is.null(fit$residual$expr)) fit$residual$label else ""
}

# NULL: independent rows.
residual_part_of <- function(fit) {
  if (!has_structure(fit) || is.null(fit$residual$expr)) return(NULL)
  one_variance <- !residual_traits()$each[match(fit$residual$structure, residual_names())]
  if (fit$residual$independent && one_variance && is.null(fit$residual$by)) return(NULL)
  fit$residual
}

# As comparison_shape(): the distribution at the boundary is not known where random terms differ, or
# a share of the variance is tested at zero.
structured_shape <- function(small, large) {
  if (!has_structure(large)) return(list(reason = "the smaller model has a residual structure",
                                         approximate = TRUE))
  nugget <- function(fit) has_structure(fit) && any(fit$parameters$role %in% "nugget")
  same <- length(large$random) == 0L || (inherits(small, "tiers_fit") &&
    length(small$random) == length(large$random) && same_terms(small, large))
  if (same && (!nugget(large) || nugget(small))) return(NULL)
  list(reason = "variances are tested at zero beside a residual structure", approximate = TRUE)
}

same_terms <- function(small, large) {
  words <- function(fit) vapply(fit$random, function(term) paste(term$label, term$structure), "")
  setequal(words(small), words(large))
}
