# Denominator degrees of freedom.
#
# A method is one function prepare_<name>(fit, vcov) in a file of its own and one line in
# ddf_registry(). It does all that is costly once and returns a list of
#   vcov            r x r covariance matrix of the kept coefficients that the tests use
#                   (the one handed in, or an adjusted one),
#   df_rows(L)      df of a t test for each row of L (rows x r),
#   df_joint(L)     list(df, scale) of the F test of all rows of L; `scale` multiplies F. Where L
#                   tests a term of the fixed part, its attribute "term" is the term's label,
#   random          of methods made of the variance parameters: list(weight, df, linear), see
#                   contrast_df(). Where it is missing, rows with random effects have the df of
#                   their fixed part.
# Inf stands for a normal or chi-square reference distribution.

# `linear_only` methods are made of the variance parameters of a linear model; `robust_only` ones
# belong to a cluster-robust covariance matrix, which they take as a third argument.
ddf_registry <- function() {
  list(
    satterthwaite = list(label = "Satterthwaite", prepare = prepare_satterthwaite,
                         linear_only = TRUE),
    `kenward-roger` = list(label = "Kenward-Roger", prepare = prepare_kenward_roger,
                           linear_only = TRUE),
    `between-within` = list(label = "between-within", prepare = prepare_between_within),
    containment = list(label = "containment", prepare = prepare_containment),
    `inner-outer` = list(label = "inner-outer", prepare = prepare_inner_outer),
    level = list(label = "level", prepare = prepare_level),
    asymptotic = list(label = "asymptotic", prepare = prepare_none),
    residual = list(label = "residual", prepare = prepare_residual),
    `bell-mccaffrey` = list(label = "Bell-McCaffrey", prepare = prepare_bell_mccaffrey,
                            robust_only = TRUE),
    clusters = list(label = "clusters-minus-one", prepare = prepare_clusters, robust_only = TRUE),
    none = list(label = "none", prepare = prepare_none)
  )
}

# Are the statistics of these tests z and chi-square, not t and F?
has_normal_tests <- function(fit, prepared) {
  prepared$name == "asymptotic" || (prepared$name == "none" && kind_tests(fit)$statistic == "z")
}

# The prepared method with its name and label. `ddf` is a name (NULL: the default of this kind of
# model), a choice with options such as ddf_kr() makes, a vector of df by term or coefficient, or
# the result of an earlier call, so that several tests of one fit pay once. `vcov` replaces the
# covariance matrix of the tests; the df stay those of the model, except that a cluster-robust one
# (or the name of its type, with `cluster`) brings its own method.
prepare_ddf <- function(fit, ddf = NULL, vcov = NULL, cluster = NULL) {
  if (inherits(ddf, "tiers_ddf")) return(ddf)
  vcov <- robust_or_given(fit, vcov, cluster)
  robust <- if (inherits(vcov, "tiers_vcov")) vcov
  matrix <- given_vcov(fit, vcov)
  if (is.numeric(ddf) && !is.null(names(ddf))) {
    prepared <- prepare_given(fit, matrix, ddf, vcov)
    name <- label <- "given"
  } else {
    choice <- if (inherits(ddf, "tiers_ddf_choice")) ddf else list(name = ddf)
    default <- if (is.null(robust)) kind_tests(fit)$ddf else robust_ddf(robust)
    name <- match_ddf(choice$name %||% default, fit, !is.null(robust))
    method <- ddf_registry()[[name]]
    if (isTRUE(method$robust_only)) choice$options <- list(robust)
    prepared <- do.call(method$prepare, c(list(fit, matrix), choice$options))
    label <- choice$label %||% method$label
  }
  prepared$name <- name
  prepared$label <- label
  prepared$vcov_words <- if (!is.null(robust)) {
    paste0("cluster-robust covariance matrix: ", robust_words(robust))
  } else if (!is.null(vcov)) {
    "covariance matrix given by the user"
  }
  structure(prepared, class = "tiers_ddf")
}

match_ddf <- function(ddf, fit, robust = FALSE) {
  only <- function(what) vapply(ddf_registry(), function(method) isTRUE(method[[what]]), NA)
  known <- names(ddf_registry())[(!only("linear_only") | kind_tests(fit)$linear) &
                                   (!only("robust_only") | robust)]
  if (!is.character(ddf) || length(ddf) != 1L || is.na(ddf)) {
    stop_input(c("{.arg ddf} must be one of {.val {known}}, or a vector named by terms.",
                 "x" = "It is {.obj_type_friendly {ddf}}."))
  }
  # As other programs spell it.
  spelt <- sub("^k(enward)?[-_. ]?r(oger)?$", "kenward-roger", tolower(ddf))
  name <- known[match(spelt, known)]
  if (is.na(name)) {
    stop_input(c("{.arg ddf} must be one of {.val {known}}.", "x" = "It is {.val {ddf}}."))
  }
  name
}

# What a user handed in as `vcov`: a cluster-robust matrix for the name of its type, the value of a
# function of the fit, or the thing itself.
robust_or_given <- function(fit, vcov, cluster) {
  if (is.character(vcov)) {
    return(robust_vcov(fit, match_robust_type(vcov, "vcov"), cluster))
  }
  if (!is.null(cluster)) {
    stop_input(c("{.arg cluster} goes with the name of a covariance matrix in {.arg vcov}.",
                 i = "As in {.code vcov = \"CR2\"}."))
  }
  if (is.function(vcov)) {
    vcov <- tryCatch(vcov(fit), error = function(e) {
      stop_input(c("{.arg vcov} is a function that fails.", x = "{conditionMessage(e)}"),
                 parent = e)
    })
  }
  if (inherits(vcov, "tiers_vcov") && length(attr(vcov, "clusters")[[1L]]) != nrow(fit$frame)) {
    stop_input(c("{.arg vcov} is the covariance matrix of a fit to other rows.",
                 x = "It knows {length(attr(vcov, 'clusters')[[1L]])} rows, the fit has
                      {nrow(fit$frame)}."))
  }
  vcov
}

# The method for degrees of freedom that a cluster-robust matrix brings with it.
robust_ddf <- function(vcov) robust_types()[[attr(vcov, "type")]]$ddf

# The r x r matrix for one of all or of the kept coefficients; NULL is the model's own.
given_vcov <- function(fit, vcov) {
  if (is.null(vcov)) return(fit$vcov)
  vcov <- tryCatch(as.matrix(vcov), error = function(e) NULL)
  kept <- !is.na(fit$coefficients)
  if (is.null(vcov) || !is.numeric(vcov) || nrow(vcov) != ncol(vcov) ||
        !nrow(vcov) %in% c(length(kept), sum(kept))) {
    size <- sum(kept)
    stop_input(c(
      "{.arg vcov} must be a {size} x {size} covariance matrix of the fixed effects.",
      "i" = "Give the matrix, a function of the fit that returns it, or one of the names
             {.val {names(robust_types())}}."
    ))
  }
  if (nrow(vcov) != sum(kept)) vcov <- vcov[kept, kept, drop = FALSE]
  matrix(as.double(vcov), nrow(vcov), dimnames = dimnames(fit$vcov))
}

# n - rank(X) for every function: right for models without random terms.
prepare_residual <- function(fit, vcov) {
  df <- fit$nobs - nrow(fit$vcov)
  constant_ddf(vcov, df)
}

# Infinite df: z tests ("asymptotic"), or no p values at all ("none").
prepare_none <- function(fit, vcov) {
  constant_ddf(vcov, Inf)
}

constant_ddf <- function(vcov, df) {
  list(
    vcov = vcov,
    df_rows = function(L) rep(as.double(df), nrow(L)),
    df_joint = function(L) list(df = as.double(df), scale = 1)
  )
}

# What a method does for rows m'b + l'beta, random effects among them, from their variances and the
# gradients of these:
#   weight   covariance matrix of the parameters
#   df       function of the covariance matrix of a few contrasts and its derivatives:
#            list(df_rows, df_joint)
#   linear   list(forms, psi, weight) where the parameters are such that V is linear in them; their
#            uncertainty, 2 sum_ab weight_ab K2_ab, is then added to the variances
contrast_df <- function(weight, df, linear = NULL) list(weight = weight, df = df, linear = linear)

# df of each row of L, whose estimate has the variance l'phi l: `derivatives` are those of phi.
matching_rows_df <- function(L, phi, derivatives, weight) {
  values <- run_quadratic_forms(L, c(list(phi), derivatives))
  matching_df(pmax(values[, 1L], 0), values[, -1L, drop = FALSE], weight)
}

# 2 v^2 / (g'W g): the df of a scaled chi-square with mean v and that variance. `gradient` is rows x
# parameters.
matching_df <- function(variance, gradient, weight) {
  # Relative to the variance, whose square may underflow.
  relative <- gradient / variance
  spread <- drop(run_quadratic_forms(relative, list(weight)))
  df <- 2 / spread
  # A variance of exactly zero, or curvature that is not positive, leaves nothing to match.
  df[!is.finite(variance) | variance == 0 | spread < 0] <- NA_real_
  df
}

# Of contrasts with random effects the df of their fixed parts.
counted_by_fixed <- function(ddf, fixed) {
  list(df_rows = function(L) ddf$df_rows(L %*% fixed),
       df_joint = function(L) list(df = ddf$df_joint(L %*% fixed)$df, scale = 1))
}
