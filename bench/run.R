# Times this package and others side by side in one process: make bench, or
#   Rscript bench/run.R [options] [case ...]
# --suite=NAME  linear (lme4 and nlme), generalized (glmer, glmmTMB and GLMMadaptive) or
#               longitudinal (nlme and glmmTMB); default: linear
# --once        run a peer once, however fast (default: only when its first fit takes > 5 s)
# --no-peers    this package alone
# --peer-rows=N leave the peers out of cases with more than N rows
# --limit=S     give a peer's fit up after S seconds (default 1200)
# --out=NAME    write bench/results/NAME.md (default: the name of the suite)
# Run from the folder that holds DESCRIPTION.

suppressPackageStartupMessages(library(tiers))
source(file.path("bench", "cases.R"))
source(file.path("bench", "longitudinal-cases.R"))
source(file.path("bench", "suites.R"))

arguments <- commandArgs(TRUE)
option <- function(name, default) {
  hit <- grep(paste0("^--", name, "="), arguments, value = TRUE)
  if (length(hit)) sub("^[^=]*=", "", hit[1L]) else default
}
once <- "--once" %in% arguments
peer_rows <- if ("--no-peers" %in% arguments) 0 else as.numeric(option("peer-rows", "Inf"))
limit <- as.numeric(option("limit", "1200"))
suite_name <- option("suite", "linear")
suite <- suites[[suite_name]]
if (is.null(suite)) stop("no suite called ", suite_name)
output <- file.path("bench", "results", paste0(option("out", suite_name), ".md"))
wanted <- grep("^--", arguments, value = TRUE, invert = TRUE)
if (!length(wanted)) wanted <- names(suite$cases)

# The whole call, from formula to fit: minimum over repeats that fill `budget` seconds.
time_fit <- function(fitter, case, d, single, budget = 2, most = 50L) {
  seconds <- double()
  said <- character()
  note <- function(condition) said <<- union(said, conditionMessage(condition))
  repeat {
    gc(FALSE)
    clock <- Sys.time()
    setTimeLimit(elapsed = limit, transient = TRUE)
    fit <- tryCatch(withCallingHandlers(fitter(case, d), warning = function(w) {
      note(w)
      invokeRestart("muffleWarning")
    }, message = function(m) invokeRestart("muffleMessage")), error = function(e) {
      note(e)
      NULL
    })
    setTimeLimit()
    seconds <- c(seconds, as.double(difftime(Sys.time(), clock, units = "secs")))
    if (is.null(fit) || single || seconds[1L] > 5) break
    if (sum(seconds) > budget && length(seconds) >= 3L || length(seconds) >= most) break
  }
  list(seconds = min(seconds), runs = length(seconds), said = said, fit = fit,
       deviance = if (is.null(fit)) NA_real_ else -2 * as.numeric(logLik(fit)))
}

show_seconds <- function(s) {
  if (is.null(s)) return("-")
  if (s < 1) sprintf("%.2f ms", 1e3 * s) else sprintf("%.2f s", s)
}

# Iterations, evaluations of the deviance and (generalized models) Newton steps for the modes.
show_steps <- function(fit) {
  if (is.null(fit)) return("-")
  counts <- c("iterations", if (inherits(fit, "tiers_glmm")) c("evaluations", "inner"))
  paste(unlist(fit$convergence[counts]), collapse = " / ")
}

peer_result <- function(peer, case, d, ours) {
  fitter <- suite$peers[[peer]](case)
  if (is.null(fitter) || !requireNamespace(suite$packages[[peer]], quietly = TRUE)) return(NULL)
  result <- time_fit(fitter, case, d, once)
  if (!is.null(result$fit) && !is.null(suite$evaluate[[peer]])) {
    value <- suite$evaluate[[peer]](result$fit, case, ours$fit)
    if (!is.na(value)) result$deviance <- value
  }
  result
}

# One row of the table. Deviance is compared with the best peer; lower is better.
bench_case <- function(name) {
  case <- suite$cases[[name]]
  d <- case$data()
  ours <- time_fit(suite$tiers, case, d, FALSE)
  peers <- lapply(stats::setNames(nm = names(suite$peers)), function(peer) {
    if (nrow(d) <= peer_rows) peer_result(peer, case, d, ours)
  })
  best <- min(c(Inf, unlist(lapply(peers, `[[`, "deviance"))), na.rm = TRUE)
  worse <- !isTRUE(ours$deviance <= best + 1e-6 * (1 + abs(best)))
  cells <- unlist(lapply(peers, function(peer) {
    if (is.null(peer)) return(c("-", "-", "-"))
    c(show_seconds(peer$seconds), sprintf("%.1f", peer$seconds / ours$seconds),
      sprintf("%+.1e", peer$deviance - ours$deviance))
  }))
  row <- c(name, format(nrow(d), big.mark = ","), show_steps(ours$fit),
           show_seconds(ours$seconds), cells, if (worse) "WORSE" else "")
  said <- unlist(lapply(c("tiers", names(peers)), function(package) {
    said <- if (package == "tiers") ours$said else peers[[package]]$said
    said <- substr(gsub("\\s+", " ", said), 1, 160)
    if (length(said)) paste0("- ", name, ", ", package, ": ", said)
  }))
  cat(paste(row, collapse = " | "), "\n")
  list(row = row, said = said, worse = worse)
}

processor <- function() {
  line <- grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)[1L]
  trimws(sub("^[^:]*:", "", line))
}

results <- lapply(wanted, bench_case)
peer_columns <- unlist(lapply(names(suite$peers), function(peer) {
  c(peer, paste(peer, "/ tiers"), paste(peer, "deviance - tiers"))
}))
header <- c("case", "rows", "steps", "tiers", peer_columns, "")
table <- c(paste0("| ", paste(header, collapse = " | "), " |"),
           paste0("|", strrep("---|", length(header))),
           vapply(results, function(r) paste0("| ", paste(r$row, collapse = " | "), " |"), ""))
said <- unlist(lapply(results, `[[`, "said"))
dir.create(dirname(output), showWarnings = FALSE)
version_of <- function(package) {
  if (nzchar(system.file(package = package))) paste(package, utils::packageVersion(package))
}
writeLines(c(
  paste("#", suite$title), "",
  paste0("The whole call from formula to fit, minimum of repeated runs in one process; a fit that ",
         "takes over 5 s is run once. A positive difference of deviances means that this package ",
         "found the better point. Every package runs with its defaults."), "",
  if (suite_name == "generalized") c(paste0(
    "Steps: iterations / evaluations of the deviance / Newton steps for the modes. The deviance ",
    "of the estimates of glmer with more than one point, and of GLMMadaptive, is by the ",
    "likelihood of this package: their own values leave constants out or use the nodes of an ",
    "earlier step."),
    ""),
  table, "",
  if (length(said)) c("What the fits said:", "", said, ""),
  paste0(c(R.version.string, vapply(c("tiers", unique(suite$packages)), function(package) {
    version <- version_of(package)
    if (is.null(version)) paste(package, "not installed") else version
  }, ""), if (file.exists("/proc/cpuinfo")) processor()), collapse = "; ")), output)
cat("Written to", output, "\n")
if (any(vapply(results, `[[`, NA, "worse"))) stop("a peer found a lower deviance")
