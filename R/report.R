# What is said after a fit: dropped columns, an ill-conditioned design, the verdict.

# Below this reciprocal condition number of the scaled design, coefficients lose more than half
# of their digits.
condition_limit <- 1e-6

report_fit <- function(fit, spec, result) {
  report_dropped(fit)
  kind_report(fit)
  if (isTRUE(result$condition < condition_limit)) report_condition(fit, spec, result)
  if (length(fit$random) == 0L && !has_structure(fit)) {
    inform(character(), c("There is no random-effects term: the model has fixed effects only.",
                          i = "Add one with {.code (1 | group)}."))
  }
  report_renumbered(fit)
  report_convergence(fit)
}

# Residual variance zero to machine precision: nothing about the fit means anything. The engine's
# own verdict, and the same seen from outside: a residual as small as the rounding of the response.
check_perfect_fit <- function(result) {
  if (identical(result$status, "perfect_fit")) {
    stop_model(c("The residual variance is 0 to machine precision: the model reproduces the
                  response exactly.",
                 i = "There is no error to estimate; check how the response was made."))
  }
}

report_dropped <- function(fit) {
  dropped <- names(fit$coefficients)[is.na(fit$coefficients)]
  if (length(dropped) == 0L) return(invisible())
  shown <- paste0("`", dropped, "`", collapse = ", ")
  inform_dropped("{length(dropped)} column{?s} of the fixed effects {?is a linear combination/are
                  linear combinations} of the others and {?was/were} dropped (coefficient NA):
                  {shown}.", columns = dropped)
}

report_condition <- function(fit, spec, result) {
  columns <- nearly_collinear(spec$X[, result$kept, drop = FALSE])
  shown <- paste0("`", columns, "`", collapse = ", ")
  warn_condition(c("Columns {shown} of the fixed effects are almost linear combinations of each
                    other (reciprocal condition number {signif(result$condition, 2)}): their
                    coefficients have few correct digits.",
                   i = "Leave one of them out, or use a difference or a residual in its place."),
                 columns = columns, condition = result$condition)
}

# The columns that take part in the near dependency, by the smallest singular vector of the centred
# and scaled design.
nearly_collinear <- function(X) {
  constant <- apply(X, 2L, function(x) min(x) == max(x))
  if (any(constant)) X <- sweep(X, 2L, colMeans(X) * !constant)
  X <- sweep(X, 2L, sqrt(colSums(X^2)), "/")
  vector <- abs(svd(X, nu = 0L)$v[, ncol(X)])
  colnames(X)[vector > 0.1 * max(vector)]
}

# Random effects that the fixed effects span too have no variance.
saturated_lines <- function(fit) {
  lines <- unlist(lapply(seq_along(fit$random), function(j) {
    columns <- saturated_columns(fit, j)
    if (length(columns) == 0L) return(NULL)
    term <- fit$random[[j]]
    shown <- words_and(paste0("`", term$columns[columns], "`"))
    paste0("the fixed effects take up all that the levels of `", term$group, "` could differ by ",
           "in ", shown, " and leave no variance for ", if (length(columns) > 1L) "them" else "it",
           " in `", term$label, "`; leave one of the two out")
  }))
  plain_text(as.character(lines))
}

# Numbers of a term's columns of which that is so.
saturated_columns <- function(fit, j) {
  saturated <- fit$convergence$saturated
  if (length(saturated) < j) integer() else saturated[[j]]
}

report_convergence <- function(fit) {
  verdict <- fit$convergence
  # Groups that are separated leave nothing to converge to, and have their own warning.
  if (identical(verdict$status, "not_converged") && length(fit$separation$terms) == 0L) {
    # Before the first iteration there is no prediction.
    predicted <- verdict$iterations > 0L && isTRUE(verdict$gain > 0) &&
      is.finite(verdict$gain) && identical(verdict$ending, "iterations")
    gain <- if (predicted) {
      paste0(": another step is predicted to lower the deviance by ", signif(verdict$gain, 3))
    }
    warn_notconverged(c("The fit has not converged after {verdict$iterations} iteration{?s}{gain}.",
                        ending_lines(fit)),
                      gradient_norm = verdict$gradient_norm, gain = verdict$gain,
                      ending = verdict$ending, best = fit$random)
  }
  if (identical(verdict$status, "boundary")) {
    lines <- paste0(c(plain_text(boundary_words(fit)), saturated_lines(fit)), ".")
    lines <- as_bullets(c(paste0("The estimate lies at the boundary: ", lines[1L]), lines[-1L]))
    if (length(fit$separation$terms) == 0L) {
      lines <- c(lines, i = "This is a valid estimate: the data show no more variation than that.")
    }
    inform_singular(lines, boundary = verdict$boundary)
    return(invisible())
  }
  notes <- c(saturated_lines(fit), dispersion_limit_lines(fit))
  if (length(notes) > 0L) inform_singular(as_bullets(paste0(capitalized(notes), ".")))
}

# Why the search for the optimum ended before it, and what can be done.
ending_lines <- function(fit) {
  ending <- fit$convergence$ending
  cause <- kind_endings(fit)$cause
  if (!is.null(cause)) return(cause)
  if (isTRUE(ending %in% c("edge", "stuck"))) {
    rows <- edge_rows(fit)
    if (length(rows)) return(c(x = edge_words(fit, rows), i = edge_advice(fit$family)))
    lines <- kind_endings(fit)
    if (ending == "edge" && !is.null(lines$edge)) return(lines$edge)
    return(c(x = "No step lowers the deviance any further, so that more iterations do not help.",
             i = lines$stuck))
  }
  if (has_structure(fit)) return(c(i = "Raise `control = tiers_control(maxit = )`."))
  c(i = "Raise `control = tiers_control(maxit = )`, or start from this fit with
         `start = fit`.")
}

# The lines after the first as bullets, each a sentence of its own.
as_bullets <- function(lines) {
  rest <- seq_along(lines) > 1L
  lines[rest] <- paste0(toupper(substr(lines[rest], 1L, 1L)), substring(lines[rest], 2L))
  stats::setNames(lines, ifelse(rest, "*", ""))
}

# One phrase for each zero variance and correlation at its bound of a term.
boundary_phrases <- function(fit, j) {
  term <- fit$random[[j]]
  table <- fit$parameters
  table <- table[table$boundary & !table$fixed & table$term == j, ]
  zero <- table[table$type == "sd", ]
  all_zero <- if (anyNA(zero$effect1)) term$columns else zero$effect1
  phrases <- if (nrow(zero)) {
    paste0("the variance of `", all_zero, "` in `", term$label, "` is zero")
  }
  bound <- table[table$type == "cor" & !is.na(table$estimate), ]
  pairs <- ifelse(is.na(bound$effect1), "all pairs",
                  paste0("`", bound$effect2, "` and `", bound$effect1, "`"))
  value <- ifelse(abs(bound$estimate) > 1 - 1e-8, ifelse(bound$estimate > 0, "+1", "-1"),
                  format(bound$estimate, digits = 3L))
  if (nrow(bound)) {
    phrases <- c(phrases, paste0("the correlation of ", pairs, " in `", term$label, "` is ", value))
  }
  ends <- table[table$type == "structure" & !is.na(table$estimate), ]
  if (nrow(ends)) {
    phrases <- c(phrases, paste0("`", ends$name, "` is at the end of its range, ",
                                 format(ends$estimate, digits = 3L)))
  }
  if (is.null(phrases)) {
    phrases <- paste0("a combination of ", paste0("`", term$columns, "`", collapse = ", "),
                      " in `", term$label, "` has variance zero")
  }
  quoted_once(phrases)
}
