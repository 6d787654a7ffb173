# A kind of model (linear, generalized linear; others can be added) as its own room: what differs
# between kinds is said by the functions below and nowhere else. A kind is one file kind-NAME.R with
#
#   a constructor   new_kind("tiers_NAME", ...) of what the user chose for this kind: the front end
#                   (lmm(), glmm()) calls it and hands it to fit_model_kind(), which has the stages
#                   of a fit in order; all its elements become elements of the fit
#   methods         one for every function here, for the class "tiers_NAME", and for those generics
#                   of R that have no method for all fits: residuals(), family(), augment()
#
# and test-kind.R checks that none is missing. The three things that a model is in turn (the kind
# before the fit, the specification that goes to the engine, the fit) all have the class of the kind
# first, so that the same functions work on each of them; the argument is called after what it is.
#
# The functions are S3 generics inside of the package. Their methods are registered (`@export` on a
# method writes S3method() into NAMESPACE; neither generic nor method can be seen from outside),
# because dispatch looks where the generic was called from and then among registered methods: from
# within lapply() the first of these is not the package.
new_kind <- function(class, ...) structure(list(...), class = c(class, "tiers_kind"))

# The class by which methods are found, of a kind, a specification or a fit; others may have been
# put before it.
kind_class <- function(x) grep("^tiers_", class(x), value = TRUE)[1L]

# The same with those of the kinds that it is made from.
kind_classes <- function(x) {
  setdiff(grep("^tiers_", class(x), value = TRUE),
          c("tiers_kind", "tiers_specification", "tiers_fit"))
}

# Parameters before the fit -----------------------------------------------------------------------

# The rows of sigma or of the dispersion in the table of parameters_of() (see constraints.R).
residual_parameters <- function(spec) UseMethod("residual_parameters")

# The rows of `table` (that of all parameters) that `start` can name, with further ones for fixed
# effects where the engine searches for these.
kind_start_parameters <- function(spec, table) UseMethod("kind_start_parameters")

# The standard deviation by which those of the random effects in `start` are divided for Lambda.
start_scale <- function(spec, start) UseMethod("start_scale")

# The specification with the starting values of all that is no random effect.
kind_start <- function(spec, start) UseMethod("kind_start")

# Stages of a fit ------------------------------------------------------------------------------

# What parse_formula() returned with what this kind asks of the other arguments: `dispersion` (terms
# of the log dispersion parameter), `check_response` (a function of the response and its name, for
# a better error where the frame cannot be made).
kind_formula <- function(kind, parsed) UseMethod("kind_formula")

# The response as the engine takes it: list(y, weights), and what else the kind needs. `name` is
# what the response is called in errors, `labels` names the rows of the frame.
kind_response <- function(kind, frame, name, labels) UseMethod("kind_response")

# The kind once its frame and random terms are there (`model` of build_model()).
kind_with_model <- function(kind, model) UseMethod("kind_with_model")

# What goes to the compiled code; `response` is that of kind_response(), `dispersion` the design of
# the log dispersion parameter (NULL: a constant, or none).
kind_specification <- function(kind, response, X, built, frame, dispersion) {
  UseMethod("kind_specification")
}

# The result of the engine, checked.
kind_run <- function(spec, control) UseMethod("kind_run")

# The fit with those of its estimates that not every kind has, and sigma.
kind_estimates <- function(fit, spec, result) UseMethod("kind_estimates")

# Messages and warnings after a fit that only this kind can have.
kind_report <- function(fit) UseMethod("kind_report")

# Do the parts of a fit that only this kind has fit together?
kind_is_whole <- function(fit) UseMethod("kind_is_whole")

# Profiles of the parameters in `requests` (see profile_requests()) at the values `zeta`: for each
# of them what profile_lmm_cpp() returns.
kind_profile <- function(fit, requests, zeta) UseMethod("kind_profile")

# Words and tests --------------------------------------------------------------------------------

# Phrases of printouts:
#   title      "Linear mixed model fitted by REML"
#   direct     the verdict where there is no random effect; NULL where that needs iterations too
kind_words <- function(fit) UseMethod("kind_words")

# Lines on a search that ended before the optimum: `cause`, what in the data explains it, in place
# of all others (NULL: nothing does); `edge`, where the deviance falls up to the edge of its domain
# (NULL: it has none); `stuck`, what to do where no step helps.
kind_endings <- function(fit) UseMethod("kind_endings")

# Tests of the fixed effects: list(ddf, linear, statistic, sums_of_squares)
#   ddf        the default method for degrees of freedom (see ddf.R)
#   linear     do the methods apply that are made of the variance parameters of a linear model?
#   statistic  "t" or "z": what an estimate by its standard error is called without any
#   sums_of_squares  do tables of F tests have them?
kind_tests <- function(fit) UseMethod("kind_tests")

# Findings of diagnose() that only this kind can have: a data frame or NULL. `compared` is what
# compared_quadrature() returned.
kind_findings <- function(fit, compared) UseMethod("kind_findings")

# list(type, position, label): the default type of residuals in plots, and the horizontal axis for
# residuals of `type` (NULL: the default one).
kind_residual_axis <- function(fit, type = NULL) UseMethod("kind_residual_axis")

# The response given the linear predictor ---------------------------------------------------------

# list(name, link, custom) as read_family() makes it, of a fit or a specification; gaussian with the
# identity link for a linear model. Also of fits of lm() and glm(), where they are compared with
# ours.
family_of <- function(fit) UseMethod("family_of")

# A function of the linear predictor that draws responses in the form that the user wrote them in;
# `n` rows, those of the fit or of `newdata`.
response_drawer <- function(fit, newdata, n) UseMethod("response_drawer")

# The parameter of the response's spread in each row: sigma, or the family's own.
row_dispersion <- function(fit, newdata) UseMethod("row_dispersion")

# Square root of the weight of a row at the estimates, and derivative of its log density by the
# linear predictor; both on the scale that Lambda is on.
root_weights <- function(fit) UseMethod("root_weights")
row_scores <- function(fit) UseMethod("row_scores")

# Cluster-robust covariance matrix of the fixed effects of a type (see robust_types()) for codes of
# the rows, by the model's own likelihood; NULL: that of the (working) linear model, robust_rows().
kind_cluster_vcov <- function(fit, type, codes) UseMethod("kind_cluster_vcov")

# Rows (n x p) whose sums over clusters are the scores of the fixed effects, on the scale on which
# fit$vcov is the inverse of their information.
kind_row_scores <- function(fit) UseMethod("kind_row_scores")

# Random effects and likelihood ------------------------------------------------------------------

# The standard deviation that Lambda is relative to: sigma in a linear model, else 1.
random_scale <- function(fit) UseMethod("random_scale")

# Conditional covariance matrices of the random effects, one k x k x levels array a term.
kind_condvar <- function(fit, spec) UseMethod("kind_condvar")

# Errors of linear functions m'b + l'beta, with the covariance matrix and df of the prepared method
# `ddf`: list(variance, df) of many rows, list(variance, df_rows, df_joint) of a few contrasts.
#   rows       list(fixed, parts, residual): rows x p (all columns); for each part list(term, level,
#              basis), levels counted from 1, 0: a new one, -1: none; 1 / weight of a new response
#   contrasts  list(fixed, random): contrasts x p; for each term contrasts x (k levels)
kind_row_errors <- function(fit, rows, ddf) UseMethod("kind_row_errors")
kind_block_errors <- function(fit, contrasts, ddf) UseMethod("kind_block_errors")

# list(means, variances) of the random effects given the data; NULL where these are the modes.
conditional_means <- function(fit) UseMethod("conditional_means")

# -2 log-likelihood (`reml`: restricted) at the estimates, where that is not what the fit was
# made by.
criterion_at <- function(fit, reml) UseMethod("criterion_at")

# -2 log-likelihood (never the restricted one) at the variances of the fit and these fixed effects,
# a number for every column; `spec` is that of the fit.
deviance_at <- function(fit, spec, beta) UseMethod("deviance_at")

# Fits of the model to other responses, the columns of `responses` as the engine takes them, from
# the starts in `spec`: list(coefficients, parameters, deviance, status) with a column each.
kind_replicates <- function(fit, spec, responses) UseMethod("kind_replicates")
