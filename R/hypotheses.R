# Linear functions of coefficients (or of means) as users write them: a matrix, a vector, a list of
# vectors, or text such as "age:SexMale - age = 0". Read into list(L, rhs, labels): one row a
# function, one column for each of `names`.

read_contrasts <- function(L, names, rhs = 0) {
  if (length(L) == 0L) stop_no_contrasts(L)
  if (is.character(L)) {
    read <- lapply(L, read_hypothesis, names = names)
    own <- vapply(read, function(one) one$rhs, 1)
    if (any(own != 0) && any(rhs != 0)) stop_two_hypotheses()
    rows <- do.call(rbind, lapply(read, `[[`, "row"))
    labels <- if (is.null(base::names(L))) L else ifelse(nzchar(base::names(L)), base::names(L), L)
    rhs <- if (any(own != 0)) own else rhs
  } else {
    rows <- numeric_contrasts(L, names)
    labels <- rownames(rows)
    if (is.null(labels)) labels <- apply(rows, 1L, contrast_words, names = names)
  }
  dimnames(rows) <- list(labels, names)
  list(L = rows, rhs = check_rhs(rhs, nrow(rows)), labels = labels)
}

check_rhs <- function(rhs, rows) {
  if (!is.numeric(rhs) || !length(rhs) %in% c(1L, rows) || anyNA(rhs)) {
    stop_input(c("{.arg rhs} must be a number, or one for each of the {rows} contrast{?s}.",
                 x = "It is {shown(rhs)}."))
  }
  rep_len(as.double(rhs), rows)
}

numeric_contrasts <- function(L, names) {
  if (is.list(L) && !is.data.frame(L)) {
    rows <- do.call(rbind, lapply(L, contrast_row, names = names))
    rownames(rows) <- base::names(L)
    return(rows)
  }
  if (is.data.frame(L)) L <- as.matrix(L)
  if (!is.numeric(L) || length(L) == 0L) stop_no_contrasts(L)
  if (!is.matrix(L)) return(contrast_row(L, names))
  rows <- do.call(rbind, lapply(seq_len(nrow(L)), function(i) contrast_row(L[i, ], names)))
  rownames(rows) <- rownames(L)
  rows
}

stop_no_contrasts <- function(L) {
  stop_input(c("{.arg L} must be a matrix or vector of coefficients, a list of such vectors, or
                text such as {.code \"b - a = 0\"}.", x = "It is {.obj_type_friendly {L}}."))
}

# One row: named entries go where their names say, others are in the order of the names.
contrast_row <- function(values, names) {
  if (!is.numeric(values) || anyNA(values) || any(is.infinite(values))) {
    stop_input(c("{.arg L} must have finite numbers.", x = "It has {shown(values)}."))
  }
  own <- base::names(values)
  if (is.null(own)) {
    if (length(values) != length(names)) {
      stop_input(c("{.arg L} has {length(values)} column{?s} without names, and there are
                    {length(names)}: {.val {names}}."))
    }
    return(matrix(as.double(values), 1L))
  }
  unknown <- setdiff(own, names)
  if (length(unknown)) {
    hint <- did_you_mean(unknown[1L], names)
    stop_input("{.arg L} asks for {.val {unknown[1L]}}, which is none of {.val {names}}{hint}")
  }
  row <- matrix(0, 1L, length(names))
  row[match(own, names)] <- as.double(values)
  row
}

# "age + age:SexMale", "0.5 * b".
contrast_words <- function(row, names) {
  at <- which(row != 0)
  if (length(at) == 0L) return("0")
  size <- abs(row[at])
  text <- ifelse(size == 1, names[at], paste(format_shortly(size), "*", names[at]))
  sign <- ifelse(row[at] < 0, " - ", " + ")
  sign[1L] <- if (row[at[1L]] < 0) "-" else ""
  paste0(sign, text, collapse = "")
}

format_shortly <- function(x) vapply(x, function(one) format(one, digits = 3L), "")

# Text ------------------------------------------------------------------------------------------

# list(row, rhs) of a linear hypothesis: text "left = right", or a function alone (= 0).
read_hypothesis <- function(text, names) {
  call <- hypothesis_call(text, names)
  zero <- rep(0, length(names))
  at <- function(values) evaluate_hypothesis(call, values, text)
  constant <- at(zero)
  row <- vapply(seq_along(names), function(i) at(replace(zero, i, 1)) - constant, 1)
  # A function that is linear is so at a point of no special kind too.
  probe <- sqrt(seq_along(names) + 1)
  expected <- constant + sum(row * probe)
  size <- abs(constant) + sum(abs(row) * probe)
  if (!isTRUE(abs(at(probe) - expected) <= 1e-8 * size)) {
    stop_input("The hypothesis {.val {text}} is not linear.")
  }
  if (all(row == 0)) stop_input("The hypothesis {.val {text}} has no coefficient in it.")
  list(row = matrix(row, 1L), rhs = -constant)
}

evaluate_hypothesis <- function(call, values, text) {
  names(values) <- placeholders(length(values))
  value <- tryCatch(eval(call, as.list(values), baseenv()), error = function(e) {
    stop_input(c("The hypothesis {.val {text}} cannot be evaluated.", x = "{conditionMessage(e)}"),
               parent = e)
  })
  if (!is.numeric(value) || length(value) != 1L) {
    stop_input("The hypothesis {.val {text}} is not a number.")
  }
  as.double(value)
}

placeholders <- function(n) paste0(".tiers_", seq_len(n))

# The text as a call of placeholders for the names, "left = right" as left - right. Names need not
# be R's: the longest that begins at a place is the one that is meant.
hypothesis_call <- function(text, names) {
  if (is.na(text) || !nzchar(text)) stop_input("A hypothesis must not be an empty text.")
  sides <- strsplit(mask_names(text, names), "=", fixed = TRUE)[[1L]]
  sides <- trimws(sides)
  if (!length(sides) %in% 1:2 || !all(nzchar(sides))) {
    stop_input("The hypothesis {.val {text}} must have one {.code =} with something on both sides.")
  }
  whole <- if (length(sides) == 2L) sprintf("(%s) - (%s)", sides[1L], sides[2L]) else sides
  call <- tryCatch(str2lang(whole), error = function(e) {
    stop_input(c("The hypothesis {.val {text}} is not a formula of coefficients.",
                 i = "They are {.val {names}}."), parent = e)
  })
  unknown <- setdiff(all.vars(call), c(placeholders(length(names)), "pi"))
  if (length(unknown)) {
    hint <- did_you_mean(unknown[1L], names)
    stop_input("The hypothesis {.val {text}} asks for `{unknown[1L]}`, which is none of
                {.val {names}}{hint}")
  }
  call
}

# What looks like a number is one; a name that does (of a row, say) needs backticks.
mask_names <- function(text, names) {
  part_of_name <- function(character) grepl("^[[:alnum:]._]$", character)
  numbers <- !is.na(suppressWarnings(as.double(names)))
  order <- setdiff(order(nchar(names), decreasing = TRUE), which(numbers))
  out <- character()
  at <- 1L
  while (at <= nchar(text)) {
    before <- substr(text, at - 1L, at - 1L)
    found <- NA
    for (i in order) {
      size <- nchar(names[i])
      after <- substr(text, at + size, at + size)
      if (substr(text, at, at + size - 1L) != names[i]) next
      starts <- !part_of_name(before) || !part_of_name(substr(names[i], 1L, 1L))
      ends <- !part_of_name(after) || !part_of_name(substr(names[i], size, size))
      if (starts && ends) {
        found <- i
        break
      }
    }
    size <- if (is.na(found)) 1L else nchar(names[found])
    if (is.na(found) && substr(text, at, at) == "`") {
      size <- max(regexpr("`", substring(text, at + 1L), fixed = TRUE) + 1L, 1L)
      found <- match(substr(text, at + 1L, at + size - 2L), names)
    }
    piece <- substr(text, at, at + size - 1L)
    out <- c(out, if (is.na(found)) piece else placeholders(found)[found])
    at <- at + size
  }
  paste(out, collapse = "")
}

# Smooth functions of means: values, derivatives (functions x names), values under the hypotheses,
# and which kind of function each is: one of the means, a ratio, or another.
read_functions <- function(L, names, values, rhs = 0) {
  if (!is.character(L)) {
    read <- read_contrasts(L, names, rhs)
    single <- rowSums(read$L != 0) == 1L & rowSums(read$L) == 1
    return(list(value = drop(read$L %*% values), derivative = read$L, labels = read$labels,
                rhs = read$rhs, kind = ifelse(single, "mean", "other")))
  }
  labels <- if (is.null(base::names(L))) L else ifelse(nzchar(base::names(L)), base::names(L), L)
  found <- lapply(L, read_function, names = names, values = values)
  own <- vapply(found, `[[`, 1, "rhs")
  if (any(own != 0) && any(rhs != 0)) stop_two_hypotheses()
  list(value = unname(vapply(found, `[[`, 1, "value")),
       derivative = matrix(unlist(lapply(found, `[[`, "derivative")), length(L), byrow = TRUE),
       labels = unname(labels), rhs = check_rhs(if (any(own != 0)) own else rhs, length(L)),
       kind = unname(vapply(found, `[[`, "", "kind")))
}

# "left = right" with a number on one side is the function on the other and the number.
read_function <- function(text, names, values) {
  marks <- placeholders(length(names))
  call <- hypothesis_call(text, names)
  rhs <- 0
  if (grepl("=", mask_names(text, names), fixed = TRUE)) {
    is_number <- function(side) !any(all.vars(side) %in% marks)
    if (is_number(call[[3L]])) {
      rhs <- evaluate_hypothesis(call[[3L]], values, text)
      call <- call[[2L]]
    } else if (is_number(call[[2L]])) {
      rhs <- evaluate_hypothesis(call[[2L]], values, text)
      call <- call[[3L]]
    }
  }
  while (is.call(call) && identical(call[[1L]], quote(`(`))) call <- call[[2L]]
  if (!any(all.vars(call) %in% marks)) {
    stop_input(c("The function {.val {text}} has none of {.val {names}} in it.",
                 i = "Names that look like numbers need backticks, as in {.code `1`}."))
  }
  value <- evaluate_hypothesis(call, values, text)
  slopes <- tryCatch(stats::deriv(call, marks), error = function(e) {
    stop_input(c("The function {.val {text}} cannot be differentiated.",
                 x = "{conditionMessage(e)}"), parent = e)
  })
  here <- eval(slopes, as.list(stats::setNames(values, marks)), baseenv())
  kind <- if (is.name(call)) "mean" else if (identical(call[[1L]], quote(`/`))) "ratio" else "other"
  list(value = value, derivative = drop(attr(here, "gradient")), rhs = rhs, kind = kind)
}

stop_two_hypotheses <- function() {
  stop_input("Give the value under the hypothesis in the text or in {.arg rhs}, not in both.")
}
