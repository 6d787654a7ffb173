# Links that are another function in each row of the data, such as logistic exposure: their
# functions hold a vector with a value for each row and take nothing but vectors of that length, as
# glm() calls them. Beside its functions such a link has here
#
#   size      the number of values that it holds
#   at        their places for the rows in question: at first those of the fit
#   vectors   TRUE: the values are vectors of that length beside the functions, so that those of a
#             few rows are had by taking the elements of these

# The number of values of a link; 1 for one that is the same in all rows.
link_size <- function(functions) {
  value <- tryCatch(suppressWarnings(functions$linkinv(0.3)), error = function(e) NULL)
  if (is.numeric(value)) max(1L, length(value)) else 1L
}

# A stored link with what is said above, but for `at`.
with_link_size <- function(custom, size) {
  custom$size <- size
  at <- unique(c(size, 1L, (size + 1L) %/% 2L))
  eta <- c(0.9, -0.4, 0.3)[seq_along(at)]
  custom$vectors <- all(vapply(c("linkinv", "mu.eta"), function(part) {
    whole <- values_in_rows(custom[[part]], eta, at, size, FALSE)
    some <- tryCatch(suppressWarnings(values_in_rows(custom[[part]], eta, at, size, TRUE)),
                     error = function(e) NULL)
    identical(whole, some)
  }, NA))
  custom
}

# Values of a link function in the rows at the places `at`, which may come more than once.
values_in_rows <- function(f, x, at, size, vectors) {
  if (vectors) {
    held <- Filter(function(value) is.atomic(value) && length(value) == size,
                   as.list(environment(f), all.names = TRUE))
    environment(f) <- list2env(lapply(held, `[`, at), parent = environment(f))
    return(as.double(f(x)))
  }
  value <- rep(NA_real_, length(x))
  left <- seq_along(x)
  while (length(left)) {
    now <- left[!duplicated(at[left])]
    full <- rep(x[now[1L]], size)
    full[at[now]] <- x[now]
    value[now] <- f(full)[at[now]]
    left <- setdiff(left, now)
  }
  value
}

# The family once it is known which rows of the data are used (`model` of collect_frame()): the link
# has values for the rows of the data, or for those that are used.
match_link_rows <- function(family, model) {
  size <- family$custom$size
  if (is.null(size)) return(family)
  n <- nrow(model$frame)
  if (!size %in% c(n, model$n_data)) {
    used <- if (n < model$n_data) ", of which {n} are used" else ""
    stop_input(c(paste0("The link {.val {family$link}} has values for {size} rows, the data have
                         {model$n_data} row{?s}", used, "."),
                 i = "Make the link of a column of the data."))
  }
  at <- seq_len(n)
  if (size == model$n_data && !is.null(model$used)) at <- model$used
  family$custom$at <- at
  family
}

# The same family in some of its rows.
family_at <- function(family, rows) {
  if (!is.null(family$custom$size)) family$custom$at <- family$custom$at[rows]
  family
}

# linkfun, linkinv and mu.eta of vectors of one value for each of the rows.
link_in_rows <- function(custom) {
  lapply(custom[c("linkfun", "linkinv", "mu.eta")], function(f) {
    function(x) {
      if (length(x) != length(custom$at)) stop_link_rows(custom, length(x))
      values_in_rows(f, x, custom$at, custom$size, custom$vectors)
    }
  })
}

stop_link_rows <- function(custom, asked) {
  stop_input(c("The link {.val {custom$name}} has a value for each of the {length(custom$at)} rows
                of the fit, and {asked} {?is/are} asked for.",
               i = "Use {.code type = \"link\"}, and apply the inverse of the link for the values of
                    these rows to what it returns."))
}

# What the compiled code calls: functions of values and the rows of the fit that they belong to.
engine_link <- function(family) {
  custom <- family$custom
  if (is.null(custom)) return(family$link)
  if (is.null(custom$size)) return(custom)
  parts <- c("linkfun", "linkinv", "mu.eta", "valideta")
  custom$by_row <- lapply(Filter(is.function, custom[parts]), function(f) {
    function(x, row) values_in_rows(f, x, custom$at[row], custom$size, custom$vectors)
  })
  if (is.function(custom$valideta)) {
    valid <- custom$valideta
    # One answer for all.
    custom$by_row$valideta <- function(x, row) {
      full <- rep(x[1L], custom$size)
      full[custom$at[row]] <- x
      isTRUE(all(valid(full)))
    }
  }
  custom
}
