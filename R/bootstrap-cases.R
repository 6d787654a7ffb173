# The cases bootstrap: whole clusters are drawn with replacement. A cluster that is drawn twice is
# two clusters, with groups of their own inside; groups that reach beyond a cluster stay what they
# are.

# list(name, codes, rows): the clusters that are drawn, codes of all rows and the rows of each.
case_clusters <- function(fit, cluster) {
  refuse_structure(fit, "Bootstrap samples of cases", "Use {.code type = \"parametric\"}.")
  if (is.null(cluster) && length(fit$random) == 0L) {
    n <- nrow(fit$frame)
    return(list(name = "row", codes = seq_len(n), rows = as.list(seq_len(n))))
  }
  found <- read_clusters(fit, cluster)
  if (length(found) > 1L) {
    stop_input("{.arg cluster} must be one variable: clusters are drawn in one way only, not by
                {.val {names(found)}}.")
  }
  codes <- found[[1L]]
  # Rows of weight zero count nowhere.
  list(name = names(found), codes = codes,
       rows = unname(split(which(codes > 0L), codes[codes > 0L])))
}

# A function that draws clusters: list(rows, copy), rows of the frame and which draw each is from.
cluster_drawer <- function(clusters) {
  count <- length(clusters$rows)
  sizes <- lengths(clusters$rows)
  function() {
    drawn <- sample.int(count, count, replace = TRUE)
    list(rows = unlist(clusters$rows[drawn]), copy = rep(seq_len(count), sizes[drawn]))
  }
}

# The specification of drawn rows.
case_specification <- function(fit, spec, within, drawn) {
  rows <- drawn$rows
  for (name in c("y", "offset", "weights", "size")) {
    if (length(spec[[name]])) spec[[name]] <- spec[[name]][rows]
  }
  for (name in c("X", "dispersion")) {
    if (!is.null(spec[[name]])) spec[[name]] <- spec[[name]][rows, , drop = FALSE]
  }
  if (is.list(spec$link)) spec$link <- engine_link(family_at(fit$family, rows))
  spec$terms <- Map(function(term, inside) {
    codes <- term$codes[rows]
    if (inside) codes <- (drawn$copy - 1) * term$n_levels + codes
    present <- sort(unique(codes))
    term$codes <- match(codes, present)
    term$n_levels <- length(present)
    if (!is.null(term$basis)) term$basis <- term$basis[rows, , drop = FALSE]
    term
  }, spec$terms, within)
  spec
}

# Is the grouping factor of each term nested in the clusters?
terms_within <- function(spec, clusters) {
  used <- clusters$codes > 0L
  vapply(spec$terms, function(term) nested_in(term$codes[used], clusters$codes[used]), NA)
}

case_runner <- function(fit, clusters) {
  spec <- warm_specification(fit)
  within <- terms_within(spec, clusters)
  draw <- cluster_drawer(clusters)
  function(streams) {
    parts <- lapply(streams, function(stream) {
      use_stream(stream)
      part <- case_specification(fit, spec, within, draw())
      found <- tryCatch(kind_replicates(fit, part, matrix(part$y)), tiers_error = function(e) NULL)
      found %||% list(coefficients = matrix(NA_real_, length(fit$coefficients)),
                      parameters = matrix(NA_real_, nrow(fit$parameters)), deviance = NA_real_,
                      status = "unfitted")
    })
    join <- function(name) do.call(cbind, lapply(parts, `[[`, name))
    statistics_chunk(fit, list(coefficients = join("coefficients"), parameters = join("parameters"),
                               status = vapply(parts, `[[`, "", "status")))
  }
}

# Fits for a function of the user's ---------------------------------------------------------------

# A function that draws clusters and fits the model to them, as an object with a frame of its own.
case_fitter <- function(fit, clusters) {
  spec <- warm_specification(fit)
  within <- terms_within(spec, clusters)
  renamed <- renamed_variables(fit, within)
  draw <- cluster_drawer(clusters)
  function() {
    drawn <- draw()
    part <- fit
    part$frame <- copied_frame(fit$frame, drawn, renamed)
    part$random_terms <- lapply(fit$random_terms, function(term) {
      groups <- build_groups(term, part$frame)
      term[names(groups$stored)] <- groups$stored
      term$rows <- rows_of_levels(groups$codes, length(term$levels),
                                  stats::model.weights(part$frame))
      term
    })
    part$na.action <- NULL
    part["data"] <- list(NULL)
    if (!is.null(part$family$custom)) part$family <- family_at(part$family, drawn$rows)
    refitted(part, case_specification(fit, spec, within, drawn))
  }
}

# Of each term whose groups lie within the clusters one grouping variable that can have new values:
# one that is nothing else in the model, neither a fixed effect nor part of groups beyond them.
renamed_variables <- function(fit, within) {
  components <- lapply(fit$random_terms, function(term) unlist(term$components))
  elsewhere <- c(all.vars(fit$terms), unlist(components[!within]), unlist(lapply(
    fit$random_terms, function(term) all.vars(term$basis_terms))))
  unique(unlist(lapply(which(within), function(j) {
    free <- setdiff(components[[j]], elsewhere)
    if (length(free)) return(free[1L])
    stop_input(c("{.arg FUN} needs fits whose groups have new names where a cluster is drawn twice,
                  and all variables of {.code {fit$random_terms[[j]]$label}} are fixed effects or
                  groups of other clusters too.",
                 i = "Leave {.arg FUN} out, or give the groups a variable of their own."))
  })))
}

# The rows drawn; groups of the second and later copies of a cluster have new names.
copied_frame <- function(frame, drawn, renamed) {
  out <- frame[drawn$rows, , drop = FALSE]
  for (name in renamed) {
    labels <- as.character(frame[[name]][drawn$rows])
    out[[name]] <- factor(paste0(labels, "#", drawn$copy))
  }
  attr(out, "row.names") <- .set_row_names(length(drawn$rows))
  out
}
