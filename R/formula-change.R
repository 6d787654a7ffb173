# Changes of a formula, as update() takes them.

# The formula with a change as update.formula() has it, but that `.` on the right is the fixed part
# alone: `. ~ . * x` multiplies no bar term. Bar terms are added as wholes; what a bar term stands
# for can be taken away piece by piece.
changed_formula <- function(old, change) {
  change <- stats::as.formula(change, env = environment(old))
  right <- length(change)
  parts <- split_change(change[[right]])
  if (!"." %in% all.vars(parts$fixed)) return(stats::update.formula(old, change))
  if (is.call(parts$fixed)) check_no_bar(parts$fixed, call_name(parts$fixed), environment(old))
  change[[right]] <- parts$fixed
  split <- split_bars(old[[3L]], environment(old))
  old[[3L]] <- if (is.null(split$fixed)) 1 else split$fixed
  new <- stats::update.formula(old, change)
  bars <- c(without_bars(split$bars, parts$drop), parts$add)
  new[[3L]] <- with_bars(new[[3L]], bars[!duplicated(vapply(bars, text_of, ""))])
  new
}

# The right side of a change: the fixed part, bar terms to add and bar terms to drop.
split_change <- function(e) {
  inner <- strip_brackets(e)
  if (is_bar(inner) || (is.call(inner) && is_structured_bar(inner))) return(list(add = list(inner)))
  name <- call_name(e)
  if (name == "(") return(split_change(e[[2L]]))
  if (!name %in% c("+", "-") || length(e) != 3L) return(list(fixed = e))
  left <- split_change(e[[2L]])
  right <- split_change(e[[3L]])
  if (name == "-") names(right) <- c(add = "drop", drop = "add", fixed = "fixed")[names(right)]
  list(fixed = join(name, left$fixed, right$fixed), add = c(left$add, right$add),
       drop = c(left$drop, right$drop))
}

# `bars` without those to `drop`, or without parts of them: `(x || g)` without `(0 + x | g)` is
# `(1 | g)`, `(1 | a/b)` without `(1 | a:b)` is `(1 | a)`.
without_bars <- function(bars, drop) {
  for (bar in drop) {
    wanted <- unlist(lapply(expand_bar(bar), piece_keys))
    present <- unlist(lapply(bars, function(old) lapply(expand_bar(old), piece_keys)))
    if (!all(wanted %in% present)) {
      own <- vapply(with_brackets(bars), text_of, "")
      stop_formula(c(
        "`{text_of(with_brackets(list(bar))[[1L]])}` is no term of the formula and cannot be taken
         away from it.",
        "i" = if (length(own)) "It has {.code {own}}." else "It has no term with a bar."))
    }
    bars <- unlist(lapply(bars, function(old) {
      pieces <- expand_bar(old)
      if (!any(unlist(lapply(pieces, piece_keys)) %in% wanted)) return(list(old))
      unlist(lapply(pieces, remaining_piece, drop = wanted), recursive = FALSE)
    }), recursive = FALSE)
  }
  bars
}

with_brackets <- function(bars) {
  lapply(bars, function(bar) if (is_bar(bar)) call("(", bar) else bar)
}

# What the parts of a bar term (as read_bar() returns it) are known by, however they are written: a
# double bar has one for each of its terms. The structure of a single one makes no difference.
piece_keys <- function(piece) {
  parts <- piece_terms(piece)
  group <- paste(sort(piece$components), collapse = ":")
  if (piece$double_bar || length(parts) <= 1L) return(paste(parts, group, sep = "|"))
  paste(piece$structure, paste(sort(parts), collapse = "+"), group, sep = "|")
}

# Labels of the terms before the bar; "1" is the intercept.
piece_terms <- function(piece) {
  terms <- stats::terms(stats::as.formula(call("~", piece$lhs), env = baseenv()))
  c(if (attr(terms, "intercept") == 1L) "1", attr(terms, "term.labels"))
}

# A bar term without its parts of the keys `drop`: a list of none or one.
remaining_piece <- function(piece, drop) {
  keys <- piece_keys(piece)
  kept <- !keys %in% drop
  if (!any(kept)) return(NULL)
  lhs <- piece$lhs
  if (!all(kept)) {
    parts <- piece_terms(piece)[kept]
    lhs <- Reduce(function(left, right) call("+", left, right),
                  lapply(c(if (!"1" %in% parts) "0", parts), str2lang))
  }
  single <- !all(kept) && identical(lhs, 1)
  group <- Reduce(function(left, right) call(":", left, right), piece$component_exprs)
  bar <- call(if (piece$double_bar && !single) "||" else "|", lhs, group)
  structured <- piece$structure != default_covariance
  if (!structured || piece$double_bar) return(list(bar))
  list(as.call(c(list(as.name(piece$structure), bar), piece$arguments)))
}
