# Functions of R/kind.R: those whose body is UseMethod().
kind_generics <- function() {
  namespace <- asNamespace("tiers")
  names <- ls(namespace)
  is_internal <- vapply(names, function(name) {
    f <- get(name, envir = namespace)
    is.function(f) && !name %in% getNamespaceExports(namespace) &&
      "UseMethod" %in% all.names(body(f))
  }, NA)
  names[is_internal]
}

kinds <- function() {
  methods <- grep("^kind_run\\.", ls(asNamespace("tiers")), value = TRUE)
  sub("kind_run.", "", methods, fixed = TRUE)
}

# The kind that a kind takes those methods from that it has not itself.
parents <- c(tiers_structured = "tiers_lmm")

own_or_parent <- function(generic, kind) {
  namespace <- asNamespace("tiers")
  for (class in c(kind, parents[kind])) {
    method <- paste0(generic, ".", class)
    if (exists(method, envir = namespace, inherits = FALSE)) return(method)
  }
  paste0(generic, ".", kind)
}

test_that("every kind fills every generic, and each method is registered", {
  expect_setequal(kinds(), c("tiers_lmm", "tiers_glmm", "tiers_structured"))
  expect_gt(length(kind_generics()), 12L)
  for (generic in kind_generics()) for (kind in kinds()) {
    method <- own_or_parent(generic, kind)
    expect_true(exists(method, envir = asNamespace("tiers"), inherits = FALSE), label = method)
    registered <- get(".__S3MethodsTable__.", envir = asNamespace("tiers"))
    expect_true(exists(method, envir = registered, inherits = FALSE),
                label = paste(method, "is registered"))
  }
})

test_that("every kind has its methods of R's generics", {
  for (kind in setdiff(kinds(), names(parents))) {
    for (generic in c("residuals", "family", "augment")) {
      expect_true(is.function(getS3method(generic, kind, optional = TRUE)),
                  label = paste(generic, kind))
    }
  }
})

test_that("methods have the arguments of their generics", {
  for (generic in kind_generics()) for (kind in kinds()) {
    method <- get(own_or_parent(generic, kind), envir = asNamespace("tiers"))
    expect_identical(names(formals(method)),
                     names(formals(get(generic, envir = asNamespace("tiers")))),
                     label = paste(generic, kind))
  }
})

test_that("no file beside those of the kinds asks which kind a model is", {
  asked <- function(e) {
    if (!is.call(e)) return(FALSE)
    if (identical(e[[1L]], quote(inherits)) && any(kinds() %in% as.character(e[[3L]]))) return(TRUE)
    any(vapply(as.list(e), asked, NA))
  }
  functions <- Filter(is.function, as.list(asNamespace("tiers"), all.names = FALSE))
  expect_identical(names(Filter(asked, lapply(functions, body))), character())
})

test_that("kind, specification and fit have the same class first", {
  for (fit in list(lmm(distance ~ age + (1 | Subject), nlme::Orthodont),
                   glmm(y ~ week + (1 | ID), MASS::bacteria, family = binomial()))) {
    expect_identical(kind_class(fit_specification(fit)), kind_class(fit))
    renamed <- fit
    class(renamed) <- c("mine", class(fit))
    expect_identical(kind_class(renamed), kind_class(fit))
    expect_identical(logLik(renamed), logLik(fit))
    expect_identical(capture.output(print(renamed)), capture.output(print(fit)))
  }
  expect_identical(kind_class(linear_kind(TRUE)), "tiers_lmm")
})

test_that("a fit without a kind is told to be damaged", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  class(fit) <- "tiers_fit"
  expect_error(summary(fit), "kind of model", class = "tiers_error_input")
  expect_error(predict(fit), "kind of model", class = "tiers_error_input")
  expect_error(refit_response(fit, fit$fitted), "kind of model", class = "tiers_error_input")
})

test_that("methods are found from within lapply() and do.call()", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  expect_identical(lapply(list(fit), family_of)[[1L]]$name, "gaussian")
  expect_identical(do.call(random_scale, list(fit)), sigma(fit))
})

test_that("a specification has the family of its fit, also with a link of the user's", {
  expect_identical(family_of(fit_specification(lmm(distance ~ age + (1 | Subject),
                                                   nlme::Orthodont))),
                   registered_family("gaussian"))
  shifted <- structure(list(linkfun = function(mu) log(mu + 1),
                            linkinv = function(eta) exp(eta) - 1,
                            mu.eta = function(eta) exp(eta), valideta = function(eta) TRUE,
                            name = "shifted"), class = "link-glm")
  for (family in list(poisson(), poisson(link = shifted), nbinom2("sqrt"))) {
    fit <- suppressMessages(glmm(y ~ lbase, MASS::epil, family = family))
    expect_identical(family_of(fit_specification(fit))[c("name", "link")],
                     fit$family[c("name", "link")])
    expect_identical(is.null(family_of(fit_specification(fit))$custom), is.null(fit$family$custom))
  }
})
