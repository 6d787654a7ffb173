# Whatever is given to a function: the conditions that come are those of the package.

audit_fits <- function() {
  d <- small_data(w = 1 + abs(x), s = rep(0:5, 10), n = 5 + rep(0:5, 10))
  list(
    lmm = suppressMessages(lmm(y ~ x + f + (x | g), d, weights = w)),
    glmm = suppressMessages(glmm(cbind(s, n - s) ~ x + (1 | g), d, family = binomial)),
    ml = suppressMessages(lmm(y ~ x + (1 | g), d, REML = FALSE)))
}

# Things that an argument may be by mistake, as the user types them.
methods::setClass("tiers_test_s4", methods::representation(a = "numeric"))
bad_values <- list(
  absent = quote(no_such_object), failing = quote(sqrt("a")), text = "nonsense", number = -1.5,
  missing = NA, several = c(TRUE, FALSE), vector = c(a = 3, b = NA), list = list(1, "b"),
  `function` = function(...) stop("unexpected"), null = NULL, formula = y ~ no_such_variable,
  frame = data.frame(q = 1:3), empty = "", no_text = NA_character_, texts = c("a", "b"),
  none = character(), infinite = Inf, complex = 1i, matrix = matrix(1:4, 2L), date = Sys.Date(),
  factor = factor("a"), raw = as.raw(1), environment = quote(new.env()),
  primitive = quote(sum), call = quote(quote(f(x))), name = quote(quote(z)),
  expression = quote(expression(a)), s4 = quote(methods::new("tiers_test_s4", a = 1)),
  model = quote(stats::lm(dist ~ speed, datasets::cars)))

# Calls with each argument in turn an object that does not exist, and some of the other bad values:
# which ones (one in `every`) goes by the argument's place, so that all are tried often enough.
# `fixed` are the other arguments.
unclassed_calls <- function(fun, fixed, arguments, name, every = 9L) {
  found <- character()
  kinds <- names(bad_values)
  for (i in seq_along(arguments)) for (j in seq_along(kinds)) {
    if (j != 1L && (j + 5L * i) %% every != 0L) next
    kind <- kinds[j]
    argument <- arguments[i]
    arguments_given <- fixed
    arguments_given[argument] <- bad_values[kind]
    heard <- listen(utils::capture.output(eval(as.call(c(fun, arguments_given)))))
    for (text in condition_texts(without_class(heard$conditions))) {
      found <- c(found, sprintf("%s(%s = <%s>): %s", name, argument, kind, text))
    }
  }
  found
}

own_methods <- function(classes = c("tiers_fit", "tiers_lmm", "tiers_glmm")) {
  methods <- getNamespaceInfo("tiers", "S3methods")[, 1:2]
  # Generics of the package that cannot be seen from outside are not for users.
  inner <- setdiff(ls(asNamespace("tiers")), getNamespaceExports("tiers"))
  data.frame(generic = sub(".*::", "", methods[, 1L]), class = methods[, 2L]) |>
    subset(class %in% classes & !generic %in% inner)
}

method_of <- function(generic, class) {
  get(paste(generic, class, sep = "."), envir = asNamespace("tiers"))
}

audited <- function(fits, except = character()) {
  methods <- subset(own_methods(), !generic %in% except)
  for (i in seq_len(nrow(methods))) {
    methods$fit[i] <- switch(methods$class[i], tiers_glmm = "glmm", tiers_lmm = "lmm",
                             c("lmm", "glmm")[1L + i %% 2L])
  }
  methods
}

test_that("every method has classed conditions only, whatever its arguments", {
  grDevices::pdf(NULL)
  device <- grDevices::dev.cur()
  on.exit(grDevices::dev.off(device))
  fits <- audit_fits()
  fits$lmm$call$data <- fits$glmm$call$data <- quote(no_data_any_more)
  methods <- audited(fits)
  found <- character()
  for (i in seq_len(nrow(methods))) {
    fun <- method_of(methods$generic[i], methods$class[i])
    arguments <- setdiff(names(formals(fun))[-1L], "...")
    found <- c(found, unclassed_calls(fun, list(fits[[methods$fit[i]]]), arguments,
                                      methods$generic[i]))
  }
  expect_equal(found, character())
})

test_that("both fitting functions have classed conditions only, whatever their arguments", {
  d <- small_data()
  found <- c(
    unclassed_calls(quote(lmm), list(formula = y ~ x + (1 | g), data = d), names(formals(lmm)),
                    "lmm"),
    unclassed_calls(quote(glmm), list(formula = I(y > 0) ~ x + (1 | g), data = d,
                                      family = quote(binomial)), names(formals(glmm)), "glmm"))
  expect_equal(found, character())
})

test_that("the other exported functions have classed conditions only", {
  fit <- audit_fits()$glmm
  found <- character()
  for (name in c("tiers_control", "refit_response", "marginal_coef", "diagnose", "ddf_kr", "icc",
                 "r2", "reliability", "nbinom1", "nbinom2", "beta_family", "betabinomial",
                 "bootstrap")) {
    fun <- get(name)
    arguments <- setdiff(names(formals(fun)), "...")
    first <- if (identical(arguments[1L], "fit")) list(fit = fit) else list()
    if (name == "bootstrap") first$nsim <- 2
    found <- c(found, unclassed_calls(as.name(name), first, arguments, name, every = 2L))
  }
  expect_equal(found, character())
})

test_that("a method of a result has classed conditions only", {
  grDevices::pdf(NULL)
  device <- grDevices::dev.cur()
  on.exit(grDevices::dev.off(device))
  fits <- audit_fits()
  results <- list(
    tiers_ranef = ranef(fits$lmm), tiers_varcorr = VarCorr(fits$lmm), tiers_coef = coef(fits$lmm),
    tiers_summary = summary(fits$lmm), tiers_diagnosis = diagnose(fits$lmm),
    tiers_marginal_coef = marginal_coef(fits$glmm),
    tiers_bootstrap = bootstrap(fits$glmm, nsim = 3, seed = 1))
  methods <- own_methods(names(results))
  expect_setequal(methods$class, names(results))
  found <- character()
  for (i in seq_len(nrow(methods))) {
    fun <- method_of(methods$generic[i], methods$class[i])
    arguments <- setdiff(names(formals(fun))[-1L], "...")
    found <- c(found, unclassed_calls(fun, list(results[[methods$class[i]]]), arguments,
                                      methods$generic[i], every = 3L))
  }
  expect_equal(found, character())
})

test_that("settings in a plain list are checked as those of tiers_control()", {
  d <- small_data()
  found <- character()
  for (name in setdiff(names(formals(tiers_control)), "...")) for (kind in names(bad_values)[-1L]) {
    settings <- stats::setNames(bad_values[kind], name)
    call <- as.call(list(as.name("lmm"), y ~ x + (1 | g), quote(d),
                         control = as.call(c(quote(list), settings))))
    heard <- listen(utils::capture.output(eval(call)))
    found <- c(found, condition_texts(without_class(heard$conditions)))
  }
  expect_equal(found, character())
})

test_that("functions without what they need say so", {
  for (name in c("lmm", "glmm", "refit_response", "marginal_coef", "diagnose")) {
    expect_error(get(name)(), class = "tiers_error")
  }
  expect_error(refit_response(audit_fits()$ml), "new response", class = "tiers_error_input")
})

test_that("a misspelt argument is an error of every method, with a suggestion", {
  fits <- audit_fits()
  # In print() and plot() further arguments are those of others, and other packages call the last
  # line's as they like; update() has the arguments of the fit.
  methods <- audited(fits, c("print", "plot", "isLMM", "isGLMM", "isNLMM", "isREML", "ngrps",
                             "vif", "find_formula", "get_variance", "r2", "vcovCR", "estfun",
                             "bread", "recover_data", "emm_basis", "find_parameters",
                             "get_parameters", "get_statistic", "get_df", "get_loglikelihood",
                             "get_intercept", "model_parameters", "model_performance", "get_coef",
                             "get_vcov"))
  for (i in seq_len(nrow(methods))) {
    fun <- method_of(methods$generic[i], methods$class[i])
    if (!"..." %in% names(formals(fun))) next
    expect_error(fun(fits[[methods$fit[i]]], no_such_argument = 1), class = "tiers_error_input")
  }
  expect_error(predict(fits$lmm, newdta = 1), "newdata")
  expect_error(tidy(fits$lmm, exponentate = TRUE), "exponentiate")
  expect_error(simulate(fits$lmm, nsims = 2), "nsim")
  expect_error(nobs(fits$lmm, use.falback = TRUE), class = "tiers_error_input")
  expect_error(vcov(fits$lmm, 3, 4, 5), class = "tiers_error_input")
})

test_that("what other packages pass is taken", {
  fits <- audit_fits()
  fit <- fits$lmm
  same <- function(with, without) expect_identical(with, without)
  same(tidy(fit, parametric = TRUE, quick = TRUE, conf.method = "Wald"), tidy(fit))
  same(simulate(fit, seed = 1, na.action = na.exclude, cond.sim = TRUE), simulate(fit, seed = 1))
  same(predict(fit, se.fit = FALSE, interval = "none", level = 0.9, newparams = NULL), predict(fit))
  same(vcov(fit, correlation = FALSE), vcov(fit))
  same(coef(fit, complete = TRUE), coef(fit))
  same(nobs(fit, use.fallback = TRUE), nobs(fit))
  same(sigma(fit, use.fallback = TRUE), sigma(fit))
  same(weights(fit, type = "prior"), weights(fit))
  same(fixef(fit, add.dropped = TRUE), fixef(fit))
  same(augment(fit, se_fit = FALSE), augment(fit))
  new <- small_data()[1:3, ]
  same(augment(fit, newdata = new, re.form = NA, interval = "none"),
       augment(fit, newdata = new, re.form = NA))
  same(confint(fit, oldNames = FALSE, quiet = TRUE), confint(fit))
  same(model.frame(fit, data = NULL, na.action = na.omit), model.frame(fit))
  expect_equal(as.double(stats::extractAIC(fits$ml)[2L]), AIC(fits$ml))
})

test_that("what a later version may have is told as such", {
  fit <- audit_fits()$lmm
  later <- "not available in this version"
  expect_error(predict(fit, newparams = list(theta = 1)), later, class = "tiers_error_input")
  expect_error(vcov(fit, correlation = TRUE), later, class = "tiers_error_input")
  expect_error(weights(fit, type = "working"), later, class = "tiers_error_input")
  expect_error(simulate(fit, newparams = list(theta = 1)), later, class = "tiers_error_input")
})

test_that("lme4::bootMer() runs", {
  skip_if_not_installed("lme4")
  for (fit in audit_fits()[c("lmm", "glmm")]) {
    boot <- suppressWarnings(suppressMessages(lme4::bootMer(fit, fixef, nsim = 3, seed = 1)))
    expect_equal(dim(boot$t), c(3L, length(fixef(fit))))
    expect_false(anyNA(boot$t))
    expect_equal(boot$t0, fixef(fit))
  }
  boot <- suppressMessages(lme4::bootMer(audit_fits()$lmm, sigma, nsim = 2, use.u = TRUE,
                                         type = "semiparametric"))
  expect_equal(dim(boot$t), c(2L, 1L))
})
