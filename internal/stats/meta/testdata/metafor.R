# Made metafor.json with R 4.2.2, metafor 3.8-1, jsonlite: Rscript metafor.R
# Small data that the reference cases have not: empty cells, two and three studies, no heterogeneity, unequal groups, a
# moderator, missing intercept slope. Iterations run to rounding level; limits of tau2 are searched to 1e6.
suppressMessages(library(metafor)); library(jsonlite)
strict <- list(threshold = 1e-15, maxiter = 1e5, tol = 1e-14, tau2.max = 1e6)
one <- function(d, method, test, mods) {
  a <- list(yi = d$yi, vi = d$vi, method = method, test = test, control = strict)
  if (!is.null(mods)) a$mods <- mods
  r <- suppressWarnings(do.call(rma, a))
  out <- list(method = method, test = test, b = c(r$beta), se = r$se, statistic = r$zval, p = r$pval, lower = r$ci.lb, upper = r$ci.ub,
              tau2 = r$tau2, tau2_se = r$se.tau2, i2 = r$I2, h2 = r$H2, q = r$QE, q_p = r$QEp, loglik = c(logLik(r)))
  if (!is.null(mods)) out <- c(out, list(qm = r$QM, qm_p = r$QMp, r2 = r$R2))
  if (method != "FE") {
    if (is.null(mods)) { p <- predict(r); out$prediction <- c(p$pi.lb, p$pi.ub) }
    ci <- confint(r, control = list(tol = 1e-14, tau2.max = 1e6))$random
    if (method %in% c("REML", "ML")) out$tau2_pl <- confint(r, type = "PL", control = list(tol = 1e-14, tau2.max = 1e6))$random[1, 2:3]
    out$tau2_ci <- ci[1, 2:3]; out$i2_ci <- ci[3, 2:3]
  }
  out
}
all <- function(measure, d, columns, mods = NULL) {
  e <- if (measure == "GEN") d else do.call(escalc, c(list(measure = measure), d[columns]))
  fits <- list()
  for (test in c("z", "knha")) for (method in c("FE", "DL", "PM", "REML", "ML", "SJ")) fits <- c(fits, list(one(e, method, test, mods)))
  list(measure = measure, rows = unname(lapply(seq_len(nrow(d)), function(i) as.numeric(d[i, columns]))), mods = mods,
       yi = as.numeric(e$yi), vi = as.numeric(e$vi), fits = fits)
}
counts <- c("ai", "bi", "ci", "di"); means <- c("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"); given <- c("yi", "vi")
z <- data.frame(ai = c(0, 3, 5, 0, 12), bi = c(20, 17, 15, 30, 8), ci = c(4, 0, 9, 0, 20), di = c(16, 22, 11, 31, 0))
w <- data.frame(m1i = c(10.2, 8, 9.5), sd1i = c(3, 2.5, 4), n1i = c(12, 3, 40), m2i = c(8.1, 8.5, 7), sd2i = c(2.8, 3, 3.9), n2i = c(10, 4, 38))
x <- c(1, 3, 2, 5, 6, 4)
cases <- list(
  "empty cells, risk ratio" = all("RR", z, counts), "empty cells, odds ratio" = all("OR", z, counts), "empty cells, risk difference" = all("RD", z, counts),
  "three studies, mean difference" = all("MD", w, means), "three studies, standardised" = all("SMD", w, means),
  "two studies" = all("GEN", data.frame(yi = c(.2, .9), vi = c(.04, .09)), given),
  "three studies" = all("GEN", data.frame(yi = c(-1.2, .4, 2.9), vi = c(.5, .09, .31)), given),
  "studies that agree" = all("GEN", data.frame(yi = c(.3, .32, .28, .31), vi = c(.04, .09, .05, .1)), given),
  "a moderator that explains all" = all("GEN", data.frame(yi = c(.1, .5, .2, .9, .75, .3), vi = c(.02, .05, .03, .08, .04, .06)), given, x),
  "a moderator that explains some" = all("GEN", data.frame(yi = c(.1, 1.5, -.2, .9, 1.75, -.3), vi = c(.02, .05, .03, .08, .04, .06)), given, x))
writeLines(toJSON(cases, digits = NA, auto_unbox = TRUE, na = "null", null = "null", pretty = FALSE), "metafor.json")
