# What a formula's environment must keep. A fit lives longer than the function it was made in and
# must not carry that function's data, but predict() and update() still need the user's own
# functions and constants that the formula mentions.

slim_environment <- function(env, exprs, data_names, n) {
  if (is_lasting(env)) return(env)
  top <- topenv(env)
  slim <- new.env(hash = FALSE, parent = top)
  for (expr in exprs) {
    for (name in unique(all.names(expr))) {
      keep_object(name, env, top, slim, function(x) name %in% data_names || NROW(x) == n)
    }
  }
  if (length(ls(slim, all.names = TRUE)) == 0L) top else slim
}

# Environments that are there in every session, or in the session's workspace.
is_lasting <- function(env) {
  identical(env, globalenv()) || identical(env, baseenv()) || isNamespace(env) ||
    !is.null(attr(env, "name"))
}

# The frame between `env` and `top` in which a name is defined.
defining_frame <- function(name, env, top) {
  while (!identical(env, top) && !identical(env, emptyenv())) {
    if (exists(name, envir = env, inherits = FALSE)) return(env)
    env <- parent.env(env)
  }
  NULL
}

# Copies an object into `slim`; a function brings what its body mentions along and is moved into
# `slim` itself, since its own environment is the one to be left behind.
keep_object <- function(name, env, top, slim, is_data) {
  if (exists(name, envir = slim, inherits = FALSE)) return(invisible())
  home <- defining_frame(name, env, top)
  if (is.null(home)) return(invisible())
  value <- tryCatch(get(name, envir = home, inherits = FALSE), error = function(e) NULL)
  if (is.null(value)) return(invisible())
  if (!is.function(value)) {
    if (!is_data(value)) assign(name, value, envir = slim)
    return(invisible())
  }
  if (is.primitive(value) || !between(environment(value), env, top)) {
    assign(name, value, envir = slim)
    return(invisible())
  }
  own <- environment(value)
  # A source reference would bring the whole source file along.
  value <- utils::removeSource(value)
  environment(value) <- slim
  assign(name, value, envir = slim)
  mentioned <- setdiff(unique(c(all.names(body(value)), all.names(as.call(c(quote(list),
    unname(as.list(formals(value)))))))), c(names(formals(value)), ""))
  for (other in mentioned) keep_object(other, own, top, slim, function(x) FALSE)
}

between <- function(candidate, env, top) {
  while (!identical(env, top) && !identical(env, emptyenv())) {
    if (identical(candidate, env)) return(TRUE)
    env <- parent.env(env)
  }
  FALSE
}
