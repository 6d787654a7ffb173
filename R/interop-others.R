# Methods on generics of packages whose default methods would take a fit of tiers for something else
# and return wrong numbers. They are registered when the package is loaded. What this version cannot
# answer is refused by name.

stop_not_yet <- function(what) {
  stop_input(paste(what, "is not available for fits of tiers in this version."))
}

# Collinearity -----------------------------------------------------------------------------------

# Generalized variance inflation factors of the terms: Fox and Monette (1992), Journal of the
# American Statistical Association 87, 178-183.
#' @exportS3Method car::vif
vif.tiers_fit <- function(mod, ...) {
  X <- fixed_matrix(mod)
  owner <- attr(X, "assign")[!is.na(mod$coefficients)]
  labels <- attr(mod$terms, "term.labels")[sort(unique(owner[owner > 0L]))]
  if (length(labels) < 2L) stop_input("Variance inflation needs at least two fixed terms.")
  correlation <- stats::cov2cor(mod$vcov[owner > 0L, owner > 0L, drop = FALSE])
  owner <- owner[owner > 0L]
  log_det <- function(keep) determinant(correlation[keep, keep, drop = FALSE])$modulus
  value <- vapply(sort(unique(owner)), function(term) {
    exp(log_det(owner == term) + log_det(owner != term) - log_det(rep(TRUE, length(owner))))
  }, 0)
  df <- tabulate(match(owner, sort(unique(owner))))
  if (all(df == 1L)) return(stats::setNames(value, labels))
  matrix(c(value, df, value^(1 / (2 * df))), ncol = 3L,
         dimnames = list(labels, c("GVIF", "Df", "GVIF^(1/(2*Df))")))
}

# Tests of terms --------------------------------------------------------------------------------

# Type 2 of car, which adjusts a term for the others by the covariance matrix of the estimates (SAS
# and anova(type = 2): by X'X); the others are those of anova(): type 3 does not depend on the
# contrasts of the factors.
#' @exportS3Method car::Anova
Anova.tiers_fit <- function(mod, type = 2, test.statistic = c("Chisq", "F"), vcov. = NULL, ...) {
  check_dots("Anova", ...)
  validate_fit(mod)
  chisq <- match_choice(test.statistic, c("Chisq", "F"), "test.statistic") == "Chisq"
  type <- match_test_type(type)
  if (type != 2L) return(anova_terms(mod, type, if (chisq) "asymptotic", vcov., NULL))
  if (!chisq) {
    stop_input(c("F tests of type 2 as car has them are not available.",
                 i = "Use {.code anova(fit, type = 2)}, or type 3."))
  }
  type2_wald(mod, given_vcov(mod, vcov.))
}

# Of a term what its hypothesis and those of all terms that contain it have together, less that of
# the latter: Wald statistics of one covariance matrix add up like sums of squares.
type2_wald <- function(fit, V) {
  beta <- kept_coefficients(fit)
  assign <- attr(kept_matrix(fit), "assign")
  factors <- attr(fit$terms, "factors") > 0
  wald <- function(terms) {
    at <- which(assign %in% terms)
    if (length(at) == 0L) return(c(0, 0))
    if (!all(is.finite(V[at, at]))) return(c(NA, length(at)))
    c(sum((whitening(V[at, at, drop = FALSE]) %*% beta[at])^2), length(at))
  }
  tests <- vapply(intersect(seq_len(NCOL(factors)), assign), function(term) {
    within <- colSums(factors[factors[, term], , drop = FALSE]) == sum(factors[, term])
    containing <- setdiff(which(within), term)
    c(wald(c(term, containing)) - wald(containing), term)
  }, c(0, 0, 0))
  structure(
    data.frame(Chisq = tests[1L, ], Df = tests[2L, ],
               `Pr(>Chisq)` = stats::pchisq(tests[1L, ], tests[2L, ], lower.tail = FALSE),
               check.names = FALSE, row.names = colnames(factors)[tests[3L, ]]),
    heading = "Type II Wald chi-square tests", class = c("anova", "data.frame"))
}

# Plots of lattice --------------------------------------------------------------------------------

#' @exportS3Method lattice::dotplot
dotplot.tiers_ranef <- function(x, data, ...) {
  stop_input("Random effects of tiers are drawn by {.fn plot}: {.code plot(ranef(fit))}.")
}

#' @exportS3Method lattice::qqmath
qqmath.tiers_ranef <- dotplot.tiers_ranef
