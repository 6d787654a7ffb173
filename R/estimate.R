#' Estimates of linear functions, differences and ratios
#'
#' Any linear function of the fixed effects, of random effects, or of both, with its standard error,
#' degrees of freedom, test and limits; the joint test of several; and differences or ratios of
#' predicted means.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param L What to estimate. Text such as `"age + age:SexMale"` or `"b - a = 2"`, a vector (by
#'   names, or with an entry for every coefficient), a matrix with a row for each function, or a
#'   list of vectors. With `newdata` the names are those of its rows; names that look like numbers
#'   need backticks, as in ``"`2` / `1` = 1"``. By default every coefficient, or every mean.
#' @param random Random effects to add: a list named by grouping factors (or by terms, such as
#'   `"(Days | Subject)"`, where a factor has several). Each element is a vector with levels as
#'   names (of a term with one column) or a matrix with levels as row names and columns of the term
#'   as column names; what is not named is zero. For several rows of `L`, a list of such vectors or
#'   matrices, one for each row (`NULL`: none). Without `random` a function is about the
#'   population, with it about these levels (narrow inference; in SAS what stands behind the `|`).
#' @param joint Test all rows together?
#' @param rhs Value of each function under the hypothesis.
#' @param ddf How degrees of freedom are found: see [summary.tiers_fit()].
#' @param level Level of the limits.
#' @param vcov `NULL`, or a covariance matrix of the fixed effects to use in place of the model's
#'   own, a function of the fit that returns one, or the name of a cluster-robust one such as
#'   `"CR2"`.
#' @param cluster With such a name, the clusters: as in [vcov()][vcov.tiers_fit].
#' @param test `"F"`, or `"chisq"` for joint tests without denominator degrees of freedom.
#' @param type With `newdata`, of which means: `"link"`, the linear predictor, `"response"`, the
#'   mean of the typical group, `"marginal"`, the mean over the population of groups.
#' @param newdata A data frame whose rows are the means that `L` is about, named by its row names;
#'   or a named list of data frames, each of which gives the average of its rows. `L` may then be
#'   any smooth function, such as `"drug - placebo"` (a risk difference) or `"log(drug /
#'   placebo)"`.
#' @param x,object The result of `estimate()`.
#' @param digits Significant digits.
#' @param conf.int Add confidence limits?
#' @param row.names,optional Ignored.
#' @param ... Not used.
#' @return A list of class `tiers_estimate` with `table`, a data frame of `estimate`, `std.error`,
#'   `df`, `statistic`, `p.value`, `conf.low` and `conf.high` (for `joint = TRUE` of `num_df`,
#'   `den_df`, `statistic` and `p.value`), the matrix `L`, and `vcov`, the covariance matrix of the
#'   estimates. `as.data.frame()` and `tidy()` get the table, `coef()` and `vcov()` the estimates
#'   and their covariance matrix.
#' @details Errors of random effects are those of prediction, `Var(m'(predicted b - b) +
#' l'(estimate - beta))`, as in [predict()][predict.tiers_fit]. Errors of means over the population
#' include those of the variances of the random effects (delta method).
#'
#' Limits of a mean (of type `"response"` or `"marginal"`) are those on the scale of the link, taken
#' to the scale of the mean; limits of a ratio of positive means (a function that is a quotient) are
#' worked out on the log scale; those of differences and other functions are symmetric. The tests
#' are Wald tests of the estimate as it is shown.
#' @references
#' McLean RA, Sanders WL, Stroup WW (1991). A unified approach to mixed linear models. The American
#' Statistician 45, 54-64. (Narrow and broad inference.)
#' @seealso [anova()][anova.tiers_fit] with `L` for joint tests, [predict()][predict.tiers_fit],
#'   [summary()][summary.tiers_fit], [marginal_coef()].
#' @concept contrasts
#' @concept linear hypothesis
#' @concept narrow inference
#' @concept risk difference
#' @concept risk ratio
#' @concept ESTIMATE statement
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' # Growth of the girls, and of one of them
#' estimate(fit, "age + age:SexFemale")
#' estimate(fit, "age + age:SexFemale", random = list(Subject = rbind(F01 = c(age = 1))))
#' # Neither intercept nor slope differs between the sexes
#' estimate(fit, c("SexFemale = 0", "age:SexFemale = 0"), joint = TRUE)
#'
#' # By how much does the drug lower the share of children with bacteria?
#' d <- MASS::bacteria
#' bacteria <- glmm(y ~ trt + week + (1 | ID), d, family = binomial())
#' cells <- list(placebo = transform(d, trt = "placebo"), drug = transform(d, trt = "drug"))
#' estimate(bacteria, c("drug - placebo", "drug / placebo"), rhs = c(0, 1), type = "marginal",
#'          newdata = cells)
#' @export
estimate <- function(fit, L = NULL, random = NULL, joint = FALSE, rhs = 0, ddf = NULL,
                     level = 0.95, vcov = NULL, cluster = NULL, test = c("F", "chisq"),
                     type = c("link", "response", "marginal"), newdata = NULL, ...) {
  check_dots("estimate", ...)
  if (missing(fit)) stop_no_fit()
  validate_fit(fit)
  check_flag(joint, "joint")
  check_level(level)
  test <- match_choice(test, c("F", "chisq"), "test")
  type <- match_choice(type, c("link", "response", "marginal"), "type")
  if (test == "chisq") ddf <- "asymptotic"
  if (is.null(newdata) && type != "link") {
    stop_input(c("{.code type = {.str {type}}} needs {.arg newdata}, the rows whose means are asked
                  for."))
  }
  if (!is.null(random) && (!is.null(newdata) || !is.null(vcov))) {
    stop_input("{.arg random} does not go together with {.arg newdata} or {.arg vcov}.")
  }
  prepared <- prepare_ddf(fit, ddf, vcov, cluster)
  parts <- if (!is.null(newdata)) {
    mean_functions(fit, L, newdata, type, rhs, prepared)
  } else if (!is.null(random)) {
    random_functions(fit, L, random, rhs, prepared)
  } else {
    fixed_functions(fit, L, rhs, prepared)
  }
  new_estimate(fit, parts, prepared, joint, level)
}

# What is estimated -------------------------------------------------------------------------------

# Of every kind: list(value, rhs, labels, L) of the functions, and what test_joint() takes: `test`,
# a prepared method, and `rows` of what its covariance matrix is about (coefficients, the functions
# themselves, or parameters of means), with their `estimate` and the value `against` which rows of
# it are tested.

fixed_functions <- function(fit, L, rhs, prepared) {
  names <- names(fit$coefficients)
  if (is.null(L)) L <- diag_rows(names[!is.na(fit$coefficients)], names)
  read <- read_contrasts(complete_columns(L, fit), names, rhs)
  estimable <- is_estimable(fit, read$L)
  if (!all(estimable)) {
    stop_input(c("The data cannot estimate {.val {read$labels[!estimable]}}.",
                 i = "Columns were dropped from the design:
                      {.val {names[is.na(fit$coefficients)]}}."))
  }
  rows <- kept_columns(fit, read$L)
  if (is_separated(fit) && !is.null(fit$separation$finite) && is.null(prepared$vcov_words)) {
    return(separated_functions(fit, read, rows, prepared))
  }
  list(value = linear_values(rows, kept_coefficients(fit)), rhs = read$rhs, labels = read$labels,
       L = read$L, rows = rows, test = prepared, estimate = kept_coefficients(fit),
       against = read$rhs)
}

# Of separated data: finite combinations of infinite coefficients have their estimates and errors,
# the others infinite ones, and no test.
separated_functions <- function(fit, read, rows, prepared) {
  part <- fit$separation$finite
  finite <- is_finite_combination(read$L, part)
  value <- linear_values(rows, kept_coefficients(fit))
  value[finite] <- drop(read$L %*% part$coefficients)[finite]
  # The sign of Inf - Inf is known along a single direction.
  open <- which(is.nan(value))
  side <- drop(read$L %*% fit$separation$direction)
  value[open] <- if (ncol(part$infinite) == 1L) sign(side[open]) * Inf else NA_real_
  V <- read$L %*% part$vcov %*% t(read$L)
  diag(V) <- ifelse(finite, pmax(diag(V), 0), Inf)
  list(value = value, rhs = read$rhs, labels = read$labels, L = read$L,
       rows = diag(1, nrow(rows)), estimate = value, against = read$rhs,
       test = c(list(vcov = unname(V)), counted_by_fixed(prepared, rows)))
}

diag_rows <- function(rows, columns) {
  L <- matrix(0, length(rows), length(columns), dimnames = list(rows, columns))
  L[cbind(seq_along(rows), match(rows, columns))] <- 1
  L
}

# A matrix or vector without names may have a column for each kept coefficient only.
complete_columns <- function(L, fit) {
  kept <- !is.na(fit$coefficients)
  if (!is.numeric(L) || all(kept)) return(L)
  if (is.matrix(L) && is.null(colnames(L)) && ncol(L) == sum(kept)) {
    colnames(L) <- names(fit$coefficients)[kept]
  } else if (!is.matrix(L) && is.null(names(L)) && length(L) == sum(kept)) {
    names(L) <- names(fit$coefficients)[kept]
  }
  L
}

random_functions <- function(fit, L, random, rhs, prepared) {
  names <- names(fit$coefficients)
  pieces <- random_rows(fit, random, if (!is.null(L)) count_contrasts(L))
  count <- nrow(pieces[[1L]])
  if (is.null(L)) {
    L <- matrix(0, count, length(names), dimnames = list(NULL, names))
    read <- list(L = L, rhs = check_rhs(rhs, count), labels = rep("", count))
  } else {
    read <- read_contrasts(complete_columns(L, fit), names, rhs)
  }
  if (!all(is_estimable(fit, read$L))) stop_input("The data cannot estimate all rows of {.arg L}.")
  modes <- lapply(unname(fit$random), function(term) as.double(t(term$modes)))
  kept <- !is.na(fit$coefficients)
  value <- linear_values(read$L[, kept, drop = FALSE], kept_coefficients(fit))
  for (j in seq_along(pieces)) value <- value + drop(pieces[[j]] %*% modes[[j]])
  errors <- kind_block_errors(fit, list(fixed = unname(read$L), random = pieces), prepared)
  words <- random_words(fit, pieces)
  labels <- ifelse(nzchar(read$labels) & nzchar(words), paste(read$labels, "|", words),
                   paste0(read$labels, words))
  list(value = value, rhs = read$rhs, labels = labels, L = read$L, rows = diag(1, count),
       test = c(errors[c("df_rows", "df_joint")], list(vcov = errors$variance)), estimate = value,
       against = read$rhs)
}

count_contrasts <- function(L) {
  if (length(dim(L)) == 2L) nrow(L) else if (is.numeric(L)) 1L else length(L)
}

# The result ---------------------------------------------------------------------------------------

new_estimate <- function(fit, parts, prepared, joint, level) {
  own <- parts$test
  covariance <- parts$rows %*% finite_covariance(own$vcov) %*% t(parts$rows)
  normal <- has_normal_tests(fit, prepared)
  table <- if (joint) {
    found <- test_joint(parts$estimate, own, parts$rows, parts$against)
    data.frame(num_df = found$num_df, den_df = found$den_df, statistic = found$statistic,
               p.value = found$p.value)
  } else {
    single_of(parts, level)
  }
  if (!joint) rownames(table) <- make.unique(parts$labels)
  dimnames(covariance) <- list(parts$labels, parts$labels)
  structure(list(table = table, labels = parts$labels, L = parts$L, rhs = parts$rhs,
                 value = stats::setNames(parts$value, parts$labels), vcov = covariance,
                 joint = joint, level = level, what = parts$what, normal = normal,
                 has_tests = prepared$name != "none", vcov_words = prepared$vcov_words,
                 ddf = if (!prepared$name %in% c("none", "asymptotic")) prepared$label),
            class = "tiers_estimate")
}

finite_covariance <- function(V) replace(V, is.infinite(V), NA_real_)

single_of <- function(parts, level) {
  variance <- row_variances(parts$rows, parts$test$vcov)
  se <- sqrt(variance)
  statistic <- (parts$value - parts$rhs) / se
  statistic[is.nan(statistic)] <- NA_real_
  df <- parts$test$df_rows(parts$rows)
  half <- stats::qt((1 + level) / 2, df) * se
  half[is.infinite(se)] <- Inf
  low <- parts$value - half
  high <- parts$value + half
  low[is.infinite(se)] <- -Inf
  high[is.infinite(se)] <- Inf
  limits <- cbind(low, high)
  if (!is.null(parts$limits)) limits <- parts$limits(parts$value, half, limits)
  data.frame(estimate = unname(parts$value), std.error = se, df = df, statistic = statistic,
             p.value = 2 * stats::pt(abs(statistic), df, lower.tail = FALSE),
             conf.low = limits[, 1L], conf.high = limits[, 2L], row.names = NULL)
}

#' @rdname estimate
#' @method print tiers_estimate
#' @export
print.tiers_estimate <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  force_arguments("digits")
  check_digits(digits)
  if (!is.null(x$what)) cat(x$what, "\n", sep = "")
  method <- if (!is.null(x$ddf)) paste0(", degrees of freedom by ", x$ddf)
  if (!is.null(x$vcov_words)) method <- paste0(method, ", ", x$vcov_words)
  if (x$joint) {
    cat("Joint test", method, " of\n", sep = "")
    rhs <- format_shortly(x$rhs)
    shown <- ifelse(grepl("=", x$labels, fixed = TRUE), x$labels, paste(x$labels, "=", rhs))
    cat(paste0("  ", shown), sep = "\n")
    cat("\n", joint_words(x, digits), "\n", sep = "")
    return(invisible(x))
  }
  cat("Estimates with ", format(100 * x$level), "% limits", method, "\n\n", sep = "")
  print_coefficients(estimate_matrix(x), digits, getOption("show.signif.stars"))
  if (any(is.infinite(x$table$std.error))) {
    cat("Infinite: the data are separated, and tell no more than the sign.\n")
  }
  invisible(x)
}

# "F = 6.571 on 2 and 25 df, p = 0.00509".
joint_words <- function(x, digits) {
  t <- x$table
  value <- if (x$normal) t$statistic * t$num_df else t$statistic
  words <- paste0(if (x$normal) "Chisq" else "F", " = ", format(value, digits = digits), " on ",
                  t$num_df, if (!x$normal) paste0(" and ", format(t$den_df, digits = digits)),
                  " df")
  if (!x$has_tests) return(words)
  p <- format.pval(t$p.value, digits = max(1L, digits - 1L), eps = .Machine$double.eps)
  paste0(words, ", p ", if (startsWith(p, "<")) p else paste("=", p))
}

estimate_matrix <- function(x) {
  t <- x$table
  letter <- if (x$normal) "z" else "t"
  out <- cbind(Estimate = t$estimate, Lower = t$conf.low, Upper = t$conf.high,
               `Std. Error` = t$std.error, df = t$df, test = t$statistic, p = t$p.value)
  dimnames(out) <- list(rownames(t), c("Estimate", "Lower", "Upper", "Std. Error", "df",
                                       paste(letter, "value"), sprintf("Pr(>|%s|)", letter)))
  out[, c(rep(TRUE, 4L), !is.null(x$ddf), TRUE, x$has_tests), drop = FALSE]
}

#' @rdname estimate
#' @export
coef.tiers_estimate <- function(object, ...) object$value

#' @rdname estimate
#' @export
vcov.tiers_estimate <- function(object, ...) object$vcov

#' @rdname estimate
#' @export
as.data.frame.tiers_estimate <- function(x, row.names = NULL, optional = FALSE, ...) {
  if (x$joint) return(x$table)
  table <- cbind(data.frame(term = x$labels, stringsAsFactors = FALSE), x$table)
  rownames(table) <- NULL
  table
}

#' @rdname estimate
#' @export
tidy.tiers_estimate <- function(x, conf.int = TRUE, ...) {
  check_flag(conf.int, "conf.int")
  table <- as.data.frame(x)
  if (!conf.int) table <- table[!names(table) %in% c("conf.low", "conf.high")]
  as_table(table)
}
