# Between-within df (Schluchter and Elashoff 1990; the rule of SAS). The subjects are the levels of
# the outermost grouping factor. Columns that are constant within each subject share the df between
# subjects, J - rank; a term that changes within any subject has those within: n less the rank of X
# less the df between. Where several such terms have factors that vary within subjects, each takes
# the part of the df within that subject by these factors adds to the model.

prepare_between_within <- function(fit, vcov) {
  parts <- with_subjects(counting_parts(fit), fit)
  if (length(parts$terms) == 0L) {
    stop_input(c("{.code ddf = \"between-within\"} needs a grouping factor, the subjects.",
                 i = "This fit has no random effects: use {.code ddf = \"residual\"}."))
  }
  subject <- counting_factors(parts)[[1L]]
  varies <- varies_within(parts$X, subject)
  within_terms <- unique(parts$assign[varies])
  between <- max(subject) - scaled_rank(parts$X[, !varies, drop = FALSE])
  within <- parts$n - ncol(parts$X) - between
  by_term <- ifelse(seq_along(parts$labels) %in% within_terms, within, between)
  own <- within_parts(fit, parts, subject, setdiff(within_terms, 0L))
  by_term[own$terms] <- own$df
  by_term[by_term <= 0] <- NA_real_
  df <- ifelse(parts$assign == 0L, between, by_term[pmax(parts$assign, 1L)])
  df[df <= 0] <- NA_real_
  counted_ddf(vcov, df, stats::setNames(by_term, parts$labels))
}

# The subjects of a residual structure are a grouping factor too.
with_subjects <- function(parts, fit) {
  if (!has_structure(fit) || length(fit$residual$components) == 0L) return(parts)
  codes <- residual_groups(fit$residual$components, fit$frame)$codes[frame_used(fit$frame)]
  own <- list(term = list(group = paste(fit$residual$components, collapse = ":")),
              codes = compact_codes(codes, fit$residual$levels)$codes)
  parts$terms <- c(parts$terms, list(own))
  parts
}

# Terms whose factors vary within subjects, and the ranks that subject by these factors adds to X,
# the subjects and the interactions before. Nothing where all such terms have the same factors.
within_parts <- function(fit, parts, subject, terms) {
  pattern <- attr(fit$terms, "factors") > 0
  coded <- names(which(coded_variables(fit)))
  weights <- stats::model.weights(fit$frame)
  used <- if (is.null(weights)) TRUE else weights > 0
  codes <- lapply(stats::setNames(nm = coded), function(name) {
    as.integer(factor(fit$frame[[name]][used]))
  })
  moving <- coded[vapply(codes, function(code) {
    varies_within(matrix(as.double(code)), subject)
  }, NA)]
  sets <- lapply(terms, function(term) intersect(rownames(pattern)[pattern[, term]], moving))
  has_factors <- lengths(sets) > 0L
  keys <- vapply(sets, paste, "", collapse = "\r")
  if (length(unique(keys[has_factors])) < 2L) return(list(terms = integer(), df = double()))
  rank_with <- function(cells) {
    inside <- if (is.null(cells)) matrix(1, parts$n, 1L) else {
      do.call(cbind, lapply(cells, function(cell) outer(cell, seq_len(max(cell)), "==") + 0))
    }
    rest <- residual_of_levels(parts$X, inside, subject)
    rest$rank + scaled_rank(rest$X, sqrt(colSums(parts$X^2)))
  }
  before <- rank_with(NULL)
  cells <- list()
  df <- rep(NA_real_, length(terms))
  for (key in unique(keys[has_factors])) {
    cells <- c(cells, list(as.integer(interaction(codes[strsplit(key, "\r", fixed = TRUE)[[1L]]],
                                                  drop = TRUE))))
    now <- rank_with(cells)
    df[keys == key] <- now - before
    before <- now
  }
  keep <- !is.na(df) & df > 0
  list(terms = terms[keep], df = df[keep])
}
