source("common.R")
suppressPackageStartupMessages(library(cmprsk))
one <- function(x) if (is.na(x) || is.infinite(x)) NA else unname(x)
rhs <- function(g) if (is.null(g)) "1" else g

km_case <- function(id, title, dataset, time, status, group = NULL, levels = NULL, at, tau, level = 0.95, rows = list()) {
  d <- take(dataset, rows); if (!is.null(group)) d <- with_factors(d, stats::setNames(list(levels), group))
  d <- d[complete.cases(d[, c(time, status, group)]), ]; z <- qnorm((1 + level) / 2)
  part <- function(x, name) {
    f <- lapply(c(loglog = "log-log", plain = "plain", log = "log"), function(ct) survfit(as.formula(sprintf("Surv(%s, %s) ~ 1", time, status)), data = x, conf.type = ct, conf.int = level))
    a <- f$loglog; s <- summary(a, times = at)
    table <- lapply(seq_along(a$time), function(i) list(time = a$time[i], n_risk = a$n.risk[i], n_event = a$n.event[i], n_censor = a$n.censor[i], surv = a$surv[i], se = one(a$surv[i] * a$std.err[i]), cumhaz = a$cumhaz[i], cumhaz_se = a$std.chaz[i],
      lower_loglog = one(f$loglog$lower[i]), upper_loglog = one(f$loglog$upper[i]), lower_plain = one(f$plain$lower[i]), upper_plain = one(f$plain$upper[i]), lower_log = one(f$log$lower[i]), upper_log = one(f$log$upper[i])))
    q <- lapply(f, quantile, c(0.25, 0.5, 0.75))
    quant <- lapply(1:3, function(i) c(list(p = c(0.25, 0.5, 0.75)[i], estimate = one(q$loglog$quantile[i])), unlist(lapply(names(q), function(n) stats::setNames(list(one(q[[n]]$lower[i]), one(q[[n]]$upper[i])), paste0(c("lower_", "upper_"), n))), recursive = FALSE)))
    k <- which(a$time <= tau); tt <- c(0, a$time[k], tau); S <- c(1, a$surv[k]); area <- sum(diff(tt) * S)
    rest <- rev(cumsum(rev(diff(tt) * S)))[-1]; v <- sum(ifelse(a$n.event[k] > 0 & a$n.risk[k] > a$n.event[k], rest^2 * a$n.event[k] / (a$n.risk[k] * (a$n.risk[k] - a$n.event[k])), 0))
    list(level = name, n = nrow(x), events = sum(x[[status]]), table = table, quantiles = quant,
      at = lapply(seq_along(s$time), function(i) list(time = s$time[i], n_risk = s$n.risk[i], surv = s$surv[i], se = one(s$std.err[i]), lower_loglog = one(s$lower[i]), upper_loglog = one(s$upper[i]))),
      rmst = list(tau = tau, estimate = area, se = sqrt(v), ci_lower = area - z * sqrt(v), ci_upper = area + z * sqrt(v), rmtl = tau - area))
  }
  e <- list(groups = if (is.null(group)) list(part(d, "all")) else lapply(levels, function(l) part(d[d[[group]] == l, ], l)))
  if (length(levels) == 2) { a <- e$groups[[1]]$rmst; b <- e$groups[[2]]$rmst; df <- b$estimate - a$estimate; se <- sqrt(a$se^2 + b$se^2); r <- b$estimate / a$estimate; ls <- sqrt((a$se / a$estimate)^2 + (b$se / b$estimate)^2)
    e$rmst_difference <- list(contrast = paste(levels[2], "-", levels[1]), estimate = df, se = se, z = df / se, p_value = 2 * pnorm(-abs(df / se)), ci_lower = df - z * se, ci_upper = df + z * se)
    e$rmst_ratio <- list(contrast = paste(levels[2], "/", levels[1]), estimate = r, log_se = ls, p_value = 2 * pnorm(-abs(log(r) / ls)), ci_lower = r * exp(-z * ls), ci_upper = r * exp(z * ls)) }
  case(id, "km", title, dataset, list(time = time, status = status, group = group, levels = L(levels), at = L(at), tau = tau, level = level), e, sprintf("survival::survfit(survival::Surv(%s, %s) ~ %s, data = d, conf.type = ..., conf.int = %s)", time, status, rhs(group), level), "survival", rows)
}
lr_case <- function(id, title, dataset, time, status, group, levels, strata = NULL, rho = 0, rows = list()) {
  d <- with_factors(take(dataset, rows), stats::setNames(list(levels), group)); d <- d[complete.cases(d[, c(time, status, group, strata)]), ]
  f <- sprintf("Surv(%s, %s) ~ %s%s", time, status, group, if (is.null(strata)) "" else paste0(" + strata(", strata, ")")); s <- survdiff(as.formula(f), data = d, rho = rho)
  sm <- function(x) L(if (is.matrix(x)) rowSums(x) else x); df <- sum((if (is.matrix(s$exp)) rowSums(s$exp) else s$exp) > 0) - 1
  case(id, "logrank", title, dataset, list(time = time, status = status, group = group, levels = L(levels), strata = strata, rho = rho),
    list(n = L(as.vector(table(d[[group]]))), observed = sm(s$obs), expected = sm(s$exp), variance = rows_of(s$var), chisq = s$chisq, df = df, p_value = pchisq(s$chisq, df, lower.tail = FALSE)), sprintf("survival::survdiff(%s, data = d, rho = %s)", f, rho), "survival", rows)
}
cox_case <- function(id, title, dataset, formula, time = NULL, status, start = NULL, stop = NULL, ties = "efron", strata = NULL, cluster = NULL, factors = list(), level = 0.95, rows = list(), zph = TRUE, hazard = FALSE) {
  d <- with_factors(take(dataset, rows), factors); z <- qnorm((1 + level) / 2)
  d <- d[complete.cases(d[, unique(c(all.vars(as.formula(paste("~", formula))), time, status, start, stop, strata, cluster))]), ]
  lhs <- if (is.null(start)) sprintf("Surv(%s, %s)", time, status) else sprintf("Surv(%s, %s, %s)", start, stop, status)
  fo <- as.formula(sprintf("%s ~ %s%s", lhs, formula, if (is.null(strata)) "" else sprintf(" + strata(%s)", strata)))
  ctl <- coxph.control(eps = 1e-11, iter.max = 60)
  if (!is.null(strata) && !is.null(factors[[strata]])) NULL else if (!is.null(strata)) d[[strata]] <- factor(d[[strata]])
  fit <- if (is.null(cluster)) coxph(fo, d, ties = ties, x = TRUE, control = ctl) else { d$.cl <- d[[cluster]]; coxph(fo, d, ties = ties, x = TRUE, control = ctl, cluster = .cl) }
  s <- summary(fit); V <- if (is.null(cluster)) fit$var else fit$naive.var; se <- sqrt(diag(V)); b <- coef(fit); n <- names(b)
  co <- lapply(seq_along(b), function(i) { o <- list(name = n[i], estimate = b[[i]], se = se[i], z = b[[i]] / se[i], p_value = 2 * pnorm(-abs(b[[i]] / se[i])), hr = exp(b[[i]]), hr_lower = exp(b[[i]] - z * se[i]), hr_upper = exp(b[[i]] + z * se[i]))
    if (!is.null(cluster)) { r <- sqrt(diag(fit$var))[i]; o <- c(o, list(robust_se = r, robust_z = b[[i]] / r, robust_p_value = 2 * pnorm(-abs(b[[i]] / r)), robust_hr_lower = exp(b[[i]] - z * r), robust_hr_upper = exp(b[[i]] + z * r))) }; o })
  test <- function(x) list(chisq = unname(x), df = length(b), p_value = pchisq(unname(x), length(b), lower.tail = FALSE))
  e <- list(n = fit$n, n_events = fit$nevent, coefficients = co, vcov = vc(n, V), loglik_null = fit$loglik[1], loglik = fit$loglik[2], lr_test = test(2 * diff(fit$loglik)), wald_test = test(drop(b %*% solve(V) %*% b)), score_test = test(fit$score),
    concordance = unname(s$concordance[1]))
  if (!is.null(cluster)) { e$robust_vcov <- rows_of(fit$var); e$robust_wald_test <- test(drop(b %*% solve(fit$var) %*% b)) }
  if (zph) e$zph <- lapply(c("km", "identity", "rank", "log"), function(tr) { t <- cox.zph(fit, transform = tr, terms = FALSE)$table; list(transform = tr, rows = lapply(seq_len(nrow(t)), function(i) list(name = rownames(t)[i], chisq = t[i, 1], df = t[i, 2], p_value = t[i, 3]))) })
  if (hazard) { h <- basehaz(fit, centered = FALSE); h$stratum <- if (is.null(strata)) "all" else as.character(h$strata)
    e$baseline_hazard <- unlist(lapply(unique(h$stratum), function(st) { x <- h[h$stratum == st, ]; at <- c(90, 365, 730); sel <- if (is.null(strata)) TRUE else d[[strata]] == st; at <- at[sapply(at, function(t) sum(d[[time]][sel] >= t) >= 10)]
      lapply(at, function(t) list(stratum = st, time = t, cumhaz = max(c(0, x$hazard[x$time <= t])))) }), recursive = FALSE) }
  case(id, "coxph", title, dataset, list(time = time, status = status, start = start, stop = stop, formula = formula, ties = ties, strata = strata, cluster = cluster, factors = if (length(factors)) lapply(factors, L) else structure(list(), names = character()), level = level),
    e, c(sprintf("survival::coxph(%s, data = d, ties = \"%s\"%s, control = survival::coxph.control(eps = 1e-11, iter.max = 60))", deparse1(fo), ties, if (is.null(cluster)) "" else paste0(", cluster = ", cluster)), "survival::cox.zph(fit, transform = ..., terms = FALSE)"), "survival", rows,
    list(default = tolerance(1e-7, 1e-9), zph = tolerance(1e-5, 1e-7)))
}
dh_case <- function(id, title, dataset, time, status, cuts, formula, factors = list(), level = 0.95, rows = list()) {
  d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, c(time, status, all.vars(as.formula(paste("~", formula))))]), ]; z <- qnorm((1 + level) / 2)
  pp <- do.call(rbind, lapply(seq_len(nrow(d)), function(i) { t <- d[[time]][i]; e <- d[[status]][i]; k <- if (e == 1) which(t <= cuts[-1])[1] else sum(cuts[-1] <= t); if (is.na(k)) k <- length(cuts) - 1; if (k == 0) return(NULL)
    data.frame(d[rep(i, k), ], interval = seq_len(k), y = as.integer(seq_len(k) == k & e == 1 & t <= max(cuts))) }))
  pp$interval <- factor(pp$interval, levels = seq_len(length(cuts) - 1))
  fit <- glm(as.formula(paste("y ~ 0 + interval +", formula)), family = binomial(link = "cloglog"), data = pp, control = glm.control(epsilon = 1e-14, maxit = 100))
  b <- coef(fit); se <- sqrt(diag(vcov(fit)))
  case(id, "discrete_hazard", title, dataset, list(time = time, status = status, cuts = L(cuts), formula = formula, factors = if (length(factors)) lapply(factors, L) else structure(list(), names = character()), level = level),
    list(n_subjects = sum(pp$interval == 1), n_person_periods = nrow(pp), at_risk = L(as.vector(table(pp$interval))), events = L(as.vector(tapply(pp$y, pp$interval, sum))), coefficients = lapply(seq_along(b), function(i) list(name = names(b)[i], estimate = b[[i]], se = se[[i]], z = b[[i]] / se[[i]], p_value = 2 * pnorm(-abs(b[[i]] / se[[i]])), exp_estimate = exp(b[[i]]), exp_lower = exp(b[[i]] - z * se[[i]]), exp_upper = exp(b[[i]] + z * se[[i]]))),
      loglik = as.numeric(logLik(fit)), deviance = deviance(fit), aic = AIC(fit)), "glm(y ~ 0 + interval + ..., family = binomial(link = \"cloglog\"), data = person-periods)", character(), rows, list(default = tolerance(1e-7, 1e-9)))
}
cr_case <- function(id, title, dataset, time, event, causes, at, group = NULL, levels = NULL, fg = NULL, factors = list(), level = 0.95, rows = list()) {
  if (!is.null(group)) factors[[group]] <- levels
  d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, c(time, event, group)]), ]
  part <- function(x, name) { x$.ev <- factor(x[[event]], levels = 0:length(causes)); f <- lapply(c(plain = "plain", log = "log", loglog = "log-log"), function(ct) summary(survfit(as.formula(sprintf("Surv(%s, .ev) ~ 1", time)), data = x, conf.type = ct, conf.int = level), times = at))
    ci <- cmprsk::timepoints(cmprsk::cuminc(x[[time]], x[[event]]), at)
    list(level = name, n = nrow(x), causes = lapply(seq_along(causes), function(k) list(cause = causes[k], n_events = sum(x[[event]] == k), rows = lapply(seq_along(f$plain$time), function(i) list(time = at[i], cif = f$plain$pstate[i, k + 1], se = f$plain$std.err[i, k + 1],
      lower_plain = one(f$plain$lower[i, k + 1]), upper_plain = one(f$plain$upper[i, k + 1]), lower_log = one(f$log$lower[i, k + 1]), upper_log = one(f$log$upper[i, k + 1]), lower_loglog = one(f$loglog$lower[i, k + 1]), upper_loglog = one(f$loglog$upper[i, k + 1]), se_cmprsk = if (paste(1, k) %in% rownames(ci$var)) one(sqrt(ci$var[paste(1, k), i])) else 0)))),
      event_free = lapply(seq_along(f$plain$time), function(i) list(time = at[i], surv = f$plain$pstate[i, 1], se = f$plain$std.err[i, 1]))) }
  e <- list(groups = if (is.null(group)) list(part(d, "all")) else lapply(levels, function(l) part(d[d[[group]] == l, ], l)))
  if (!is.null(group)) { t <- cmprsk::cuminc(d[[time]], d[[event]], group = d[[group]])$Tests; e$gray_test <- lapply(seq_along(causes), function(k) list(cause = causes[k], chisq = t[as.character(k), "stat"], df = t[as.character(k), "df"], p_value = pchisq(t[as.character(k), "stat"], t[as.character(k), "df"], lower.tail = FALSE))) }
  if (!is.null(fg)) { dd <- d[complete.cases(d[, all.vars(as.formula(paste("~", fg$rhs)))]), ]; X <- model.matrix(as.formula(paste("~", fg$rhs)), dd)[, -1, drop = FALSE]; f <- cmprsk::crr(dd[[time]], dd[[event]], X, failcode = fg$cause, cencode = 0, gtol = 1e-12, maxiter = 50)
    e$fine_gray <- list(cause = causes[fg$cause], formula = fg$rhs, loglik = f$loglik, coefficients = lapply(seq_along(f$coef), function(i) list(name = colnames(X)[i], estimate = f$coef[[i]], se = sqrt(f$var[i, i]), shr = exp(f$coef[[i]])))) }
  input <- list(time = time, event = event, causes = L(causes), group = group, levels = L(levels), at = L(at), fine_gray = fg, level = level); factors[[if (is.null(group)) " " else group]] <- NULL
  if (length(factors)) input$factors <- lapply(factors, L)
  case(id, "competing_risks", title, dataset, input, e, c(sprintf("survival::survfit(survival::Surv(%s, factor(%s)) ~ %s, data = d)", time, event, rhs(group)), "cmprsk::cuminc(...); cmprsk::timepoints(...)", if (!is.null(fg)) sprintf("cmprsk::crr(%s; failcode = %d, cencode = 0, gtol = 1e-12, maxiter = 50)", fg$rhs, fg$cause)), c("survival", "cmprsk"), rows, list(fine_gray = tolerance(1e-6, 1e-8)))
}
try_case <- function(call) tryCatch(call, error = function(e) cat("  LEFT OUT:", conditionMessage(e), "\n"))

## cases
cell4 <- c("squamous", "smallcell", "adeno", "large")
km_case("km-aml", "leukaemia by maintenance, ties and an event at the last time", "aml.csv", "time", "status", "x", c("Maintained", "Nonmaintained"), c(5, 13, 23), 40)
km_case("km-veteran-cells", "four cell types, 90%", "veteran.csv", "time", "status", "celltype", cell4, c(30, 100), 180, 0.9)
km_case("km-ovarian", "few events, median not reached in some limits", "ovarian.csv", "futime", "fustat", "rx", c("1", "2"), c(100, 365), 700)
km_case("km-pbc-all", "419 rows, 99%", "pbc.csv", "time", "status", NULL, NULL, c(365, 1000, 4000), 3650, 0.99, rows = list(filter("status", "<", 2L)))
km_case("km-kidney", "small groups by disease", "kidney.csv", "time", "status", "disease", c("Other", "GN", "AN", "PKD"), c(10, 100), 130)
km_case("km-rats-male", "no event", "rats.csv", "time", "status", NULL, NULL, c(50, 100), 100, rows = list(filter("sex", "==", "m"), filter("rx", "==", 0L)))
lr_case("lr-veteran-cells", "four groups", "veteran.csv", "time", "status", "celltype", cell4)
lr_case("lr-veteran-cells-strata", "four groups within treatment and prior therapy", "veteran.csv", "time", "status", "celltype", cell4, "prior")
lr_case("lr-veteran-peto-strata", "Peto-Peto within cell types", "veteran.csv", "time", "status", "trt", c("1", "2"), "celltype", 1)
lr_case("lr-kidney-peto", "Peto-Peto, four diseases", "kidney.csv", "time", "status", "disease", c("Other", "GN", "AN", "PKD"), NULL, 1)
lr_case("lr-colon", "three arms, one named with a plus", "colon_death.csv", "time", "status", "rx", c("Obs", "Lev", "Lev+5FU"))
lr_case("lr-rats", "rho one half, within sex", "rats.csv", "time", "status", "rx", c("0", "1"), "sex", 0.5)
cox_case("cox-veteran", "factor of four levels", "veteran.csv", "trt + celltype + karno + diagtime + age + prior", "time", "status", factors = list(celltype = cell4), hazard = TRUE)
cox_case("cox-veteran-breslow-strata", "Breslow, stratified, 90%", "veteran.csv", "trt * karno + age", "time", "status", ties = "breslow", strata = "celltype", factors = list(celltype = cell4), level = 0.9)
cox_case("cox-veteran-interaction", "factor by number", "veteran.csv", "celltype * karno", "time", "status", factors = list(celltype = cell4))
cox_case("cox-veteran-a-colon-b", "interaction without main effect of the number", "veteran.csv", "celltype + celltype:karno", "time", "status", factors = list(celltype = cell4))
cox_case("cox-veteran-square", "square of a number", "veteran.csv", "karno + I(karno^2) + trt", "time", "status", factors = list(trt = c("1", "2")))
cox_case("cox-veteran-strata-cluster", "strata and clusters together", "veteran.csv", "trt + karno", "time", "status", strata = "prior", cluster = "celltype")
cox_case("cox-veteran-strata-of-two", "rows outside the strata's levels leave", "veteran.csv", "karno + age", "time", "status", strata = "celltype", factors = list(celltype = c("squamous", "adeno")))
cox_case("cox-kidney-cluster", "two infections a patient, disease factor", "kidney.csv", "age + sex + disease", "time", "status", cluster = "id", factors = list(disease = c("Other", "GN", "AN", "PKD"), sex = c("1", "2")))
cox_case("cox-kidney-breslow-cluster", "Breslow and clusters", "kidney.csv", "age + sex", "time", "status", ties = "breslow", cluster = "id")
cox_case("cox-rats-cluster-strata", "litters within sex", "rats.csv", "rx", "time", "status", strata = "sex", cluster = "litter")
cox_case("cox-bladder-counting", "recurrences, counting process, strata by number, clusters", "bladder2.csv", "rx + number + size", NULL, "event", "start", "stop", strata = "enum", cluster = "id")
cox_case("cox-bladder-interaction", "strata by covariate", "bladder2.csv", "rx + size + number", NULL, "event", "start", "stop", ties = "breslow")
cox_case("cox-cgd-counting", "recurrent infections", "cgd.csv", "treat + sex + age + inherit", NULL, "status", "tstart", "tstop", cluster = "id", factors = list(treat = c("placebo", "rIFN-g"), sex = c("male", "female"), inherit = c("X-linked", "autosomal")))
cox_case("cox-colon", "colon cancer, missing differentiation, factor of numeric levels", "colon_death.csv", "rx + nodes + differ + sex", "time", "status", factors = list(rx = c("Obs", "Lev", "Lev+5FU"), differ = c("1", "2", "3")), hazard = TRUE)
cox_case("cox-colon-three-way", "three-way interaction", "colon_death.csv", "rx * sex * node4 + age", "time", "status", factors = list(rx = c("Obs", "Lev", "Lev+5FU")))
cox_case("cox-colon-power", "all two-way interactions", "colon_death.csv", "(rx + sex + node4)^2 - sex:node4", "time", "status", factors = list(rx = c("Lev", "Obs", "Lev+5FU")), ties = "breslow")
cox_case("cox-pbc-rows", "rows by in, <= and !=", "pbc.csv", "age + bili + edema + stage", "time", "dead", rows = list(filter("stage", "in", 2:4), filter("age", "<=", 70), filter("trt", "!=", 2L)), factors = list(stage = c("2", "3", "4"), edema = c("0", "0.5", "1")))
cox_case("cox-pbc", "scale of the covariates far apart", "pbc.csv", "age + platelet + alk_phos + protime", "time", "dead", level = 0.99)
cox_case("cox-ovarian", "few events", "ovarian.csv", "age + resid_ds + rx + ecog_ps", "futime", "fustat")
cox_case("cox-ovarian-no-intercept", "written with minus one", "ovarian.csv", "age + rx - 1", "futime", "fustat", ties = "breslow")
dh_case("disc-veteran", "uneven cuts, factor", "veteran.csv", "time", "status", c(0, 30, 90, 180, 365), "trt + karno + celltype", list(celltype = cell4, trt = c("1", "2")))
dh_case("disc-colon", "yearly, three arms, 90%", "colon_death.csv", "time", "status", 365 * (0:6), "rx * sex + nodes", list(rx = c("Obs", "Lev", "Lev+5FU")), 0.9)
dh_case("disc-pbc", "cut before the first event time of some", "pbc.csv", "time", "dead", c(0, 500, 1500, 2500), "age + bili")
cr_case("cr-melanoma", "melanoma and other deaths", "melanoma.csv", "time", "event", c("melanoma", "other"), c(1000, 2000, 3000))
cr_case("cr-melanoma-three-groups", "three bands of thickness, Gray's tests, Fine-Gray of cause 2", "melanoma.csv", "time", "event", c("melanoma", "other"), c(1500, 3000), "band", c("thin", "middle", "thick"), list(rhs = "age + sex + band", cause = 2L), level = 0.9)
cr_case("cr-melanoma-three-causes", "three causes, Fine-Gray of cause 3", "melanoma.csv", "time", "event3", c("ulcerated", "other", "whole"), c(800, 2500), "sex", c("0", "1"), list(rhs = "age + thickness", cause = 3L))
cr_case("cr-pbc", "transplant and death by stage", "pbc.csv", "time", "status", c("transplant", "death"), c(1000, 3000), "stage", c("1", "2", "3", "4"), list(rhs = "age + bili + stage", cause = 2L))
cr_case("cr-pbc-fg-interaction", "no group, Fine-Gray with an interaction", "pbc.csv", "time", "status", c("transplant", "death"), c(500), NULL, NULL, list(rhs = "age * sex", cause = 1L), factors = list(sex = c("m", "f")))
save_cases("08-survival.json", "survival")
