for (name in nist_sets) {
  test_that(paste("the NIST set", name, "is fitted to nine correct digits"), {
    d <- nist_data(name)
    answer <- nist_answer(d)
    expect_silent(fit <- lmm(y ~ 1 + (1 | g), d))
    variance <- sigma(fit)^2 * fit$random[[1L]]$Lambda[1L, 1L]^2
    expect_gte(correct_digits(sigma(fit)^2, answer$sigma2), 9)
    expect_gte(correct_digits(variance, answer$var_g), 8)
    expect_lte(abs(as.numeric(logLik(fit)) - answer$log_lik), 1e-8 * (1 + abs(answer$log_lik)))
  })
}
