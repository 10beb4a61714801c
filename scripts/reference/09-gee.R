source("common.R")
suppressPackageStartupMessages(library(geepack))
gee_case <- function(id, title, dataset, formula, subject, wave, family, corstr, factors = list(), level = 0.95, rows = list()) {
  fo <- as.formula(formula); d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, unique(c(all.vars(fo), subject, wave))]), ]
  d$.s <- factor(d[[subject]], levels = unique(d[[subject]])); d <- d[order(as.integer(d$.s), d[[wave]]), ]; d$.id <- as.integer(d$.s); d$.wave <- as.integer(factor(d[[wave]])); z <- qnorm((1 + level) / 2)
  fit <- geeglm(fo, data = d, id = .id, waves = .wave, family = get(family), corstr = corstr, std.err = "san.se", control = geese.control(epsilon = 1e-13, maxit = 500))
  b <- coef(fit); V <- fit$geese$vbeta; N <- fit$geese$vbeta.naiv; se <- sqrt(diag(V)); K <- length(unique(d$.id)); p <- length(b)
  e <- list(n_obs = nrow(d), n_clusters = K, max_cluster = max(table(d$.id)), coefficients = lapply(seq_along(b), function(i) list(name = names(b)[i], estimate = b[[i]], se = se[i], wald = (b[[i]] / se[i])^2, p_value = pchisq((b[[i]] / se[i])^2, 1, lower.tail = FALSE), ci_lower = b[[i]] - z * se[i], ci_upper = b[[i]] + z * se[i], se_naive = sqrt(N[i, i]))),
    vcov_robust = vc(names(b), V), vcov_naive = rows_of(N), alpha = L(fit$geese$alpha), scale = unname(fit$geese$gamma), se_robust_over_n_minus_p = L(se * sqrt(K / (K - p))))
  case(id, "gee", title, dataset, list(response = all.vars(fo)[1], formula = formula, subject = subject, wave = wave, family = family, corstr = corstr, factors = if (length(factors)) lapply(factors, L) else structure(list(), names = character()), level = level), e,
    sprintf("geepack::geeglm(%s, id = %s, waves = %s, family = %s, corstr = \"%s\", control = geepack::geese.control(epsilon = 1e-13, maxit = 500))", formula, subject, wave, family, corstr), "geepack", rows, list(default = tolerance(1e-6, 1e-8), scale = tolerance(1e-6, 0), alpha = tolerance(1e-5, 1e-8)))
}
for (cs in c("independence", "exchangeable", "ar1", "unstructured")) gee_case(paste0("gee-ohio-", cs), "wheeze of children by age and mother's smoking", "ohio.csv", "resp ~ age * smoke", "id", "age", "binomial", cs)
trt <- list(trt = c("placebo", "drug", "drug+"), week = c("0", "2", "4", "6", "11"))
for (cs in c("independence", "exchangeable", "ar1")) gee_case(paste0("gee-bacteria-", cs), "bacteria, three arms, missing weeks", "bacteria.csv", "present ~ trt + week", "id", "week", "binomial", cs, trt, 0.9)
ep <- list(trt = c("placebo", "progabide"), period = c("1", "2", "3", "4"))
for (cs in c("independence", "exchangeable", "ar1", "unstructured")) gee_case(paste0("gee-epil-", cs), "log seizure counts", "epil.csv", "logy ~ lbase * trt + age + period", "subject", "period", "gaussian", cs, ep)
for (cs in c("exchangeable", "ar1")) gee_case(paste0("gee-dietox-", cs), "pigs' weight by week and copper", "dietox7.csv", "weight ~ start + cu * time + I(time^2)", "pig", "time", "gaussian", cs, list(cu = c("Cu000", "Cu035", "Cu175")))
gee_case("gee-orthodont-un", "no intercept, unstructured", "orthodont.csv", "distance ~ 0 + sex + sex:age", "subject", "age", "gaussian", "unstructured", list(sex = c("Male", "Female")))
gee_case("gee-respiratory-power", "two-way interactions", "respiratory_ga.csv", "outcome ~ (treat + sex + baseline)^2 - treat:sex + age", "pid", "visit", "binomial", "exchangeable", list(treat = c("P", "A"), sex = c("F", "M")))
gee_case("gee-respiratory-center", "one centre, numeric-looking factor", "respiratory_ga.csv", "outcome ~ treat + baseline", "pid", "visit", "binomial", "ar1", list(treat = c("A", "P"), baseline = c("0", "1")), rows = list(filter("center", "==", 2L), filter("sex", "==", "M")))
gee_case("gee-chickweight-ar1", "diets, dropout", "chickweight.csv", "weight ~ diet * time", "chick", "time", "gaussian", "ar1", list(diet = c("1", "2", "3", "4")))
save_cases("09-gee.json", "generalised estimating equations")
