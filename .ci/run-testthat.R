# Runs the R tests in a folder against the installed package and writes "passed failed skipped"
# to a file: Rscript run-testthat.R FOLDER FILE [FILTER]. One test_that() is one test.
arguments <- commandArgs(TRUE)
library(testthat)
library(tiers)

results <- as.data.frame(test_dir(
  arguments[1], package = "tiers", load_package = "installed", stop_on_failure = FALSE,
  reporter = "check",
  filter = if (length(arguments) > 2L) arguments[3]))
failed <- results$failed > 0L | results$error
skipped <- results$skipped & !failed
writeLines(paste(sum(!failed & !skipped), sum(failed), sum(skipped)), arguments[2])
warned <- results[results$warning > 0L, ]
for (i in seq_len(nrow(warned))) cat("warnings in", warned$file[i], "|", warned$test[i], "\n")
slow <- results[order(-results$real), ][seq_len(min(5L, nrow(results))), ]
cat("Slowest:", paste0(slow$test, " (", round(slow$real, 1), " s)", collapse = "; "), "\n")
quit(status = as.integer(any(failed)))
