#' @rdname vcov.tiers_fit
#' @export
confint.tiers_fit <- function(object, parm, level = 0.95,
                              method = c("wald", "profile", "boot", "satterthwaite"),
                              ddf = NULL, vcov = NULL, cluster = NULL,
                              component = c("conditional", "dispersion"),
                              scale = c("sd", "var"), nsim = 1000, seed = NULL,
                              type = c("percentile", "basic", "norm", "bca", "shortest"),
                              workers = NULL, ...) {
  check_dots("confint", ...)
  component <- match_choice(component, c("conditional", "dispersion"), "component")
  scale <- match_choice(scale, c("sd", "var"), "scale")
  method <- match_interval_method(method)
  chi_square <- method == "satterthwaite"
  check_level(level)
  if (!missing(parm)) check_parm(parm, "parm")
  validate_fit(object)
  if (chi_square) {
    ddf <- ddf_of_method(object, ddf)
    method <- "wald"
  }
  tails <- c((1 - level) / 2, 1 - (1 - level) / 2)
  if (component == "dispersion") {
    if (!is.null(ddf) || !is.null(vcov)) {
      stop_input("{.arg ddf} and {.arg vcov} are for the fixed effects, not for the dispersion.")
    }
    limits <- dispersion_limits(object, tails)
    names <- rownames(limits)
    limits <- limits[if (missing(parm)) names else match_coefficients(parm, names), , drop = FALSE]
    return(named_limits(limits, level, "Wald", "asymptotic"))
  }
  names <- as.character(names(object$coefficients))
  parm <- if (missing(parm)) names else {
    match_coefficients(parm, names, object$parameters$name)
  }
  if (method != "wald") {
    if (!is.null(ddf) || !is.null(vcov) || !is.null(cluster)) {
      stop_input("{.arg ddf} and {.arg vcov} are for Wald limits, not for {.code method =
                  {.str {method}}}.")
    }
    limits <- if (method == "profile") profile_limits(object, parm, level) else {
      boot_fit_limits(object, parm, level, nsim, seed, type, workers)
    }
    words <- if (method == "profile") "profile likelihood" else {
      paste(match_choice(type, boot_types, "type"), "bootstrap")
    }
    return(named_limits(on_variance_scale(limits, object, scale), level, words))
  }
  if (!any(parm %in% names)) {
    if (chi_square) ddf <- NULL
    limits <- mixed_limits(object, parm, tails, ddf, vcov, chi_square)
    words <- if (chi_square) "Satterthwaite's chi-square" else "Wald"
    return(named_limits(on_variance_scale(limits, object, scale), level, words))
  }
  prepared <- prepare_ddf(object, ddf, vcov, cluster)
  limits <- if (all(parm %in% names)) fixed_limits(object, parm, tails, prepared) else {
    limits <- mixed_limits(object, parm, tails, prepared, chi_square = chi_square)
    on_variance_scale(limits, object, scale)
  }
  words <- if (chi_square && !all(parm %in% names)) {
    "Wald, of variance parameters Satterthwaite's chi-square"
  } else {
    "Wald"
  }
  named_limits(limits, level, words, ddf_of_limits(object, prepared), prepared$vcov_words)
}

# Of coefficients.
fixed_limits <- function(object, parm, tails, prepared) {
  names <- names(object$coefficients)
  tests <- test_rows(kept_coefficients(object), prepared, kept_rows(object))
  limits <- tests$estimate + outer(tests$std.error, c(1, 1)) *
    cbind(stats::qt(tails[1L], tests$df), stats::qt(tails[2L], tests$df))
  # Of an infinite coefficient the data give no limits.
  limits[is.infinite(tests$std.error), ] <- rep(c(-Inf, Inf),
                                                each = sum(is.infinite(tests$std.error)))
  full <- matrix(NA_real_, length(names), 2L, dimnames = list(names, percent_labels(tails)))
  full[!is.na(object$coefficients), ] <- limits
  full[parm, , drop = FALSE]
}

# The limits with what they are: `method`, `ddf` where there are t limits among them, and `vcov`.
named_limits <- function(limits, level, method, ddf = NULL, vcov = NULL) {
  structure(limits, method = method, ddf = ddf, vcov = vcov, level = level,
            class = c("tiers_confint", "matrix", "array"))
}

ddf_of_limits <- function(fit, prepared) {
  if (prepared$name %in% c("none", "asymptotic")) "asymptotic" else prepared$label
}

#' @method print tiers_confint
#' @export
print.tiers_confint <- function(x, ...) {
  ddf <- attr(x, "ddf")
  with <- if (!is.null(ddf) && ddf != "asymptotic") paste0(", ", ddf, " degrees of freedom")
  words <- c(paste0(format(100 * attr(x, "level")), "% limits: ", attr(x, "method"), with),
             attr(x, "vcov"))
  cat(wrapped("", paste(words, collapse = "; ")), sep = "\n")
  print(plain_limits(x), ...)
  invisible(x)
}

plain_limits <- function(x) matrix(x, nrow(x), ncol(x), dimnames = dimnames(x))

check_parm <- function(parm, arg) {
  if (is.character(parm) || is.numeric(parm) || is.factor(parm)) return(invisible())
  stop_input(c("{.arg {arg}} must be names or numbers of coefficients.",
               "x" = "It is {shown(parm)}."))
}

match_interval_method <- function(method) {
  if (is.character(method)) method <- tolower(method)
  match_choice(method, c("wald", "profile", "boot", "satterthwaite"), "method")
}

# Of fixed effects method = "satterthwaite" is a Wald method with these degrees of freedom.
ddf_of_method <- function(fit, ddf) {
  if (!kind_tests(fit)$linear) {
    stop_input(c("{.code method = \"satterthwaite\"} is for linear models.",
                 i = "Use {.code method = \"profile\"}."))
  }
  if (!is.null(ddf)) {
    stop_input("{.arg ddf} does not go with {.code method = \"satterthwaite\"}, which names it.")
  }
  "satterthwaite"
}

# Limits by a parametric bootstrap; NA where there is nothing to vary.
boot_fit_limits <- function(fit, parm, level, nsim, seed, type, workers) {
  type <- match_choice(type, boot_types, "type")
  limits <- matrix(NA_real_, length(parm), 2L, dimnames = list(
    parm, percent_labels(c((1 - level) / 2, 1 - (1 - level) / 2))))
  known <- intersect(parm, names(replicate_statistics(fit)))
  held <- fit$parameters$name[fit$parameters$fixed]
  report_no_limits(fit, intersect(parm, held))
  if (length(known) == 0L) return(limits)
  boot <- bootstrap(fit, nsim = nsim, seed = seed, workers = workers)
  report_lost_replicates(boot)
  limits[known, ] <- bootstrap_limits(boot, known, level, type)
  limits
}

# Where nothing is printed of a bootstrap the replicates that failed are told in a message.
report_lost_replicates <- function(boot) {
  lost <- sum(boot$failures)
  if (lost == 0L) return(invisible())
  inform("tiers_message_replicates", c(
    "{lost} of {boot$nsim} replicates failed and count nowhere: {toString(names(boot$failures))}."))
}

# The squares of limits of standard deviations, sigma among them, and their names.
on_variance_scale <- function(limits, fit, scale) {
  if (scale == "sd") return(limits)
  own <- match(rownames(limits), fit$parameters$name)
  sd <- !is.na(own) & fit$parameters$type[own] %in% c("sd", "sigma")
  limits[sd, ] <- limits[sd, ]^2
  rownames(limits)[sd] <- sub("^sd_", "var_", sub("^sigma$", "sigma^2", rownames(limits)[sd]))
  limits
}

# Of variance parameters, and of fixed effects among them.
mixed_limits <- function(fit, parm, tails, ddf = NULL, vcov = NULL, chi_square = FALSE) {
  fixed <- parm %in% names(fit$coefficients)
  if (length(parm) && !any(fixed) && (!is.null(ddf) || !is.null(vcov))) {
    stop_input("{.arg ddf} and {.arg vcov} are for the fixed effects, not for {.val {parm}}.")
  }
  limits <- parameter_limits(fit, tails, chi_square)[parm[!fixed], , drop = FALSE]
  profiled <- needing_profile(fit, parm[!fixed])
  report_no_limits(fit, setdiff(parm[!fixed], profiled))
  if (length(profiled)) {
    tell_profiled(fit, profiled)
    limits[profiled, ] <- profile_limits(fit, profiled, tails[2L] - tails[1L])
  }
  if (any(fixed)) {
    limits <- rbind(fixed_limits(fit, parm[fixed], tails, ddf), limits)
  }
  limits[parm, , drop = FALSE]
}

tell_profiled <- function(fit, names) {
  at_end <- names[fit$parameters$boundary[match(names, fit$parameters$name)]]
  vague <- setdiff(names, at_end)
  if (length(at_end)) {
    inform("tiers_message_limits", "{.val {at_end}} {?is/are} at the end of {?its/their} range,
            where Wald limits do not exist: the limits are those of the profile.",
           parameters = at_end)
  }
  if (length(vague)) {
    inform("tiers_message_limits", "{.val {vague}} {?is/are} smaller than {?its/their} standard
            error{?s}, which Wald limits do not allow for: the limits are those of the profile.",
           parameters = vague)
  }
}

# Normal limits of the log-linear coefficients, or of a constant dispersion parameter itself.
dispersion_limits <- function(fit, tails) {
  part <- dispersion_part(fit)
  se <- dispersion_errors(fit)
  limits <- part$coefficients + outer(se, stats::qnorm(tails))
  limits[!is.finite(limits)] <- NA_real_
  constant <- is.null(part$terms)
  names <- if (constant) family_traits(fit$family$name)$dispersion else names(part$coefficients)
  dimnames(limits) <- list(names, percent_labels(tails))
  if (constant) exp(limits) else limits
}

check_level <- function(level) {
  if (!is.numeric(level) || length(level) != 1L || is.na(level) || level <= 0 || level >= 1) {
    stop_input("The confidence level must be one number between 0 and 1, not {shown(level)}.")
  }
}

# Names of coefficients, or of parameters of another kind.
match_coefficients <- function(parm, names, others = character()) {
  if (is.numeric(parm)) {
    wrong <- parm[!parm %in% seq_along(names) & !-parm %in% seq_along(names)]
    if (length(wrong)) {
      stop_input("There are {length(names)} coefficients; {.arg parm} asks for {shown(wrong)}.")
    }
    return(names[parm])
  }
  # lme4's words for all fixed effects and all variance parameters.
  if (is.factor(parm)) parm <- as.character(parm)
  parm <- unlist(lapply(parm, function(name) {
    if (name %in% names) name else {
      switch(name, all = c(names, others), beta_ = names, theta_ = others, name)
    }
  }))
  at <- match_names(parm, c(names, others))
  parm[!is.na(at)] <- c(names, others)[stats::na.omit(at)]
  match_choices(parm, c(names, others), "parm")
}

percent_labels <- function(tails) {
  paste(format(100 * tails, trim = TRUE, scientific = FALSE, digits = 3), "%")
}
