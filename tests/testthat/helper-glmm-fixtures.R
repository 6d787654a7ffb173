# Data of the generalized reference fits, and every quantity that cases-glmm.csv names.

glmm_fixture_factors <- list(
  bangladesh = c("district", "children"), cbpp = c("herd", "period"), event = "id",
  gopher = c("Site", "year"), grouseticks = c("BROOD", "INDEX", "LOCATION", "YEAR"),
  hessianfly = c("block", "gen"), lip_cancer = "area",
  mastitis = c("sire", "birth", "herd", "calvingYear"), multicenter = c("center", "group"),
  polytom2 = c("Lexeme", "Agent", "Patient", "Register", "Observation"),
  polytom3 = c("Lexeme", "Agent", "Patient", "Section", "Observation"), radinger = "species",
  respiratory = c("center", "id", "treat", "sex"), thailand = c("schoolid", "sex", "pped", "rgi"),
  toenail = "patient", verbagg = c("id", "item", "Gender", "btype", "situ", "r2"))

glmm_data <- function(name) {
  d <- fixture_data(name)
  d[glmm_fixture_factors[[name]]] <- lapply(d[glmm_fixture_factors[[name]]], factor)
  switch(name,
         bangladesh = transform(d, children = stats::relevel(children, "None")),
         multicenter = transform(d, group = stats::relevel(group, "B")),
         verbagg = transform(d, r2 = as.integer(r2 == "Y")),
         d)
}

glmm_fit_of <- function(model, data) {
  call <- str2lang(model)
  call$data <- quote(data)
  eval(call, list(data = data, glmm = glmm), globalenv())
}

# A named vector of everything that a row can ask for.
glmm_quantities <- function(fit) {
  se <- sqrt(diag(as.matrix(vcov(fit))))
  table <- as.data.frame(VarCorr(fit))
  table <- table[is.na(table$var2) & table$grp != "Residual", ]
  sd <- stats::setNames(table$sdcor, table$grp)
  log_lik <- as.numeric(logLik(fit))
  c(prefixed("fixef:", fixef(fit)), prefixed("se:", se),
    stats::setNames(se, paste0("se:", names(se), " (observed information of all parameters)")),
    prefixed("sd:", sd), prefixed("var:", sd^2), logLik = log_lik, "-2logLik" = -2 * log_lik)
}

# Data on which optimisers of other packages stop early; simulated ones beside the files.
glmm_hard_data <- function(name) {
  builders <- list(separated = separated_row_data, bernoulli_sd20 = large_variance_data,
                   poisson_million = million_counts_data, poisson_exposure = large_exposure_data)
  if (is.null(builders[[name]])) glmm_data(name) else builders[[name]]()
}

# x2 is one in a single row, which decides its coefficient by itself.
separated_row_data <- function() {
  set.seed(101)
  y <- rbinom(1000, 1, 0.5)
  data.frame(y, x = runif(1000), f = gl(20, 50), x2 = as.integer(seq_len(1000) == 1000))
}

# Groups of six 0/1 responses whose log-odds vary with a standard deviation of 20.
large_variance_data <- function() {
  set.seed(7)
  g <- gl(100, 6)
  x <- rnorm(600)
  effect <- 20 * rnorm(100)
  data.frame(g, x, y = rbinom(600, 1, stats::plogis(x + effect[g])))
}

# Counts near a million with a random effect for every row.
million_counts_data <- function() {
  set.seed(8)
  g <- gl(20, 10)
  x <- rnorm(200)
  of_group <- rnorm(20)
  of_row <- 0.2 * rnorm(200)
  data.frame(g, x, o = factor(seq_len(200)),
             y = rpois(200, exp(13 + 0.5 * x + of_group[g] + of_row)))
}

large_exposure_data <- function() {
  set.seed(8)
  g <- gl(20, 10)
  x <- rnorm(200)
  effect <- rnorm(20)
  data.frame(g, x, e = 1e8, y = rpois(200, exp(1 + 0.5 * x + effect[g])))
}
