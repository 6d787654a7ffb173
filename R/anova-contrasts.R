# anova(fit, L = ): one test of several linear functions of the coefficients; and two fits by the
# test of what the larger one's fixed effects have more.

anova_contrasts <- function(fit, L, ddf, vcov, cluster) {
  validate_fit(fit)
  prepared <- prepare_ddf(fit, ddf, vcov, cluster)
  parts <- fixed_functions(fit, L, 0, prepared)
  test <- test_joint(parts$estimate, parts$test, parts$rows, parts$against)
  normal <- has_normal_tests(fit, prepared)
  table <- if (normal) chisq_table(test) else f_table(test, fit)
  if (prepared$name == "none") {
    table <- table[!names(table) %in% c("DenDF", "Pr(>F)", "Pr(>Chisq)")]
  }
  rownames(table) <- "L"
  zero <- !grepl("=", parts$labels, fixed = TRUE)
  words <- paste0(parts$labels, ifelse(zero, " = 0", ""))
  by <- if (!normal && prepared$name != "none") {
    paste0(" with ", prepared$label, " denominator degrees of freedom")
  }
  structure(table, heading = c(paste0(if (normal) "Wald chi-square" else "F", " test", by, " of"),
                               paste0("  ", words),
                               if (!is.null(prepared$vcov_words)) sentence(prepared$vcov_words)),
            hypotheses = list(L = parts$L), class = c("anova", "data.frame"))
}

# anova(small, large, test = "F").
compare_by_f <- function(fits, ddf, vcov, cluster) {
  own <- vapply(fits, inherits, NA, what = "tiers_fit")
  if (length(fits) != 2L || !all(own)) {
    stop_input(c("{.code test = \"F\"} compares two fits made by {.fn lmm}.",
                 i = "{.code anova(fit, L = )} tests hypotheses about a single one."))
  }
  asked <- nested_hypothesis(fits[[1L]], fits[[2L]], "anova")
  if (!has_same_terms(asked$fit, asked$small)) {
    stop_input(c("{.code test = \"F\"} compares fits with the same random effects.",
                 i = "{.code anova(fit1, fit2)} is a likelihood ratio test of these."))
  }
  table <- anova_contrasts(asked$fit, unname(asked$L), ddf, vcov, cluster)
  heading <- attr(table, "heading")
  last <- heading[-seq_len(nrow(asked$L) + 1L)]
  attr(table, "heading") <- c(sub(" of$", " of what the larger fit has more:", heading[1L]),
                              paste0("  larger: ", text_of(full_formula(asked$fit))),
                              paste0("  smaller: ", text_of(full_formula(asked$small))), last)
  rownames(table) <- "larger"
  table
}

has_same_terms <- function(a, b) {
  words <- function(fit) {
    sort(vapply(fit$random, function(term) paste(term$label, term$structure), "",
                USE.NAMES = FALSE))
  }
  identical(words(a), words(b))
}
