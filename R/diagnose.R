#' How the fit went, in plain words
#'
#' Says whether the optimum was found, whether it lies on the boundary of the parameter space, what
#' that means for the numbers of the fit, and what can be done.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param ... Not used.
#' @return A list of class `tiers_diagnosis`: `status` (`"converged"`, `"boundary"` or
#'   `"not_converged"`), `ok` (are the estimates at an optimum?), `headline`, `findings` (a data
#'   frame with columns `about`, `finding`, `advice`), `note` (of a generalized fit how accurate its
#'   likelihood is, where that is no finding) and `certificate` (a data frame of the figures
#'   behind the verdict: the decrease of the deviance still to be had, the norm of the gradient,
#'   iterations and evaluations, the conditioning of the design; for a generalized fit also the
#'   steps for the random effects and the bound on the error of minus twice the log-likelihood,
#'   where it is known).
#' @seealso [plot()][plot.tiers_fit] for pictures of the residuals, [tiers_control()] for the number
#'   of iterations, `vignette("generalized-models", package = "tiers")` on the accuracy of Laplace's
#'   approximation, `vignette("algorithm", package = "tiers")` on the verdict.
#' @concept convergence
#' @concept failed to converge
#' @concept singular fit
#' @concept boundary
#' @examples
#' diagnose(lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont))
#' @export
diagnose <- function(fit, ...) {
  force_arguments("fit")
  if (missing(fit)) stop_no_fit()
  UseMethod("diagnose")
}

#' @export
diagnose.default <- function(fit, ...) stop_no_fit(fit)

#' @rdname diagnose
#' @export
diagnose.tiers_fit <- function(fit, ...) {
  check_dots("diagnose", ...)
  validate_fit(fit)
  verdict <- fit$convergence
  compared <- if (needs_comparison(fit)) compared_quadrature(fit)
  findings <- rbind(
    boundary_findings(fit), residual_boundary_findings(fit), convergence_findings(fit),
    column_findings(fit), data_findings(fit), kind_findings(fit, compared)
  )
  certificate <- data.frame(
    gain = verdict$gain, gradient_norm = verdict$gradient_norm,
    iterations = verdict$iterations, evaluations = verdict$evaluations,
    condition = verdict$condition
  )
  if (length(fit$accuracy)) {
    certificate$inner <- verdict$inner %||% NA_integer_
    certificate$accuracy <- fit$accuracy[["total"]]
  }
  structure(list(
    status = verdict$status,
    ok = is_at_optimum(fit),
    headline = sub(": see (tiers::)?diagnose\\(\\)", "", status_line(fit)),
    findings = findings,
    note = if (!"likelihood" %in% findings$about) accuracy_note(fit, compared),
    certificate = certificate
  ), class = "tiers_diagnosis")
}

is_at_optimum <- function(fit) {
  fit$convergence$status != "not_converged" && length(fit$separation$terms) == 0L
}

# The verdict in one line, for every printout. `brief` leaves out what lies at the boundary.
status_line <- function(fit, brief = FALSE) {
  verdict <- fit$convergence
  count <- paste0(verdict$iterations, if (verdict$iterations == 1L) " iteration" else " iterations")
  direct <- kind_words(fit)$direct
  if (length(fit$random) == 0L && !is.null(direct)) return(direct)
  if (length(fit$separation$terms)) return(separated_groups_words(fit, brief))
  words <- switch(
    verdict$status,
    converged = paste0("converged in ", count),
    boundary = paste0("converged in ", count, " at the boundary: ",
                      if (brief) "see diagnose()" else paste(boundary_words(fit), collapse = "; ")),
    not_converged = paste0("NOT converged after ", count,
                           if (!brief) still_to_gain(verdict$gain), ": see diagnose()"),
    verdict$status
  )
  qualify_functions(paste0(words, infinite_words(fit, brief)))
}

# What another step promises, where it is known.
still_to_gain <- function(gain) {
  if (!isTRUE(gain > 0) || !is.finite(gain)) return("")
  paste0(", another step would lower -2 logLik by about ", format(gain, digits = 2L))
}

# One phrase for each zero variance, perfect correlation or dispersion at its limit.
boundary_words <- function(fit) {
  words <- unlist(lapply(boundary_terms(fit), function(j) boundary_phrases(fit, j)))
  words <- c(words, residual_boundary_words(fit), dispersion_limit_lines(fit))
  if (length(words) == 0L) "a covariance matrix of random effects is singular" else words
}

# Numbers of the terms that lie at the boundary.
boundary_terms <- function(fit) {
  boundary <- fit$convergence$boundary
  which(!vapply(boundary, is.null, NA))
}

finding <- function(about, finding, advice) {
  data.frame(about = about, finding = finding, advice = advice, stringsAsFactors = FALSE)
}

boundary_findings <- function(fit) {
  rows <- lapply(boundary_terms(fit), function(j) {
    term <- fit$random[[j]]
    multipliers <- fit$convergence$boundary[[j]]$multipliers
    # Of the multipliers, the slopes of the deviance in the variances that are zero: their signs.
    flat <- length(saturated_columns(fit, j)) > 0L
    certificate <- if (length(multipliers) && all(is.finite(multipliers)) && !flat) {
      paste0(" With more variation there the model would fit ",
             if (all(multipliers > 0)) "worse" else "no better", ": this is the optimum.")
    }
    words <- paste(boundary_phrases(fit, j), collapse = "; ")
    finding(
      term$label, paste0(capitalized(words), ".", certificate),
      paste0("This is a valid estimate: standard errors, tests and predictions hold. The data ",
             "show no more variation than that. Leave the term out only if the design of the ",
             "study does not ask for it.")
    )
  })
  do.call(rbind, rows)
}

residual_boundary_findings <- function(fit) {
  words <- residual_boundary_words(fit)
  if (length(words) == 0L) return(NULL)
  finding("residual", paste0(capitalized(paste(words, collapse = "; ")), "."),
          paste0("This is a valid estimate: the data show no more than that. A structure without ",
                 "this parameter has the same likelihood."))
}

capitalized <- function(text) paste0(toupper(substr(text, 1L, 1L)), substr(text, 2L, nchar(text)))

convergence_findings <- function(fit) {
  verdict <- fit$convergence
  if (verdict$status != "not_converged") return(NULL)
  if (isTRUE(verdict$ending %in% c("edge", "stuck")) || !is.null(kind_endings(fit)$cause)) {
    lines <- gsub("[ \n]+", " ", ending_lines(fit))
    return(finding("fit", paste(lines[names(lines) == "x"], collapse = " "),
                   paste(lines[names(lines) == "i"], collapse = " ")))
  }
  finding(
    "fit",
    paste0("The iterations ended before the optimum: the deviance could still fall by about ",
           format(verdict$gain, digits = 3L), ". Estimates and standard errors may be wrong."),
    paste0("Fit again with more iterations, control = tiers_control(maxit = ",
           10L * max(10L, verdict$iterations), "), or from this point, start = fit. If it ends ",
           "the same way, simplify the random effects.")
  )
}

column_findings <- function(fit) {
  dropped <- names(fit$coefficients)[is.na(fit$coefficients)]
  condition <- fit$convergence$condition
  rbind(
    if (length(dropped)) {
      finding(
        toString(dropped),
        paste0("Combination", if (length(dropped) > 1L) "s", " of other columns: the coefficient",
               if (length(dropped) > 1L) "s are" else " is", " NA."),
        "Other coefficients are to be read with this in mind; fitted values do not change."
      )
    },
    if (is.finite(condition) && condition < condition_limit) {
      finding(
        "fixed effects",
        paste0("Columns of the design are nearly the same (reciprocal condition number ",
               format(condition, digits = 2L), ")."),
        "Coefficients of such columns are uncertain; combine or leave out one of them."
      )
    }
  )
}

data_findings <- function(fit) {
  sizes <- group_sizes(fit)
  few <- sizes[sizes < 5L]
  rows <- lapply(names(few), function(group) {
    finding(
      group, paste0("The grouping factor has ", few[[group]], " levels only."),
      "Its variance is known within wide limits only."
    )
  })
  do.call(rbind, rows)
}

#' @method print tiers_diagnosis
#' @export
print.tiers_diagnosis <- function(x, ...) {
  cat(wrapped("", capitalized(x$headline)), sep = "\n")
  if (is.null(x$findings)) {
    cat("Nothing to report: the estimates are at the optimum, inside the parameter space.\n")
  }
  for (i in seq_len(NROW(x$findings))) {
    cat("\n", x$findings$about[i], "\n", sep = "")
    cat(wrapped("  ", x$findings$finding[i]), sep = "\n")
    cat(wrapped("  -> ", x$findings$advice[i]), sep = "\n")
  }
  if (!is.null(x$note)) cat("", wrapped("", capitalized(x$note)), sep = "\n")
  invisible(x)
}
