# Data of the reference fits, and every quantity that cases-linear.csv names, from a fit.

fixture_factors <- list(
  alcohol = "id", bdf = "schoolNR", cake = c("replicate", "recipe", "temperature"),
  dyestuff = "Batch", dyestuff2 = "Batch", egsingle = c("schoolid", "childid"),
  exam = c("school", "sex", "schgend"), insteval = c("s", "d", "service", "dept"),
  part_operator = c("Part", "Operator"), pastes = c("batch", "cask", "sample"),
  penicillin = c("plate", "sample"), pig = "id", sleepstudy = "Subject",
  splitplot = c("Block", "A", "B"), wind_tunnel = "plot")

fixture_data <- function(name) {
  path <- test_path("fixtures", paste0(name, c(".csv", ".csv.gz")))
  d <- utils::read.csv(path[file.exists(path)][1L], stringsAsFactors = FALSE)
  d[fixture_factors[[name]]] <- lapply(d[fixture_factors[[name]]], factor)
  d
}

nlme_data <- function(name) {
  d <- as.data.frame(getExportedValue("nlme", name))
  # as.data.frame() keeps the ordered grouping factors of nlme, whose level order is by response
  d[] <- lapply(d, function(x) if (is.ordered(x)) factor(x, ordered = FALSE) else x)
  d
}

# The `data` column of cases-linear.csv.
reference_data <- function(data) {
  if (grepl("^nlme::", data)) return(nlme_data(sub("^nlme::(\\w+).*", "\\1", data)))
  d <- fixture_data(sub("\\.csv.*", "", data))
  switch(sub("^[^,]*,? ?", "", data),
         "t = age - 14" = transform(d, t = age - 14),
         "wk = factor(week)" = transform(d, wk = factor(week)),
         d)
}

reference_cases <- function() {
  utils::read.csv(test_path("fixtures", "cases-linear.csv"), stringsAsFactors = FALSE)
}

reference_fit <- function(model, data) {
  call <- str2lang(model)
  call$data <- quote(data)
  eval(call, list(data = data, lmm = lmm), globalenv())
}

# A named vector of everything that a row can ask for.
reference_quantities <- function(fit) {
  se <- sqrt(diag(as.matrix(vcov(fit))))
  out <- c(prefixed("fixef:", fixef(fit)), prefixed("se:", se), random_quantities(fit),
           sigma = sigma(fit), sigma2 = sigma(fit)^2, logLik = as.numeric(logLik(fit)))
  out["se:(Intercept) (GLS)"] <- se["(Intercept)"]
  out[if (fit$REML) "-2REML" else "-2logLik"] <- -2 * out[["logLik"]]
  out
}

prefixed <- function(prefix, x) stats::setNames(x, paste0(prefix, names(x)))

random_quantities <- function(fit) {
  unlist(unname(lapply(fit$random, function(term) {
    # The table writes nested factors with the outer one first.
    if (grepl("/", deparse1(formula(fit)))) {
      term$group <- paste(rev(strsplit(term$group, ":")[[1L]]), collapse = ":")
    }
    Sigma <- sigma(fit)^2 * tcrossprod(term$Lambda)
    columns <- term$columns
    out <- stats::setNames(diag(Sigma), paste("var", term$group, columns, sep = ":"))
    if (length(columns) == 1L) {
      return(c(out, stats::setNames(sqrt(Sigma[1L, 1L]), paste0("sd:", term$group))))
    }
    pairs <- which(lower.tri(Sigma), arr.ind = TRUE)
    labels <- paste0("cov:", term$group, ":", columns[pairs[, 2L]], ",", columns[pairs[, 1L]])
    c(out, stats::setNames(Sigma[pairs], labels))
  })))
}

satterthwaite_quantities <- function(fit) {
  table <- stats::coef(summary(fit, ddf = "satterthwaite"))
  c(prefixed("SW se: ", table[, "Std. Error"]), prefixed("SW df: ", table[, "df"]),
    prefixed("df (SW and KR): ", table[, "df"]))
}

test_quantities <- function(fit) {
  table <- as.data.frame(stats::anova(fit))
  df <- paste0(" (", table$NumDF, ", ", round(table$DenDF, 6), " df)")
  c(stats::setNames(table[["F value"]], paste0("F:", rownames(table), df)),
    stats::setNames(table[["Pr(>F)"]], paste0("p:", rownames(table))))
}
