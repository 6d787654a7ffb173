# anova(fit, L = ): one test of several linear functions of the coefficients.

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
