message_of <- function(expr) {
  e <- tryCatch(suppressMessages(suppressWarnings(expr)), error = identity)
  expect_s3_class(e, "tiers_error")
  gsub("\n", " ", conditionMessage(e))
}

d <- transform(fixture_data("sleepstudy"), score = Reaction)

test_that("arguments of other packages are told where to go", {
  expect_match(message_of(lmm(Reaction ~ Days, random = ~ 1 | Subject, data = d)), "(1 | Subject)",
               fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days, random = ~ Days | Subject, data = d)),
               "y ~ x + (Days | Subject)", fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days, random = list(Subject = ~ 1), data = d)), "(1 | id)",
               fixed = TRUE)
  expect_match(message_of(lmm(fixed = Reaction ~ Days, data = d)), "has both parts")
  expect_match(message_of(lmm(Reaction ~ Days, d, groups = Subject)), "(1 | Subject)", fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days, d, correlation = corAR1())), "not available")
  expect_match(message_of(lmm(Reaction ~ Days, d, ddf = "Kenward-Roger")), "summary(fit, ddf = )",
               fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days, d, verbose = 1)), "trace = TRUE")
  expect_match(message_of(glmm(y ~ x, random = ~ 1 | g, data = d)), "(1 | g)", fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days, d, weights = nlme::varIdent(~ 1 | Days))),
               "Variance functions of nlme")
  # Others as before.
  expect_match(message_of(lmm(Reaction ~ Days, d, wieghts = 1)), "did you mean `weights`")
})

test_that("wide data are recognized", {
  wide <- stats::reshape(d[c("Subject", "Days", "Reaction")], idvar = "Subject", timevar = "Days",
                         direction = "wide")
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), wide)),
               paste("a column for each measurement: `Reaction.0`, `Reaction.1`, `Reaction.2`, ...",
                     "\\(10 columns\\)"))
  names(wide) <- sub("Reaction.", "score_t", names(wide), fixed = TRUE)
  expect_match(message_of(lmm(score ~ Days + (1 | Subject), wide)), "`score_t0`, `score_t1`")
  two <- data.frame(id = 1:20, y1 = rnorm(20), y2 = rnorm(20), x = rnorm(20))
  expect_match(message_of(lmm(y ~ x + (1 | id), two)), "long data")
  expect_match(message_of(glmm(y ~ x + (1 | id), two, family = poisson)), "long data")
  # One numbered column is a slip of the pen; two covariates are covariates.
  one <- data.frame(id = 1:20, score1 = rnorm(20), x = rnorm(20))
  expect_match(message_of(lmm(score ~ x + (1 | id), one)), "did you mean `score1`")
  expect_no_match <- function(text, pattern) expect_false(grepl(pattern, text))
  expect_no_match(message_of(lmm(x ~ y + (1 | id), two)), "long data")
})

test_that("functions of other packages' formulas are translated", {
  expect_match(message_of(lmm(Reaction ~ s(Days) + (1 | Subject), d)), "splines::ns(Days, 4)",
               fixed = TRUE)
  expect_match(message_of(glmm(Reaction ~ te(Days) + (1 | Subject), d)), "Smooth terms")
  expect_match(message_of(lmm(Reaction ~ Days + Error(Subject), d)), "(1 | Subject)", fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days + Error(Subject / Days), d)), "(1 | Subject/Days)",
               fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days + random(Subject), d)), "(1 | Subject)", fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days + (1 | "Subject"), d)), "without quotes")
  # A function that is merely unknown gets no advice, and one of the user's own works.
  expect_false(grepl("Smooth", message_of(lmm(Reaction ~ unknown_one(Days) + (1 | Subject), d))))
  s <- function(x) x^2
  expect_s3_class(suppressMessages(lmm(Reaction ~ s(Days) + (1 | Subject), d)), "tiers_fit")
})

test_that("a response that is text is told by its values", {
  e <- d
  e$Reaction <- as.character(d$Reaction)
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), e)), "stored as text")
  e$Reaction[c(3, 9)] <- c("n/a", "<5")
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), e)), "Not numbers: \"n/a\", \"<5\"",
               fixed = TRUE)
  e$Reaction <- sub(".", ",", as.character(d$Reaction), fixed = TRUE)
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), e)), "comma")
  e$Reaction <- ifelse(d$Reaction > 300, "yes", "no")
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), e)), "binomial")
  e$Reaction <- paste0("{a}", seq_len(nrow(e)))
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), e)), "\"{a}1\"", fixed = TRUE)
})

test_that("formula and data in the wrong place", {
  expect_match(message_of(lmm(d, Reaction ~ Days + (1 | Subject))), "formula comes first")
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), "d")), "without quotes")
  expect_match(message_of(lmm(Reaction ~ Days + (1 | Subject), as.matrix(d$Days))), "as.data.frame")
})

test_that("a list without a name has no columns to suggest", {
  expect_error(lmm(absent ~ x + (1 | g), list()), "absent", class = "tiers_error_input")
})
