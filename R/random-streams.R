# One stream of random numbers for each replicate: L'Ecuyer's combined generator MRG32k3a with
# streams 2^127 numbers apart (L'Ecuyer, Simard, Chen and Kelton 2002), which R has. What a
# replicate draws depends on the seed and its number, and on nothing else: not on how many there
# are, on the order in which they come or on how many processes share them.

# list(seed, streams, restore): a state of the generator for each of `count` replicates. Without a
# seed one is drawn from the session's random numbers, which go on by that. `restore()` puts their
# state back.
start_streams <- function(seed, count) {
  check_seed(seed)
  env <- globalenv()
  if (is.null(seed)) seed <- sample.int(.Machine$integer.max, 1L)
  if (!exists(".Random.seed", envir = env, inherits = FALSE)) stats::runif(1L)
  before <- get(".Random.seed", envir = env)
  set.seed(seed, kind = "L'Ecuyer-CMRG", normal.kind = "Inversion", sample.kind = "Rejection")
  stream <- get(".Random.seed", envir = env)
  streams <- vector("list", count)
  for (i in seq_len(count)) {
    streams[[i]] <- stream
    stream <- parallel::nextRNGStream(stream)
  }
  list(seed = seed, streams = streams,
       restore = function() assign(".Random.seed", before, envir = env))
}

use_stream <- function(stream) assign(".Random.seed", stream, envir = globalenv())

# Work on streams ----------------------------------------------------------------------------------

# `run(streams)` for chunks of the streams, in processes of the user's: a list of what it returned.
# `size`: streams in a chunk, as many as memory and the patience of somebody who interrupts allow.
run_streams <- function(streams, run, workers, size) {
  processes <- worker_count(workers)
  size <- max(1L, min(size, ceiling(length(streams) / processes)))
  chunks <- unname(split(streams, (seq_along(streams) - 1L) %/% size))
  if (processes == 1L) return(run_in_turn(chunks, run))
  found <- if (is.null(workers)) {
    future.apply::future_lapply(chunks, run, future.seed = NULL, future.packages = "tiers")
  } else {
    parallel::mclapply(chunks, run, mc.cores = processes, mc.set.seed = FALSE)
  }
  for (part in found) if (inherits(part, "try-error")) stop(attr(part, "condition"))
  if (any(vapply(found, is.null, NA))) {
    stop_numeric("A process of the {processes} that shared the replicates came to an end before it
                  was done.", specification = NULL)
  }
  found
}

run_in_turn <- function(chunks, run) {
  if (!interactive()) return(lapply(chunks, run))
  # Shown after two seconds.
  bar <- cli::cli_progress_bar("Replicates", total = sum(lengths(chunks)))
  lapply(chunks, function(chunk) {
    part <- run(chunk)
    cli::cli_progress_update(length(chunk), id = bar)
    part
  })
}

# NULL: the workers of the user's future plan, where future.apply is there to use them.
worker_count <- function(workers) {
  if (is.null(workers)) {
    planned <- "future" %in% loadedNamespaces() && requireNamespace("future.apply", quietly = TRUE)
    if (!planned) return(1L)
    planned <- future::nbrOfWorkers()
    return(if (is.finite(planned)) as.integer(planned) else 2L)
  }
  check_number(workers, "workers", 1, 1024)
  if (workers > 1 && .Platform$OS.type == "windows") {
    stop_input(c("{.arg workers} above 1 takes copies of the running process, which Windows does not
                  have.",
                 i = "Set a plan, {.code future::plan(\"multisession\", workers = {workers})}, and
                      leave {.arg workers} out."))
  }
  as.integer(workers)
}
