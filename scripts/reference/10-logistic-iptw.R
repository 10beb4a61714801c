source("common.R")
suppressPackageStartupMessages(library(sandwich))
fac <- function(f) if (length(f)) lapply(f, L) else structure(list(), names = character())
logit_case <- function(id, title, dataset, formula, factors = list(), level = 0.95, rows = list()) {
  fo <- as.formula(formula); d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, all.vars(fo)]), ]; y <- d[[all.vars(fo)[1]]]; z <- qnorm((1 + level) / 2)
  fit <- glm(fo, binomial, d, control = glm.control(epsilon = 1e-14, maxit = 100)); b <- coef(fit); se <- sqrt(diag(vcov(fit))); pr <- suppressMessages(MASS:::confint.glm(fit, level = level)); pr <- matrix(pr, ncol = 2); h <- sqrt(diag(vcovHC(fit, "HC0"))); e <- fitted(fit); r <- rank(e); n1 <- sum(y)
  lr <- fit$null.deviance - deviance(fit); df <- fit$df.null - fit$df.residual
  x <- list(n = nrow(d), events = n1, coefficients = lapply(seq_along(b), function(i) list(name = names(b)[i], estimate = b[[i]], se = se[[i]], z = b[[i]] / se[[i]], p_value = 2 * pnorm(-abs(b[[i]] / se[[i]])), odds_ratio = exp(b[[i]]), wald_lower = b[[i]] - z * se[[i]], wald_upper = b[[i]] + z * se[[i]], profile_lower = pr[i, 1], profile_upper = pr[i, 2], se_hc0 = h[[i]])),
    vcov = vc(names(b), vcov(fit)), loglik = as.numeric(logLik(fit)), deviance = deviance(fit), null_deviance = fit$null.deviance, aic = AIC(fit), bic = BIC(fit), lr_test = if (df > 0) list(chisq = lr, df = df, p_value = pchisq(lr, df, lower.tail = FALSE)),
    auc = (sum(r[y == 1]) - n1 * (n1 + 1) / 2) / (n1 * (nrow(d) - n1)), brier = mean((y - e)^2), fitted_first = L(e[1:10]))
  if (df == 0) x$lr_test <- NULL
  case(id, "logistic", title, dataset, list(response = all.vars(fo)[1], formula = formula, factors = fac(factors), level = level), x, c(sprintf("glm(%s, family = binomial, data = d, control = glm.control(epsilon = 1e-14, maxit = 100))", formula), "MASS:::confint.glm(fit)", "sandwich::vcovHC(fit, \"HC0\")"), c("MASS", "sandwich"), rows, list(default = tolerance(1e-7, 1e-9), profile_lower = tolerance(1e-4, 1e-5), profile_upper = tolerance(1e-4, 1e-5)))
}
iptw_case <- function(id, title, dataset, formula, outcome, estimand, factors = list(), level = 0.95, rows = list()) {
  fo <- as.formula(formula); tr <- all.vars(fo)[1]; d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, c(all.vars(fo), outcome)]), ]; z <- qnorm((1 + level) / 2)
  ps <- glm(fo, binomial, d, control = glm.control(epsilon = 1e-14, maxit = 100)); e <- unname(fitted(ps)); A <- d[[tr]]; Y <- d[[outcome]]; X <- model.matrix(ps); n <- nrow(d); p <- mean(A)
  ate <- estimand == "ATE"; w <- if (ate) A / e + (1 - A) / (1 - e) else A + (1 - A) * e / (1 - e); sw <- if (ate) A * p / e + (1 - A) * (1 - p) / (1 - e) else A + (1 - A) * e / (1 - e) * (1 - p) / p
  wl <- lm(Y ~ A, weights = w); m1 <- weighted.mean(Y[A == 1], w[A == 1]); m0 <- weighted.mean(Y[A == 0], w[A == 0]); hc0 <- sqrt(vcovHC(wl, "HC0")[2, 2]); hc1 <- sqrt(vcovHC(wl, "HC1")[2, 2])
  # stacked estimating equations of the propensity model and the two means
  psi <- cbind(X * (A - e), A * w * (Y - m1), (1 - A) * w * (Y - m0)); k <- ncol(X); M <- matrix(0, k + 2, k + 2)
  M[1:k, 1:k] <- -crossprod(X, X * e * (1 - e)); dw1 <- if (ate) -A * (1 - e) / e else 0 * A; dw0 <- (1 - A) * e / (1 - e)
  M[k + 1, 1:k] <- colSums(X * dw1 * (Y - m1)); M[k + 2, 1:k] <- colSums(X * dw0 * (Y - m0)); M[k + 1, k + 1] <- -sum(A * w); M[k + 2, k + 2] <- -sum((1 - A) * w)
  S <- solve(M) %*% crossprod(psi) %*% t(solve(M)); g <- c(rep(0, k), 1, -1); sm <- sqrt(drop(g %*% S %*% g)); est <- m1 - m0
  bal <- lapply(2:k, function(j) { x <- X[, j]; bin <- all(x %in% 0:1); v <- function(u) if (bin) mean(u) * (1 - mean(u)) else var(u); a <- mean(x[A == 1]); b <- mean(x[A == 0]); aw <- weighted.mean(x[A == 1], w[A == 1]); bw <- weighted.mean(x[A == 0], w[A == 0]); s <- sqrt((v(x[A == 1]) + v(x[A == 0])) / 2); s1 <- sqrt(v(x[A == 1]))
    list(variable = colnames(X)[j], binary = bin, mean_treated = a, mean_control = b, mean_treated_weighted = aw, mean_control_weighted = bw, smd_before_pooled = (a - b) / s, smd_after_pooled = (aw - bw) / s, smd_before_treated_sd = (a - b) / s1, smd_after_treated_sd = (aw - bw) / s1) })
  ess <- function(u) sum(u)^2 / sum(u^2)
  x <- list(n = n, n_treated = sum(A), propensity = lapply(1:k, function(j) list(name = colnames(X)[j], estimate = coef(ps)[[j]], se = sqrt(vcov(ps)[j, j]))), propensity_first = L(e[1:10]), weight_first = L(w[1:10]), stabilised_weight_first = L(sw[1:10]), weight_sum_treated = sum(w[A == 1]), weight_sum_control = sum(w[A == 0]), weight_max = max(w), weight_min = min(w),
    stabilised_weight_mean = mean(sw), stabilised_weight_max = max(sw), ess_treated = ess(w[A == 1]), ess_control = ess(w[A == 0]), mean_treated = m1, mean_control = m0, estimate = est, unadjusted = mean(Y[A == 1]) - mean(Y[A == 0]), se_sandwich_hc0 = hc0, se_sandwich_hc1 = hc1, se_m_estimation = sm,
    ci_lower_hc0 = est - z * hc0, ci_upper_hc0 = est + z * hc0, ci_lower_m = est - z * sm, ci_upper_m = est + z * sm, balance = bal)
  case(id, "iptw", title, dataset, list(treatment = tr, formula = formula, outcome = outcome, estimand = estimand, factors = fac(factors), level = level), x, c(sprintf("ps <- glm(%s, family = binomial, data = d, control = glm.control(epsilon = 1e-14, maxit = 100))", formula), "sandwich::vcovHC(lm(Y ~ A, weights = w), ...)", "stacked estimating equations from their formulas"), "sandwich", rows, list(default = tolerance(1e-7, 1e-9)))
}
ev_case <- function(id, type, estimate, lower = NULL, upper = NULL, se = NULL) {
  cv <- function(x) switch(type, rr = , or_rare = , hr_rare = x, or_common = sqrt(x), hr_common = (1 - 0.5^sqrt(x)) / (1 - 0.5^sqrt(1 / x)))
  if (type == "smd") { r <- exp(0.91 * estimate); lo <- if (!is.null(se)) exp(0.91 * estimate - 1.78 * se); hi <- if (!is.null(se)) exp(0.91 * estimate + 1.78 * se) } else { r <- cv(estimate); lo <- if (!is.null(lower)) cv(lower); hi <- if (!is.null(upper)) cv(upper) }
  E <- function(x) { x <- if (x < 1) 1 / x else x; x + sqrt(x * (x - 1)) }
  lim <- if (is.null(lo) || is.null(hi)) NULL else if (lo <= 1 && hi >= 1) 1 else if (r > 1) E(lo) else E(hi)
  case(id, "evalue", paste(type, estimate), NULL, list(type = type, estimate = estimate, lower = lower, upper = upper, se = se), list(rr = r, rr_lower = lo, rr_upper = hi, evalue = E(r), evalue_limit = lim), "formulas of VanderWeele & Ding (2017)")
}
bw <- list(race = c("1", "2", "3"))
logit_case("logit-birthwt", "low birth weight, race as a numeric-looking factor", "birthwt.csv", "low ~ age + lwt + race + smoke + ptl + ht + ui", bw)
logit_case("logit-birthwt-interaction", "three-way interaction, 90%", "birthwt.csv", "low ~ race * smoke + lwt:smoke + I(age^2)", bw, 0.9)
logit_case("logit-birthwt-no-intercept", "no intercept", "birthwt.csv", "low ~ 0 + race + smoke", bw)
logit_case("logit-birthwt-rows", "rows by in and >", "birthwt.csv", "low ~ race + smoke + age", list(race = c("1", "3")), rows = list(filter("race", "in", c(1L, 3L)), filter("age", ">", 18L)))
logit_case("logit-infert", "education of three levels with signs in their names", "infert.csv", "case ~ spontaneous + induced + education + parity", list(education = c("0-5yrs", "6-11yrs", "12+ yrs")))
logit_case("logit-pbc-missing", "missing cells", "pbc.csv", "spiders ~ bili + albumin + stage + sex", list(stage = c("1", "2", "3", "4"), sex = c("f", "m")))
logit_case("logit-mtcars", "small", "mtcars.csv", "am ~ wt")
logit_case("logit-one", "intercept only", "mtcars.csv", "am ~ 1")
iptw_case("iptw-birthwt-ate", "smoking and birth weight, ATE", "birthwt.csv", "smoke ~ age + lwt + race + ht + ui", "bwt", "ATE", bw)
iptw_case("iptw-birthwt-att", "smoking and birth weight, ATT, 90%", "birthwt.csv", "smoke ~ age * race + lwt", "bwt", "ATT", bw, 0.9)
iptw_case("iptw-infert-ate", "factor of three levels, binary outcome", "infert.csv", "spont ~ age + education + parity", "case", "ATE", list(education = c("0-5yrs", "6-11yrs", "12+ yrs")))
iptw_case("iptw-pbc-att", "missing outcome cells", "pbc.csv", "hepato ~ age + stage + bili", "chol", "ATT", list(stage = c("2", "3", "4")), rows = list(filter("stage", ">=", 2L)))
iptw_case("iptw-lalonde-black-ate", "rows of one race", "lalonde.csv", "treat ~ age + educ + married + nodegree + re74 + re75", "re78", "ATE", rows = list(filter("race", "==", "black")))
ev_case("ev-rr-wide", "rr", 2.4, 1.05, 5.2); ev_case("ev-or-rare", "or_rare", 0.4, 0.2, 0.85); ev_case("ev-hr-rare", "hr_rare", 1.7, 1.1, 2.6); ev_case("ev-or-common-up", "or_common", 3.1, 1.4, 6.8)
ev_case("ev-hr-common-up", "hr_common", 1.9, 0.95, 3.4); ev_case("ev-smd-up", "smd", 0.35, se = 0.25); ev_case("ev-rr-no-limits", "rr", 1.5); ev_case("ev-rr-one", "rr", 1, 0.8, 1.25); ev_case("ev-smd-no-se", "smd", 0.8)
save_cases("10-logistic-iptw.json", "logistic regression, propensity weighting, E-values")
