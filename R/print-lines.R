# Lines of text that fit the width of the console.

# `text` after its label, in as many lines as it takes. What belongs together stays on one line: an
# argument and its value, a bar term.
wrapped <- function(label, text) {
  room <- max(40L, getOption("width") - 1L)
  joint <- setdiff(c("_", "#", "@", ";", "%", "!", "?"), strsplit(text, "")[[1L]])[1L]
  if (is.na(joint)) return(strwrap(text, room, initial = label, exdent = nchar(label)))
  marked <- gsub(" = ", paste0(joint, "=", joint), text, fixed = TRUE)
  for (part in bar_parts(text)) {
    if (nchar(part) > room - nchar(label)) next
    marked <- gsub(part, gsub(" ", joint, part, fixed = TRUE), marked, fixed = TRUE)
  }
  # strwrap() takes its width as one more than what fits.
  lines <- strwrap(marked, room + 1L, initial = label, exdent = nchar(label))
  lines[1L] <- substring(lines[1L], nchar(label) + 1L)
  lines <- gsub(joint, " ", lines, fixed = TRUE)
  lines[1L] <- paste0(label, lines[1L])
  lines
}

# The outermost brackets of a text in which a bar stands.
bar_parts <- function(text) {
  characters <- strsplit(text, "")[[1L]]
  depth <- cumsum((characters == "(") - (characters == ")"))
  first <- which(characters == "(" & depth == 1L)
  last <- which(characters == ")" & depth == 0L)
  if (length(first) == 0L || length(first) != length(last)) return(character())
  parts <- substring(text, first, last)
  unique(parts[grepl("|", parts, fixed = TRUE)])
}

shortened <- function(line, width = getOption("width")) {
  if (nchar(line) <= width) line else paste0(substr(line, 1L, width - 4L), " ...")
}

# "200 rows used, 5 dropped (missing: `age` 3, `sex` 2)"
data_words <- function(data, missing = NULL) {
  words <- paste0(data$name, ", ", data$used, " rows used, ", data$dropped, " dropped")
  if (length(missing)) {
    words <- paste0(words, " (missing: ", toString(paste0("`", names(missing), "` ", missing)), ")")
  }
  if (data$weight_zero > 0) paste0(words, ", ", data$weight_zero, " of weight zero") else words
}

# "27 Subject (4 rows each), 133 class (4 to 35 rows, mean 17.2)"
groups_words <- function(groups) {
  rows <- ifelse(
    groups$smallest == groups$largest,
    paste0(groups$smallest, ifelse(groups$smallest == 1, " row", " rows"), " each"),
    paste0(groups$smallest, " to ", groups$largest, " rows, mean ", signif(groups$mean, 3L)))
  toString(paste0(groups$group, " ", groups$levels, " (", rows, ")"))
}
