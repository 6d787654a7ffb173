# Parametric bootstraps timed beside other packages in one process, in microseconds of computing
# time a replicate: a peer makes `--peer` of them (default 50), this package 2,000, and 10,000 of
# the first case. Distributions are compared by Kolmogorov's test of each statistic.
#
#   Rscript bench/bootstrap.R [--peer=N] [case ...]
#
# Writes results/bootstrap.md.

suppressPackageStartupMessages(library(tiers))
arguments <- commandArgs(TRUE)
peer_count <- as.integer(sub("^--peer=", "",
                             c(grep("^--peer=", arguments, value = TRUE), "50")[1L]))

quiet <- function(expr) suppressWarnings(suppressMessages(expr))

# Computing time by replicate, and the value.
time_replicates <- function(call, count) {
  gc(FALSE)
  clock <- proc.time()
  value <- quiet(call(count))
  list(seconds = sum((proc.time() - clock)[1:2]) / count, value = value)
}

boot_matrix <- function(peer, FUN) function(count) {
  lme4::bootMer(peer, FUN, nsim = count, seed = 1)$t
}

crossed <- function(n = 10000L) {
  set.seed(1)
  d <- data.frame(rater = gl(200L, n / 200L), item = factor(sample(100L, n, TRUE)), x = rnorm(n))
  d$y <- d$x + rnorm(200)[d$rater] + rnorm(100)[d$item] + rnorm(n)
  d
}

linear_case <- function(data, formula, count = 2000L) {
  list(data = data, count = count, ours = function(d) {
    fit <- lmm(formula, d)
    function(count) bootstrap(fit, nsim = count, seed = 1)$t[, c(names(fixef(fit)), "sigma")]
  }, theirs = function(d) {
    boot_matrix(lme4::lmer(formula, d), function(fit) c(lme4::fixef(fit), stats::sigma(fit)))
  }, peer = "lme4::bootMer")
}

cases <- list(
  "sleepstudy" = linear_case(lme4::sleepstudy, Reaction ~ Days + (Days | Subject), 10000L),
  "Penicillin" = linear_case(lme4::Penicillin, diameter ~ 1 + (1 | plate) + (1 | sample)),
  "crossed, 10,000 rows" = linear_case(crossed(), y ~ x + (1 | rater) + (1 | item), 100L),
  "cbpp, binomial" = list(
    data = lme4::cbpp, count = 2000L, peer = "lme4::bootMer",
    ours = function(d) {
      fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), d, family = binomial())
      function(count) bootstrap(fit, nsim = count, seed = 1)$t[, names(fixef(fit))]
    },
    theirs = function(d) {
      boot_matrix(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), d,
                              family = binomial()), lme4::fixef)
    }),
  "comparison of two fits, sleepstudy" = list(
    data = lme4::sleepstudy, count = 2000L, peer = "pbkrtest::PBmodcomp",
    ours = function(d) {
      large <- lmm(Reaction ~ Days + (Days | Subject), d, REML = FALSE)
      small <- lmm(Reaction ~ 1 + (Days | Subject), d, REML = FALSE)
      function(count) {
        attr(anova(small, large, method = "bootstrap", nsim = count, seed = 1), "replicates")
      }
    },
    theirs = function(d) {
      large <- lme4::lmer(Reaction ~ Days + (Days | Subject), d, REML = FALSE)
      small <- lme4::lmer(Reaction ~ 1 + (Days | Subject), d, REML = FALSE)
      function(count) {
        set.seed(1)
        pbkrtest::PBmodcomp(large, small, nsim = count)$ref
      }
    }))

bench_case <- function(name) {
  case <- cases[[name]]
  assign("d", case$data, globalenv()) # update() of a peer evaluates its call again
  ours <- time_replicates(case$ours(case$data), case$count)
  theirs <- time_replicates(case$theirs(case$data), peer_count)
  a <- as.matrix(ours$value)
  b <- as.matrix(theirs$value)
  p <- vapply(seq_len(ncol(a)), function(j) {
    quiet(stats::ks.test(a[, j], b[, j])$p.value)
  }, 1)
  row <- c(name, format(case$count, big.mark = ","), sprintf("%.0f", 1e6 * ours$seconds),
           sprintf("%.2f s", ours$seconds * case$count), case$peer,
           sprintf("%.0f", 1e6 * theirs$seconds), sprintf("%.0f", theirs$seconds / ours$seconds),
           format(min(p), digits = 2L))
  cat(paste(row, collapse = " | "), "\n")
  row
}

wanted <- grep("^--", arguments, value = TRUE, invert = TRUE)
if (length(wanted) == 0L) wanted <- names(cases)
rows <- lapply(wanted, bench_case)
columns <- c("case", "replicates", "us each", "in all", "peer", "us each", "ratio", "least p")
lines <- vapply(c(list(columns, rep("---", length(columns))), rows), function(row) {
  paste0("| ", paste(row, collapse = " | "), " |")
}, "")
writeLines(c(paste0("Made by bench/bootstrap.R with tiers ", utils::packageVersion("tiers"),
                    ", lme4 ", utils::packageVersion("lme4"), ", pbkrtest ",
                    utils::packageVersion("pbkrtest"), "; ", peer_count,
                    " replicates of a peer."), "", lines),
           file.path("bench", "results", "bootstrap.md"))
