# The R side of `make bench-r`: reads columns of doubles, fits, prints what it took as JSON.
# usage: Rscript fit.R KIND FILE ROWS
args <- commandArgs(TRUE)
rows <- as.integer(args[3])
read <- function(names) {
  con <- file(args[2], "rb")
  on.exit(close(con))
  as.data.frame(setNames(lapply(names, function(n) readBin(con, "double", rows, endian = "little")), names))
}
fits <- list(
  mmrm = function() {
    suppressMessages(library(nlme))
    d <- read(c("id", "visit", "arm", "baseline", "score"))
    d$v <- factor(d$visit); d$a <- factor(d$arm); d$index <- as.integer(d$v)
    function() coef(gls(score ~ baseline + a * v, d, correlation = corSymm(form = ~ index | id), weights = varIdent(form = ~ 1 | v)))
  },
  lmm = function() {
    suppressMessages(library(lme4))
    d <- read(c("id", "time", "arm", "score"))
    function() fixef(lmer(score ~ arm * time + (1 + time | id), d))
  },
  cox = function() {
    suppressMessages(library(survival))
    d <- read(c("time", "status", "x1", "x2", "x3", "x4", "x5"))
    function() coef(coxph(Surv(time, status) ~ x1 + x2 + x3 + x4 + x5, d))
  },
  logistic = function() {
    d <- read(c("y", paste0("x", 1:10)))
    function() coef(glm(y ~ ., binomial, d))
  }
)
fit <- fits[[args[1]]]()
invisible(gc())
took <- system.time(estimate <- fit())[["elapsed"]]
peak <- grep("^VmHWM:", readLines("/proc/self/status"), value = TRUE)
cat(sprintf('{"seconds":%.6f,"peak_mb":%.1f,"estimate":[%s]}\n', took, as.numeric(gsub("[^0-9]", "", peak)) / 1024,
            paste(sprintf("%.17g", estimate), collapse = ",")))
