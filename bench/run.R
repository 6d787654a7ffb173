# Times this package, lme4 and nlme side by side in one process: make bench, or
#   Rscript bench/run.R [options] [case ...]
# --once        run a peer once, however fast (default: only when its first fit takes > 5 s)
# --no-peers    this package alone
# --peer-rows=N leave the peers out of cases with more than N rows
# --out=NAME    write bench/results/NAME.md (default: linear)
# Run from the folder that holds DESCRIPTION.

suppressPackageStartupMessages(library(tiers))
source(file.path("bench", "cases.R"))

arguments <- commandArgs(TRUE)
option <- function(name, default) {
  hit <- grep(paste0("^--", name, "="), arguments, value = TRUE)
  if (length(hit)) sub("^[^=]*=", "", hit[1L]) else default
}
once <- "--once" %in% arguments
peer_rows <- if ("--no-peers" %in% arguments) 0 else as.numeric(option("peer-rows", "Inf"))
output <- file.path("bench", "results", paste0(option("out", "linear"), ".md"))
wanted <- grep("^--", arguments, value = TRUE, invert = TRUE)
if (!length(wanted)) wanted <- names(bench_cases)

fitters <- list(
  tiers = function(case, d) lmm(case$formula, d, REML = case$REML),
  lme4 = function(case, d) lme4::lmer(case$formula, d, REML = case$REML),
  nlme = function(case, d) {
    nlme::lme(case$nlme$fixed, d, case$nlme$random, method = if (case$REML) "REML" else "ML")
  })

# The whole call, from formula to fit: minimum over repeats that fill `budget` seconds.
time_fit <- function(fitter, case, d, single, budget = 2, most = 50L) {
  seconds <- double()
  said <- character()
  note <- function(condition) said <<- union(said, conditionMessage(condition))
  repeat {
    gc(FALSE)
    clock <- Sys.time()
    fit <- tryCatch(withCallingHandlers(fitter(case, d), warning = function(w) {
      note(w)
      invokeRestart("muffleWarning")
    }, message = function(m) invokeRestart("muffleMessage")), error = function(e) {
      note(e)
      NULL
    })
    seconds <- c(seconds, as.double(difftime(Sys.time(), clock, units = "secs")))
    if (is.null(fit) || single || seconds[1L] > 5) break
    if (sum(seconds) > budget && length(seconds) >= 3L || length(seconds) >= most) break
  }
  list(seconds = min(seconds), runs = length(seconds), said = said,
       deviance = if (is.null(fit)) NA_real_ else -2 * as.numeric(logLik(fit)),
       steps = if (inherits(fit, "tiers_fit")) fit$convergence$iterations else NA_integer_)
}

show_seconds <- function(s) {
  if (is.null(s)) return("-")
  if (s < 1) sprintf("%.2f ms", 1e3 * s) else sprintf("%.2f s", s)
}

# One row of the table. Deviance is compared with the best peer; lower is better.
bench_case <- function(name) {
  case <- bench_cases[[name]]
  d <- case$data()
  result <- list(tiers = time_fit(fitters$tiers, case, d, FALSE))
  if (nrow(d) <= peer_rows) {
    for (peer in c("lme4", if (!is.null(case$nlme)) "nlme")) {
      if (requireNamespace(peer, quietly = TRUE)) {
        result[[peer]] <- time_fit(fitters[[peer]], case, d, once)
      }
    }
  }
  ours <- result$tiers
  peers <- result[-1L]
  gap <- function(peer) {
    if (is.null(result[[peer]])) return("-")
    sprintf("%+.1e", result[[peer]]$deviance - ours$deviance)
  }
  ratio <- function(peer) {
    if (is.null(result[[peer]])) return("-")
    sprintf("%.1f", result[[peer]]$seconds / ours$seconds)
  }
  best <- min(c(Inf, vapply(peers, `[[`, 1, "deviance")), na.rm = TRUE)
  worse <- ours$deviance > best + 1e-6 * (1 + abs(best))
  row <- c(name, format(nrow(d), big.mark = ","), ours$steps, show_seconds(ours$seconds),
           show_seconds(result$lme4$seconds), ratio("lme4"), gap("lme4"),
           show_seconds(result$nlme$seconds), ratio("nlme"), gap("nlme"),
           if (worse) "WORSE" else "")
  said <- unlist(lapply(names(result), function(package) {
    said <- substr(gsub("\\s+", " ", result[[package]]$said), 1, 160)
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
header <- c("case", "rows", "steps", "tiers", "lme4", "lme4 / tiers", "lme4 deviance - tiers",
            "nlme", "nlme / tiers", "nlme deviance - tiers", "")
table <- c(paste0("| ", paste(header, collapse = " | "), " |"),
           paste0("|", strrep("---|", length(header))),
           vapply(results, function(r) paste0("| ", paste(r$row, collapse = " | "), " |"), ""))
said <- unlist(lapply(results, `[[`, "said"))
dir.create(dirname(output), showWarnings = FALSE)
version_of <- function(package) {
  if (nzchar(system.file(package = package))) paste(package, utils::packageVersion(package))
}
writeLines(c(
  "# Linear mixed models", "",
  paste0("The whole call from formula to fit, minimum of repeated runs in one process; a fit that ",
         "takes over 5 s is run once. A positive difference of deviances means that this package ",
         "found the better point. Every package runs with its defaults."), "",
  table, "",
  if (length(said)) c("What the fits said:", "", said, ""),
  paste0(c(R.version.string, version_of("tiers"), version_of("lme4"), version_of("nlme"),
           if (file.exists("/proc/cpuinfo")) processor()), collapse = "; ")), output)
cat("Written to", output, "\n")
if (any(vapply(results, `[[`, NA, "worse"))) stop("a peer found a lower deviance")
