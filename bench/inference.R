# What comes after a fit, timed beside other packages in one process: degrees of freedom, profiles,
# robust covariance matrices, predictions with limits. The fits themselves are not timed.
#
#   Rscript bench/inference.R [--limit=S] [case ...]
#
# A peer is given up after S seconds (default 120). Writes results/inference.md.

suppressPackageStartupMessages(library(tiers))
arguments <- commandArgs(TRUE)
limit <- as.numeric(sub("^--limit=", "", c(grep("^--limit=", arguments, value = TRUE), "120")[1L]))

# Seconds (minimum of repeats that fill two seconds) and the value of a call.
time_call <- function(call) {
  seconds <- double()
  repeat {
    gc(FALSE)
    clock <- Sys.time()
    value <- suppressWarnings(suppressMessages(call()))
    seconds <- c(seconds, as.double(difftime(Sys.time(), clock, units = "secs")))
    if (sum(seconds) > 2 || length(seconds) >= 20L) break
  }
  list(seconds = min(seconds), value = value)
}

# The same in a child process that is ended at the limit: dense algebra cannot be interrupted.
time_peer <- function(call) {
  job <- parallel::mcparallel(tryCatch(time_call(call), error = identity))
  result <- parallel::mccollect(job, wait = FALSE, timeout = limit)
  if (is.null(result)) {
    tools::pskill(job$pid, tools::SIGKILL)
    suppressWarnings(parallel::mccollect(job))
    return(list(seconds = limit))
  }
  suppressWarnings(parallel::mccollect(job))
  if (inherits(result[[1L]], "error")) stop(result[[1L]])
  result[[1L]]
}

sleepstudy <- function() lme4::sleepstudy
sleep_formula <- Reaction ~ Days + (Days | Subject)

crossed_rows <- function(n = 10000L, raters = 200L, items = 100L) {
  set.seed(1)
  d <- data.frame(rater = gl(raters, n / raters), item = factor(sample(items, n, TRUE)),
                  x = rnorm(n), arm = rep(0:1, n / 2))
  d$y <- d$x + rnorm(raters)[d$rater] + rnorm(items)[d$item] + rnorm(n)
  d
}

wide_rows <- function(n = 100000L, groups = 2000L, p = 50L) {
  set.seed(2)
  x <- matrix(rnorm(n * (p - 1L)), n, dimnames = list(NULL, paste0("x", seq_len(p - 1L))))
  d <- data.frame(x, g = gl(groups, n / groups))
  d$y <- drop(x %*% rep(0.1, p - 1L)) + rnorm(groups)[d$g] + rnorm(n)
  d
}
wide_formula <- stats::reformulate(c(paste0("x", 1:49), "(1 | g)"), "y")

clustered_rows <- function(n = 100000L, groups = 5000L) {
  set.seed(3)
  d <- data.frame(g = factor(sample(groups, n, TRUE)), x = rnorm(n), z = rnorm(n))
  d$y <- d$x + rnorm(groups)[d$g] + rnorm(n)
  d
}

new_rows <- function(n) {
  set.seed(4)
  data.frame(Days = stats::runif(n, 0, 9),
             Subject = sample(unique(lme4::sleepstudy$Subject), n, TRUE))
}

lmer_fit <- function(formula) function(d) lmerTest::lmer(formula, d)
satterthwaite_errors <- function(fit) unname(summary(fit)$coefficients[, "df"])

# Of each case: data, our formula, our call and the peer's, each on its own fit; what both return
# is compared where it is the same quantity.
cases <- list(
  "Kenward-Roger, sleepstudy" = list(
    data = sleepstudy, formula = sleep_formula, peer = "pbkrtest by lmerTest",
    fit = lmer_fit(sleep_formula),
    ours = function(fit) summary(fit, ddf = "kenward-roger")$coefficients[, "df"],
    theirs = function(fit) summary(fit, ddf = "Kenward-Roger")$coefficients[, "df"]),
  "Kenward-Roger, crossed, 10,000 rows" = list(
    data = crossed_rows, formula = y ~ x + arm + (1 | rater) + (1 | item),
    peer = "pbkrtest by lmerTest", fit = lmer_fit(y ~ x + arm + (1 | rater) + (1 | item)),
    ours = function(fit) summary(fit, ddf = "kenward-roger")$coefficients[, "df"],
    theirs = function(fit) summary(fit, ddf = "Kenward-Roger")$coefficients[, "df"]),
  "Satterthwaite, 50 coefficients, 1e5 rows" = list(
    data = wide_rows, formula = wide_formula, peer = "lmerTest",
    fit = function(d) lme4::lmer(wide_formula, d),
    ours = function(fit) summary(fit, ddf = "satterthwaite")$coefficients[, "df"],
    theirs = function(fit) summary(lmerTest::as_lmerModLmerTest(fit))$coefficients[, "df"]),
  "profile limits, sleepstudy" = list(
    data = sleepstudy, formula = sleep_formula, peer = "lme4",
    fit = function(d) lme4::lmer(sleep_formula, d, REML = FALSE), reml = FALSE,
    ours = function(fit) confint(fit, c("sd_(Intercept)|Subject", "sd_Days|Subject", "sigma",
                                        "(Intercept)", "Days"), method = "profile"),
    theirs = function(fit) {
      stats::confint(fit, method = "profile", quiet = TRUE, oldNames = FALSE)[-2L, ]
    }),
  "CR2 with its df, 1e5 rows in 5,000 clusters" = list(
    data = clustered_rows, formula = y ~ x + z + (1 | g), peer = "clubSandwich",
    fit = function(d) lme4::lmer(y ~ x + z + (1 | g), d),
    ours = function(fit) summary(fit, vcov = "CR2", cluster = ~ g)$coefficients[, "df"],
    theirs = function(fit) {
      clubSandwich::coef_test(fit, clubSandwich::vcovCR(fit, type = "CR2"))$df_Satt
    }),
  "predict, 1e6 rows, confidence limits, no random effects" = list(
    data = sleepstudy, formula = sleep_formula, peer = "glmmTMB (standard errors)",
    fit = function(d) glmmTMB::glmmTMB(sleep_formula, d, REML = TRUE),
    ours = function(fit) {
      predict(fit, new_rows(1e6), re.form = NA, interval = "confidence", ddf = "asymptotic",
              output = "data.frame")$se.fit
    },
    theirs = function(fit) {
      stats::predict(fit, new_rows(1e6), re.form = NA, se.fit = TRUE)$se.fit
    }),
  "predict, 1e6 rows, Satterthwaite limits, random effects" = list(
    data = sleepstudy, formula = sleep_formula,
    ours = function(fit) {
      predict(fit, new_rows(1e6), interval = "prediction", ddf = "satterthwaite")[1L]
    }))

shown_seconds <- function(s) if (s < 1) sprintf("%.1f ms", 1e3 * s) else sprintf("%.1f s", s)

# Beyond the limit the peer's time is a lower bound.
bench_case <- function(name) {
  case <- cases[[name]]
  d <- case$data()
  reml <- is.null(case$reml)
  fit <- lmm(case$formula, d, REML = reml)
  ours <- time_call(function() case$ours(fit))
  row <- c(name, shown_seconds(ours$seconds))
  row <- if (is.null(case$theirs)) c(row, "none", "-", "-", "-") else {
    assign("d", d, globalenv()) # lmerTest evaluates the call again
    peer_fit <- suppressWarnings(suppressMessages(case$fit(d)))
    theirs <- time_peer(function() case$theirs(peer_fit))
    gave_up <- is.null(theirs$value)
    c(row, case$peer, paste0(if (gave_up) "> ", shown_seconds(theirs$seconds)),
      sprintf("%s%.0f", if (gave_up) "> " else "", theirs$seconds / ours$seconds),
      if (gave_up) "-" else {
        sprintf("%.0e", max(abs(unname(c(ours$value)) / unname(c(theirs$value)) - 1)))
      })
  }
  cat(paste(row, collapse = " | "), "\n")
  row
}

asked <- grep("^--", arguments, value = TRUE, invert = TRUE)
rows <- lapply(if (length(asked)) asked else names(cases), bench_case)
header <- c("what", "tiers", "peer", "its time", "ratio", "largest relative difference")
as_line <- function(cells) paste0("| ", paste(cells, collapse = " | "), " |")
versions <- vapply(c("tiers", "lme4", "lmerTest", "pbkrtest", "clubSandwich", "glmmTMB"),
                   function(package) paste(package, utils::packageVersion(package)), "")
writeLines(c("# After the fit", "",
             paste("Minimum of repeated calls in one process; the fits are not timed. A peer is",
                   "given up after", limit, "seconds."), "",
             as_line(header), paste0("|", strrep("---|", length(header))),
             vapply(rows, as_line, ""), "", paste(versions, collapse = "; ")),
           file.path("bench", "results", "inference.md"))
