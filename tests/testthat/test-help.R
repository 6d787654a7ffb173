# The pages stand beside the tests' folder in a checkout and where `make` builds the package.

man_pages <- function() {
  pages <- list.files(test_path("..", "..", "man"), "\\.Rd$", full.names = TRUE)
  lapply(stats::setNames(pages, basename(pages)), tools::parse_Rd)
}

# The text of a section, NULL where the page has none.
rd_section <- function(page, name) {
  tags <- vapply(page, function(part) attr(part, "Rd_tag"), "")
  if (!any(tags == name)) return(NULL)
  gsub("[ \n]+", " ", trimws(paste(unlist(page[tags == name]), collapse = "")))
}

test_that("every page says what it is about in other words than its title, and where to go on", {
  pages <- man_pages()
  skip_if(length(pages) == 0L)
  for (name in setdiff(names(pages), "reexports.Rd")) {
    page <- pages[[name]]
    expect_false(is.null(rd_section(page, "\\seealso")), label = paste(name, "without see also"))
    expect_false(rd_section(page, "\\description") == rd_section(page, "\\title"),
                 label = paste(name, "repeats its title"))
  }
})

test_that("all exported functions are on the map of ?tiers", {
  pages <- man_pages()
  skip_if(length(pages) == 0L)
  map <- paste(unlist(pages[["tiers-package.Rd"]]), collapse = "")
  for (name in getNamespaceExports("tiers")) {
    if (grepl("^\\.", name)) next
    expect_true(grepl(name, map, fixed = TRUE), label = paste(name, "on the map"))
  }
})

test_that("what users search for is found", {
  pages <- man_pages()
  skip_if(length(pages) == 0L)
  tags <- unlist(lapply(pages, function(page) {
    lapply(page[vapply(page, attr, "", "Rd_tag") == "\\concept"], function(part) {
      paste(unlist(part), collapse = "")
    })
  }))
  for (word in c("repeated measures", "ICC", "pairwise", "convergence", "bootstrap",
                 "Kenward-Roger", "profile", "zero-inflation", "emmeans", "odds ratio",
                 "p values", "singular fit", "confidence interval")) {
    expect_true(any(grepl(word, tags, fixed = TRUE)), label = paste(word, "among the concepts"))
  }
})

test_that("the package can be cited without a warning", {
  expect_warning(cited <- utils::citation("tiers"), NA)
  expect_match(cited$year, "^20[0-9]{2}$")
})

test_that("sections of the page on the algorithm that the sources cite are there", {
  sources <- test_path("..", "..", "src", "core")
  skip_if_not(dir.exists(sources))
  lines <- unlist(lapply(list.files(sources, "\\.(h|cpp)$", recursive = TRUE, full.names = TRUE),
                         readLines))
  cited <- grep("algorithm.Rmd", lines, value = TRUE, fixed = TRUE)
  expect_gt(length(cited), 3)
  sections <- unlist(regmatches(sub(".*algorithm.Rmd", "", cited),
                                gregexpr("[0-9]\\.[0-9]", sub(".*algorithm.Rmd", "", cited))))
  page <- readLines(test_path("..", "..", "vignettes", "algorithm.Rmd"))
  for (section in sections) expect_true(any(startsWith(page, paste0("### ", section, " "))))
})
