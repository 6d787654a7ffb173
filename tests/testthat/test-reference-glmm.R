# Every number of fixtures/cases-glmm.csv, each to its own tolerance.

glmm_iteration_limit <- 12

compare_glmm_with_table <- function(rows, have) {
  value <- have[rows$quantity]
  off <- which(is.na(value) | abs(value - rows$value) > rows$tolerance)
  expect(length(off) == 0L, paste0(
    rows$case[1L], ": ", length(off), " of ", nrow(rows), " numbers are off\n",
    paste0(rows$quantity[off], ": ", signif(value[off], 12), " instead of ", rows$value[off],
           " +- ", rows$tolerance[off], " (", rows$status[off], ")", collapse = "\n")))
}

# Standard error of the one variance, from the Hessian of the deviance: differences of its exact
# gradient. What Stata prints beside a variance component.
variance_se <- function(fit, data, model) {
  call <- str2lang(model)
  formula <- stats::as.formula(call[[2L]], globalenv())
  fixed <- reformulas::nobars(formula)
  frame <- stats::model.frame(fixed, data)
  group <- all.vars(reformulas::findbars(formula)[[1L]][[3L]])
  spec <- glmm_spec(stats::model.response(frame), stats::model.matrix(fixed, frame),
                    list(glmm_term(group, data[[group]])), deparse(call$family),
                    if (call$family == "binomial") "logit" else "log",
                    offset = as.double(stats::model.offset(frame)), points = call$nAGQ)
  sd <- glmm_quantities(fit)[[paste0("sd:", group)]]
  gradient <- function(...) glmm_evaluate(...)$gradient
  psi <- glmm_pack(spec, fixef(fit), list(matrix(sd)))
  hessian <- numDeriv::jacobian(of_packed(gradient, spec), psi)
  at <- length(psi)
  stats::setNames(2 * sd * sqrt((2 * solve(hessian))[at, at]), paste0("se of var:", group))
}

cases <- utils::read.csv(test_path("fixtures", "cases-glmm.csv"), stringsAsFactors = FALSE)
for (case in unique(cases$case)) local({
  rows <- cases[cases$case == case, ]
  test_that(paste("reference:", case), {
    data <- glmm_data(sub("\\.csv.*", "", rows$data[1L]))
    expect_no_tiers_warning(fit <- suppressMessages(glmm_fit_of(rows$model[1L], data)))
    have <- glmm_quantities(fit)
    if (any(grepl("^se of var", rows$quantity))) {
      skip_if_not_installed("numDeriv")
      have <- c(have, variance_se(fit, data, rows$model[1L]))
    }
    compare_glmm_with_table(rows, have)
    expect_lte(fit$convergence$iterations, glmm_iteration_limit)
  })
})
