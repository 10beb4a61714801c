source("common.R"); source("gauss.R")
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(emmeans)})
emm_options(lmer.df = "asymptotic")

tolerances <- list(default = tolerance(1e-6, 1e-8), loglik = tolerance(1e-8, 1e-7), df = tolerance(1e-4, 1e-6), df_kr = tolerance(1e-4, 1e-6), ddf = tolerance(1e-4, 1e-6),
  p_value = tolerance(1e-4, 1e-10), vcov = tolerance(1e-5, 1e-10), random = tolerance(1e-5, 1e-7), blups = tolerance(1e-5, 1e-6))
fits <- list()

grid_of <- function(g) { # the words of emmeans for a grid
  s <- paste("~", paste(g$over, collapse = " * "), if (length(g$by)) paste("|", paste(g$by, collapse = " * ")) else "")
  s <- trimws(s)
  if (length(g$at)) s <- paste0(s, ", at = list(", paste(sprintf("%s = %s", names(g$at), sapply(g$at, function(v) if (length(v) > 1) sprintf("c(%s)", paste(v, collapse = ", ")) else v)), collapse = ", "), ")")
  if (!is.null(g$method)) s <- paste0(s, " ; \"", g$method, "\"")
  s
}

lmm_case <- function(...) tryCatch(lmm_case1(...), error = function(e) cat("  LEFT OUT:", ..1, conditionMessage(e), "\n"))
lmm_case1 <- function(id, title, dataset, formula, method = "REML", level = 0.95, rows = list(), factors = list(), means = list(), contrasts = list(), subjects = NULL) {
  d <- with_factors(take(dataset, rows), factors); fo <- as.formula(formula)
  bar <- regmatches(formula, regexpr("\\([^()]*\\|[^()]*\\)", formula)); inner <- trimws(strsplit(gsub("^\\(|\\)$", "", bar), "\\|+")[[1]]); group <- inner[2]
  correlated <- !grepl("\\|\\|", bar); d$.row <- seq_len(nrow(d)); d <- d[complete.cases(d[, unique(all.vars(fo))]), ]; d[[group]] <- factor(d[[group]])
  reml <- method == "REML"
  fit <- lmerTest::lmer(fo, d, REML = reml, control = lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e5), calc.derivs = FALSE))
  X <- model.matrix(fit); y <- getME(fit, "y"); gf <- factor(d[[group]]); blocks <- split(seq_along(y), gf)
  zt <- as.formula(paste("~", inner[1])); Z <- model.matrix(zt, d); q <- ncol(Z)
  low <- if (correlated) which(lower.tri(diag(q), TRUE), arr.ind = TRUE) else cbind(1:q, 1:q)
  basis <- lapply(seq_len(nrow(low)), function(k) { E <- matrix(0, q, q); E[low[k, 1], low[k, 2]] <- E[low[k, 2], low[k, 1]] <- 1; E })
  Gof <- function(t) { G <- matrix(0, q, q); for (k in seq_along(basis)) G <- G + t[k] * basis[[k]]; G }
  V <- function(t, i) { z <- Z[blocks[[i]], , drop = FALSE]; z %*% Gof(t) %*% t(z) + diag(t[length(t)], nrow(z)) }
  dV <- function(t, i) { z <- Z[blocks[[i]], , drop = FALSE]; c(lapply(basis, function(B) z %*% B %*% t(z)), list(diag(nrow(z)))) }
  G0 <- diag(q) * 0; if (correlated) G0 <- unclass(VarCorr(fit)[[1]])[1:q, 1:q, drop = FALSE] else diag(G0) <- sapply(VarCorr(fit), function(v) v[1])
  th <- c(G0[low], sigma(fit)^2)
  f <- gauss(y, X, blocks, V, dV, th, reml); fits[[id]] <<- list(f = f, X = X)
  cat(id, "loglik", f$loglik, "lme4 - ours", as.numeric(logLik(fit)) - f$loglik, "max|grad|", max(abs(f$grad)), "\n"); stopifnot(as.numeric(logLik(fit)) < f$loglik + 1e-7)
  p <- f$p; K <- f$K; n <- f$n; G <- Gof(f$theta); s2 <- f$theta[K]; dimnames(G) <- NULL
  Lc <- t(chol(G)) / sqrt(s2)
  an <- if (length(attr(terms(fit), "term.labels"))) anova(fit, type = 3) else NULL; hyp <- attr(an, "hypotheses")
  mk <- function(g, contrast) {
    em <- suppressMessages(emmeans::emmeans(fit, g$over, by = if (length(g$by)) g$by, at = if (length(g$at)) g$at, lmer.df = "asymptotic"))
    if (contrast) em <- emmeans::contrast(em, g$method, adjust = "none")
    gr <- as.data.frame(summary(em)); lf <- em@linfct; keep <- if (contrast) c("contrast", g$by) else c(g$over, g$by)
    list(spec = grid_of(g), rows = lapply(seq_len(nrow(lf)), function(i) c(lapply(gr[i, keep, drop = FALSE], function(v) if (is.factor(v)) as.character(v) else v), line(f, lf[i, ], level), list(l = L(lf[i, ])))))
  }
  subjects <- if (is.null(subjects)) levels(gf)[c(1, 2, nlevels(gf))] else subjects
  zn <- colnames(Z)
  bl <- lapply(subjects, function(s) { k <- blocks[[s]]; i <- match(s, names(blocks)); z <- Z[k, , drop = FALSE]; b <- drop(G %*% t(z) %*% f$Vi[[i]] %*% f$r[k]); C <- G - G %*% t(z) %*% f$Vi[[i]] %*% z %*% G
    list(subject = s, effects = as.list(stats::setNames(b, zn)), cond_sd = as.list(stats::setNames(sqrt(diag(C)), zn))) })
  fx <- drop(X %*% f$beta); ft <- fx
  for (i in seq_along(blocks)) { k <- blocks[[i]]; z <- Z[k, , drop = FALSE]; ft[k] <- fx[k] + drop(z %*% (G %*% t(z) %*% f$Vi[[i]] %*% f$r[k])) }
  m <- which(as.character(gf) %in% subjects); m <- m[seq_len(min(50, length(m)))]
  expected <- list(n_obs = n, n_groups = length(blocks), loglik = f$loglik, deviance = -2 * f$loglik, n_params = p + K, aic = -2 * f$loglik + 2 * (p + K), bic = -2 * f$loglik + log(n) * (p + K),
    fixed = lapply(1:p, function(j) c(list(name = colnames(X)[j]), line(f, replace(numeric(p), j, 1), level))), vcov = vc(colnames(X), f$Phi),
    random = list(names = L(zn), covariance = rows_of(G), sd = L(sqrt(diag(G))), correlation = rows_of(cov2cor(G)), sigma = sqrt(s2), sigma2 = s2, theta = L(Lc[low])),
    f_tests = lapply(seq_along(hyp), function(k) { Lm <- hyp[[k]]; Lm <- if (is.null(dim(Lm))) matrix(Lm, 1) else Lm; Lm[abs(Lm) < 1e-12] <- 0; ftest(f, rownames(an)[k], unname(Lm)) }),
    emmeans = lapply(means, mk, FALSE), contrasts = lapply(contrasts, mk, TRUE), blups = bl,
    fitted = lapply(m, function(i) list(row = d$.row[i], subject = as.character(d[[group]][i]), fixed = fx[[i]], fitted = ft[[i]])))
  if (reml) expected$vcov_kr <- rows_of(f$PhiE)
  js <- function(g) { o <- list(over = L(g$over), by = L(g$by), at = if (length(g$at)) lapply(g$at, L) else structure(list(), names = character())); if (!is.null(g$method)) o$method <- g$method; o }
  rt <- attr(terms(zt), "term.labels"); if (attr(terms(zt), "intercept")) rt <- c("1", rt)
  input <- list(response = all.vars(fo)[1], fixed = trimws(sub(" *\\+? *\\([^()]*\\|[^()]*\\)$", "", sub("^.*?~ *", "", formula))), formula = formula, random = list(group = group, terms = L(rt), correlated = correlated),
    method = method, factors = if (length(factors)) lapply(factors, L) else structure(list(), names = character()), level = level, emmeans = L(sapply(means, grid_of)), contrasts = L(sapply(contrasts, grid_of)),
    emmeans_grid = lapply(means, js), contrasts_grid = lapply(contrasts, js), subjects = L(subjects))
  case(id, "lmm", title, dataset, input, expected, c(sprintf("lmerTest::lmer(%s, data = d, REML = %s)", formula, reml), "emmeans::emmeans(fit, ...)", "anova(fit, type = 3)",
    "polished by Newton steps on an independent likelihood (gauss.R); Satterthwaite and Kenward-Roger from their formulas"), c("lme4", "lmerTest", "emmeans", "numDeriv"), rows, tolerances)
}
lrt_case <- function(id, dataset, small, big, rows = list()) {
  a <- fits[[small]]$f; b <- fits[[big]]$f; x <- 2 * (b$loglik - a$loglik); df <- b$p + b$K - a$p - a$K
  e <- list(chisq = x, df = df, p_value = pchisq(x, df, lower.tail = FALSE)); if (a$p == b$p && df <= 2) e$p_mixture <- 0.5 * pchisq(x, df, lower.tail = FALSE) + 0.5 * if (df == 1) 0 else pchisq(x, df - 1, lower.tail = FALSE)
  case(id, "lrt", paste(small, "against", big), dataset, list(small = small, big = big), e, sprintf("anova(%s, %s, refit = FALSE)", small, big), "lme4", rows, list(default = tolerance(1e-6, 1e-6), p_value = tolerance(1e-5, 1e-12)))
}
g <- function(over, by = character(), at = list(), method = NULL) list(over = over, by = by, at = at, method = method)

## cases
mf <- list(sex = c("Male", "Female"))
lmm_case("lmm-orthodont-ri-ml", "growth by sex, random intercept, ML", "orthodont.csv", "distance ~ sex * age + (1 | subject)", "ML", factors = mf, means = list(g("sex", "age", list(age = c(8, 14)))), contrasts = list(g("sex", "age", list(age = c(8, 14)), "pairwise")))
lmm_case("lmm-orthodont-rs-ml", "random slope, ML", "orthodont.csv", "distance ~ sex * age + (age | subject)", "ML", factors = mf)
lmm_case("lmm-orthodont-rs-reml", "random slope, REML, 90%", "orthodont.csv", "distance ~ sex * age + (age | subject)", level = 0.9, factors = mf, means = list(g("sex"), g("sex", "age", list(age = c(9, 11)))), contrasts = list(g("sex", "age", list(age = c(9, 11)), "revpairwise")), subjects = c("M16", "F01"))
lmm_case("lmm-orthodont-nointeraction-ml", "no interaction", "orthodont.csv", "distance ~ sex + age + (1 | subject)", "ML", factors = mf)
lmm_case("lmm-orthodont-uncorrelated", "double bar", "orthodont.csv", "distance ~ sex + age + (age || subject)", factors = mf)
lmm_case("lmm-orthodont-no-intercept", "no fixed intercept", "orthodont.csv", "distance ~ 0 + sex + sex:age + (1 | subject)", factors = mf)
lmm_case("lmm-orthodont-minus1", "minus one, ML", "orthodont.csv", "distance ~ sex:age + sex - 1 + (1 | subject)", "ML", factors = mf)
lrt_case("lrt-orthodont-slope", "orthodont.csv", "lmm-orthodont-ri-ml", "lmm-orthodont-rs-ml")
lrt_case("lrt-orthodont-interaction", "orthodont.csv", "lmm-orthodont-nointeraction-ml", "lmm-orthodont-ri-ml")
lmm_case("lmm-oxboys-rs", "boys' height, random slope", "oxboys.csv", "height ~ age + (1 + age | subject)", subjects = c("1", "10", "26"))
lmm_case("lmm-sleep-slope-only", "random slope without intercept", "sleepstudy.csv", "reaction ~ days + (0 + days | subject)", subjects = c("308", "372"))
lmm_case("lmm-oxboys-occasion-factor", "nine occasions as a factor of numeric-looking levels", "oxboys.csv", "height ~ occasion + (1 | subject)", factors = list(occasion = as.character(1:9)), means = list(g("occasion")), contrasts = list(g("occasion", method = "trt.vs.ctrl")))
lmm_case("lmm-rail", "intercept only", "rail.csv", "travel ~ 1 + (1 | rail)")
lmm_case("lmm-rail-ml", "intercept only, ML", "rail.csv", "travel ~ 1 + (1 | rail)", "ML", level = 0.8)
lmm_case("lmm-machines-ri", "three machines", "machines.csv", "score ~ machine + (1 | worker)", factors = list(machine = c("A", "B", "C")), means = list(g("machine")), contrasts = list(g("machine", method = "pairwise"), g("machine", method = "revpairwise")))
lmm_case("lmm-ergostool", "four stools", "ergostool.csv", "effort ~ type + (1 | subject)", factors = list(type = c("T1", "T2", "T3", "T4")), means = list(g("type")), contrasts = list(g("type", method = "revpairwise")))
lmm_case("lmm-cake-two-way", "recipe by temperature", "cake.csv", "angle ~ recipe * temperature + (1 | plate)", factors = list(recipe = c("A", "B", "C"), temperature = c("175", "185", "195", "205", "215", "225")), means = list(g("recipe", "temperature"), g("recipe"), g(c("recipe", "temperature"))), contrasts = list(g("recipe", "temperature", method = "revpairwise"), g("temperature", "recipe", method = "pairwise")))
lmm_case("lmm-cake-temp", "factor by number without main effect of the number", "cake.csv", "angle ~ recipe + recipe:temp + (1 | plate)", factors = list(recipe = c("A", "B", "C")))
lmm_case("lmm-chickweight-rs", "four diets, dropout, random slope, ML", "chickweight.csv", "weight ~ diet * time + (1 + time | chick)", "ML", factors = list(diet = c("1", "2", "3", "4")), means = list(g("diet", "time", list(time = c(0, 10, 21)))), contrasts = list(g("diet", "time", list(time = c(10, 21)), "revpairwise")), subjects = c("18", "1", "50"))
lmm_case("lmm-bodyweight-rs", "rats on three diets", "bodyweight.csv", "weight ~ time * diet + (time | rat)", factors = list(diet = c("1", "2", "3")), contrasts = list(g("diet", "time", list(time = c(1, 64)), "pairwise")))
lmm_case("lmm-bodyweight-double-bar", "uncorrelated slope", "bodyweight.csv", "weight ~ time * diet + (time || rat)", factors = list(diet = c("1", "2", "3")))
lmm_case("lmm-epil-three-way", "three-way interaction of two factors and a number", "epil.csv", "logy ~ trt * period * lbase + age + (1 | subject)", factors = list(trt = c("placebo", "progabide"), period = c("1", "2", "3", "4")), means = list(g("trt", "period"), g("trt", "lbase", list(lbase = c(-1, 1)))), contrasts = list(g("trt", "period", method = "revpairwise")))
lmm_case("lmm-epil-minus-term", "a term taken out", "epil.csv", "logy ~ (trt + period + lbase)^2 - trt:lbase + (1 | subject)", factors = list(trt = c("placebo", "progabide"), period = c("1", "2", "3", "4")))
lmm_case("lmm-epil-a-colon-b", "interaction without main effects", "epil.csv", "logy ~ 0 + lbase + trt:period + (1 | subject)", factors = list(trt = c("placebo", "progabide"), period = c("1", "2", "3", "4")))
lmm_case("lmm-btheb-missing", "rows with a missing response, covariates", "btheb.csv", "bdi ~ bdi_pre + drug * length + treatment * visit + (1 | subject)", rows = list(filter("bdi_pre", ">", 12L)), factors = list(treatment = c("TAU", "BtheB"), drug = c("No", "Yes"), length = c("lt6m", "gt6m"), visit = c("2m", "3m", "5m", "8m")), means = list(g("treatment", "visit"), g(c("drug", "length"))), contrasts = list(g("treatment", c("visit", "drug"), method = "revpairwise")))
lmm_case("lmm-machines-factor-slopes", "a factor among the random effects", "machines.csv", "score ~ machine + (machine | worker)", factors = list(machine = c("A", "B", "C")), means = list(g("machine")))
lmm_case("lmm-machines-cell-slopes-ml", "a factor without intercept among the random effects, ML", "machines.csv", "score ~ machine + (0 + machine | worker)", "ML", factors = list(machine = c("A", "B", "C")))
lmm_case("lmm-loblolly", "trees by seed", "loblolly.csv", "height ~ age + (1 | seed)", "ML")
save_cases("06-lmm.json", "linear mixed models")
