# Random longitudinal data sets over all residual structures: no crash, hang, warning without reason
# or condition without a class; the deviance is that of a dense multivariate normal density at the
# estimates; and it is not above what nlme::gls() or nlme::lme() finds for the same model.
#   Rscript bench/random-longitudinal.R [first seed] [last seed]
# Prints what went wrong and exits with 1, or the counts.

suppressPackageStartupMessages(library(tiers))
Sys.setenv(TESTTHAT = "true")
for (expression in parse(file.path("tests", "testthat", "helper-conditions.R"))) {
  eval(expression, globalenv())
}
seeds <- as.integer(commandArgs(TRUE))
seeds <- if (length(seeds) == 2L) seq(seeds[1L], seeds[2L]) else 1:1000

# Correlation matrices by distance (h, in steps) or by visit (a, b: places among t visits), of the
# parameters that are no standard deviation.
ante <- function(r, a, b) {
  low <- pmin(a, b)
  high <- pmax(a, b)
  products <- c(0, cumsum(log(abs(r))))
  signs <- c(1, cumprod(sign(r)))
  exp(products[high] - products[low]) * signs[high] * signs[low]
}
structures <- list(
  id = list(function(p, h, a, b) 1 * (h == 0), each = FALSE),
  diag = list(function(p, h, a, b) 1 * (a == b), each = TRUE),
  cs = list(function(p, h, a, b) ifelse(h == 0, 1, p), each = FALSE),
  csh = list(function(p, h, a, b) ifelse(a == b, 1, p), each = TRUE),
  ar1 = list(function(p, h, a, b) p^h, each = FALSE),
  ar1h = list(function(p, h, a, b) p^h, each = TRUE),
  ou = list(function(p, h, a, b) p^h, each = FALSE),
  sp_exp = list(function(p, h, a, b) exp(-h / p), each = FALSE),
  sp_gau = list(function(p, h, a, b) exp(-(h / p)^2), each = FALSE),
  sp_ratio = list(function(p, h, a, b) 1 / (1 + (h / p)^2), each = FALSE),
  sp_sph = list(function(p, h, a, b) ifelse(h < p, 1 - 1.5 * h / p + 0.5 * (h / p)^3, 0),
                each = FALSE),
  toep = list(function(p, h, a, b) ifelse(h == 0, 1, c(0, p)[pmax(h, 0) + 1]), each = FALSE),
  ante = list(function(p, h, a, b) ifelse(a == b, 1, ante(p, a, b)), each = TRUE),
  arma11 = list(function(p, h, a, b) ifelse(h == 0, 1, p[2] * p[1]^(h - 1)), each = FALSE),
  us = list(NULL, each = TRUE))

random_longitudinal <- function(seed) {
  set.seed(seed)
  t <- sample(3:5, 1L)
  n <- sample(c(8L, 15L, 30L, 60L), 1L)
  d <- expand.grid(visit = seq_len(t), id = seq_len(n))
  missing <- sample(c(0, 0.1, 0.3), 1L)
  d$x <- stats::rnorm(nrow(d))
  d$arm <- factor(sample(c("a", "b"), n, TRUE))[d$id]
  d$site <- sample(max(2L, n %/% 4L), n, TRUE)[d$id]
  d$item <- sample(4L, nrow(d), TRUE)
  d$w <- stats::runif(nrow(d), 0.5, 2)
  e <- t(chol(0.6^abs(outer(seq_len(t), seq_len(t), "-")))) %*% matrix(stats::rnorm(t * n), t)
  d$y <- 1 + 0.5 * d$x + 0.3 * d$visit + as.vector(e) * (1 + 0.1 * d$visit) +
    0.5 * stats::rnorm(max(d$site))[d$site]
  d <- d[stats::runif(nrow(d)) >= missing, ]
  d <- d[sample(nrow(d)), ]
  list(data = d, t = t, structure = sample(names(structures), 1L),
       bars = sample(c("", "", "", " + (1 | id)", " + (1 | site)", " + (1 | item)"), 1L),
       by = stats::runif(1) < 0.2, dispersion = stats::runif(1) < 0.2,
       weights = stats::runif(1) < 0.2, REML = stats::runif(1) < 0.5)
}

model_call <- function(case) {
  by <- if (case$by) ", by = arm" else ""
  residual <- str2lang(sprintf("%s(visit | id%s)", case$structure, by))
  call <- list(quote(lmm), stats::as.formula(paste0("y ~ x + visit * arm", case$bars)),
               quote(case$data), residual = residual, REML = case$REML)
  if (case$dispersion) call$dispersion <- ~ x
  if (case$weights) call$weights <- quote(w)
  as.call(call)
}

# The covariance matrix of the rows, from the table of parameters alone.
dense_covariance <- function(fit, case) {
  d <- case$data
  table <- fit$parameters
  n <- nrow(d)
  about <- structures[[case$structure]]
  sigma <- table$estimate[match("sigma", table$name)]
  R <- matrix(0, n, n)
  groups <- if (case$by) levels(droplevels(d$arm)) else ""
  for (group in groups) {
    ends <- if (case$by) endsWith(table$name, paste0(":", group)) else TRUE
    own <- which(table$component == "residual" & table$name != "sigma" & ends)
    sd <- table$estimate[own[table$role[own] == "sd"]]
    other <- table$estimate[own[table$role[own] != "sd"]]
    rows <- if (case$by) which(d$arm == group) else seq_len(n)
    h <- abs(outer(d$visit[rows], d$visit[rows], "-"))
    places <- sort(unique(d$visit))
    a <- match(d$visit[rows], places)
    first <- matrix(a, length(a), length(a))
    C <- if (case$structure == "us") {
      whole <- diag(length(places))
      whole[lower.tri(whole)] <- other
      whole <- whole + t(whole) - diag(length(places))
      whole[cbind(as.vector(first), as.vector(t(first)))]
    } else {
      about[[1L]](other, h, first, t(first))
    }
    scale <- if (about$each) sd[a] else rep(if (case$by) sd else sigma, length(a))
    same <- outer(d$id[rows], d$id[rows], "==")
    R[rows, rows] <- ifelse(same, matrix(C, length(a)) * outer(scale, scale), 0)
  }
  spread <- if (case$weights) 1 / sqrt(d$w) else rep(1, n)
  if (case$dispersion) {
    spread <- spread * exp(d$x * table$estimate[table$component == "dispersion"])
  }
  V <- R * outer(spread, spread)
  random <- which(table$component == "random")
  if (length(random)) {
    g <- d[[table$group[random[1L]]]]
    V <- V + table$estimate[random[1L]]^2 * outer(g, g, "==")
  }
  V
}

dense_deviance <- function(V, d, reml) {
  R <- chol(V)
  X <- stats::model.matrix(~ x + visit * arm, d)
  q <- qr(backsolve(R, X, transpose = TRUE))
  X <- X[, q$pivot[seq_len(q$rank)], drop = FALSE]
  half <- backsolve(R, cbind(X, d$y), transpose = TRUE)
  p <- ncol(X)
  q <- qr(half[, seq_len(p), drop = FALSE])
  n <- nrow(d) - if (reml) p else 0
  out <- 2 * sum(log(diag(R))) + sum(qr.resid(q, half[, p + 1L])^2) + n * log(2 * pi)
  if (reml) out <- out + 2 * sum(log(abs(diag(qr.R(q)))))
  out
}

# The same model by nlme, where it has it and comes to an end; NULL elsewhere.
peer_deviance <- function(case) {
  if (case$by || case$dispersion || case$weights) return(NULL)
  if (!case$bars %in% c("", " + (1 | id)")) return(NULL)
  d <- case$data[order(case$data$id, case$data$visit), ]
  form <- ~ visit | id
  correlation <- switch(case$structure, cs = , csh = nlme::corCompSymm(form = form),
                        ar1 = , ar1h = nlme::corAR1(form = form), ou = nlme::corCAR1(form = form),
                        sp_exp = nlme::corExp(form = form), sp_gau = nlme::corGaus(form = form),
                        sp_ratio = nlme::corRatio(form = form), id = , diag = "none", "unknown")
  if (identical(correlation, "unknown")) return(NULL)
  if (identical(correlation, "none")) correlation <- NULL
  weights <- if (structures[[case$structure]]$each) nlme::varIdent(form = ~ 1 | visit)
  method <- if (case$REML) "REML" else "ML"
  fit <- tryCatch(suppressWarnings(if (case$bars == "") {
    nlme::gls(y ~ x + visit * arm, d, correlation = correlation, weights = weights,
              method = method)
  } else {
    nlme::lme(y ~ x + visit * arm, d, random = ~ 1 | id, correlation = correlation,
              weights = weights, method = method)
  }), error = function(e) NULL)
  if (is.null(fit)) NULL else -2 * as.double(stats::logLik(fit))
}

check_case <- function(seed) {
  case <- random_longitudinal(seed)
  call <- model_call(case)
  heard <- listen(eval(call))
  steps <<- max(steps, heard$value$convergence$iterations)
  label <- paste0(seed, ": ", paste(deparse(call, 500L), collapse = ""))
  expected <- c("message", "tiers_error", "tiers_warning_notconverged")
  bad <- Filter(function(x) !inherits(x, expected) || length(without_class(list(x))),
                heard$conditions)
  if (length(bad)) return(c(label, condition_texts(bad)))
  if (is.null(heard$value)) {
    refused <<- refused + 1L
    if (verbose) cat(label, condition_texts(heard$conditions), sep = "\n  ")
    return(NULL)
  }
  fit <- heard$value
  status <- fit$convergence$status
  statuses[[status]] <<- (if (is.null(statuses[[status]])) 0L else statuses[[status]]) + 1L
  problems <- character()
  if (status == "not converged") problems <- c(problems, "not converged")
  dense <- tryCatch(dense_deviance(dense_covariance(fit, case), case$data, case$REML),
                    error = function(e) paste("dense:", conditionMessage(e)))
  if (is.character(dense)) {
    if (status == "converged") problems <- c(problems, dense)
  } else if (!(abs(dense - fit$deviance) <= 1e-7 * max(1, abs(dense)))) {
    problems <- c(problems, sprintf("dense %.9f, fit %.9f", dense, fit$deviance))
  }
  peer <- peer_deviance(case)
  if (!is.null(peer)) {
    compared <<- compared + 1L
    if (fit$deviance > peer + 1e-6) {
      problems <- c(problems, sprintf("nlme %.8f, fit %.8f", peer, fit$deviance))
    }
    if (peer > fit$deviance + 1e-6) lower <<- lower + 1L
  }
  if (length(problems)) c(label, paste(status, problems)) else NULL
}

verbose <- nzchar(Sys.getenv("VERBOSE"))
steps <- 0L
wrong <- refused <- compared <- lower <- 0L
statuses <- list()
for (seed in seeds) {
  problem <- check_case(seed)
  if (length(problem)) {
    wrong <- wrong + 1L
    cat(problem, sep = "\n  ")
  }
}
cat(length(seeds), " data sets, ", wrong, " with something wrong; ", refused, " refused; ",
    paste(unlist(statuses), names(statuses), collapse = ", "), "; ", compared,
    " compared with nlme, ", lower, " of them lower here; at most ", steps, " iterations\n",
    sep = "")
quit(status = as.integer(wrong > 0L))
