# What a fit says while it runs: the expression's value, and the classes of its conditions.
listen <- function(expr) {
  seen <- list()
  note <- function(restart) function(condition) {
    seen[[length(seen) + 1L]] <<- condition
    invokeRestart(restart)
  }
  value <- tryCatch(
    withCallingHandlers(expr, warning = note("muffleWarning"), message = note("muffleMessage")),
    error = function(condition) {
      seen[[length(seen) + 1L]] <<- condition
      NULL
    })
  list(value = value, conditions = seen)
}

# Errors, warnings and messages that do not carry one of the package's classes.
without_class <- function(conditions) {
  Filter(function(condition) !any(startsWith(class(condition), "tiers_")), conditions)
}

condition_texts <- function(conditions) {
  vapply(conditions, function(x) paste0("<", class(x)[1L], "> ", conditionMessage(x)), "")
}

# Messages (a boundary, a dropped column) may come; warnings, errors and anything unclassed not.
expect_no_tiers_warning <- function(expr) {
  heard <- listen(expr)
  bad <- Filter(function(x) inherits(x, c("warning", "error")), heard$conditions)
  bad <- c(bad, without_class(Filter(function(x) inherits(x, "message"), heard$conditions)))
  expect(length(bad) == 0L, paste(condition_texts(bad), collapse = "\n"))
  invisible(heard$value)
}

# A fit that says nothing but messages or warnings of these classes, in this order.
said_only <- function(expr, kinds = character()) {
  heard <- listen(expr)
  texts <- condition_texts(heard$conditions)
  expect_true(inherits(heard$value, "tiers_fit"), info = texts)
  expect_equal(vapply(heard$conditions, function(x) class(x)[1L], ""), kinds, info = texts)
  invisible(heard$value)
}
