# Denominator degrees of freedom.
#
# A method is one function prepare_<name>(fit, vcov) in a file of its own and one line in
# ddf_registry(). It does all that is costly once and returns a list of
#   vcov            r x r covariance matrix of the kept coefficients that the tests use
#                   (the one handed in, or an adjusted one),
#   df_rows(L)      df of a t test for each row of L (rows x r),
#   df_joint(L)     list(df, scale) of the F test of all rows of L; `scale` multiplies F. Where L
#                   tests a term of the fixed part, its attribute "term" is the term's label.
# Inf stands for a normal or chi-square reference distribution.

# `linear_only` methods are made of the variance parameters of a linear model.
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
# covariance matrix of the tests; the df stay those of the model.
prepare_ddf <- function(fit, ddf = NULL, vcov = NULL) {
  if (inherits(ddf, "tiers_ddf")) return(ddf)
  if (is.numeric(ddf) && !is.null(names(ddf))) {
    prepared <- prepare_given(fit, given_vcov(fit, vcov), ddf)
    return(structure(c(prepared, name = "given", label = "given", own_vcov = !is.null(vcov)),
                     class = "tiers_ddf"))
  }
  choice <- if (inherits(ddf, "tiers_ddf_choice")) ddf else list(name = ddf)
  name <- match_ddf(choice$name %||% kind_tests(fit)$ddf, fit)
  method <- ddf_registry()[[name]]
  prepared <- do.call(method$prepare, c(list(fit, given_vcov(fit, vcov)), choice$options))
  prepared$name <- name
  prepared$label <- method$label
  prepared$own_vcov <- !is.null(vcov)
  structure(prepared, class = "tiers_ddf")
}

match_ddf <- function(ddf, fit) {
  linear_only <- vapply(ddf_registry(), function(method) isTRUE(method$linear_only), NA)
  known <- names(ddf_registry())[!linear_only | kind_tests(fit)$linear]
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

# The r x r matrix that a user handed in as a matrix (of all or of the kept coefficients) or as a
# function of the fit; NULL is the model's own.
given_vcov <- function(fit, vcov) {
  if (is.null(vcov)) return(fit$vcov)
  if (is.function(vcov)) {
    vcov <- tryCatch(vcov(fit), error = function(e) {
      stop_input(c("{.arg vcov} is a function that fails.", x = "{conditionMessage(e)}"),
                 parent = e)
    })
  }
  vcov <- tryCatch(as.matrix(vcov), error = function(e) NULL)
  kept <- !is.na(fit$coefficients)
  if (is.null(vcov) || !is.numeric(vcov) || nrow(vcov) != ncol(vcov) ||
        !nrow(vcov) %in% c(length(kept), sum(kept))) {
    size <- sum(kept)
    stop_input(c(
      "{.arg vcov} must be a {size} x {size} covariance matrix of the fixed effects.",
      "i" = "Give the matrix or a function of the fit that returns it."
    ))
  }
  if (nrow(vcov) != sum(kept)) vcov <- vcov[kept, kept, drop = FALSE]
  dimnames(vcov) <- dimnames(fit$vcov)
  vcov
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
