# Shared by the scripts beside it, which write R's results on data sets of R packages as reference cases for the tests
# of internal/stats/analyze: testdata/crosscheck/reference/NN-topic.json. Run from this folder: Rscript NN-topic.R
options(stringsAsFactors = FALSE, digits = 15, warn = 1)
suppressPackageStartupMessages({library(jsonlite); library(stats); library(nlme); library(survival)})

home <- normalizePath("../../testdata/crosscheck")
.cases <- list()

# text of a number as a CSV cell, to full precision
cell <- function(x) ifelse(is.na(x), "", if (is.numeric(x)) trimws(formatC(x, digits = 15, format = "g", width = 1)) else as.character(x))

# put writes a data set of a package into the package's folder, an empty cell for a missing value
put <- function(d, package, name) {
  folder <- file.path(home, package)
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  d <- as.data.frame(d)
  for (n in names(d)) d[[n]] <- cell(if (is.factor(d[[n]])) as.character(d[[n]]) else if (is.logical(d[[n]])) as.integer(d[[n]]) else d[[n]])
  utils::write.csv(d, file.path(folder, name), row.names = FALSE, quote = FALSE, na = "")
}

find_set <- function(name) {
  found <- c(Sys.glob(file.path(home, "*", name)), Sys.glob(file.path(home, "..", "*", name)))
  stopifnot(length(found) == 1)
  found
}

filter <- function(column, op, value = NULL) list(column = column, op = op, value = value)

# take reads a data set and keeps the rows of the filters
take <- function(name, rows = list()) {
  d <- utils::read.csv(find_set(name), na.strings = "", check.names = FALSE)
  for (f in rows) {
    x <- d[[f$column]]
    keep <- if (f$op == "not_missing") !is.na(x) else if (f$op == "in") x %in% f$value & !is.na(x) else get(f$op)(x, f$value)
    d <- d[which(keep), , drop = FALSE]
  }
  d
}

with_factors <- function(d, factors) {
  for (n in names(factors)) d[[n]] <- factor(as.character(d[[n]]), levels = unlist(factors[[n]]))
  d
}

# L makes what must stay a list in JSON, also when it has one entry or none
L <- function(x) as.list(unname(x))
rows_of <- function(m) lapply(seq_len(nrow(m)), function(i) L(m[i, ]))
object <- function(...) { x <- list(...); if (length(x)) x else structure(list(), names = character()) }

case <- function(id, kind, title, dataset, input, expected, r_call, packages = character(), rows = list(), tolerance = list()) {
  rows <- lapply(rows, function(f) { if (f$op == "in") f$value <- L(f$value); f })
  tol <- utils::modifyList(list(default = list(rel = 1e-8, abs = 1e-10)), tolerance)
  versions <- sapply(c("stats", packages), function(p) as.character(utils::packageVersion(p)), simplify = FALSE)
  .cases[[length(.cases) + 1]] <<- list(id = id, kind = kind, title = title, dataset = dataset, rows = rows, input = input,
    r_call = L(r_call), packages = versions, expected = expected, tolerance = tol)
}

tolerance <- function(rel, abs = 0) list(rel = rel, abs = abs)

save_cases <- function(file, topic) {
  folder <- file.path(home, "reference")
  dir.create(folder, showWarnings = FALSE)
  doc <- list(schema = "afterglow-reference/1", file = file, topic = topic, cases = .cases)
  writeLines(toJSON(doc, auto_unbox = TRUE, digits = I(12), null = "null", na = "null"), file.path(folder, file))
  cat(file, length(.cases), "cases\n")
}

or_null <- function(x) if (length(x) == 0 || is.na(x) || is.infinite(x)) NA else x
vc <- function(names, m) list(names = L(names), matrix = rows_of(m))
