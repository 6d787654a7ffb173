# Designs at the edges of what a mixed model can be: those whose variances cannot be told apart are
# refused and no others, no fit gives a false warning, and what the fixed effects saturate is lm()
# or glm(). bench/random-degenerate.R runs the same check on thousands and asks lme4 as well.

complaints_about <- function(cases) as.character(unlist(lapply(cases, degenerate_complaints)))

# A check that passes on everything would pass on these too.
expect_both_sorts <- function(cases, at_least) {
  identified <- vapply(cases, degenerate_identified, NA)
  saturated <- vapply(cases[identified], degenerate_saturated, NA)
  expect_gt(sum(!identified), at_least)
  expect_gt(sum(saturated), at_least)
  expect_gt(sum(!saturated), at_least)
}

test_that("degenerate linear designs are refused where they must be, or fitted without a warning", {
  cases <- lapply(1:88, degenerate_design)
  expect_identical(complaints_about(cases), character())
  expect_both_sorts(cases, 10L)
})

test_that("degenerate generalized designs are refused where they must be, or fitted", {
  cases <- lapply(1:132, degenerate_design, families = list(poisson(), binomial()))
  expect_identical(complaints_about(cases), character())
  expect_both_sorts(cases, 10L)
})

test_that("the likelihood of degenerate designs is never below that of lme4", {
  skip_if_not_installed("lme4")
  ignore <- list(check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore",
                 check.nobs.vs.rankZ = "ignore")
  compared <- 0L
  for (seed in 1:66) {
    case <- degenerate_design(seed)
    # There lme4 has another model: it does not split the term into one for each level.
    if (!degenerate_identified(case) || grepl("f ||", deparse1(case$formula), fixed = TRUE)) next
    ours <- suppressMessages(fit_degenerate(case))
    theirs <- listen(lme4::lmer(case$formula, case$data, REML = case$reml,
                                control = do.call(lme4::lmerControl, ignore)))$value
    if (is.null(theirs)) next
    compared <- compared + 1L
    expect_gt(as.double(logLik(ours)), as.double(logLik(theirs)) - 1e-6, label = case$name)
  }
  expect_gt(compared, 20L)
})
