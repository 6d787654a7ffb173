# Tables in the shape of broom.mixed.

#' Tidy tables of a fit
#'
#' Column names and terms are those that broom.mixed gives for fits of lme4 and lmerTest.
#'
#' @param x A fit made by [lmm()] or [glmm()].
#' @param effects One or more of `"fixed"` (the default), `"ran_pars"` (standard deviations and
#'   correlations), `"ran_vals"` (random effects) and `"ran_coefs"` (coefficients by group).
#' @param conf.int Add confidence limits? For `"fixed"`, `"ran_pars"` and `"ran_vals"`.
#' @param conf.level Level of the limits.
#' @param exponentiate Exponentiate the fixed effects and their limits?
#' @param scales `"sdcor"` or `"vcov"`: the scale of `"ran_pars"`.
#' @param ddf,vcov,cluster See [summary.tiers_fit()].
#' @param type.predict,type.residuals Scale of `.fitted` and `.fixed`, and kind of `.resid`, of a
#'   generalized fit: see [predict.tiers_fit()] and [residuals.tiers_fit()].
#' @param data Data to add to; by default the model frame.
#' @param newdata New data to predict for.
#' @param se_fit Add `.se.fit`, the standard errors of `.fitted` that
#'   [predict()][predict.tiers_fit] has?
#' @param ... Not used; with `newdata`, `augment()` takes `re.form`, `allow.new.levels`, `type`,
#'   `na.action` and `ddf` of `predict()`.
#' @return A tibble where the package tibble is installed, a data frame otherwise. `tidy()`: one row
#'   for each estimate; with fixed effects it knows (attribute `ddf`) and prints how their degrees
#'   of freedom were found. `glance()`: one row; `n_groups` are the levels of the grouping factor
#'   that has fewest, `icc` (adjusted, of all factors), `r2_marginal` and `r2_conditional` those of
#'   [icc()] and [r2()], `NA` where they would take integrals. `augment()`: the data with `.fitted`,
#'   `.resid`, `.hat`, `.cooksd`, `.fixed`, `.mu`, `.offset`, `.sqrtXwt`, `.sqrtrwt`, `.weights` and
#'   `.wtres` (of a generalized fit without `.sqrtXwt`, `.sqrtrwt` and `.wtres`); with `newdata`
#'   only `.fitted` and `.fixed`.
#' @seealso [summary()][summary.tiers_fit] and [VarCorr()][VarCorr.tiers_fit], whose numbers these
#'   are; [ranef()][ranef.tiers_fit].
#' @concept data frame of coefficients
#' @concept odds ratio
#' @concept regression table
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' tidy(fit, conf.int = TRUE)
#' tidy(fit, effects = c("fixed", "ran_pars"))
#' glance(fit)
#' head(augment(fit))
#'
#' # Odds ratios
#' bacteria <- glmm(y ~ trt + week + (1 | ID), MASS::bacteria, family = binomial())
#' tidy(bacteria, conf.int = TRUE, exponentiate = TRUE)
#' @name tidy.tiers_fit
NULL

#' @rdname tidy.tiers_fit
#' @export
tidy.tiers_fit <- function(x, effects = "fixed", conf.int = FALSE, conf.level = 0.95,
                           exponentiate = FALSE, scales = "sdcor", ddf = NULL, vcov = NULL,
                           cluster = NULL, ...) {
  check_dots("tidy", ...)
  validate_fit(x)
  check_flag(conf.int, "conf.int")
  check_level(conf.level)
  known <- c("fixed", "ran_pars", "ran_vals", "ran_coefs")
  effects <- match_choices(effects, known, "effects")
  check_flag(exponentiate, "exponentiate")
  prepared <- if ("fixed" %in% effects) prepare_ddf(x, ddf, vcov, cluster)
  tables <- lapply(intersect(known, effects), function(effect) {
    table <- switch(
      effect,
      fixed = tidy_fixed(x, conf.int, conf.level, exponentiate, prepared),
      ran_pars = tidy_parameters(x, scales, conf.int, conf.level),
      ran_vals = tidy_modes(x, conf.int, conf.level),
      ran_coefs = tidy_coefficients(x)
    )
    cbind(data.frame(effect = rep(effect, nrow(table)), stringsAsFactors = FALSE), table)
  })
  table <- as_table(order_columns(stack_tables(tables)))
  if (is.null(prepared)) return(table)
  attr(table, "ddf") <- prepared$label
  attr(table, "vcov") <- prepared$vcov_words
  class(table) <- c("tiers_tidy", class(table))
  table
}

#' @method print tiers_tidy
#' @export
print.tiers_tidy <- function(x, ...) {
  words <- c(switch(attr(x, "ddf") %||% "none", none = NULL, asymptotic = "z tests",
                    paste("t tests with", attr(x, "ddf"), "degrees of freedom")), attr(x, "vcov"))
  if (length(words)) cat(wrapped("# ", paste(words, collapse = "; ")), sep = "\n")
  NextMethod()
}

tidy_fixed <- function(fit, conf.int, level, exponentiate, prepared) {
  tests <- test_rows(kept_coefficients(fit), prepared, kept_rows(fit))
  table <- data.frame(
    term = names(kept_coefficients(fit)), estimate = tests$estimate,
    std.error = tests$std.error, statistic = tests$statistic, stringsAsFactors = FALSE
  )
  if (!prepared$name %in% c("none", "asymptotic")) table$df <- tests$df
  if (prepared$name != "none") table$p.value <- tests$p.value
  if (conf.int) {
    limits <- unname(stats::confint(fit, level = level, ddf = prepared))
    limits <- limits[!is.na(fit$coefficients), , drop = FALSE]
    table$conf.low <- limits[, 1L]
    table$conf.high <- limits[, 2L]
  }
  if (exponentiate) {
    turned <- intersect(c("estimate", "conf.low", "conf.high"), names(table))
    table[turned] <- lapply(table[turned], exp)
    # That of an infinite estimate is not defined.
    error <- table$std.error * table$estimate
    table$std.error <- replace(error, is.nan(error), NA)
  }
  table
}

tidy_parameters <- function(fit, scales, conf.int, level) {
  scales <- match_choice(scales, c("sdcor", "vcov"), "scales")
  components <- VarCorr(fit)
  table <- as.data.frame(components, order = "lower.tri")
  words <- if (scales == "sdcor") c("sd", "cor") else c("var", "cov")
  single <- is.na(table$var2)
  name <- ifelse(is.na(table$var1), "Observation", table$var1)
  term <- ifelse(single, paste0(words[1L], "__", name),
                 paste0(words[2L], "__", name, ".", table$var2))
  at <- varcorr_places(components, table)
  # What a structure fixes at zero is not a parameter.
  free <- single | !is.na(at)
  value <- data.frame(group = table$grp, term = term, estimate = table[[scales]],
                      stringsAsFactors = FALSE)
  if (conf.int) value <- cbind(value, varcorr_limits(components, table, scales, level))
  rbind(value[free, ], tidy_structures(fit, conf.int, level))
}

# What correlations follow from, on its own scale.
tidy_structures <- function(fit, conf.int, level) {
  types <- c("structure", "residual", if (has_structure(fit)) "dispersion")
  own <- fit$parameters$type %in% types
  table <- fit$parameters[own, ]
  group <- ifelse(is.na(table$group), "Residual", table$group)
  value <- data.frame(group = group, term = sub("\\|.*", "", table$name),
                      estimate = table$estimate, stringsAsFactors = FALSE)
  if (!conf.int) return(value)
  limits <- unname(parameter_limits(fit, c((1 - level) / 2, (1 + level) / 2)))
  cbind(value, std.error = unname(parameter_errors(fit))[own], conf.low = limits[own, 1L],
        conf.high = limits[own, 2L])
}

tidy_modes <- function(fit, conf.int, level) {
  effects <- as.data.frame(ranef(fit, condVar = TRUE))
  table <- data.frame(
    group = effects$grpvar, level = as.character(effects$grp), term = as.character(effects$term),
    estimate = effects$condval, std.error = effects$condsd, stringsAsFactors = FALSE
  )
  if (conf.int) {
    half <- stats::qnorm((1 + level) / 2) * table$std.error
    table$conf.low <- table$estimate - half
    table$conf.high <- table$estimate + half
  }
  table
}

tidy_coefficients <- function(fit) {
  values <- unclass(stats::coef(fit))
  tables <- lapply(names(values), function(group) {
    data.frame(
      group = group, level = rep(rownames(values[[group]]), ncol(values[[group]])),
      term = rep(names(values[[group]]), each = nrow(values[[group]])),
      estimate = unlist(values[[group]], use.names = FALSE), stringsAsFactors = FALSE
    )
  })
  if (length(tables)) return(do.call(rbind, tables))
  data.frame(group = character(), level = character(), term = character(), estimate = double())
}

# rbind() for tables with different columns.
stack_tables <- function(tables) {
  names <- unique(unlist(lapply(tables, names)))
  tables <- lapply(tables, function(table) {
    for (name in setdiff(names, names(table))) table[[name]] <- rep(NA, nrow(table))
    table[names]
  })
  value <- do.call(rbind, tables)
  rownames(value) <- NULL
  value
}

order_columns <- function(table) {
  first <- c("effect", "group", "level", "term", "estimate", "std.error", "statistic", "df",
             "p.value", "conf.low", "conf.high")
  table[intersect(first, names(table))]
}

as_table <- function(table) {
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(table) else table
}

#' @rdname tidy.tiers_fit
#' @export
glance.tiers_fit <- function(x, ...) {
  check_dots("glance", ...)
  validate_fit(x)
  loglik <- stats::logLik(x)
  table <- data.frame(
    nobs = x$nobs, sigma = x$sigma, logLik = as.double(loglik), AIC = stats::AIC(loglik),
    BIC = stats::BIC(loglik), criterion = x$deviance, df.residual = stats::df.residual(x)
  )
  names(table)[6L] <- if (x$REML) "REMLcrit" else "deviance"
  as_table(cbind(table, glance_groups(x)))
}

# Number of groups and shares of the variance, without integrals.
glance_groups <- function(fit) {
  sizes <- group_sizes(fit)
  value <- list(n_groups = if (length(sizes)) min(sizes) else NA_integer_, icc = NA_real_,
                r2_marginal = NA_real_, r2_conditional = NA_real_)
  shared <- adds_residual(fit) || has_latent_scale(fit)
  if (shared && !is_separated(fit) && !has_structure(fit)) {
    parts <- variance_parts(fit)
    total <- parts$fixed + parts$random + parts$residual
    if (length(sizes)) value$icc <- parts$random / (parts$random + parts$residual)
    value$r2_marginal <- parts$fixed / total
    value$r2_conditional <- (parts$fixed + parts$random) / total
  }
  as.data.frame(value)
}

#' @rdname tidy.tiers_fit
#' @export
augment.tiers_glmm <- function(x, data = NULL, newdata = NULL, type.predict = "link",
                               type.residuals = "deviance", se_fit = FALSE, ...) {
  for_predict <- augment_dots(...)
  check_flag(se_fit, "se_fit")
  validate_fit(x)
  if (!is.null(newdata)) return(augment_new(x, newdata, for_predict, se_fit, type.predict))
  augment_rows(x, data, function(x) {
    list(.fitted = stats::predict(x, type = type.predict),
         .se.fit = if (se_fit) stats::predict(x, type = type.predict, se.fit = TRUE)$se.fit,
         .resid = stats::residuals(x, type = type.residuals),
         .fixed = stats::predict(x, re.form = NA, type = type.predict))
  })
}

#' @rdname tidy.tiers_fit
#' @export
augment.tiers_lmm <- function(x, data = NULL, newdata = NULL, se_fit = FALSE, ...) {
  for_predict <- augment_dots(...)
  check_flag(se_fit, "se_fit")
  validate_fit(x)
  if (!is.null(newdata)) return(augment_new(x, newdata, for_predict, se_fit))
  augment_rows(x, data, function(x) {
    root <- unname(sqrt(prior_weights(x)))
    residual <- observed_response(x) - x$fitted
    list(.fitted = x$fitted, .se.fit = if (se_fit) stats::predict(x, se.fit = TRUE)$se.fit,
         .resid = residual, .fixed = fitted_values(x, "marginal"),
         .sqrtXwt = root, .sqrtrwt = root, .wtres = root * residual)
  })
}

# Arguments of predict() among those that augment() was given; the others are checked. Without
# `newdata` there is nothing to predict for.
augment_dots <- function(..., frame = parent.frame()) {
  force_arguments(c("data", "newdata"), frame)
  names <- ...names() %||% character(...length())
  passed <- names %in% setdiff(names(formals(predict.tiers_fit)), not_for_augment) &
    !is.null(frame$newdata)
  rest <- which(!passed)
  refused <- lapply(stats::setNames(rest, names[rest]), function(i) ...elt(i))
  do.call(check_dots, c("augment", refused), envir = frame)
  lapply(stats::setNames(nm = names[passed]), function(name) ...elt(match(name, names)))
}

# What would give more than one column, or is for that.
not_for_augment <- c("object", "newdata", "se.fit", "interval", "level", "weights", "output", "...")

augment_new <- function(x, newdata, arguments, se_fit, type = "link") {
  newdata <- as_newdata(newdata)
  ready <- ready_newdata(x, newdata)
  arguments$type <- arguments$type %||% type
  predicted <- function(...) unname(stats::predict(x, ready, ...))
  newdata$.fitted <- do.call(predicted, arguments)
  if (se_fit) {
    newdata$.se.fit <- unname(do.call(stats::predict, c(list(x, ready, se.fit = TRUE),
                                                        arguments))$se.fit)
  }
  newdata$.fixed <- do.call(predicted, utils::modifyList(arguments, list(re.form = NA)))
  as_table(newdata)
}

# What the fit left out of `data`, as na.exclude() says it: rows that it did not use are known by
# the row names.
rows_left_out <- function(fit, data) {
  if (!is.data.frame(data)) stop_input("{.arg data} must be a data frame, not {shown(data)}.")
  n <- nrow(fit$frame)
  if (nrow(data) == length(stats::naresid(fit$na.action, numeric(n)))) return(fit$na.action)
  at <- match(frame_row_labels(fit$frame), row.names(data))
  if (anyNA(at) || is.unsorted(at, strictly = TRUE) ||
        !same_values(fit, data[at, , drop = FALSE])) {
    stop_input(c("{.arg data} has {nrow(data)} row{?s}, the fit {n}, and these are not among them.",
                 i = "Give the data that the fit was made with."))
  }
  unused <- setdiff(seq_len(nrow(data)), at)
  structure(unused, names = row.names(data)[unused], class = "exclude")
}

# Do the columns of the fit that `data` has as well hold the same?
same_values <- function(fit, data) {
  stored <- fit_data(fit)
  shared <- intersect(names(stored), names(data))
  all(vapply(shared, function(name) {
    isTRUE(all.equal(stored[[name]], data[[name]], check.attributes = FALSE))
  }, NA))
}

# The order of broom.mixed.
augment_names <- c(".fitted", ".se.fit", ".resid", ".hat", ".cooksd", ".fixed", ".mu", ".offset",
                   ".sqrtXwt", ".sqrtrwt", ".weights", ".wtres")

# `own` gives the columns that are not the same for all kinds of fit, for the rows used.
augment_rows <- function(x, data, own) {
  omitted <- if (!is.null(data)) rows_left_out(x, data)
  if (is.null(data)) {
    data <- x$frame
    attr(data, "terms") <- NULL
  }
  x <- plain_rows(x)
  changes <- known_changes(x)
  columns <- c(own(x), list(.hat = changes$hat, .cooksd = changes$cook, .mu = x$fitted,
                            .offset = fixed_offset(x), .weights = prior_weights(x)))
  columns <- columns[intersect(augment_names, names(columns)[lengths(columns) > 0L])]
  add_columns(data, lapply(columns, function(value) unname(stats::naresid(omitted, value))))
}

# Leverages and Cook's distances; NA, with a warning, of a fit that has none. NULL of a residual
# structure.
known_changes <- function(fit) {
  if (has_structure(fit)) return(NULL)
  tryCatch({
    hat <- leverages(fit)
    list(hat = hat, cook = cooks_distances(fit, hat))
  }, tiers_error_model = function(e) {
    warn_condition(c("{.code .hat} and {.code .cooksd} are {.code NA}.",
                     x = "{conditionMessage(e)}"))
    none <- rep(NA_real_, nrow(fit$frame))
    list(hat = none, cook = none)
  })
}

add_columns <- function(data, columns) {
  if (.row_names_info(data) > 0L) data <- cbind(.rownames = row.names(data), data)
  data[names(columns)] <- columns
  as_table(data)
}
