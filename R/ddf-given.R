# Degrees of freedom from the user: a vector named by terms or coefficients of the fixed part. What
# it does not name has those of the fit's default method.

prepare_given <- function(fit, vcov, given, from) {
  terms <- attr(fit$terms, "term.labels")
  coefficients <- names(kept_coefficients(fit))
  at <- match_names(names(given), c(terms, coefficients))
  names(given)[!is.na(at)] <- c(terms, coefficients)[stats::na.omit(at)]
  unknown <- setdiff(names(given), c(terms, coefficients))
  if (length(unknown)) {
    hint <- did_you_mean(unknown[1L], c(terms, coefficients))
    stop_input("{.arg ddf} has {.val {unknown[1L]}}, which is no term and no coefficient of the
                fit{hint}")
  }
  if (anyNA(given) || any(given <= 0)) stop_input("{.arg ddf} must be above zero.")
  assign <- attr(fixed_matrix(fit), "assign")[!is.na(fit$coefficients)]
  own <- unname(given[coefficients])
  by_term <- unname(given[terms])
  from_term <- by_term[ifelse(assign == 0L, NA, assign)]
  df <- ifelse(is.na(own), from_term, own)
  default <- prepare_ddf(fit, NULL, from)
  smallest <- function(asked) if (any(asked)) min(df[asked]) else NA_real_
  list(
    vcov = vcov,
    df_rows = function(L) {
      asked <- asks_for(L, TRUE)
      ifelse(is.na(apply(asked, 1L, smallest)), default$df_rows(L), apply(asked, 1L, smallest))
    },
    df_joint = function(L) {
      term <- match(attr(L, "term"), terms, nomatch = 0L)
      value <- if (term > 0L && !is.na(by_term[term])) by_term[term] else {
        smallest(apply(asks_for(L, TRUE), 2L, any))
      }
      if (is.na(value)) default$df_joint(L) else list(df = value, scale = 1)
    })
}
