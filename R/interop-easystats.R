# Methods for insight, performance and parameters, registered when those packages are loaded. What
# these do for a fixed list of classes alone (insight::is_model(), compare_performance()) stays out
# of reach.

# The parts of the formula, by which insight and the packages on it know a mixed model.
#' @exportS3Method insight::find_formula
find_formula.tiers_fit <- function(x, ...) {
  env <- environment(x$terms)
  bars <- lapply(unname(x$random_terms), function(term) {
    stats::as.formula(call("~", strip_brackets(str2lang(term$label))), env = env)
  })
  random <- if (length(bars) > 1L) bars else if (length(bars)) bars[[1L]]
  parts <- list(conditional = formula.tiers_fit(x, fixed.only = TRUE), random = random)
  structure(parts[lengths(parts) > 0L], class = c("insight_formula", "list"))
}

# In the parts of variance_shares(), on the scale that icc() takes by default.
variance_parts <- function(fit) {
  parts <- variance_shares(fit)
  list(fixed = parts$fixed$value, random = parts$between$value,
       residual = parts$residual$value)
}

#' @exportS3Method insight::get_variance
get_variance.tiers_fit <- function(x, component = "all", ...) {
  force_arguments("component")
  known <- c("all", "fixed", "random", "residual", "distribution", "dispersion", "intercept")
  component <- match_choice(component, known, "component")
  parts <- variance_parts(x)
  covariances <- VarCorr(x)
  of_intercept <- vapply(covariances, function(v) "(Intercept)" %in% rownames(v), NA)
  value <- list(
    var.fixed = parts$fixed, var.random = parts$random, var.residual = parts$residual,
    var.distribution = parts$residual, var.dispersion = 0,
    var.intercept = vapply(covariances[of_intercept],
                           function(v) v["(Intercept)", "(Intercept)"], 0))
  if (identical(component, "all")) value else value[[paste0("var.", component)]]
}

# Marginal and conditional R2 of Nakagawa and Schielzeth (2013), Methods in Ecology and Evolution 4,
# 133-142.
#' @exportS3Method performance::r2
r2.tiers_fit <- function(model, ...) {
  parts <- variance_parts(model)
  total <- parts$fixed + parts$random + parts$residual
  structure(list(R2_conditional = c("Conditional R2" = (parts$fixed + parts$random) / total),
                 R2_marginal = c("Marginal R2" = parts$fixed / total)),
            class = c("r2_nakagawa", "list"))
}

# Coefficients ------------------------------------------------------------------------------------

#' @exportS3Method insight::find_parameters
find_parameters.tiers_fit <- function(x, effects = c("all", "fixed", "random"), flatten = FALSE,
                                      ...) {
  force_arguments(c("effects", "flatten"))
  effects <- match_choice(effects, c("all", "fixed", "random"), "effects")
  random <- lapply(x$random, `[[`, "columns")
  value <- list(conditional = names(kept_coefficients(x)),
                random = lapply(split(random, names(random)), unlist, use.names = FALSE))
  value <- value[switch(effects, all = lengths(value) > 0L, fixed = 1L, random = 2L)]
  if (isTRUE(flatten)) unique(unlist(value, use.names = FALSE)) else value
}

#' @exportS3Method insight::get_parameters
get_parameters.tiers_fit <- function(x, effects = c("fixed", "random"), ...) {
  force_arguments("effects")
  effects <- match_choice(effects, c("fixed", "random"), "effects")
  if (effects == "random") return(lapply(ranef(x), as.data.frame))
  estimate <- kept_coefficients(x)
  data.frame(Parameter = names(estimate), Estimate = unname(estimate), stringsAsFactors = FALSE)
}

#' @exportS3Method insight::get_statistic
get_statistic.tiers_fit <- function(x, ...) {
  tests <- test_rows(kept_coefficients(x), prepare_ddf(x, "asymptotic"), kept_rows(x))
  structure(data.frame(Parameter = names(kept_coefficients(x)), Statistic = tests$statistic,
                       stringsAsFactors = FALSE),
            statistic = paste0(kind_tests(x)$statistic, "-statistic"))
}

# `type`: those of insight, or a method of summary().
#' @exportS3Method insight::get_df
get_df.tiers_fit <- function(x, type = "residual", ...) {
  force_arguments("type")
  if (!is.character(type) || length(type) != 1L || is.na(type)) {
    stop_input("{.arg type} must be the name of a kind of degrees of freedom, not {shown(type)}.")
  }
  name <- tolower(type)
  if (identical(name, "model")) return(attr(stats::logLik(x), "df"))
  if (name %in% c("normal", "asymptotic")) return(Inf)
  if (name %in% c("residual", "analytical")) return(stats::df.residual(x))
  if (identical(name, "wald")) {
    return(if (kind_tests(x)$statistic == "z") Inf else stats::df.residual(x))
  }
  name <- switch(name, kenward = "kenward-roger", kr = "kenward-roger",
                 betwithin = "between-within", name)
  stats::setNames(prepare_ddf(x, name)$df_rows(kept_rows(x)), names(kept_coefficients(x)))
}

#' @exportS3Method insight::get_loglikelihood
get_loglikelihood.tiers_fit <- function(x, ...) stats::logLik(x)

#' @exportS3Method insight::get_intercept
get_intercept.tiers_fit <- function(x, ...) {
  as.double(x$coefficients["(Intercept)"])
}

#' @exportS3Method performance::model_performance
model_performance.tiers_fit <- function(model, metrics = "all", ...) {
  force_arguments("metrics")
  validate_fit(model)
  known <- c("AIC", "AICc", "BIC", "R2", "ICC", "RMSE", "Sigma")
  metrics <- if (identical(metrics, "all")) known else {
    known[match(tolower(match_choices(metrics, c(known, toupper(known)), "metrics")),
                tolower(known))]
  }
  p <- attr(stats::logLik(model), "df")
  n <- model$nobs
  shares <- glance_groups(model)
  value <- list(AIC = stats::AIC(model),
                AICc = stats::AIC(model) + 2 * p * (p + 1) / (n - p - 1),
                BIC = stats::BIC(model),
                R2 = list(R2_conditional = shares$r2_conditional, R2_marginal = shares$r2_marginal),
                ICC = shares$icc,
                RMSE = sqrt(mean(stats::residuals(model, type = "response")^2, na.rm = TRUE)),
                Sigma = stats::sigma(model))[metrics]
  columns <- as.data.frame(unlist(lapply(names(value), function(name) {
    if (is.list(value[[name]])) value[[name]] else value[name]
  }), recursive = FALSE))
  structure(columns, class = c("performance_model", "data.frame"))
}

# Fixed effects, and standard deviations and correlations, by tidy().
#' @exportS3Method parameters::model_parameters
model_parameters.tiers_fit <- function(model, ci = 0.95, effects = c("all", "fixed", "random"),
                                       exponentiate = FALSE, ddf = NULL, vcov = NULL,
                                       cluster = NULL, ...) {
  force_arguments(c("ci", "effects", "exponentiate", "ddf", "vcov", "cluster"))
  effects <- match_choice(effects, c("all", "fixed", "random"), "effects")
  wanted <- switch(effects, all = c("fixed", "ran_pars"), fixed = "fixed", random = "ran_pars")
  table <- as.data.frame(tidy.tiers_fit(model, wanted, conf.int = TRUE, conf.level = ci,
                                        exponentiate = exponentiate, ddf = ddf, vcov = vcov,
                                        cluster = cluster))
  letter <- kind_tests(model)$statistic
  column <- function(name) table[[name]] %||% rep(NA_real_, nrow(table))
  group <- table$group %||% rep("", nrow(table))
  group[is.na(group)] <- ""
  fixed <- table$effect == "fixed"
  # In the words of the package, whose print method adds the group.
  label <- sub("^(sd|cor)__", "", gsub("(Intercept)", "Intercept", table$term, fixed = TRUE))
  label <- sub("^Observation$", "Observations", label)
  kind <- ifelse(startsWith(table$term, "sd__"), "SD", "Cor")
  name <- paste0(kind, " (", sub(".", "~", label, fixed = TRUE), ")")
  value <- data.frame(Parameter = ifelse(fixed, table$term, name), Coefficient = table$estimate,
                      SE = table$std.error, CI = ci, CI_low = column("conf.low"),
                      CI_high = column("conf.high"), statistic = column("statistic"),
                      df_error = replace(column("df"), fixed & is.na(column("df")), Inf),
                      p = column("p.value"), Effects = ifelse(fixed, "fixed", "random"),
                      Group = group, stringsAsFactors = FALSE)
  names(value)[7L] <- letter
  prepared <- prepare_ddf(model, ddf, vcov, cluster)
  structure(value, ci = ci, ci_method = prepared$label, df_method = prepared$label,
            pretty_names = stats::setNames(value$Parameter, value$Parameter),
            exponentiate = exponentiate, mixed_model = TRUE, ignore_group = TRUE, ran_pars = TRUE,
            verbose = TRUE, n_obs = stats::nobs(model), model_class = class(model),
            test_statistic = paste0(letter, "-statistic"), no_caption = effects != "all",
            coefficient_name = "Coefficient", digits = 2, ci_digits = 2, p_digits = 3,
            footer_digits = 3, class = c("parameters_model", "see_parameters_model", "data.frame"))
}
