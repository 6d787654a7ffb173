# What is said where something is known from another package, or is a common slip.

# Arguments -----------------------------------------------------------------------------------

# Arguments that the function does not have, by name; `hints` says what to use in place of some.
# Nothing is evaluated: what was given may not exist.
refuse_arguments <- function(given, fun, known, hints = NULL) {
  if (length(given) == 0L) return(invisible())
  name <- names(given)[1L]
  if (is.null(name) || !nzchar(name)) {
    stop_input("{.fn {fun}} was given too many arguments: one without a name is left over.")
  }
  hint <- hints[[name]]
  if (is.function(hint)) hint <- hint(given[[1L]])
  end <- if (is.null(hint)) did_you_mean(name, known) else "."
  stop_input(c("{.fn {fun}} has no argument {.arg {name}}{end}", i = hint), argument = name)
}

# `random = ~ x | id` of nlme, as a term of the formula.
random_argument_hint <- function(expr) {
  inside <- if (is.call(expr) && identical(expr[[1L]], quote(`~`)) && is_bar(expr[[2L]])) {
    plain_text(text_of(expr[[2L]]))
  } else {
    "1 | id"
  }
  paste0("Random effects stand in the formula: {.code y ~ x + (", inside, ")}.")
}

group_argument_hint <- function(expr) {
  name <- if (is.name(expr)) plain_text(text_of(expr)) else "id"
  paste0("Groups stand in the formula: {.code y ~ x + (1 | ", name, ")}.")
}

# Of lmm() and glmm() alike.
nlme_arguments <- list(
  fixed = paste("The formula has both parts, {.code formula = y ~ x + (1 | id)}: fixed effects as",
                "in {.fn lm}, random effects in brackets."),
  random = random_argument_hint,
  groups = group_argument_hint, id = group_argument_hint, cluster = group_argument_hint,
  subject = group_argument_hint,
  correlation = paste("Correlated residuals are not available in this version of tiers. With a",
                      "random slope, {.code (time | id)}, correlations depend on time as well."),
  ddf = paste("Degrees of freedom are asked for after the fit: {.code summary(fit, ddf = )},",
              "{.code anova(fit, ddf = )}."),
  verbose = "Use {.code control = tiers_control(trace = TRUE)}."
)

foreign_arguments <- list(
  lmm = c(nlme_arguments, list(
    family = "It fits linear models; {.fn glmm} fits generalized ones.",
    link = "It fits linear models; {.fn glmm} fits generalized ones.",
    nAGQ = "The likelihood of a linear model needs no approximation; {.fn glmm} has {.arg nAGQ}.",
    method = "Use {.code REML = TRUE} or {.code REML = FALSE}.")),
  glmm = c(nlme_arguments, list(
    REML = "Generalized models are fitted by maximum likelihood.",
    link = "The link belongs to the family: {.code family = binomial(\"probit\")}.",
    ziformula = "It is called {.arg zi} here.",
    dispformula = "It is called {.arg dispersion} here.",
    nagq = "It is called {.arg nAGQ}."))
)

check_data <- function(data) {
  if (is.null(data) || is.data.frame(data) || is.environment(data)) return(invisible())
  if (is.matrix(data) || is.array(data)) {
    stop_input(c("{.arg data} must be a data frame, not a matrix.",
                 i = "Use {.code data = as.data.frame(...)}."))
  }
  if (is.list(data)) return(invisible())
  stop_input(c("{.arg data} must be a data frame or a list, not {.cls {class(data)[1L]}}.",
               i = if (inherits(data, "formula")) "The formula comes first, then the data:
                   {.code lmm(y ~ x + (1 | g), data)}."
               else if (is.character(data) && length(data) == 1L) "Give the data themselves, without
                   quotes: {.code data = {data}}."))
}

# Formulas ------------------------------------------------------------------------------------

# What to write for a function that other packages' formulas have; NULL for others.
formula_function_hint <- function(expr) {
  if (!is.call(expr) || !is.name(expr[[1L]])) return(NULL)
  inside <- if (length(expr) > 1L) plain_text(text_of(expr[[2L]])) else "id"
  switch(
    as.character(expr[[1L]]),
    s = , te = , ti = , t2 = , lo = paste0(
      "Smooth terms are not available in this version of tiers. Use {.code splines::ns(", inside,
      ", 4)} or {.code poly(", inside, ", 3)}."),
    Error = , random = , re = , strata = , cluster = paste0(
      "Write {.code (1 | ", inside, ")}: groups with an effect of their own are random effects."))
}

# Columns that are named like `name` with a number after it.
numbered_columns <- function(name, columns) {
  columns <- as.character(columns)
  rest <- substring(columns[startsWith(columns, name)], nchar(name) + 1L)
  paste0(name, rest[grepl("^[._ ]?[A-Za-z]{0,2}[0-9]+$", rest)])[any(nzchar(rest))]
}

# A variable that is not there because its measurements stand side by side.
check_wide_data <- function(name, columns, response) {
  found <- numbered_columns(name, columns)
  found <- found[found %in% columns]
  if (length(found) < if (response) 2L else 3L) return(invisible())
  shown <- paste0(paste0("`", utils::head(found, 3L), "`", collapse = ", "),
                  if (length(found) > 3L) ", ...")
  stop_input(c("`{name}` not in data.",
               x = "It has a column for each measurement: {shown} ({length(found)} columns).",
               i = "A model takes long data, one row for each measurement: see
                    {.fn stats::reshape} or {.fn tidyr::pivot_longer}."),
               variable = name, columns = found)
}

# Responses -----------------------------------------------------------------------------------

# What to do with a response of a class that is no number.
response_class_hint <- function(y, name) {
  name <- plain_text(name)
  if (inherits(y, c("Date", "POSIXt"))) {
    return(paste0("Use a length of time, such as {.code as.numeric(", name, " - min(", name,
                  "))}."))
  }
  if (is.complex(y)) return(paste0("Use {.code Re(", name, ")} or {.code Mod(", name, ")}."))
  if (is.list(y)) list_column_hint(name)
}

list_column_hint <- function(name) {
  paste0("If each of its elements is one value, use {.code unlist(", name, ")}.")
}

# What to do with another variable that model.frame() does not take.
variable_class_hint <- function(x, name) {
  name <- plain_text(name)
  if (inherits(x, "POSIXlt")) return(paste0("Use {.code as.POSIXct(", name, ")}."))
  if (is.list(x) && !is.data.frame(x)) list_column_hint(name)
}

# Lines about a response that is text: which of its values are no numbers.
text_response_lines <- function(y, name) {
  name <- plain_text(name)
  known <- y[!is.na(y)]
  bad <- unique(known[is.na(suppressWarnings(as.numeric(known)))])
  shown <- plain_text(paste0("\"", utils::head(bad, 5L), "\"", collapse = ", "))
  if (length(bad) > 5L) shown <- paste0(shown, ", ... (", length(bad), " values)")
  if (length(bad) == 0L) {
    return(c(x = "All its values are numbers that are stored as text.",
             i = paste0("Convert them with {.code as.numeric(", name, ")}.")))
  }
  if (all(grepl("^ *[-+]?[0-9]+,[0-9]+ *$", bad))) {
    return(c(x = paste0("These numbers have a comma for their point: ", shown, "."),
             i = paste0("Use {.code as.numeric(sub(\",\", \".\", ", name, "))}, or read the file ",
                        "with {.code dec = \",\"}.")))
  }
  if (length(bad) < length(unique(known))) {
    return(c(x = paste0("Not numbers: ", shown, "."),
             i = paste0("Correct these values or set them to NA, then use {.code as.numeric(", name,
                        ")}.")))
  }
  c(x = paste0("Its values are ", shown, "."),
    i = if (length(bad) == 2L) paste0(
      "For two classes use a binomial model: {.code glmm(factor(", name,
      ") ~ ..., family = binomial)}."))
}
