# Variance parameters that V is linear in: of each random term the entries of its covariance matrix
# that the structure leaves free (a parameter that is common to all columns, or pairs, has one form
# for all of them), and sigma^2. In the order of the rows of fit$parameters.

# A structure in whose parameters V is not linear has in their place (`curved`) the derivatives of
# its covariance matrix at the estimate ("tangent") or all entries of it ("entries"), which are
# what a term without structure has.

# A list of list(term, block), `block` symmetric k x k. `terms`: list(structure, columns) each.
variance_forms <- function(terms, curved = "stop") {
  forms <- lapply(seq_along(terms), function(j) {
    blocks <- if (is_linear_structure(terms[[j]])) {
      covariance_directions(terms[[j]])
    } else {
      curved_forms(terms[[j]], curved)
    }
    lapply(blocks, function(block) list(term = j, block = block))
  })
  unname(do.call(c, c(list(list()), forms)))
}

curved_forms <- function(term, curved) {
  if (curved == "tangent") return(covariance_directions(term, term$Sigma))
  k <- term_size(term)
  if (curved == "entries") {
    at <- which(lower.tri(diag(k), diag = TRUE), arr.ind = TRUE)
    return(lapply(seq_len(nrow(at)), function(i) {
      variance_form(k, if (at[i, 1L] == at[i, 2L]) "sd" else "cor", at[i, 1L], at[i, 2L])
    }))
  }
  stop_model(c("`{term$label}`: this takes covariance matrices that are linear in their variances
                and covariances, and those of `{term$structure}` are not.",
               i = "{.fn bootstrap} takes every structure."))
}

any_curved <- function(fit) {
  inherits(fit, "tiers_fit") && !all(vapply(fit$random, is_linear_structure, NA))
}

variance_form <- function(k, type, row, column) {
  block <- matrix(0, k, k)
  if (type == "sd") {
    if (row == 0L) return(diag(1, k))
    block[row, row] <- 1
  } else if (row == 0L) {
    block[row(block) != col(block)] <- 1
  } else {
    block[row, column] <- block[column, row] <- 1
  }
  block
}

# The same variance parameters in columns that are uncorrelated and of size one, Z A = Q sqrt(n): G
# is A H A' with the entries of H in place of those of G. What does not depend on the choice of
# linear parameters is exact in these, whatever the units and the origin of a covariate; entries of
# G are poor parameters where its value is a year (vignettes/algorithm.Rmd, section 4.17).
forms_in_even_coordinates <- function(forms, terms) {
  forms_in_coordinates(forms, even_coordinates(forms, terms))
}

forms_in_coordinates <- function(forms, coordinates) {
  lapply(forms, function(form) {
    A <- coordinates[[form$term]]
    form$block <- A %*% form$block %*% t(A)
    form
  })
}

# A for each term (k x k). Terms with fewer parameters than entries stay as they are (A = I), but
# for the sizes of columns that have a variance each.
even_coordinates <- function(forms, terms) {
  own <- vapply(forms, `[[`, 1L, "term")
  lapply(seq_along(terms), function(j) {
    Z <- terms[[j]]$basis
    at <- which(own == j)
    # An intercept alone has no columns.
    if (!is.matrix(Z)) return(diag(1, if (length(at)) nrow(forms[[at[1L]]]$block) else 1L))
    k <- ncol(Z)
    size <- sqrt(colMeans(Z^2))
    if (!all(is.finite(size) & size > 0)) return(diag(1, k))
    A <- if (length(at) == k * (k + 1) / 2) even_columns(Z, size) else {
      alone <- vapply(forms[at], function(form) sum(form$block != 0) == 1L, NA)
      if (all(alone)) diag(1 / size, k)
    }
    if (is.null(A)) diag(1, k) else A
  })
}

# A (k x k) with A'Z'Z A / n = I; NULL where the columns depend on each other.
even_columns <- function(Z, size) {
  parts <- qr(sweep(Z, 2L, size, "/"), tol = 1e-12)
  if (parts$rank < ncol(Z)) return(NULL)
  R <- qr.R(parts)[, order(parts$pivot), drop = FALSE] / sqrt(nrow(Z))
  solve(R, tol = 0) / size
}

# What the expected information counts beside the free parameters of a fit with constraints: what
# is at the end of its range without being held there; parameters that are equal together.
pinned_directions <- function(fit) {
  table <- fit$parameters
  open <- which(table$boundary & !table$fixed & table$component == "random")
  groups <- unname(split(open, table$equal[open]))
  vapply(groups, function(own) replace(double(nrow(table)), own, 1), double(nrow(table)))
}
