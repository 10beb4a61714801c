# Writes the cases that internal/stats/analyze/edge_test.go runs: small made-up data at the edges of descriptives, tests,
# effect sizes, proportions, reliability, analysis of covariance and multiplicity, with R's results. Run from the root:
#   Rscript scripts/reference/edge-cases.R > internal/stats/analyze/testdata/edge-cases.json
# The shape is that of testdata/reference; data sets are in the file itself, by name.
suppressMessages({library(jsonlite); library(psych); library(emmeans); library(sandwich); library(mvtnorm)})
u <- function(x) { x <- unname(x); if (length(x) == 1 && (is.na(x) || is.infinite(x))) NULL else unbox(x) }
cases <- list(); data <- list()
text <- function(v) if (is.numeric(v)) sprintf("%.17g", v) else as.character(v)
put <- function(id, kind, frame, input, call, expected, rel = 1e-8, tolerance = NULL) {
  set <- NULL
  if (!is.null(frame)) {
    set <- paste0(id, ".csv")
    body <- do.call(paste, c(lapply(frame, function(v) { t <- text(v); t[is.na(v)] <- ""; t }), sep = ","))
    data[[set]] <<- unbox(paste0(c(paste(names(frame), collapse = ","), body, ""), collapse = "\n"))
  }
  cases[[length(cases) + 1]] <<- list(id = unbox(id), kind = unbox(kind), dataset = if (is.null(set)) NULL else unbox(set), input = input,
    r_call = unbox(call), expected = expected, tolerance = c(list(default = list(rel = unbox(rel), abs = unbox(1e-12))), tolerance))
}
# null where R has no number
s <- function(...) { l <- list(...); lapply(l, function(v) if (is.list(v) || length(v) > 1) v else if (is.null(v)) NULL else u(v)) }

# Descriptives
samples <- list(two = c(3, 5), three = c(1e8 + 1, 1e8 + 2, 1e8 + 4), ties = c(2, 2, 2, 5, 5, 9, NA), five = c(-1e-8, 3e-8, 2e-8, 7e-8, -4e-8),
  tenth = c(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1), constant = c(0.1, 0.1, 0.1))
for (n in names(samples)) for (level in c(0.5, 0.99, 0.999)) {
  x <- samples[[n]]; y <- x[!is.na(x)]; k <- length(y)
  probs <- c(0, 0.05, 0.1, 0.25, 0.3, 0.5, 0.7, 0.75, 0.9, 0.95, 1)
  h <- qt(0.5 + level / 2, k - 1) * sd(y) / sqrt(k)
  put(paste("describe", n, level), "descriptives", data.frame(x = x, id = seq_along(x)), s(column = "x", level = level, probs = probs),
    sprintf("mean, sd, qt, median, mad, quantile of c(%s)", paste(x, collapse = ", ")),
    s(n = k, n_missing = length(x) - k, mean = mean(y), sd = sd(y), se = sd(y) / sqrt(k), median = median(y), mad = mad(y), min = min(y), max = max(y),
      ci_lower = mean(y) - h, ci_upper = mean(y) + h, quantile_type2 = unname(quantile(y, probs, type = 2)), quantile_type6 = unname(quantile(y, probs, type = 6)),
      quantile_type7 = unname(quantile(y, probs, type = 7))))
}

# t tests
pairs <- list(two = data.frame(x = c(1, 4), y = c(3, 3.5)), falling = data.frame(x = c(5, 4, 2, 1, 7), y = c(9, 8, 8.5, 6, 7.5)),
  tiny = data.frame(x = c(3, 1, 4, 1.5) * 1e-8, y = c(2, 7, 1, 8) * 1e-8), huge = data.frame(x = c(3, 1, 4, 1.5) * 1e8, y = c(2, 7, 1, 8) * 1e8),
  offset = data.frame(x = 1e6 + c(0.25, 0.5, 1, 1.75), y = 1e6 + c(0, 1, 0.5, 1)), gap = data.frame(x = c(1, NA, 3, 5, 8), y = c(2, 2, NA, 4, 4.5)))
sides <- c("two.sided", "less", "greater")
tt <- function(t, n1, n2) s(estimate = if (length(t$estimate) == 2) t$estimate[[1]] - t$estimate[[2]] else t$estimate[[1]], se = t$stderr, statistic = t$statistic,
  df = t$parameter, p_value = t$p.value, ci_lower = t$conf.int[1], ci_upper = t$conf.int[2], n1 = n1, n2 = n2)
for (n in names(pairs)) for (side in sides) for (level in c(0.5, 0.999)) for (mu in c(0, -1.5)) {
  d <- pairs[[n]]; ok <- complete.cases(d); i <- list(level = unbox(level), alternative = unbox(side), mu = unbox(mu))
  id <- paste(n, side, level, mu)
  put(paste("paired", id), "t_test", d, c(s(type = "paired", x = "x", y = "y"), i), "t.test(x, y, paired = TRUE, mu, alternative, conf.level)",
    c(tt(t.test(d$x[ok], d$y[ok], paired = TRUE, mu = mu, alternative = side, conf.level = level), sum(ok), sum(ok)), s(n_excluded = sum(!ok))))
  x <- d$x[!is.na(d$x)]; y <- c(d$y[!is.na(d$y)], d$y[1] + 2, d$y[1] * 1.5)
  put(paste("one", id), "t_test", data.frame(x = x), c(s(type = "one_sample", x = "x"), i), "t.test(x, mu, alternative, conf.level)",
    tt(t.test(x, mu = mu, alternative = side, conf.level = level), length(x), NA))
  long <- data.frame(v = c(x, y), g = rep(c("a", "b"), c(length(x), length(y))))
  for (type in c("welch", "student")) put(paste(type, id), "t_test", long, c(s(type = type, response = "v", group = "g", group1 = "a", group2 = "b"), i),
    sprintf("t.test(x, y, var.equal = %s, mu, alternative, conf.level)", type == "student"),
    tt(t.test(x, y, var.equal = type == "student", mu = mu, alternative = side, conf.level = level), length(x), length(y)))
}

# Rank tests: exact intervals from R, those of the approximation too, which R searches to 1e-4.
ranks <- list(three = data.frame(x = c(1, 4, 6), y = c(3, 3.5, 1.25)), ties = data.frame(x = c(5, 4, 2, 1, 7, 3, 3, 9), y = c(9, 4, 3, 1, 7.5, 5, 1, 2)),
  exact = data.frame(x = c(1.1, 2.4, 3.05, 4.7, 5.2, 6.9, 0.3), y = c(2, 1.15, 7.3, 8.8, 3.9, 4.05, 9.4)), falling = data.frame(x = c(1, 2, 3, 4, 5.5), y = c(11, 13, 15, 17.5, 20)))
quiet <- suppressWarnings
for (n in names(ranks)) for (side in sides) for (exact in c(TRUE, FALSE)) for (correct in c(TRUE, FALSE)) for (mu in c(0, 0.75)) {
  if (exact && !correct) next
  d <- ranks[[n]]; id <- paste(n, side, if (exact) "exact" else if (correct) "corrected" else "plain", mu)
  i <- s(exact = exact, correct = correct, alternative = side, mu = mu, level = 0.8)
  pick <- function(w, is.exact, from) {
    limits <- c(w$conf.int[1], w$conf.int[2])
    e <- s(statistic = w$statistic, p_value = w$p.value, exact = is.exact)
    # R puts a bound of the search where a limit is not reached
    if (is.exact || !any(limits %in% from)) e <- c(e, s(ci_lower = limits[1], ci_upper = limits[2]))
    e
  }
  loose <- list(ci_lower = list(rel = unbox(0), abs = unbox(2e-4)), ci_upper = list(rel = unbox(0), abs = unbox(2e-4)))
  z <- d$x - d$y - mu
  is.exact <- exact && !any(z == 0) && !any(duplicated(abs(z)))
  w <- quiet(wilcox.test(d$x, d$y, paired = TRUE, exact = exact, correct = correct, alternative = side, mu = mu, conf.int = TRUE, conf.level = 0.8))
  if (isTRUE(all.equal(attr(w$conf.int, "conf.level"), 0.8)))
    put(paste("signed", id), "wilcoxon", d, c(s(type = "signed_rank", x = "x", y = "y"), i), "wilcox.test(x, y, paired = TRUE, exact, correct, alternative, mu, conf.int = TRUE, conf.level = 0.8)",
      pick(w, is.exact, range(d$x - d$y)), tolerance = if (is.exact) NULL else loose)
  is.exact <- exact && !any(duplicated(c(d$x - mu, d$y)))
  w <- quiet(wilcox.test(d$x, d$y, exact = exact, correct = correct, alternative = side, mu = mu, conf.int = TRUE, conf.level = 0.8))
  put(paste("ranksum", id), "wilcoxon", data.frame(v = c(d$x, d$y), g = rep(c("a", "b"), each = nrow(d))), c(s(type = "rank_sum", response = "v", group = "g", group1 = "a", group2 = "b"), i),
    "wilcox.test(x, y, exact, correct, alternative, mu, conf.int = TRUE, conf.level = 0.8)",
    pick(w, is.exact, c(min(d$x) - max(d$y), max(d$x) - min(d$y))), tolerance = if (is.exact) NULL else loose)
}

# Effect sizes
limits <- function(t, df, level) {
  f <- function(p) uniroot(function(d) quiet(pt(t, df, d)) - p, c(-36, 36), tol = 1e-13)$root
  c(f(0.5 + level / 2), f(0.5 - level / 2))
}
J <- function(df) exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
for (n in names(pairs)) for (level in c(0.5, 0.95, 0.99)) {
  d <- pairs[[n]][complete.cases(pairs[[n]]), ]; x <- d$x; y <- d$y; k <- length(x); e <- x - y
  t <- mean(e) / sd(e) * sqrt(k); l <- limits(t, k - 1, level) / sqrt(k)
  expected <- s(n = k, d_z = mean(e) / sd(e), d_z_ci_lower = l[1], d_z_ci_upper = l[2], r = cor(x, y), d_av = mean(e) / sqrt((var(x) + var(y)) / 2))
  if (k > 2) expected <- c(expected, s(j = J(k - 1), g_z = J(k - 1) * mean(e) / sd(e)))
  put(paste("effect paired", n, level), "effect_size", pairs[[n]], s(type = "paired", x = "x", y = "y", level = level), "mean(x - y)/sd(x - y), uniroot on pt(t, df, ncp)", expected)
  y <- c(y, y[1] + 2, y[1] * 1.5); m <- length(y); df <- k + m - 2
  sp <- sqrt(((k - 1) * var(x) + (m - 1) * var(y)) / df); q <- sqrt(k * m / (k + m)); g <- (mean(x) - mean(y)) / sp; l <- limits(g * q, df, level) / q
  put(paste("effect independent", n, level), "effect_size", data.frame(v = c(x, y), g = rep(c("a", "b"), c(k, m))),
    s(type = "independent", response = "v", group = "g", group1 = "a", group2 = "b", level = level), "(mean(x) - mean(y))/sd.pooled, uniroot on pt(t, df, ncp)",
    s(n1 = k, n2 = m, d = g, d_ci_lower = l[1], d_ci_upper = l[2], j = J(df), g = J(df) * g, g_ci_lower = J(df) * l[1], g_ci_upper = J(df) * l[2]))
}

# Proportions
for (xn in list(c(0, 1), c(1, 1), c(1, 2), c(0, 5), c(3, 5), c(50, 100), c(999, 1000), c(7, 100000))) for (level in c(0.5, 0.95, 0.999)) {
  x <- xn[1]; n <- xn[2]
  w <- quiet(prop.test(x, n, conf.level = level, correct = FALSE))$conf.int; cc <- quiet(prop.test(x, n, conf.level = level))$conf.int
  b <- binom.test(x, n, conf.level = level)
  put(paste("share", x, n, level), "proportion_ci", NULL, s(x = x, n = n, level = level), "prop.test(x, n, conf.level, correct), binom.test(x, n, conf.level)",
    s(p = x / n, wilson_lower = w[1], wilson_upper = w[2], wilson_cc_lower = cc[1], wilson_cc_upper = cc[2], clopper_pearson_lower = b$conf.int[1], clopper_pearson_upper = b$conf.int[2], exact_p_half = b$p.value))
}
wilson <- function(x, n, level) quiet(prop.test(x, n, conf.level = level, correct = FALSE))$conf.int
for (v in list(c(0, 5, 3, 2), c(5, 0, 2, 3), c(0, 5, 0, 7), c(5, 0, 7, 0), c(1, 0, 0, 1), c(1, 1, 1, 1), c(3, 1, 1, 3), c(20, 30, 5, 45), c(0, 40, 12, 38), c(2, 998, 9, 991), c(300, 700, 260, 740))) for (level in c(0.5, 0.95, 0.999)) {
  m <- matrix(v, 2, byrow = TRUE); n1 <- v[1] + v[2]; n2 <- v[3] + v[4]; p1 <- v[1] / n1; p2 <- v[3] / n2
  a <- wilson(v[1], n1, level); b <- wilson(v[3], n2, level); rd <- p1 - p2
  low <- rd - sqrt((p1 - a[1])^2 + (b[2] - p2)^2); high <- rd + sqrt((a[2] - p1)^2 + (p2 - b[1])^2)
  f <- fisher.test(m, conf.level = level); c0 <- quiet(chisq.test(m, correct = FALSE)); c1 <- quiet(chisq.test(m)); z <- qnorm(0.5 + level / 2)
  e <- list(p1 = u(p1), p2 = u(p2), risk_difference = u(rd), rd_newcombe_lower = u(low), rd_newcombe_upper = u(high), nnt_ci_crosses_infinity = unbox(low < 0 && high > 0),
    fisher_p = u(f$p.value), chisq = u(c0$statistic), chisq_p = u(c0$p.value), chisq_yates = u(c1$statistic), chisq_yates_p = u(c1$p.value))
  e["nnt"] <- list(u(1 / abs(rd))); e["nnt_limit_from_rd_upper"] <- list(u(1 / high)); e["nnt_limit_from_rd_lower"] <- list(u(1 / low))
  if (all(v > 0)) { se <- sqrt(sum(1 / v)); or <- v[1] * v[4] / v[2] / v[3]; e <- c(e, s(odds_ratio = or, log_or_se = se, or_lower = or * exp(-z * se), or_upper = or * exp(z * se)))
    se <- sqrt(1 / v[1] - 1 / n1 + 1 / v[3] - 1 / n2); e <- c(e, s(risk_ratio = p1 / p2, rr_lower = p1 / p2 * exp(-z * se), rr_upper = p1 / p2 * exp(z * se))) }
  if (!any(colSums(m) == 0)) { e["fisher_odds_ratio"] <- list(u(f$estimate)); e["fisher_lower"] <- list(u(f$conf.int[1])); e["fisher_upper"] <- list(u(f$conf.int[2])) }
  loose <- list(rel = unbox(1e-4), abs = unbox(1e-10))
  put(paste("table", paste(v, collapse = "-"), level), "two_by_two", NULL, s(a = v[1], b = v[2], c = v[3], d = v[4], level = level), "fisher.test, chisq.test, prop.test, Newcombe's formula", e,
    tolerance = list(fisher_odds_ratio = loose, fisher_lower = loose, fisher_upper = loose))
}

# Reliability
set.seed(3)
scale <- data.frame(i1 = c(1, 2, 3, 4, 5, 3, 2, NA, 4), i2 = c(2, 2, 4, 4, 5, 3, 1, 2, 5), i3 = c(1, 3, 3, 5, 4, 2, 2, 3, NA), i4 = c(5, 4, 3, 1, 1, 3, 5, 2, 2))
for (unit in c(1, 1e-8, 1e8)) {
  d <- scale * unit; full <- d[complete.cases(d), ]; turned <- full; turned$i4 <- 6 * unit - turned$i4
  a <- quiet(psych::alpha(turned, check.keys = FALSE, warnings = FALSE))
  put(paste("alpha", unit), "cronbach_alpha", d, list(items = names(d), reversed = I("i4"), min = unbox(unit), max = unbox(5 * unit), missing = unbox("listwise"), level = unbox(0.95)),
    "psych::alpha(complete rows, i4 reversed)", s(n = nrow(full), n_excluded = 2, k = 4, alpha = a$total$raw_alpha, alpha_standardised = a$total$std.alpha, mean_r = a$total$average_r,
      alpha_if_dropped = a$alpha.drop$raw_alpha, item_rest_r = a$item.stats$r.drop))
}
ratings <- list(shifted = data.frame(a = c(1, 4, 6, 2, 7), b = c(3, 5, 9, 4, 8)), three = data.frame(a = c(9, 6, 8, 7, 10, 6), b = c(2, 1, 4, 1, 5, 2), c = c(5, 3, 6, 2, 6, 4)),
  negative = data.frame(a = c(1, 5, 2, 4), b = c(5, 2, 4, 1)), large = 1e8 + data.frame(a = c(1, 4, 6, 2), b = c(3, 5, 9, 4)))
for (n in names(ratings)) for (level in c(0.5, 0.95)) {
  i <- psych::ICC(ratings[[n]], lmer = FALSE, alpha = 1 - level)$results
  forms <- lapply(seq_len(6), function(k) list(form = unbox(c("icc1_1", "icc2_1", "icc3_1", "icc1_k", "icc2_k", "icc3_k")[k]), icc = u(i$ICC[k]), f = u(i$F[k]), p_value = u(i$p[k]),
    ci_lower = u(i$`lower bound`[k]), ci_upper = u(i$`upper bound`[k])))
  put(paste("icc", n, level), "icc", ratings[[n]], list(columns = names(ratings[[n]]), level = unbox(level)), "psych::ICC(columns, lmer = FALSE, alpha = 1 - level)", list(forms = forms), rel = 1e-7)
}
change <- data.frame(subject = letters[1:8], pre = c(30, 28, 25, 33, 27, 12, 29, NA), post = c(5, 24, 26, 45, 14, 2, NA, 9))
for (lower in c(TRUE, FALSE)) {
  d <- change; if (!lower) { d$pre <- 60 - d$pre; d$post <- 60 - d$post }
  m <- mean(d$pre, na.rm = TRUE); sdv <- sd(d$pre, na.rm = TRUE); sem <- sdv * sqrt(1 - 0.85); sdiff <- sqrt(2) * sem; h <- if (lower) -1 else 1
  fm <- if (lower) 6 else 54; cc <- (5 * m + sdv * fm) / (5 + sdv); ok <- complete.cases(d); b <- h * (d$post - d$pre)[ok] / sdiff
  rec <- b > 1.96 & h * (d$post[ok] - cc) > 0 & h * (d$pre[ok] - cc) < 0
  put(paste("change", lower), "rci", d, s(pre = "pre", post = "post", reliability = 0.85, functional_mean = fm, functional_sd = 5, lower_is_better = lower, z = 1.96), "Jacobson & Truax's formulas",
    list(n = u(sum(ok)), n_baseline = u(sum(!is.na(d$pre))), sem = u(sem), s_diff = u(sdiff), cutoff_a = u(m + h * 2 * sdv), cutoff_b = u(fm - h * 10), cutoff_c = u(cc),
      counts = list(recovered = u(sum(rec)), improved = u(sum(b > 1.96 & !rec)), unchanged = u(sum(abs(b) <= 1.96)), deteriorated = u(sum(b < -1.96)))))
}

# Analysis of covariance and means of several groups
trial <- data.frame(arm = rep(c("a", "b", "c", "d"), c(4, 6, 5, 3)), site = rep(c("n", "s"), 9), base = c(20, 24, 31, 22, 27, 25, 30, 21, 28, 26, 33, 29, 23, 24, 35, 30, 26, 27))
trial$y <- c(14, 20, 25, 13, 15, 13, 21, 11, 16, 12, 30, 22, 17, 21, 33, 12, 9, 8)
trial$base[2] <- NA; trial$y[12] <- NA
for (unit in c(1, 1e-8, 1e8)) for (formula in c("y ~ arm", "y ~ base + arm", "y ~ base * arm", "y ~ base + I(base^2) + site + arm", "y ~ site * arm")) for (level in if (unit == 1) c(0.5, 0.999) else 0.95) {
  d <- trial; d$y <- d$y * unit; d$base <- d$base * unit
  f <- lm(as.formula(formula), d)
  if (any(is.na(coef(f)))) next
  small <- unit != 1 && grepl("2", formula) # emmeans loses its digits in this unit: its errors do not scale with it
  sm <- summary(f)$coefficients; ci <- confint(f, level = level); used <- d[complete.cases(d[all.vars(as.formula(formula))]), ]
  grid <- suppressMessages(emmeans(f, "arm", at = list(base = mean(used$base, na.rm = TRUE)), level = level))
  g <- summary(grid, level = level); p <- function(m) suppressMessages(summary(pairs(grid), adjust = m)$p.value); pr <- suppressMessages(summary(pairs(grid), adjust = "none"))
  hc <- lapply(0:3, function(k) sqrt(diag(vcovHC(f, type = paste0("HC", k)))))
  e <- list(n = u(nobs(f)), n_excluded = u(nrow(d) - nobs(f)), sigma = u(sigma(f)), r_squared = u(summary(f)$r.squared), loglik = u(as.numeric(logLik(f))), aic = u(AIC(f)), bic = u(BIC(f)),
    coefficients = lapply(seq_along(coef(f)), function(k) list(name = unbox(names(coef(f))[k]), estimate = u(coef(f)[k]), se = u(sm[k, 2]), t = u(sm[k, 3]), p_value = u(sm[k, 4]),
      ci_lower = u(ci[k, 1]), ci_upper = u(ci[k, 2]), se_hc0 = u(hc[[1]][k]), se_hc1 = u(hc[[2]][k]))),
    ls_means = lapply(seq_len(nrow(g)), function(k) list(level = unbox(as.character(g$arm[k])), estimate = u(g$emmean[k]), se = u(g$SE[k]), ci_lower = u(g$lower.CL[k]), ci_upper = u(g$upper.CL[k]))),
    contrasts = lapply(seq_len(nrow(pr)), function(k) list(contrast = unbox(as.character(pr$contrast[k])), estimate = u(pr$estimate[k]), se = u(pr$SE[k]), t = u(pr$t.ratio[k]), p_raw = u(pr$p.value[k]),
      p_holm = u(p("holm")[k]), p_bh = u(p("BH")[k]), p_bonferroni = u(p("bonferroni")[k]), p_tukey = u(p("tukey")[k]))))
  if (small) e$ls_means <- NULL
  if (unit == 1 && level == 0.5) {
    ct <- contrast(grid, "trt.vs.ctrl", ref = 1, adjust = "none"); st <- summary(ct); R <- cov2cor(vcov(ct))
    # mvtnorm's pmvt draws at random and is good for 1e-6; Miwa's pmvnorm, integrated over the scale, has no chance in it.
    v <- f$df.residual
    dunnett <- function(t) integrate(function(x) sapply(x, function(x) exp(log(2) + v / 2 * log(v / 2) - lgamma(v / 2) + v * x - v * exp(2 * x) / 2) *
      (1 - pmvnorm(-rep(t * exp(x), 3), rep(t * exp(x), 3), corr = R, algorithm = Miwa(steps = 256))[1])), -4, 1.3, rel.tol = 1e-6)$value
    e$versus_control <- lapply(1:3, function(k) list(t = u(st$t.ratio[k]), p_raw = u(st$p.value[k]), p_dunnett = u(dunnett(abs(st$t.ratio[k])))))
  }
  put(paste("ancova", formula, unit, level), "ancova", d, list(formula = unbox(formula), response = unbox("y"), arm = unbox("arm"), factors = list(arm = c("a", "b", "c", "d"), site = c("n", "s")), level = unbox(level), control = unbox("a")),
    sprintf("lm(%s), emmeans, vcovHC, pmvnorm(algorithm = Miwa)", formula), e, tolerance = list(p_tukey = list(rel = unbox(0), abs = unbox(2e-6)), p_dunnett = list(rel = unbox(0), abs = unbox(1e-6))), rel = 1e-7)
}
for (level in c(0.5, 0.95, 0.999)) {
  d <- trial[!is.na(trial$y), ]; a <- anova(lm(y ~ arm, d)); m <- tapply(d$y, d$arm, mean); n <- table(d$arm); mse <- a[2, 3]; df <- a[2, 1]
  ij <- combn(4, 2); est <- m[ij[1, ]] - m[ij[2, ]]; se <- sqrt(mse * (1 / n[ij[1, ]] + 1 / n[ij[2, ]])); raw <- 2 * pt(-abs(est / se), df)
  pairs_ <- lapply(1:6, function(k) list(estimate = u(est[k]), se = u(as.numeric(se[k])), p_raw = u(as.numeric(raw[k])), p_tukey = u(ptukey(as.numeric(abs(est / se)[k]) * sqrt(2), 4, df, lower.tail = FALSE)), p_holm = u(p.adjust(raw, "holm")[k]), p_bh = u(p.adjust(raw, "BH")[k])))
  put(paste("means", level), "multiple_comparisons", trial, list(response = unbox("y"), group = unbox("arm"), levels = c("a", "b", "c", "d"), control = unbox("b"), level = unbox(level)), "anova(lm(y ~ arm)), ptukey, p.adjust",
    list(anova = s(f = a[1, 4], df1 = 3, df2 = df, p_value = a[1, 5], mse = mse), all_pairs = pairs_), tolerance = list(p_tukey = list(rel = unbox(0), abs = unbox(1e-7))))
}
for (p in list(c(0.5), c(0, 0, 1), c(0.01, 0.01, 0.01), c(1e-300, 0.2, 0.049, 0.05, 0.051), c(0.9, 0.3, 0.3, 0.001, NA, 0.04, 0.02))) {
  e <- lapply(c("bonferroni", "holm", "hochberg", "hommel", "BH", "BY", "none"), function(m) p.adjust(p, m)); names(e) <- c("bonferroni", "holm", "hochberg", "hommel", "bh", "by", "none")
  put(paste("adjust", paste(p, collapse = " ")), "p_adjust", NULL, list(p = I(p)), sprintf("p.adjust(c(%s), method)", paste(p, collapse = ", ")), lapply(e, I))
}
cat(toJSON(list(data = data, cases = cases), digits = NA, null = "null", na = "null", pretty = FALSE))
