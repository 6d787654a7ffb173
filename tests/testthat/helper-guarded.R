# The value of an expression from a child process; "hang" after `limit` seconds of its own computing
# (or twenty times as long without), "crash" where the process died. Unix only.
guarded <- function(expr, limit = 60) {
  job <- parallel::mcparallel(expr, silent = TRUE)
  started <- Sys.time()
  done <- NULL
  while (is.null(done)) {
    done <- parallel::mccollect(job, wait = FALSE, timeout = limit)
    waited <- as.double(difftime(Sys.time(), started, units = "secs"))
    if (is.null(done) && (computing_time(job$pid) > limit || waited > 20 * limit)) {
      tools::pskill(job$pid, tools::SIGKILL)
      parallel::mccollect(job, wait = FALSE, timeout = 2)
      return("hang")
    }
  }
  suppressWarnings(parallel::mccollect(job, wait = FALSE, timeout = 1))
  if (is.null(done[[1L]])) "crash" else done[[1L]]
}

# Seconds on a processor, so that a machine with much else to do is no reason to give up.
computing_time <- function(pid) {
  clock <- suppressWarnings(system2("ps", c("-o", "time=", "-p", pid), stdout = TRUE))
  if (!length(clock)) return(0)
  parts <- as.double(strsplit(gsub("-", ":", trimws(clock[1L])), ":")[[1L]])
  sum(rev(parts) * c(1, 60, 3600, 86400)[seq_along(parts)])
}

# f() of every element, `batch` of them in one child process; where one of them is lost, each alone.
guarded_each <- function(elements, f, limit = 60, batch = 25L) {
  parts <- split(elements, (seq_along(elements) - 1L) %/% batch)
  unlist(lapply(parts, function(part) {
    together <- if (length(part) > 1L) guarded(lapply(part, f), limit = limit)
    if (is.list(together)) return(together)
    lapply(part, function(element) guarded(f(element), limit = limit))
  }), recursive = FALSE, use.names = FALSE)
}
