source("common.R")
suppressPackageStartupMessages({library(emmeans); library(sandwich); library(mvtnorm)})
tol_mc <- list(default = tolerance(1e-8, 1e-9), p_tukey = tolerance(0, 1e-7), p_dunnett = tolerance(0, 1e-6))
for (n in c("tukey_critical_t", "dunnett_critical_t")) tol_mc[[n]] <- tolerance(1e-6, 0)
for (n in c("tukey_lower", "tukey_upper", "dunnett_lower", "dunnett_upper")) tol_mc[[n]] <- tolerance(1e-6, 1e-6)
# P(all |T_i| < c) for correlations l_i l_j, by double integration
dunnett <- function(c, lambda, df) {
  inner <- function(s) sapply(s, function(s) integrate(function(z) dnorm(z) * Reduce(`*`, lapply(lambda, function(l) pnorm((l * z + c * s) / sqrt(1 - l^2)) - pnorm((l * z - c * s) / sqrt(1 - l^2)))), -9, 9, rel.tol = 1e-11, subdivisions = 500)$value)
  chi <- function(s) exp(log(2) + df / 2 * log(df / 2) - lgamma(df / 2) + (df - 1) * log(s) - df * s^2 / 2)
  integrate(function(s) inner(s) * chi(s), 1e-8, max(3, 1 + 12 / sqrt(df)), rel.tol = 1e-10, subdivisions = 500)$value
}
# P(all |T_i| < c) in two or three dimensions: TVPACK takes one-sided limits, so by inclusion and exclusion
box <- function(c, C, df) sum(apply(expand.grid(rep(list(c(1, -1)), ncol(C))), 1, function(s) prod(s) * pmvt(upper = s * c, df = df, corr = C, algorithm = TVPACK(abseps = 1e-12))[1]))
ancova_case <- function(id, title, dataset, formula, arm, levels, baseline, control = levels[1], factors = list(), level = 0.95, rows = list()) {
  fo <- as.formula(formula); factors <- c(stats::setNames(list(levels), arm), factors); d <- with_factors(take(dataset, rows), factors); d <- d[complete.cases(d[, all.vars(fo)]), ]
  fit <- lm(fo, d); b <- coef(fit); V <- vcov(fit); se <- sqrt(diag(V)); df <- df.residual(fit); k <- qt((1 + level) / 2, df); hc <- lapply(c(HC0 = "HC0", HC1 = "HC1", HC2 = "HC2", HC3 = "HC3"), function(h) sqrt(diag(vcovHC(fit, h))))
  em <- suppressMessages(emmeans(fit, arm)); lf <- em@linfct; gr <- as.character(as.data.frame(summary(em))[[arm]]); lf <- lf[match(levels, gr), , drop = FALSE]; s <- summary(fit); K <- length(levels)
  ls <- lapply(seq_len(K), function(i) { e <- sum(lf[i, ] * b); v <- sqrt(drop(lf[i, ] %*% V %*% lf[i, ])); list(level = levels[i], estimate = e, se = v, df = df, ci_lower = e - k * v, ci_upper = e + k * v) })
  d1 <- drop1(fit, . ~ ., test = "F")[-1, ]; one <- function(l) { e <- sum(l * b); v <- sqrt(drop(l %*% V %*% l)); list(estimate = e, se = v, df = df, t = e / v, p_raw = 2 * pt(-abs(e / v), df)) }
  pr <- combn(K, 2); raw <- apply(pr, 2, function(ij) one(lf[ij[1], ] - lf[ij[2], ])); p <- sapply(raw, `[[`, "p_raw")
  cs <- lapply(seq_along(raw), function(i) { r <- raw[[i]]; c(list(contrast = paste(levels[pr[1, i]], "-", levels[pr[2, i]])), r, list(ci_lower = r$estimate - k * r$se, ci_upper = r$estimate + k * r$se, p_tukey = ptukey(abs(r$t) * sqrt(2), K, df, lower.tail = FALSE), p_bonferroni = p.adjust(p, "bonferroni")[i], p_holm = p.adjust(p, "holm")[i], p_bh = p.adjust(p, "BH")[i])) })
  ci <- match(control, levels); D <- t(sapply(setdiff(seq_len(K), ci), function(i) lf[i, ] - lf[ci, ])); C <- cov2cor(D %*% V %*% t(D))
  vs <- lapply(seq_len(K - 1), function(i) { r <- one(D[i, ]); pd <- if (K == 2) r$p_raw else 1 - box(abs(r$t), C, df); c(list(contrast = paste(setdiff(levels, control)[i], "-", control)), r, list(p_dunnett = pd)) })
  e <- list(n = nrow(d), coefficients = lapply(seq_along(b), function(i) c(list(name = names(b)[i], estimate = b[[i]], se = se[[i]], df = df, t = b[[i]] / se[[i]], p_value = 2 * pt(-abs(b[[i]] / se[[i]]), df), ci_lower = b[[i]] - k * se[[i]], ci_upper = b[[i]] + k * se[[i]]), lapply(stats::setNames(hc, paste0("se_hc", 0:3)), function(h) h[[i]]))),
    vcov = vc(names(b), V), sigma = s$sigma, df_residual = df, r_squared = s$r.squared, adj_r_squared = s$adj.r.squared, loglik = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit),
    f_tests_drop1 = lapply(seq_len(nrow(d1)), function(i) list(term = rownames(d1)[i], df = d1$Df[i], f = d1[["F value"]][i], p_value = d1[["Pr(>F)"]][i])), ls_means = ls, contrasts = cs, versus_control = vs)
  case(id, "ancova", title, dataset, list(response = all.vars(fo)[1], formula = formula, arm = arm, arm_levels = L(levels), factors = lapply(factors, L), baseline = baseline, baseline_at = mean(d[[baseline]]), control = control, level = level), e,
    c(sprintf("fit <- lm(%s, data = d)", formula), sprintf("emmeans::emmeans(fit, \"%s\")", arm), "drop1(fit, . ~ ., test = \"F\")", "sandwich::vcovHC(fit, \"HC3\")  # and HC0, HC1, HC2", "p_dunnett: mvtnorm::pmvt(algorithm = mvtnorm::TVPACK(abseps = 1e-12))"), c("emmeans", "sandwich", "mvtnorm"), rows, tol_mc)
}
mc_case <- function(id, title, dataset, response, group, levels, control = levels[1], level = 0.95, rows = list()) {
  d <- with_factors(take(dataset, rows), stats::setNames(list(levels), group)); d <- d[complete.cases(d[, c(response, group)]), ]; y <- d[[response]]; g <- d[[group]]; fit <- lm(y ~ g); a <- anova(fit); df <- df.residual(fit); mse <- a[2, 3]; m <- tapply(y, g, mean); n <- as.vector(table(g)); K <- length(levels)
  pr <- combn(K, 2); raw <- apply(pr, 2, function(ij) { e <- m[[ij[1]]] - m[[ij[2]]]; s <- sqrt(mse * (1 / n[ij[1]] + 1 / n[ij[2]])); list(estimate = e, se = s, df = df, t = e / s, p_raw = 2 * pt(-abs(e / s), df)) }); p <- sapply(raw, `[[`, "p_raw"); q <- qtukey(level, K, df) / sqrt(2)
  # qtukey stops at 1e-4: solved again on ptukey
  q <- uniroot(function(x) ptukey(x * sqrt(2), K, df) - level, c(q - 0.1, q + 0.1), tol = 1e-13)$root
  ci <- match(control, levels); oth <- setdiff(seq_len(K), ci); lam <- sqrt(n[oth] / (n[oth] + n[ci])); dc <- if (K == 2) qt((1 + level) / 2, df) else uniroot(function(x) dunnett(x, lam, df) - level, c(1.5, 6), tol = 1e-11)$root
  vs <- lapply(seq_along(oth), function(i) { e <- m[[oth[i]]] - m[[ci]]; s <- sqrt(mse * (1 / n[oth[i]] + 1 / n[ci])); list(contrast = paste(levels[oth[i]], "-", control), estimate = e, se = s, df = df, t = e / s, p_raw = 2 * pt(-abs(e / s), df), p_dunnett = 1 - dunnett(abs(e / s), lam, df), dunnett_lower = e - dc * s, dunnett_upper = e + dc * s) })
  e <- list(anova = list(f = a[1, 4], df1 = a[1, 1], df2 = df, p_value = a[1, 5], mse = mse), means = lapply(seq_len(K), function(i) list(level = levels[i], n = n[i], mean = m[[i]])),
    all_pairs = lapply(seq_along(raw), function(i) { r <- raw[[i]]; c(list(contrast = paste(levels[pr[1, i]], "-", levels[pr[2, i]])), r, list(p_tukey = ptukey(abs(r$t) * sqrt(2), K, df, lower.tail = FALSE), tukey_lower = r$estimate - q * r$se, tukey_upper = r$estimate + q * r$se, p_bonferroni = p.adjust(p, "bonferroni")[i], p_holm = p.adjust(p, "holm")[i], p_bh = p.adjust(p, "BH")[i])) }),
    tukey_critical_t = q, versus_control = vs, dunnett_critical_t = dc)
  case(id, "multiple_comparisons", title, dataset, list(response = response, group = group, levels = L(levels), control = control, level = level), e, c(sprintf("aov(%s ~ %s, data = d)", response, group), "ptukey(|t| sqrt2, k, df)", "Dunnett by double integration, correlation lambda_i lambda_j"), "mvtnorm", rows, tol_mc)
}
pa_case <- function(id, p) case(id, "p_adjust", paste(length(p), "p-values"), NULL, list(p = L(p)), lapply(c(bonferroni = "bonferroni", holm = "holm", hochberg = "hochberg", hommel = "hommel", bh = "BH", by = "BY"), function(m) L(p.adjust(p, m))), "p.adjust(p, ...)")
epf <- list(trt = c("placebo", "progabide"))
ancova_case("ancova-cake-recipes", "three recipes, temperature as the covariate", "cake.csv", "angle ~ temp + recipe", "recipe", c("A", "B", "C"), "temp")
ancova_case("ancova-mtcars-cyl", "numeric-looking arms", "mtcars.csv", "mpg ~ wt + cyl", "cyl", c("4", "6", "8"), "wt", "6", level = 0.9)
ancova_case("ancova-mtcars-cyl-interaction", "baseline by arm, squared covariate, second factor", "mtcars.csv", "mpg ~ wt * cyl + I(qsec^2) + am", "cyl", c("8", "6", "4"), "wt", factors = list(am = c("0", "1")))
ancova_case("ancova-chick-21", "four diets at the last visit", "chickweight_wide.csv", "w21 ~ w0 + diet", "diet", c("1", "2", "3", "4"), "w0")
ancova_case("ancova-chick-21-missing", "missing outcomes, arms reordered, control last", "chickweight_wide.csv", "w21 ~ w0 + w4 + diet", "diet", c("2", "3", "4", "1"), "w0", "1", level = 0.99)
ancova_case("ancova-birthwt-race", "unbalanced, two further factors with interaction", "birthwt.csv", "bwt ~ lwt + smoke * ui + race", "race", c("1", "2", "3"), "lwt", factors = list(smoke = c("0", "1"), ui = c("0", "1")))
ancova_case("ancova-epil-two-arms", "two arms, last period", "epil.csv", "logy ~ lbase + age + trt", "trt", epf$trt, "lbase", rows = list(filter("period", "==", 4L)))
ancova_case("ancova-epil-no-intercept", "no intercept", "epil.csv", "logy ~ 0 + trt + lbase", "trt", epf$trt, "lbase", rows = list(filter("period", "==", 1L)))
ancova_case("ancova-colon-nodes", "arm with a plus in its name", "colon_death.csv", "nodes ~ age + rx", "rx", c("Obs", "Lev", "Lev+5FU"), "age", "Lev", rows = list(filter("nodes", "not_missing"), filter("differ", "in", c(2L, 3L))))
ancova_case("ancova-bodyweight-64", "rats at the last weighing", "bodyweight_wide.csv", "w64 ~ w1 * diet", "diet", c("1", "2", "3"), "w1")
mc_case("mc-plantgrowth", "plant weights", "plantgrowth.csv", "weight", "group", c("ctrl", "trt1", "trt2"))
mc_case("mc-chickwts", "six feeds, unequal sizes, 90%", "chickwts.csv", "weight", "feed", c("horsebean", "casein", "linseed", "meatmeal", "soybean", "sunflower"), level = 0.9)
mc_case("mc-insectsprays", "six sprays, control C, 99%", "insectsprays.csv", "count", "spray", LETTERS[1:6], "C", 0.99)
mc_case("mc-toothgrowth-dose", "numeric-looking levels", "toothgrowth.csv", "len", "dose", c("0.5", "1", "2"), "2")
mc_case("mc-warpbreaks", "three tensions of one wool", "warpbreaks.csv", "breaks", "tension", c("L", "M", "H"), rows = list(filter("wool", "==", "A")))
mc_case("mc-two-groups", "two groups", "toothgrowth.csv", "len", "supp", c("OJ", "VC"))
mc_case("mc-airquality", "months with missing days", "airquality.csv", "ozone", "month", c("5", "6", "7", "8", "9"), "7")
pa_case("padj-ties", c(0.02, 0.02, 0.02, 0.5, 1)); pa_case("padj-one", 0.03); pa_case("padj-20", round((1:20)^2 / 450, 4)); pa_case("padj-unsorted", c(0.9, 0.0004, 0.04, 0.011, 0.2, 0.049, 0, 0.33, 0.0101))
save_cases("05-ancova-multiplicity.json", "analysis of covariance and multiplicity")
