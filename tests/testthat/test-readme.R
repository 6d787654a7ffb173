# The README stands beside the tests' folder in a checkout and where `make` builds the package.

readme_path <- function() test_path("..", "..", "README.md")

readme_chunks <- function(language) {
  lines <- readLines(readme_path())
  fence <- grep("^```", lines)
  open <- fence[c(TRUE, FALSE)]
  close <- fence[c(FALSE, TRUE)]
  wanted <- which(lines[open] == paste0("```", language))
  lapply(wanted, function(i) lines[seq(open[i] + 1L, close[i] - 1L)])
}

test_that("every line of R code in the README runs as it stands", {
  skip_if_not(file.exists(readme_path()))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  place <- new.env(parent = globalenv())
  chunks <- readme_chunks("r")
  expect_gte(length(chunks), 3)
  for (chunk in chunks) for (expr in base::parse(text = chunk, keep.source = FALSE)) {
    expect_error(
      expect_warning(capture.output(print(eval(expr, place))), NA), NA)
  }
})

test_that("the printout in the README is what the package prints", {
  skip_if_not(file.exists(readme_path()))
  # Digits and quotes differ by machine.
  plain <- function(lines) trimws(gsub("[‘’']", "'", gsub("[0-9]", "9", lines)), "right")
  fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
  old <- options(width = 80)
  on.exit(options(old))
  expect_identical(plain(readme_chunks("")[[1]]), plain(capture.output(print(summary(fit)))))
})

test_that("the README names all packages that an installation needs", {
  skip_if_not(file.exists(readme_path()))
  fields <- utils::packageDescription("tiers", fields = c("Imports", "LinkingTo"))
  needed <- trimws(unlist(strsplit(unlist(fields), ",")))
  # These come with R.
  with_r <- rownames(utils::installed.packages(priority = "high"))
  needed <- setdiff(sub("[ (].*", "", needed), c(with_r, "Matrix", "nlme"))
  install <- grep("install.packages", unlist(readme_chunks("sh")), value = TRUE)
  expect_length(install, 2)
  for (line in install) for (package in needed) expect_match(line, package, fixed = TRUE)
  vignettes <- grep("knitr", install, value = TRUE)
  for (package in c("rmarkdown", "MASS")) expect_match(vignettes, package, fixed = TRUE)
})
