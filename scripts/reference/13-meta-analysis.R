source("common.R")
suppressPackageStartupMessages(library(metafor))
na <- function(x) if (is.null(x) || length(x) == 0 || is.na(x)) NA else unname(x)
meta_case <- function(id, title, dataset, measure, columns, mods = NULL, level = 0.95, rows = list(), factors = list(), sj = measure != "SMD", ml = measure != "MD") {
  d <- with_factors(take(dataset, rows), factors); need <- c(unlist(columns), if (!is.null(mods)) all.vars(as.formula(paste("~", mods)))); d <- d[complete.cases(d[, need]), ]
  es <- if (measure == "GEN") data.frame(d, yi = d[[columns$yi]], vi = d[[columns$vi]]) else do.call(escalc, c(list(measure = measure), lapply(columns, function(n) d[[n]]), list(data = d)))
  es$yi <- as.numeric(es$yi)
  one <- function(method, test) { ctl <- switch(method, PM = list(tol = 1e-12, maxiter = 10000), REML = , ML = list(threshold = 1e-12, maxiter = 10000), list())
    args <- list(yi = es$yi, vi = es$vi, method = method, test = test, level = 100 * level, control = ctl, data = es); if (!is.null(mods)) args$mods <- as.formula(paste("~", mods)); do.call(rma, args) }
  fit_of <- function(method, test) { f <- one(method, test); cf <- list(method = method, test = test, coefficients = lapply(seq_along(f$beta), function(i) list(name = rownames(f$beta)[i], estimate = f$beta[[i]], se = f$se[i], statistic = f$zval[i], p_value = f$pval[i], ci_lower = f$ci.lb[i], ci_upper = f$ci.ub[i])),
      df = if (test == "knha") f$k - f$p else NA, tau2 = f$tau2, tau2_se = if (method == "FE") NA else na(f$se.tau2), i2 = na(f$I2), h2 = na(f$H2), q = f$QE, q_df = f$k - f$p, q_p = f$QEp, loglik = as.numeric(logLik(f, REML = method == "REML")))
    if (is.null(mods) && method != "FE") { p <- predict(f); cf$prediction_lower <- p$pi.lb; cf$prediction_upper <- p$pi.ub }
    if (is.null(mods) && test == "z" && method %in% c("DL", "REML")) { ci <- confint(f, control = list(tol = 1e-12, maxiter = 10000))$random; cf$tau2_ci_lower <- ci["tau^2", "ci.lb"]; cf$tau2_ci_upper <- ci["tau^2", "ci.ub"]; cf$i2_ci_lower <- ci["I^2(%)", "ci.lb"]; cf$i2_ci_upper <- ci["I^2(%)", "ci.ub"] }
    if (isTRUE(cf$tau2_ci_upper > 9.99 * max(10, f$tau2))) cf$tau2_ci_upper <- cf$i2_ci_upper <- NULL # confint's search ends there
    if (!is.null(mods)) { cf$qm <- f$QM; cf$qm_df <- L(if (test == "knha") f$QMdf else f$QMdf[1]); cf$qm_p <- f$QMp; cf$r2 <- na(f$R2) }
    cf }
  plan <- if (!is.null(mods)) list(c("DL", "z"), c("REML", "z"), c("DL", "knha"), c("REML", "knha")) else c(lapply(c("FE", "DL", "PM", "REML", if (ml) "ML", if (sj) "SJ"), c, "z"), lapply(c("DL", "PM", "REML"), c, "knha"))
  e <- list(k = nrow(es), yi = L(es$yi), vi = L(es$vi), fits = lapply(plan, function(m) fit_of(m[1], m[2])))
  if (is.null(mods)) { r <- one("REML", "z"); l <- as.data.frame(leave1out(r)); e$leave_one_out <- lapply(seq_len(nrow(l)), function(i) list(estimate = l$estimate[i], se = l$se[i], tau2 = l$tau2[i])); g <- regtest(r); e$egger <- list(z = unname(g$zval), p_value = unname(g$pval)); e$weights_percent <- L(weights(r)) }
  input <- list(measure = measure, escalc = paste(names(columns), "=", unlist(columns), collapse = ", "), columns = columns, mods = mods, level = level); if (length(factors)) input$factors <- lapply(factors, L)
  case(id, "meta_analysis", title, dataset, input, e, c(sprintf("metafor::escalc(measure = \"%s\", %s, data = d)", measure, input$escalc), "metafor::rma(yi, vi, data = es, method = ..., test = ...)  # PM with tol = 1e-12, REML and ML with threshold = 1e-12", "metafor::leave1out(reml_fit); metafor::regtest(reml_fit)"), "metafor", rows,
    list(default = tolerance(1e-6, 1e-8), tau2_se = tolerance(1e-5, 1e-8), leave_one_out = tolerance(1e-4, 1e-6), egger = tolerance(1e-4, 1e-6)))
}
tc <- function(...) tryCatch(meta_case(...), error = function(e) cat("  LEFT OUT:", ..1, conditionMessage(e), "\n"))
four <- list(ai = "ai", bi = "bi", ci = "ci", di = "di"); two <- list(ai = "ai", n1i = "n1i", ci = "ci", n2i = "n2i")
for (m in c("RR", "OR", "RD")) tc(paste0("meta-nielweise-", tolower(m)), "catheter infections, zero cells", "nielweise2007.csv", m, four)
tc("meta-nielweise-or-n", "sizes instead of non-events, 90%", "nielweise2007.csv", "OR", two, level = 0.9)
tc("meta-hine-rd", "few trials, no heterogeneity", "hine1989.csv", "RD", two)
tc("meta-hine-or", "few trials", "hine1989.csv", "OR", two)
tc("meta-yusuf-rr", "beta blockers, one table", "yusuf1985.csv", "RR", two, rows = list(filter("table", "==", 6L)))
tc("meta-normand-md", "length of stay, mean difference", "normand1999.csv", "MD", list(m1i = "m1i", sd1i = "sd1i", n1i = "n1i", m2i = "m2i", sd2i = "sd2i", n2i = "n2i"))
tc("meta-normand-smd", "standardised, 99%", "normand1999.csv", "SMD", list(m1i = "m1i", sd1i = "sd1i", n1i = "n1i", m2i = "m2i", sd2i = "sd2i", n2i = "n2i"), level = 0.99)
tc("meta-curtis-smd-time", "biomass under carbon dioxide, number as moderator", "curtis1998.csv", "SMD", list(m1i = "m1i", sd1i = "sd1i", n1i = "n1i", m2i = "m2i", sd2i = "sd2i", n2i = "n2i"), mods = "time")
tc("meta-colditz-alloc", "factor as moderator", "colditz1994.csv", "RR", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), mods = "alloc")
tc("meta-colditz-alloc-ablat", "factor and number as moderators, 90%", "colditz1994.csv", "OR", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), mods = "ablat + alloc", level = 0.9, factors = list(alloc = c("random", "alternate", "systematic")))
tc("meta-colditz-year-square", "squared moderator", "colditz1994.csv", "RD", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), mods = "ablat + I(ablat^2)")
tc("meta-colditz-interaction", "interaction of moderators", "colditz1994.csv", "RR", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), mods = "ablat * year")
tc("meta-colditz-random-rd", "rows by !=", "colditz1994.csv", "RD", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), rows = list(filter("alloc", "!=", "systematic"), filter("year", ">", 1940L)))
tc("meta-three-studies", "three studies", "colditz1994.csv", "OR", list(ai = "tpos", bi = "tneg", ci = "cpos", di = "cneg"), rows = list(filter("trial", "in", c(1L, 5L, 9L))))
tc("meta-colditz-gen", "given effects and variances", "colditz_effects.csv", "GEN", list(yi = "yi", vi = "vi"))
save_cases("13-meta-analysis.json", "meta-analysis")
