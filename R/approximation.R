# How the likelihood of a generalized model is computed: Laplace, adaptive Gauss-Hermite
# quadrature with a number of points for each grouping factor, or the fast approximation.
#
# The engine takes one number of points per term: 1 everywhere is Laplace, 0 the fast
# approximation, -1 says that it is to find the number itself.

methods_planned <- c("rspl", "mspl", "rmpl", "mmpl", "pql1", "pql2", "mql1", "mql2", "gee",
                     "clogit", "between")

# `given` says which of the two arguments were typed.
read_method <- function(method, nAGQ, given) {
  method <- match_method(method)
  if (method == "agq" && !given[["nAGQ"]]) nAGQ <- "auto"
  automatic <- identical(nAGQ, "auto")
  if (!automatic) check_points(nAGQ)
  many <- automatic || any(nAGQ > 1)
  if (method == "laplace" && given[["method"]] && many) {
    stop_input(c("{.code method = \"laplace\"} has one point: it does not go with this
                  {.arg nAGQ}.", i = "Leave one of the two out."))
  }
  if (method == "agq" && !many && given[["nAGQ"]]) {
    stop_input(c("{.code method = \"agq\"} needs more than one point.",
                 i = "Use {.code nAGQ = 7}, say, or {.code nAGQ = \"auto\"}."))
  }
  if (automatic) -1L else stats::setNames(as.integer(nAGQ), names(nAGQ))
}

match_method <- function(method) {
  known <- c("laplace", "agq")
  typed <- is_text(method)
  if (typed && tolower(method) %in% known) return(tolower(method))
  if (typed && tolower(method) %in% methods_planned) {
    stop_input(c("{.code method = \"{method}\"} is not available in this version of tiers.",
                 i = "The methods are {.val {known}}."))
  }
  hint <- if (typed) did_you_mean(method, known) else "."
  stop_input(c("{.arg method} must be one of {.val {known}}{hint}", x = "It is {shown(method)}."))
}

check_points <- function(nAGQ) {
  ok <- is.numeric(nAGQ) && length(nAGQ) >= 1L && all(is.finite(nAGQ)) &&
    all(nAGQ == round(nAGQ)) && all(nAGQ >= 0 & nAGQ <= 101)
  if (!ok) {
    stop_input(c("{.arg nAGQ} must be a whole number from 0 to 101, or {.val auto}.",
                 i = "1 is the Laplace approximation; a named vector gives each grouping factor its
                      own number, {.code nAGQ = c(school = 7, class = 5)}."))
  }
  if (length(nAGQ) > 1L && is.null(names(nAGQ))) {
    stop_input("{.arg nAGQ} with several numbers must have the names of the grouping factors.")
  }
  if (length(unique(nAGQ > 1)) > 1L) {
    stop_input(c("{.arg nAGQ} must be above 1 for all grouping factors, or for none.",
                 i = "Quadrature for one factor and Laplace for another is no better than Laplace
                      for all."))
  }
}

# One number of points for each term, checked against the design; `built` holds the level codes of
# each term.
term_points <- function(points, terms, built) {
  if (length(terms) == 0L) return(integer())
  if (!is.null(names(points))) {
    points <- points[match_groups_named(names(points), terms)]
  } else {
    points <- rep(points, length(terms))
  }
  points <- unname(points)
  if (all(points %in% 0:1)) return(points)
  check_nested(terms, built)
  check_node_count(points, terms)
  points
}

# For each term the place of its number of points; a factor within another may be called by its
# own name alone.
match_groups_named <- function(names, terms) {
  groups <- vapply(terms, `[[`, "", "group")
  own <- vapply(terms, function(term) {
    inner <- setdiff(term$components, unlist(lapply(terms, function(other) {
      if (length(other$components) < length(term$components)) other$components
    })))
    if (length(inner) == 1L) inner else term$group
  }, "")
  at <- match(groups, names)
  at[is.na(at)] <- match(own, names)[is.na(at)]
  unknown <- names[!names %in% c(groups, own)]
  if (length(unknown)) {
    hint <- did_you_mean(unknown[1L], c(groups, own))
    stop_input(c("{.arg nAGQ} names {.val {unknown[1L]}}, which is no grouping factor of the
                  model{hint}", i = "The grouping factors are {.val {unique(groups)}}."))
  }
  if (anyNA(at)) {
    stop_input("{.arg nAGQ} names no number of points for {.val {unique(groups[is.na(at)])}}.")
  }
  at
}

# Quadrature goes from the leaves of a tree to its root: every two factors must be nested.
check_nested <- function(terms, built) {
  first <- which(!duplicated(lapply(terms, function(term) sort(term$components))))
  order <- first[order(vapply(terms[first], function(term) length(term$levels), 1L))]
  for (i in seq_along(order)[-1L]) {
    outer <- built[[order[i - 1L]]]$codes
    inner <- built[[order[i]]]$codes
    if (nests(inner, outer)) next
    a <- terms[[order[i - 1L]]]$group
    b <- terms[[order[i]]]$group
    stop_model(c("Quadrature ({.arg nAGQ} above 1) needs one grouping factor, or factors nested in
                  each other; `{a}` and `{b}` are crossed.",
                 i = "Use {.code nAGQ = 1}, the Laplace approximation, which takes any design. It is
                      accurate where the levels of the factors have many rows or large counts."),
               groups = c(a, b))
  }
}

# Does each level of `inner` lie within one level of `outer`?
nests <- function(inner, outer) {
  parent <- integer(max(inner))
  parent[inner] <- outer
  identical(parent[inner], as.integer(outer))
}

largest_node_count <- 2e5

check_node_count <- function(points, terms) {
  columns <- vapply(terms, function(term) length(term$columns), 1L)
  number <- pmax(points, 7)
  nodes <- prod(number^columns)
  if (nodes <= largest_node_count) return(invisible())
  dimensions <- sum(columns)
  stop_model(c("Quadrature over {dimensions} random effects of a group needs {signif(nodes, 2)}
                nodes, which is too many.",
               i = "Use fewer points, {.code nAGQ = 1} (Laplace), or fewer random effects."))
}

# For printouts -----------------------------------------------------------------------------------

approximation_words <- function(fit) {
  if (length(fit$random) == 0L) return("no integral")
  points <- fit$points
  if (all(points == 0L)) return("fast approximation (nAGQ = 0)")
  if (all(points == 1L)) return("Laplace approximation")
  groups <- term_groups(fit)
  first <- !duplicated(groups)
  number <- if (length(unique(points)) == 1L) {
    paste(points[1L], "points")
  } else {
    paste(paste0(points[first], " points for ", groups[first]), collapse = ", ")
  }
  paste0("adaptive Gauss-Hermite quadrature, ", number)
}
