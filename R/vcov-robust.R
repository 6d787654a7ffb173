# Cluster-robust covariance matrices of the fixed effects (Liang and Zeger 1986; Bell and McCaffrey
# 2002; Pustejovsky and Tipton 2018). The rows come from vcov-robust-rows.R, the sums over clusters
# from the compiled code, degrees of freedom from ddf-clusters.R.
#
# With the marginal residuals r = y - X beta and H = V^-1 X the score of a cluster is
# s_i = H_i'A_i r_i, and the covariance matrix Phi (sum s_i s_i') Phi. The rows of H are right for
# random factors that cross the clusters too; X_i'(V^-1 r)_i would not be.

# `correction`: A_i as cluster_sums_cpp() knows it. `factor(J, n, p)`: what multiplies the sum over
# J clusters. `ddf`: the method for degrees of freedom that comes with it.
robust_types <- function() {
  list(
    CR0 = list(correction = "none", factor = function(J, n, p) 1, ddf = "clusters"),
    CR1 = list(correction = "none", factor = function(J, n, p) J / (J - 1), ddf = "clusters"),
    CR1p = list(correction = "none", factor = function(J, n, p) J / (J - p), ddf = "clusters"),
    CR1S = list(correction = "none", ddf = "clusters",
                factor = function(J, n, p) J * (n - 1) / ((J - 1) * (n - p))),
    CR2 = list(correction = "bias_reduced", factor = function(J, n, p) 1, ddf = "bell-mccaffrey"),
    CR3 = list(correction = "jackknife", factor = function(J, n, p) 1, ddf = "bell-mccaffrey"))
}

match_robust_type <- function(type, name = "type") {
  known <- names(robust_types())
  is_name <- is.character(type) && length(type) == 1L
  found <- if (is_name) match(toupper(type), toupper(known)) else NA
  if (is.na(found)) {
    stop_input(c("{.arg {name}} must be one of {.val {known}}.", x = "It is {shown(type)}."))
  }
  known[found]
}

# The matrix, of class tiers_vcov; `complete` as in vcov().
robust_vcov <- function(fit, type, cluster, complete = FALSE) {
  type <- match_robust_type(type)
  validate_fit(fit)
  check_robust_fit(fit)
  clusters <- read_clusters(fit, cluster)
  check_whole_units(fit, type, clusters)
  note_cut_levels(fit, clusters)
  new_robust_vcov(fit, type, clusters, complete)
}

check_robust_fit <- function(fit) {
  if (is_separated(fit)) {
    stop_model("There is no robust covariance matrix of infinite coefficients (separated data).")
  }
  if (nrow(fit$vcov) == 0L) stop_input("The fit has no fixed effects.")
}

new_robust_vcov <- function(fit, type, clusters, complete) {
  value <- matrix(0, nrow(fit$vcov), nrow(fit$vcov))
  working <- FALSE
  for (part in cluster_parts(clusters)) {
    found <- robust_part(fit, type, part$codes)
    value <- value + part$sign * found$vcov
    working <- working || found$working
  }
  if (length(clusters) > 1L) value <- without_negative(value)
  dimnames(value) <- dimnames(fit$vcov)
  if (complete) value <- with_dropped(value, fit)
  structure(value, class = c("tiers_vcov", "matrix", "array"), type = type, clusters = clusters,
            working = working)
}

# Each set of the grouping factors once, with the sign that it has in the sum: a + b - ab.
cluster_parts <- function(clusters) {
  sets <- seq_len(2^length(clusters) - 1L)
  lapply(sets, function(set) {
    inside <- bitwAnd(set, 2^(seq_along(clusters) - 1L)) > 0L
    codes <- Reduce(cross_codes, clusters[inside])
    list(sign = if (sum(inside) %% 2L) 1 else -1, codes = codes)
  })
}

cross_codes <- function(a, b) match(paste(a, b), unique(paste(a, b)))

# A sum of matrices with different signs need not be one of covariances.
without_negative <- function(V) {
  scale <- sqrt(pmax(diag(V), 0))
  scale[scale == 0] <- 1
  parts <- eigen(V / outer(scale, scale), symmetric = TRUE)
  if (all(parts$values >= -1e-12 * max(parts$values))) return(V)
  inform("tiers_message_clusters", c(
    "The covariance matrix of several clusterings has {sum(parts$values < 0)} negative
     eigenvalue{?s}; {?it is/they are} set to zero (Cameron, Gelbach and Miller 2011)."))
  half <- scale * parts$vectors
  half %*% (pmax(parts$values, 0) * t(half))
}

# Rows and columns of NA for coefficients that could not be estimated.
with_dropped <- function(V, fit) {
  kept <- !is.na(fit$coefficients)
  if (all(kept)) return(V)
  names <- names(fit$coefficients)
  full <- matrix(NA_real_, length(kept), length(kept), dimnames = list(names, names))
  full[kept, kept] <- V
  full
}

# In words, for printouts: "CR2, 27 clusters (Subject)".
robust_words <- function(V) {
  clusters <- attr(V, "clusters")
  counts <- vapply(clusters, max, 1L)
  paste0(attr(V, "type"), ", ", paste0(counts, " clusters (", names(clusters), ")",
                                       collapse = " and "),
         if (attr(V, "working")) ", of the working linear model")
}

#' @method print tiers_vcov
#' @export
print.tiers_vcov <- function(x, ...) {
  print(plain_vcov(x), ...)
  cat(wrapped("", paste0("Cluster-robust covariance matrix: ", robust_words(x))), sep = "\n")
  invisible(x)
}

plain_vcov <- function(x) matrix(x, nrow(x), dimnames = dimnames(x))

# Clusters --------------------------------------------------------------------------------------

# A list of codes 1, 2, ... of the rows of the frame (0: a row of weight zero), one for each
# clustering, named by it.
read_clusters <- function(fit, cluster) {
  values <- if (is.null(cluster)) outermost_groups(fit) else if (inherits(cluster, "formula")) {
    formula_clusters(fit, cluster)
  } else {
    list(cluster = cluster_rows(fit, cluster, "cluster"))
  }
  used <- used_row(fit)
  lapply(stats::setNames(nm = names(values)), function(name) {
    value <- values[[name]][used]
    missing <- sum(is.na(value))
    if (missing) stop_input("The clusters `{name}` are missing in {missing} row{?s} of the fit.")
    codes <- integer(length(used))
    codes[used] <- match(value, unique(value))
    if (max(codes) < 2L) stop_input("`{name}` is one cluster: at least two are needed.")
    codes
  })
}

used_row <- function(fit) {
  weights <- stats::model.weights(fit$frame)
  if (is.null(weights)) rep(TRUE, nrow(fit$frame)) else weights > 0
}

# Each term of the right side is a clustering, a:b the cells of a and b.
formula_clusters <- function(fit, formula) {
  if (length(formula) != 2L) {
    stop_input(c("{.arg cluster} must be a formula such as {.code ~ school} or
                  {.code ~ a + b}, without a left side.", x = "It is {.code {text_of(formula)}}."))
  }
  terms <- stats::terms(formula)
  labels <- attr(terms, "term.labels")
  if (length(labels) == 0L) stop_input("{.arg cluster} names no variable.")
  variables <- as.list(attr(terms, "variables"))[-1L]
  names(variables) <- rownames(attr(terms, "factors"))
  values <- lapply(variables, cluster_variable, fit = fit, env = environment(formula))
  lapply(stats::setNames(nm = labels), function(label) {
    inside <- attr(terms, "factors")[, label] > 0
    Reduce(cross_codes, values[inside])
  })
}

# A variable of the formula: in the frame, else in the data that the fit keeps, else where the
# formula was written. `arg` is the argument that names it.
cluster_variable <- function(expr, fit, env, arg = "cluster") {
  name <- text_of(expr)
  value <- fit$frame[[name]]
  if (!is.null(value)) return(value)
  data <- c(kept_part(fit, "columns"), kept_part(fit, "outside"))
  own <- all(all.vars(expr) %in% names(data))
  value <- tryCatch(eval(expr, data, env), error = function(e) NULL)
  if (is.null(value) || is.function(value)) {
    hint <- did_you_mean(name, c(names(data), names(fit$frame)))
    stop_input("{.arg {arg}}: `{name}` is not in the data of the fit{hint}")
  }
  if (own) take_rows(value, fit$data$used) else cluster_rows(fit, value, name, arg)
}

# A vector for all rows of the data or for those of the fit.
cluster_rows <- function(fit, value, name, arg = "cluster") {
  if (!is.atomic(value) || is.null(value) || length(dim(value)) > 1L) {
    stop_input(c("{.arg {arg}} must be a formula such as {.code ~ school}, or a vector.",
                 x = "It is {.obj_type_friendly {value}}."))
  }
  n <- nrow(fit$frame)
  if (length(value) == n) return(value)
  if (!is.null(fit$data) && length(value) == fit$data$n) return(take_rows(value, fit$data$used))
  stop_input("`{name}` has {length(value)} value{?s}; the fit has {n} row{?s}.")
}

# Level codes of each grouping factor of the random terms, and of the subjects of a residual
# structure, by name.
group_codes_of <- function(fit) {
  groups <- term_groups(fit)
  first <- which(!duplicated(groups))
  codes <- stats::setNames(
    lapply(first, function(j) build_groups(fit$random_terms[[j]], fit$frame)$codes), groups[first])
  subject <- paste(fit$residual$components, collapse = ":")
  if (!nzchar(subject) || subject %in% names(codes)) return(codes)
  own <- residual_groups(fit$residual$components, fit$frame)$codes
  c(codes, stats::setNames(list(own), subject))
}

# The grouping factor that contains all others.
outermost_groups <- function(fit) {
  groups <- group_codes_of(fit)
  if (length(groups) == 0L) {
    stop_input(c("{.arg cluster} is needed: the fit has no random effects, whose groups could be the
                  clusters.", i = "Say, for instance, {.code cluster = ~ id}."))
  }
  contains <- vapply(groups, function(outer) all(vapply(groups, nested_in, NA, outer = outer)), NA)
  if (!any(contains)) {
    stop_input(c("{.arg cluster} is needed: no grouping factor contains all the others.",
                 i = "Give one or several of {.code {names(groups)}}, as in
                      {.code cluster = ~ {paste(names(groups), collapse = ' + ')}}."))
  }
  groups[which(contains)[1L]]
}

# A random factor whose levels lie in several clusters (of every clustering).
cut_levels <- function(fit, clusters) {
  used <- used_row(fit)
  groups <- group_codes_of(fit)
  names(groups)[vapply(groups, function(codes) {
    !any(vapply(clusters, function(cluster) nested_in(codes[used], cluster[used]), NA))
  }, NA)]
}

note_cut_levels <- function(fit, clusters) {
  cut <- cut_levels(fit, clusters)
  if (length(cut) == 0L) return(invisible())
  warn_condition(c(
    "Rows that share a level of {.code {cut}} lie in different clusters of
     {.code {names(clusters)}}, and different clusters count as independent: standard errors may be
     much too small.",
    i = "Use clusters that contain {.code {cut}}, or several clusterings, as in
         {.code cluster = ~ {paste(c(names(clusters), cut), collapse = ' + ')}}."))
}
