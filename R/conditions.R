# Every error, warning and message of the package is made here and carries a class.
#
# `message` is a character vector as for cli: the first element is the problem, the others are
# hints, named "i" (what to do), "x" (what is wrong in detail), "*" or " ". Values are interpolated
# by cli (`{x}`) in the caller's frame. Named arguments in `...` become fields of the condition.

format_condition <- function(message, envir) {
  message[] <- qualify_functions(gsub("[ \n]*\n[ \n]*", " ", message))
  lines <- quoted_once(vapply(message, cli::format_inline, "", .envir = envir))
  kind <- names(message)
  if (is.null(kind)) return(paste(lines, collapse = "\n"))
  mark <- c(i = cli::symbol$info, x = cli::symbol$cross, "!" = "!", "*" = cli::symbol$bullet,
            " " = " ")[kind]
  paste0(ifelse(is.na(mark), "", paste0(mark, " ")), lines, collapse = "\n")
}

# A name that has backticks of its own needs no second ones.
quoted_once <- function(text) gsub("``([^`]+)``", "`\\1`", text)

# Text for cli in which braces are only braces.
plain_text <- function(x) gsub("}", "}}", gsub("{", "{{", x, fixed = TRUE), fixed = TRUE)

new_condition <- function(class, message, envir, ...) {
  structure(class = c(class, "condition"),
            list(message = format_condition(message, envir), call = NULL, ...))
}

# Functions of the package as the user has to type them: with its name where another package's
# function of the same name (glmmTMB has several) would be found, or the package is not attached.
qualify_functions <- function(text) {
  own <- topenv()
  for (name in getNamespaceExports(own)) {
    pattern <- paste0("(?<![A-Za-z0-9_.:])", name, "(?=\\()|(?<=\\{\\.fn )", name, "(?=\\})")
    if (!any(grepl(pattern, text, perl = TRUE))) next
    found <- get0(name, envir = globalenv(), mode = "function")
    if (identical(found, get(name, envir = own))) next
    text[] <- gsub(pattern, paste0(getNamespaceName(own), "::", name), text, perl = TRUE)
  }
  text
}

# A time limit that has run out explains itself wherever it is met, and callers know it by its text.
of_time_limit <- function(e) {
  texts <- c("reached elapsed time limit", "reached CPU time limit",
             "reached session elapsed time limit", "reached session CPU time limit")
  inherits(e, "error") && any(startsWith(conditionMessage(e), gettext(texts, domain = "R")))
}

stop_tiers <- function(class, message, ..., .envir) {
  cause <- list(...)[["parent"]]
  if (of_time_limit(cause)) stop(cause)
  stop(new_condition(c(class, "tiers_error", "error"), message, .envir, ...))
}

warn_tiers <- function(class, message, ..., .envir) {
  warning(new_condition(c(class, "tiers_warning", "warning"), message, .envir, ...))
}

# The data or an argument cannot be used.
stop_input <- function(message, ..., .envir = parent.frame()) {
  stop_tiers("tiers_error_input", message, ..., .envir = .envir)
}

# The formula cannot be read, or says the same thing twice.
stop_formula <- function(message, ..., .envir = parent.frame()) {
  stop_tiers("tiers_error_formula", message, ..., .envir = .envir)
}

# The model is not identifiable from these data.
stop_model <- function(message, ..., .envir = parent.frame()) {
  stop_tiers("tiers_error_model", message, ..., .envir = .envir)
}

# The computation failed where it should not; `specification` lets the failure be reproduced.
stop_numeric <- function(message, ..., .envir = parent.frame()) {
  stop_tiers("tiers_error_numeric", message, ..., .envir = .envir)
}

stop_memory <- function(message, ..., .envir = parent.frame()) {
  stop_tiers("tiers_error_memory", message, ..., .envir = .envir)
}

warn_condition <- function(message, ..., .envir = parent.frame()) {
  warn_tiers("tiers_warning_condition", message, ..., .envir = .envir)
}

warn_notconverged <- function(message, ..., .envir = parent.frame()) {
  warn_tiers("tiers_warning_notconverged", message, ..., .envir = .envir)
}

warn_data <- function(message, ..., .envir = parent.frame()) {
  warn_tiers("tiers_warning_data", message, ..., .envir = .envir)
}

# What R warns of while `expr` is evaluated becomes a warning about the data. Before it stands
# `about` (a text of cli, evaluated in `envir`), after it the call that R names, if it is short.
with_data_warnings <- function(expr, about, envir = parent.frame()) {
  force(envir)
  withCallingHandlers(expr, warning = function(w) {
    if (inherits(w, "tiers_warning")) return(invisible())
    text <- sub("\\.$", "", conditionMessage(w))
    call <- conditionCall(w)
    named <- is.call(call) && is.name(call[[1L]]) && nchar(text_of(call)) < 40L
    if (named) text <- paste0(text, " (in `", text_of(call), "`)")
    warn_data(paste0(about, plain_text(text), "."), parent = w, .envir = envir)
    tryInvokeRestart("muffleWarning")
  })
}

# `class` may be character(): then the message has the common class only.
inform <- function(class, message, ..., .envir = parent.frame()) {
  condition <- new_condition(c(class, "tiers_message", "message"), message, .envir, ...)
  condition$message <- paste0(condition$message, "\n")
  message(condition)
}

inform_singular <- function(message, ..., .envir = parent.frame()) {
  inform("tiers_message_singular", message, ..., .envir = .envir)
}

inform_dropped <- function(message, ..., .envir = parent.frame()) {
  inform("tiers_message_dropped", message, ..., .envir = .envir)
}

# What has been said in this R session, for messages that are worth saying once.
said <- new.env(parent = emptyenv())

inform_once <- function(key, message, .envir = parent.frame()) {
  if (!is.null(said[[key]])) return(invisible())
  assign(key, TRUE, envir = said)
  inform(character(), message, .envir = .envir)
}

# "did you mean" hints ------------------------------------------------------------------------

# The candidate closest to a mistyped name, or NULL where none is close.
nearest_name <- function(name, candidates) {
  candidates <- unique(candidates[!is.na(candidates) & nzchar(candidates)])
  if (length(candidates) == 0L || !nzchar(name)) return(NULL)
  distance <- utils::adist(name, candidates, ignore.case = TRUE)[1L, ]
  # A single letter is near to every other; only its other case counts.
  if (min(distance) > min(3, nchar(name) %/% 2L)) return(NULL)
  candidates[which.min(distance)]
}

# What ends a problem line about a name: "; did you mean `x`?" or a full stop.
did_you_mean <- function(name, candidates) {
  nearest <- nearest_name(name, candidates)
  if (is.null(nearest)) "." else paste0("; did you mean `", nearest, "`?")
}

# "1, 4, 7, 9, 12, ... (31 in all)": the first five rows, for error texts.
first_rows <- function(rows) {
  if (length(rows) <= 5L) return(paste(rows, collapse = ", "))
  paste0(paste(rows[1:5], collapse = ", "), ", ... (", length(rows), " in all)")
}
