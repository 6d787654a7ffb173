# New data made ready for a fit: times in the class and the unit that the fit has them in, and
# variables that were vectors beside the data.

ready_newdata <- function(fit, newdata) {
  newdata <- with_outside_variables(fit, as_newdata(newdata))
  stored <- fit_variables(fit)
  for (name in intersect(names(stored), names(newdata))) {
    if (is_time(stored[[name]]) || is_time(newdata[[name]])) {
      newdata[[name]] <- stored_time(newdata[[name]], stored[[name]], name)
    }
  }
  newdata
}

# Variables beside the data are known for the rows of the data alone. New data are these rows if
# they are as many and each variable is what it was, or one value in all rows (as for "what if all
# were treated"), but not every one the latter. By their number alone, as lm() has it, other rows
# would get these values.
with_outside_variables <- function(fit, newdata) {
  outside <- kept_part(fit, "outside")
  wanted <- setdiff(fit$variables, c(all.vars(full_formula(fit)[[2L]]), names(newdata)))
  outside <- outside[intersect(names(outside), wanted)]
  if (length(outside) == 0L || !is_data_of(fit, newdata)) return(newdata)
  shown <- paste0("`", names(outside), "`", collapse = ", ")
  inform("tiers_message_data", c(
    "{shown} {?is/are} not in {.arg newdata}, which {cli::qty(1)}ha{?s/ve} the rows of the data:
     the values of the fit are taken."))
  for (name in names(outside)) newdata[[name]] <- outside[[name]]
  newdata
}

is_data_of <- function(fit, newdata) {
  if (nrow(newdata) != fit$data$n) return(FALSE)
  columns <- kept_part(fit, "columns")
  columns <- columns[intersect(intersect(fit$variables, names(columns)), names(newdata))]
  alike <- vapply(names(columns), function(name) {
    isTRUE(all.equal(columns[[name]], newdata[[name]], check.attributes = FALSE))
  }, NA)
  constant <- vapply(names(columns), function(name) length(unique(newdata[[name]])) == 1L, NA)
  any(alike & !constant) && all(alike | constant)
}

# Times ------------------------------------------------------------------------------------------

time_classes <- c("difftime", "Date", "POSIXt")

is_time <- function(x) inherits(x, time_classes)

# `x` as a time of the kind that the fit has; days are no seconds.
stored_time <- function(x, stored, name) {
  if (inherits(x, "POSIXlt")) x <- as.POSIXct(x)
  if (all(is.na(x)) || is.character(x) || is.factor(x) || is.factor(stored)) return(x)
  kind <- function(x) c(class(x)[class(x) %in% time_classes], class(x))[1L]
  if (is_time(x) != is_time(stored) || kind(x) != kind(stored)) {
    stop_input(c("`{name}` of {.arg newdata} is of class {.cls {kind(x)}}, in the fit of class
                  {.cls {kind(stored)}}.", i = "Give it the class that it had in the data."),
               variable = name)
  }
  if (inherits(x, "difftime")) units(x) <- units(stored)
  x
}
