# The value of an expression from a child process; "hang" after `limit` seconds, "crash" where the
# process died. Unix only.
guarded <- function(expr, limit = 60) {
  job <- parallel::mcparallel(expr, silent = TRUE)
  done <- parallel::mccollect(job, wait = FALSE, timeout = limit)
  if (is.null(done)) {
    tools::pskill(job$pid, tools::SIGKILL)
    parallel::mccollect(job, wait = FALSE, timeout = 2)
    return("hang")
  }
  suppressWarnings(parallel::mccollect(job, wait = FALSE, timeout = 1))
  if (is.null(done[[1L]])) "crash" else done[[1L]]
}
