# The fit object: plain data, no external pointer, no environment that holds data.

# 2: parameters, their covariance matrix and what degrees of freedom need are stored.
fit_version <- 2L

# `model` is what the frame stages made, `result` what the engine returned. The elements of `kind`
# (see kind.R) are elements of the fit.
new_fit <- function(kind, call, model, spec, result, control) {
  fit <- structure(class = c(kind_classes(kind), "tiers_fit"), c(list(
    call = call,
    formula = model$formula,
    full_formula = model$formula,
    na.action = model$na.action,
    n_dropped = length(model$na.action),
    missing = model$missing,
    frame = model$frame,
    data = if (control$keep_data) model$data,
    raw_data = if (!control$keep_data) model$raw_data,
    local = model$local,
    refitted = model$refitted,
    variables = model$variables,
    terms = model$terms,
    random_terms = model$random_terms,
    xlevels = model$xlevels,
    contrasts = model$contrasts,
    control = control,
    data_name = data_name_of(call),
    version = fit_version,
    made_by = as.character(utils::packageVersion("tiers"))), unclass(kind)))
  with_estimates(fit, spec, result)
}

# What the engine found out, put into a fit.
with_estimates <- function(fit, spec, result) {
  x_names <- colnames(spec$X)
  if (is.null(x_names)) x_names <- character()
  kept <- x_names[result$kept]
  fit$coefficients <- stats::setNames(result$coefficients, x_names)
  fit$vcov <- matrix(result$vcov, length(kept), length(kept), dimnames = list(kept, kept))
  fit$logLik <- -result$deviance / 2
  fit$deviance <- result$deviance
  fit$npar <- result$npar
  fit$random <- new_random_estimates(fit$random_terms, result, result$sigma)
  fit$fitted <- `names<-`(result$fitted, frame_row_labels(fit$frame))
  fit$nobs <- result$n_used
  fit$convergence <- new_verdict(result, fit$random_terms)
  # The covariance matrix of psi, the parameters inside, and of a linear model the derivatives of
  # vcov(beta); of a generalized one that of what users know (`vcov_natural`: coefficients, entries
  # of each Sigma, log dispersion). NULL where there is none.
  if (length(result$inference$vcov_psi)) {
    keep <- if (length(result$inference$dvcov)) "dvcov" else "vcov_natural"
    fit$inference <- result$inference[c("vcov_psi", keep)]
  }
  # What refit_with() and the like hold too.
  if (!is.null(spec$held)) fit$constraints <- spec[c("held", "same")]
  without_held_boundary(with_parameters(kind_estimates(fit, spec, result), result))
}

# What the user has held at the end of its range is no finding: the boundary is that of the
# parameters that were estimated.
without_held_boundary <- function(fit) {
  if (is.null(fit$constraints) || fit$convergence$status != "boundary") return(fit)
  table <- fit$parameters
  at_end <- table$boundary & !is.na(table$estimate)
  for (j in setdiff(table$term[at_end & table$fixed], table$term[at_end & !table$fixed])) {
    fit$convergence$boundary[j] <- list(NULL)
  }
  found <- length(boundary_terms(fit)) || any(at_end & !table$fixed)
  if (!found) fit$convergence$status <- "converged"
  fit
}

# Row names as text. For automatic row names this is R's deferred form, which costs no memory
# until somebody looks at it.
frame_row_labels <- function(frame) as.character(attr(frame, "row.names"))

# `scale`: what the factors are relative to.
new_random_estimates <- function(terms, fit, scale) {
  if (length(terms) == 0L) return(list())
  random <- lapply(seq_along(terms), function(j) {
    term <- terms[[j]]
    k <- length(term$columns)
    columns <- term$columns
    list(label = term$label, group = term$group, columns = columns, structure = term$structure,
         levels = term$levels,
         theta = fit$theta[[j]],
         Lambda = matrix(fit$Lambda[[j]], k, k, dimnames = list(columns, columns)),
         Sigma = matrix(scale^2 * tcrossprod(fit$Lambda[[j]]), k, k,
                        dimnames = list(columns, columns)),
         modes = matrix(fit$modes[[j]], ncol = k, dimnames = list(term$levels, columns)))
  })
  names(random) <- make.unique(vapply(terms, `[[`, "", "group"))
  random
}

new_verdict <- function(fit, terms) {
  boundary <- fit$boundary
  for (j in seq_along(boundary)) {
    if (!is.null(boundary[[j]])) rownames(boundary[[j]]$directions) <- terms[[j]]$columns
  }
  list(status = fit$status, gain = fit$gain, gradient_norm = fit$gradient_norm,
       ending = fit$ending,
       iterations = fit$iterations, evaluations = fit$evaluations, inner = fit$inner,
       boundary = boundary, saturated = fit$saturated, condition = fit$condition)
}

data_name_of <- function(call) {
  name <- call$data
  if (is.null(name)) return("formula's environment")
  paste(deparse(name, width.cutoff = 500L, nlines = 1L), collapse = "")
}

# The call as stored. do.call() and friends put whole data sets into a call: they are replaced by
# a name that cannot be mistaken for an object. Arguments that came through `...` are shown as they
# were typed.
light_call <- function(call, fun, typed) {
  call[[1L]] <- as.name(fun)
  for (name in names(call)[-1L]) {
    value <- call[[name]]
    if (is.name(value) && grepl("^\\.\\.[0-9]+$", as.character(value))) {
      value <- typed[[name]]
      if (!is.null(value)) call[[name]] <- value
    }
    heavy <- !is.language(value) && length(value) > 1L && !is.character(value)
    if (heavy && !name %in% c("start", "control", "contrasts", "nAGQ", "fix", "equal")) {
      call[[name]] <- as.name(paste0("<", name, ">"))
    }
  }
  call
}

fit_fields <- c("call", "formula", "full_formula", "REML", "coefficients", "vcov", "sigma",
                "logLik", "deviance", "npar", "random", "fitted", "nobs", "convergence", "frame",
                "terms", "random_terms", "data", "data_name", "version", "parameters",
                "vcov_parameters")

# Methods call this first where a damaged object could make them read nonsense.
validate_fit <- function(fit) {
  if (!inherits(fit, "tiers_fit") || !is.list(fit)) stop_no_fit(fit)
  if (kind_class(fit) == "tiers_fit") {
    stop_input(c("This fit is damaged: its class does not say what kind of model it is.",
                 i = "Fit the model again."))
  }
  check_version(fit)
  missing_fields <- setdiff(fit_fields, names(fit))
  if (length(missing_fields) > 0L) {
    stop_input(c("This fit is damaged: it has no {.field {missing_fields}}.",
                 i = "Fit the model again."))
  }
  rows <- nrow(fit$frame)
  sizes_agree <- is.data.frame(fit$frame) && length(fit$fitted) == rows &&
    sum(!is.na(fit$coefficients)) == nrow(fit$vcov) &&
    length(fit$random) == length(fit$random_terms) && has_numbers(fit) &&
    all(vapply(seq_along(fit$random), function(j) {
      sizes_of_term_agree(fit$random[[j]], fit$random_terms[[j]])
    }, NA))
  if (!isTRUE(sizes_agree) || !isTRUE(kind_is_whole(fit))) stop_sizes()
  invisible(fit)
}

stop_no_fit <- function(fit) {
  if (missing(fit)) stop_input("{.arg fit} is missing: a fit made by {.fn lmm} or {.fn glmm}.")
  stop_input("{.arg fit} must be a fit made by {.fn lmm} or {.fn glmm}. It is {shown(fit)}.")
}

check_version <- function(fit) {
  version <- fit$version
  if (!is.numeric(version) || length(version) != 1L || isTRUE(version == fit_version)) return()
  if (isTRUE(version > fit_version)) {
    stop_input(c("This fit was made by a newer version of tiers (object version {version}; this
                  version of tiers reads {fit_version}).", i = "Update the package."))
  }
  made_by <- if (is_text(fit$made_by)) paste0(" ", fit$made_by) else ""
  call <- if (is.call(fit$call)) paste0(": {.code ", plain_text(text_of(fit$call)), "}.") else "."
  stop_input(c("This fit was made by an older version of tiers{made_by} (object version {version}),
                which did not keep what this one ({utils::packageVersion('tiers')}) needs.",
               i = paste0("Fit the model again", call)))
}

stop_sizes <- function() {
  stop_input(c("This fit is damaged: the sizes of its parts do not agree.",
               i = "Fit the model again."))
}

has_numbers <- function(fit) {
  all(vapply(fit[c("sigma", "deviance", "npar", "nobs")], function(x) {
    is.numeric(x) && length(x) == 1L
  }, NA)) && (isTRUE(fit$REML) || isFALSE(fit$REML))
}

sizes_of_term_agree <- function(term, stored) {
  k <- length(term$columns)
  levels <- length(term$levels)
  identical(dim(term$Lambda), c(k, k)) && identical(dim(term$Sigma), c(k, k)) &&
    identical(dim(term$modes), c(levels, k)) &&
    length(stored$levels) == levels && length(stored$columns) == k
}

# A fit of the same model to another response: `spec` is what was fitted, `result` the outcome.
update_fit <- function(fit, spec, result) {
  check_perfect_fit(result)
  fit <- with_estimates(fit, spec, result)
  kind_report(fit)
  report_convergence(fit)
  fit
}
