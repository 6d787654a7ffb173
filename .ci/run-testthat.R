# Runs the R tests in a folder against the installed package, two files at a time, and writes
# "passed failed skipped" to a file: Rscript run-testthat.R FOLDER FILE [FILTER]. One test_that() is
# one test.
arguments <- commandArgs(TRUE)
library(testthat)
library(tiers)

folder <- arguments[1L]
files <- sub("^test-(.*)\\.[rR]$", "\\1", basename(find_test_scripts(folder)))
if (length(arguments) > 2L) files <- grep(arguments[3L], files, value = TRUE)
if (length(files) == 0L) stop("no file of tests has a name like ", arguments[3L])

# A file in a process of its own: list(results, output). What is printed is shown where something
# is to be seen in it.
run_file <- function(name) {
  output <- utils::capture.output(
    results <- as.data.frame(test_dir(
      folder, package = "tiers", load_package = "installed", stop_on_failure = FALSE,
      reporter = "check", filter = paste0("^\\Q", name, "\\E$"), perl = TRUE)))
  columns <- c("file", "test", "nb", "failed", "skipped", "error", "warning", "real")
  list(results = results[columns], output = output)
}

# Files that take long come first, so that none is left for the end; their size says it well enough.
size <- file.size(file.path(folder, paste0("test-", files, ".R")))
files <- files[order(-size)]
runs <- parallel::mclapply(files, run_file, mc.cores = 2L, mc.preschedule = FALSE)
died <- !vapply(runs, is.list, NA)
for (i in which(died)) {
  cat("test-", files[i], ".R did not come to its end: ", format(runs[[i]]), "\n", sep = "")
}
for (run in runs[!died]) {
  if (any(run$results$failed > 0L | run$results$error)) writeLines(run$output)
}

results <- do.call(rbind, lapply(runs[!died], `[[`, "results"))
failed <- results$failed > 0L | results$error
skipped <- results$skipped & !failed
writeLines(paste(sum(!failed & !skipped), sum(failed) + sum(died), sum(skipped)), arguments[2L])
warned <- results[results$warning > 0L, ]
for (i in seq_len(nrow(warned))) cat("warnings in", warned$file[i], "|", warned$test[i], "\n")
slow <- results[order(-results$real), ][seq_len(min(5L, nrow(results))), ]
cat("R:", sum(results$nb), "expectations. Slowest:",
    paste0(slow$test, " (", round(slow$real, 1), " s)", collapse = "; "), "\n")
quit(status = as.integer(any(failed, died)))
