# Cases of the suite on residual covariance structures. `residual` is this package's; `nlme` the
# arguments of gls(), or of lme() where there is `random`; `tmb` the formula of glmmTMB, whose
# residual variance is taken as good as zero.

# Eight visits with growing variances, 15% of them missing.
visits_data <- function(subjects) {
  set.seed(1)
  t <- 8L
  S <- outer(seq_len(t), seq_len(t),
             function(a, b) (1 + 0.05 * a) * (1 + 0.05 * b) * 0.7^abs(a - b))
  d <- data.frame(id = rep(seq_len(subjects), each = t), visit = rep(seq_len(t), subjects))
  d$arm <- factor(sample(2L, subjects, TRUE))[d$id]
  d$x <- stats::rnorm(subjects)[d$id]
  e <- matrix(stats::rnorm(subjects * t), subjects) %*% chol(S)
  d$y <- 1 + 0.2 * d$visit + 0.3 * (d$arm == 2) + 0.1 * d$x + as.vector(t(e))
  d$f <- factor(d$visit)
  d[stats::runif(nrow(d)) < 0.85, ]
}

# Ten observations of each subject at times of its own.
continuous_data <- function(subjects) {
  set.seed(2)
  d <- data.frame(id = rep(seq_len(subjects), each = 10L))
  d$time <- as.vector(apply(matrix(stats::runif(10L * subjects, 0, 5), 10L), 2L, sort))
  gap <- c(0, diff(d$time))
  rho <- exp(-gap / 1.5)
  rho[!duplicated(d$id)] <- 0
  noise <- stats::rnorm(nrow(d)) * sqrt(1 - rho^2)
  e <- noise
  for (i in seq_along(e)[-1L]) e[i] <- rho[i] * e[i - 1L] + noise[i]
  d$y <- 1 + 0.2 * d$time + e
  d
}

visit_form <- y ~ f * arm + x

visits_case <- function(subjects, residual, nlme = NULL, tmb = NULL) {
  list(data = function() visits_data(subjects), formula = visit_form, residual = residual,
       REML = TRUE, nlme = nlme, tmb = tmb)
}

visits_cases <- function(subjects, label) {
  each <- quote(nlme::varIdent(form = ~ 1 | f))
  out <- list(
    visits_case(subjects, quote(us(visit | id)),
                list(correlation = quote(nlme::corSymm(form = ~ visit | id)), weights = each),
                y ~ f * arm + x + us(f + 0 | id)),
    visits_case(subjects, quote(ar1h(visit | id)),
                list(correlation = quote(nlme::corAR1(form = ~ visit | id)), weights = each)),
    visits_case(subjects, quote(toeph(visit | id)), NULL, y ~ f * arm + x + toep(f + 0 | id)),
    visits_case(subjects, quote(ante(visit | id))))
  stats::setNames(out, paste(c("us", "ar1h", "toeph", "ante"), label))
}

longitudinal_cases <- c(list(
  `Orthodont us` = list(
    data = function() transform(as.data.frame(nlme::Orthodont), f = factor(age)),
    formula = distance ~ age * Sex, residual = quote(us(age | Subject)), REML = TRUE,
    nlme = list(correlation = quote(nlme::corSymm(form = ~ 1 | Subject)),
                weights = quote(nlme::varIdent(form = ~ 1 | f))),
    tmb = distance ~ age * Sex + us(f + 0 | Subject)),
  `fev us` = list(
    data = function() {
      d <- fixture("fev", c("USUBJID", "AVISIT", "ARMCD"))
      d <- d[!is.na(d$FEV1), ]
      transform(d, visit = as.integer(AVISIT))
    },
    formula = FEV1 ~ ARMCD * AVISIT, residual = quote(us(AVISIT | USUBJID)), REML = TRUE,
    nlme = list(correlation = quote(nlme::corSymm(form = ~ visit | USUBJID)),
                weights = quote(nlme::varIdent(form = ~ 1 | AVISIT))),
    tmb = FEV1 ~ ARMCD * AVISIT + us(AVISIT + 0 | USUBJID)),
  `Ovary ou` = list(
    data = function() as.data.frame(nlme::Ovary),
    formula = follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time) + (1 | Mare),
    residual = quote(ou(Time | Mare)), REML = TRUE,
    nlme = list(random = ~ 1 | Mare, fixed = follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time),
                correlation = quote(nlme::corCAR1(form = ~ Time | Mare)))),
  `Ovary without structure` = list(
    data = function() as.data.frame(nlme::Ovary),
    formula = follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time) + (1 | Mare), REML = TRUE,
    nlme = list(random = ~ 1 | Mare, fixed = follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time))),
  `BodyWeight slopes, sp_exp` = list(
    data = function() as.data.frame(nlme::BodyWeight),
    formula = weight ~ Time * Diet + (Time | Rat), residual = quote(sp_exp(Time | Rat)),
    REML = TRUE,
    nlme = list(random = ~ Time | Rat, fixed = weight ~ Time * Diet,
                correlation = quote(nlme::corExp(form = ~ Time | Rat))))),
  visits_cases(200L, "200"), visits_cases(10000L, "1e4"), visits_cases(100000L, "1e5"),
  list(`ou 1e5 rows` = list(
    data = function() continuous_data(10000L), formula = y ~ time,
    residual = quote(ou(time | id)), REML = TRUE,
    nlme = list(correlation = quote(nlme::corCAR1(form = ~ time | id))))))

fit_structured <- function(case, d) {
  call <- list(quote(lmm), case$formula, quote(d), REML = case$REML)
  if (!is.null(case$residual)) call$residual <- case$residual
  eval(as.call(call))
}

fit_gls <- function(case, d) {
  own <- lapply(case$nlme[c("correlation", "weights")], eval)
  own <- own[!vapply(own, is.null, NA)]
  method <- if (case$REML) "REML" else "ML"
  if (is.null(case$nlme$random)) {
    return(do.call(nlme::gls, c(list(case$formula, d, method = method), own)))
  }
  do.call(nlme::lme, c(list(case$nlme$fixed, d, case$nlme$random, method = method), own))
}

fit_tmb_marginal <- function(case, d) {
  glmmTMB::glmmTMB(case$tmb, d, dispformula = ~ 0, REML = case$REML)
}
