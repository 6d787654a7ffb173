# Variance parameters that V is linear in: of each random term the entries of its covariance matrix
# that the structure leaves free (a parameter that is common to all columns, or pairs, has one form
# for all of them), and sigma^2. In the order of the rows of fit$parameters.

# A list of list(term, block), `block` symmetric k x k. `terms`: list(structure, columns) each.
variance_forms <- function(terms) {
  forms <- lapply(seq_along(terms), function(j) {
    k <- length(terms[[j]]$columns)
    about <- covariance_parameters(terms[[j]]$structure, k)
    Map(function(type, row, column) {
      list(term = j, block = variance_form(k, type, row, column))
    }, about$type, about$row, about$column)
  })
  unname(do.call(c, c(list(list()), forms)))
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

# What the expected information counts beside the free parameters of a fit with constraints: what
# is at the end of its range without being held there; parameters that are equal together.
pinned_directions <- function(fit) {
  table <- fit$parameters
  open <- which(table$boundary & !table$fixed & table$component == "random")
  groups <- unname(split(open, table$equal[open]))
  vapply(groups, function(own) replace(double(nrow(table)), own, 1), double(nrow(table)))
}
