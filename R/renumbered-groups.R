# Ids that start again at 1 in each cluster: (1 | id) then takes different persons for one.
#
# Nothing in the data says for sure whether persons of the same number are the same. A message comes
# where everything speaks for a new numbering: in each cluster the ids are 1, 2, ... up to a number,
# most have several rows there, there are more ids than clusters, the clusters have different
# numbers of ids (or a variable of the model belongs to the person of a cluster), and persons of the
# same number are no more alike than others. Designs that cross persons with items, treatments or
# visits differ in at least one of these.

report_renumbered <- function(fit) {
  groups <- lapply(fit$random_terms, `[[`, "components")
  single <- unique(unlist(groups[lengths(groups) == 1L]))
  for (id in single) {
    term <- fit$random_terms[[match(id, groups)]]
    if (!restarts_possible(term$levels)) next
    codes <- as.integer(term$levels)[build_groups(term, fit$frame)$codes]
    # What the formula nests already.
    partners <- unlist(groups[vapply(groups, function(g) id %in% g, NA)])
    for (name in setdiff(cluster_candidates(fit), partners)) {
      cluster <- cluster_codes(used_column(fit, name), length(term$levels))
      if (is.null(cluster)) next
      if (!looks_renumbered(fit, codes, cluster, c(id, name))) next
      n <- length(unique(cluster[codes == 1L]))
      code <- paste0("(", text_of(term$lhs), " | ", name, ":", id, ")")
      inform("tiers_message_groups", c(
        "`{id}` 1 occurs in {n} levels of `{name}`.",
        i = "Write {.code {code}} if these are different ones."), group = id, cluster = name)
      return(invisible())
    }
  }
}

# Labels 1 to the number of levels.
restarts_possible <- function(levels) {
  n <- length(levels)
  n > 2L && setequal(levels, as.character(seq_len(n)))
}

# Grouping variables and categories of the formula, then the other columns of the data.
cluster_candidates <- function(fit) {
  components <- unlist(lapply(fit$random_terms, `[[`, "components"))
  in_formula <- intersect(fit$variables, all.vars(fit$formula))
  unique(c(components, setdiff(in_formula, all.vars(fit$formula[[2L]])),
           utils::head(names(fit$data$columns), 50L)))
}

# A column of the data in the rows of the frame; NULL where it is not to be had.
used_column <- function(fit, name) {
  if (name %in% names(fit$frame)) return(fit$frame[[name]])
  if (!name %in% names(fit$data$columns)) return(NULL)
  value <- kept_part(fit, "columns")[[name]]
  if (!is.null(dim(value))) return(NULL)
  if (is.null(fit$data$used)) value else value[fit$data$used]
}

# Level numbers of what may be a cluster: a category, or a few whole numbers, of fewer levels than
# ids.
cluster_codes <- function(x, most) {
  if (!is.null(dim(x))) return(NULL)
  if (is.numeric(x) && !is.factor(x)) {
    if (anyNA(x) || any(x != trunc(x)) || diff(range(x)) > 1e4) return(NULL)
  } else if (!is.factor(x) && !is.character(x) && !is.logical(x)) {
    return(NULL)
  }
  if (anyNA(x)) return(NULL)
  values <- unique(x)
  if (length(values) < 2L || length(values) >= most) return(NULL)
  match(x, values)
}

looks_renumbered <- function(fit, id, cluster, names) {
  ids <- max(id)
  cells <- matrix(tabulate((cluster - 1L) * ids + id, ids * max(cluster)), ids)
  present <- cells > 0L
  counts <- colSums(present)
  # Ids 1 to counts[c] in each cluster, and the first of them in all.
  prefix <- all(present == (row(present) <= rep(counts, each = ids))) && min(counts) > 1L
  if (!prefix || mean(cells[present] > 1L) < 0.5) return(FALSE)
  # One id less at the end is a person lost, not another centre.
  unequal <- max(counts) - min(counts) > max(1, 0.1 * max(counts))
  if (!unequal && !has_cell_variable(fit, id, cluster, names)) return(FALSE)
  # The sizes say much by themselves.
  !alike_across(fit, id, cluster, cells, if (unequal) 0.001 else 0.05)
}

# A variable of the model that is constant for each id of a cluster, but neither for ids nor
# clusters.
has_cell_variable <- function(fit, id, cluster, names) {
  cell <- (cluster - 1L) * max(id) + id
  constant_in <- function(x, group) {
    first <- match(group, group)
    all(x == x[first])
  }
  for (name in setdiff(names(fit$frame)[-1L], names)) {
    x <- fit$frame[[name]]
    if (!is.null(dim(x)) || anyNA(x)) next
    if (constant_in(x, cell) && !constant_in(x, id) && !constant_in(x, cluster)) return(TRUE)
  }
  FALSE
}

# Do means of the same id in different clusters resemble each other, by an F test of ids against the
# ids within clusters? The response less the fixed part, unweighted means of cells. TRUE as well
# where there is nothing to tell by.
alike_across <- function(fit, id, cluster, cells, level) {
  fit <- plain_rows(fit)
  conditional <- stats::residuals(fit, type = "response")
  y <- conditional + stats::fitted(fit)
  rest <- y - stats::predict(fit, re.form = NA, type = "response")
  if (!all(is.finite(rest))) rest <- y
  ids <- nrow(cells)
  means <- rowsum(rest, (cluster - 1L) * ids + id)[, 1L]
  at <- as.integer(names(means)) - 1L
  row <- at %% ids + 1L
  column <- at %/% ids + 1L
  full <- stats::lm.fit(cbind(1, outer(column, seq_len(ncol(cells))[-1L], "==")), means)
  value <- full$residuals
  shared <- stats::ave(value, row)
  df <- c(ids - 1, length(means) - ids - ncol(cells) + 1)
  if (df[2L] < 1) return(TRUE)
  if (!(sum((value - shared)^2) > 1e-12 * sum(means^2))) return(TRUE)
  ratio <- (sum(shared^2) / df[1L]) / (sum((value - shared)^2) / df[2L])
  stats::pf(ratio, df[1L], df[2L], lower.tail = FALSE) < level
}
