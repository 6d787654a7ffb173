# The residual covariance structure in printouts.

# A row for each parameter of the structure and of the model of the standard deviation, with
# standard errors and 95% limits; NULL without a structure.
residual_table <- function(fit) {
  if (!has_structure(fit)) return(NULL)
  own <- which(fit$parameters$type %in% c("residual", "dispersion"))
  table <- data.frame(name = fit$parameters$name[own], estimate = fit$parameters$estimate[own],
                      stringsAsFactors = FALSE)
  with_limits(table, fit, own)
}

# list(title, note) of the table.
residual_words <- function(fit) {
  if (!has_structure(fit)) return(NULL)
  term <- fit$residual
  subject <- paste(term$components, collapse = ":")
  words <- c(
    if (!is.null(term$expr)) paste0(term$label, ", ", length(term$levels), " ", subject),
    if (!is.null(fit$dispersion)) {
      paste0("log(sigma) ~ ", text_of(stats::formula(fit$dispersion$terms)[[2L]]))
    })
  list(title = paste(words, collapse = ", "), note = distance_note(fit))
}

# Beside a range the correlation at distance 1, which says more than the range does.
distance_note <- function(fit) {
  if (!any(fit$parameters$role %in% "range")) return(NULL)
  groups <- max(length(fit$residual$by_levels), 1L)
  d <- fit$residual$recipe$dimensions
  place <- rbind(rep(0, d), c(1, rep(0, d - 1L)))
  r <- vapply(seq_len(groups), function(group) {
    S <- run_residual_value(fit, group, NULL, place, 2L)
    S[2L, 1L] / S[1L, 1L]
  }, 1)
  paste0("correlation at distance 1: ", paste(format(r, digits = 4L), collapse = ", "))
}

# `show`: "limits" for standard errors and limits too.
residual_lines <- function(table, words, digits, show = character()) {
  if (is.null(words)) return(NULL)
  lines <- wrapped("Residual covariance: ", words$title)
  if (nrow(table)) {
    text <- cbind(Parameter = format(c("Parameter", sub("|residual", "", table$name,
                                                        fixed = TRUE)))[-1L],
                  Estimate = format_column(table$estimate, digits))
    if ("limits" %in% show) {
      limits <- matrix(limit_text(c(table$std.error, table$lower, table$upper), digits),
                       ncol = 3L, dimnames = list(NULL, c("SE", "lower", "upper")))
      text <- cbind(text, limits)
    }
    colnames(text)[1L] <- formatC("Parameter", width = -max(nchar(text[, 1L])))
    rownames(text) <- rep("", nrow(text))
    lines <- c(lines, sub(" +$", "", utils::capture.output(
      print(text, quote = FALSE, right = TRUE))))
  }
  c(lines, if (!is.null(words$note)) wrapped("", words$note))
}

# For the verdict: parameters at the end of their range.
residual_boundary_words <- function(fit) {
  if (!has_structure(fit)) return(NULL)
  own <- fit$parameters[fit$parameters$type == "residual" & fit$parameters$boundary, ]
  if (nrow(own) == 0L) return(NULL)
  value <- vapply(own$estimate, function(x) format(zero_rounding(x), digits = 3L), "")
  words <- paste0("`", own$name, "` is at the end of its range, ", value)
  # A range of zero.
  none <- own$role == "range" & own$estimate == 0
  words[none] <- paste0("`", own$name[none], "` is zero: no serial correlation")
  words
}
