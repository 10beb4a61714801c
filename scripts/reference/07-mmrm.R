source("common.R"); source("gauss.R")
suppressPackageStartupMessages(library(emmeans))

# variance matrix of a visit structure; complex-safe so that derivatives are exact
structures <- list(
  cs = function(t, T, times) { R <- matrix(t[2], T, T); diag(R) <- 1 + 0 * t[2]; t[1] * R },
  csh = function(t, T, times) { R <- matrix(t[T + 1], T, T); diag(R) <- 1 + 0 * t[1]; outer(t[1:T], t[1:T]) * R },
  ar1 = function(t, T, times) t[1] * t[2]^abs(outer(1:T, 1:T, "-")),
  ar1h = function(t, T, times) outer(t[1:T], t[1:T]) * t[T + 1]^abs(outer(1:T, 1:T, "-")),
  toep = function(t, T, times) t[1] * matrix(c(1, t[2:T])[abs(outer(1:T, 1:T, "-")) + 1], T, T),
  toeph = function(t, T, times) outer(t[1:T], t[1:T]) * matrix(c(1, t[(T + 1):(2 * T - 1)])[abs(outer(1:T, 1:T, "-")) + 1], T, T),
  sp_exp = function(t, T, times) t[1] * t[2]^abs(outer(times, times, "-")),
  un = function(t, T, times) { S <- matrix(0 * t[1], T, T); S[lower.tri(S, TRUE)] <- t; S + t(S) - diag(diag(S), T) }
)
starts <- function(kind, sd, R, T) {
  r <- if (T > 1) mean(R[lower.tri(R)]) else 0; lag <- sapply(1:(T - 1), function(k) mean(R[abs(row(R) - col(R)) == k]))
  switch(kind, cs = c(mean(sd^2), r), csh = c(sd, r), ar1 = c(mean(sd^2), lag[1]), ar1h = c(sd, lag[1]), toep = c(mean(sd^2), lag),
         toeph = c(sd, lag), sp_exp = c(mean(sd^2), 0.8), un = (outer(sd, sd) * R)[lower.tri(R, TRUE)])
}

mmrm_case <- function(...) tryCatch(mmrm_case1(...), error = function(e) cat("  LEFT OUT:", ..1, conditionMessage(e), "\n"))
mmrm_case1 <- function(id, title, dataset, formula, subject, visit, levels, arm, arms, cov, method = "REML", level = 0.95, rows = list(),
                      factors = list(), baseline = NULL, time = NULL, times = NULL, extra = TRUE) {
  factors <- c(stats::setNames(list(arms, levels), c(arm, visit)), factors)
  fo <- as.formula(formula); d <- with_factors(take(dataset, rows), factors)
  d <- d[complete.cases(d[, unique(c(all.vars(fo), subject, visit))]), ]
  d <- d[order(match(d[[subject]], unique(d[[subject]])), as.integer(d[[visit]])), ]
  X <- model.matrix(fo, d); y <- model.response(model.frame(fo, d)); v <- as.integer(d[[visit]]); T <- length(levels); reml <- method == "REML"
  blocks <- split(seq_along(y), factor(d[[subject]], unique(d[[subject]])))
  S <- structures[[cov]]
  res <- residuals(lm(fo, d)); M <- matrix(NA, length(blocks), T)
  for (i in seq_along(blocks)) M[i, v[blocks[[i]]]] <- res[blocks[[i]]]
  sd0 <- apply(M, 2, sd, na.rm = TRUE); R0 <- cov2cor(0.9 * cor(M, use = "pairwise") + 0.1 * diag(T)); R0[is.na(R0)] <- 0.3
  th0 <- starts(cov, sd0, R0, T)
  memo <- new.env()
  full <- function(t) S(t, T, times)
  dfull <- function(t) { key <- paste(format(t, digits = 17), collapse = " ")
    if (!identical(memo$key, key)) { memo$D <- lapply(seq_along(t), function(j) { z <- as.complex(t); z[j] <- z[j] + 1e-20i; matrix(Im(S(z, T, times)) / 1e-20, T, T) }); memo$key <- key }
    memo$D }
  idx <- lapply(blocks, function(k) v[k])
  V <- function(t, i) full(t)[idx[[i]], idx[[i]], drop = FALSE]
  dV <- function(t, i) lapply(dfull(t), function(D) D[idx[[i]], idx[[i]], drop = FALSE])
  # a first climb, then Newton to rounding
  ll <- function(t) { o <- tryCatch({ p <- ncol(X); A <- 0; b <- 0; ld <- 0; q <- 0; F <- full(t); for (i in seq_along(blocks)) { k <- blocks[[i]]; R <- chol(F[idx[[i]], idx[[i]], drop = FALSE])
      z <- backsolve(R, cbind(X[k, , drop = FALSE], y[k]), transpose = TRUE); A <- A + crossprod(z); ld <- ld + 2 * sum(log(diag(R))) }
      AA <- A[1:p, 1:p]; bb <- A[1:p, p + 1]; q <- A[p + 1, p + 1] - sum(bb * solve(AA, bb)); 0.5 * (ld + q + if (reml) determinant(AA)$modulus[1] else 0) }, error = function(e) 1e10); if (is.finite(o)) o else 1e10 }
  o <- nlminb(th0, ll, scale = 1 / pmax(abs(th0), 0.1), control = list(iter.max = 2000, eval.max = 5000, rel.tol = 1e-14))
  f <- suppressWarnings(gauss(y, X, blocks, V, dV, o$par, reml))
  n <- f$n; p <- f$p; K <- f$K; N <- length(blocks); Sig <- full(f$theta)
  tl <- lm(fo, d); g <- emmeans::ref_grid(tl); em <- suppressMessages(emmeans::emmeans(g, as.formula(paste("~", arm, "|", visit)))); gr <- as.data.frame(summary(em))
  lf <- em@linfct
  ls <- lapply(seq_len(nrow(lf)), function(i) { o <- stats::setNames(list(as.character(gr[[arm]][i]), as.character(gr[[visit]][i])), c(arm, visit)); c(o, line(f, lf[i, ], level, TRUE), list(l = L(lf[i, ]))) })
  expected <- list(n_obs = n, n_subjects = N, loglik = f$loglik, minus2loglik = -2 * f$loglik, n_fixed = p, n_covariance = K, df_residual = n - p,
    aic_nlme = -2 * f$loglik + 2 * (p + K), bic_nlme = -2 * f$loglik + log(if (reml) n - p else n) * (p + K),
    aic_covariance_only = -2 * f$loglik + 2 * K, bic_covariance_only = -2 * f$loglik + log(N) * K,
    coefficients = lapply(1:p, function(j) c(list(name = colnames(X)[j]), line(f, replace(numeric(p), j, 1), level, TRUE))),
    vcov = vc(colnames(X), f$Phi), covariance = rows_of(Sig), sd = L(sqrt(diag(Sig))), correlation = rows_of(cov2cor(Sig)), ls_means = ls)
  if (p >= 18) { ls <- lapply(ls, function(x) { x$l <- NULL; x }); expected$ls_means <- ls }
  if (reml && p < 18) { expected$vcov_kr <- rows_of(f$PhiE); expected$vcov_kr_observed <- rows_of(f$PhiO) }
  if (length(arms) == 2 && extra) {
    D <- t(sapply(levels, function(w) lf[gr[[arm]] == arms[2] & gr[[visit]] == w, ] - lf[gr[[arm]] == arms[1] & gr[[visit]] == w, ]))
    nm <- paste(arms[2], "-", arms[1])
    expected$differences <- lapply(1:T, function(i) c(list(contrast = nm, visit = levels[i]), line(f, D[i, ], level, TRUE), list(l = L(D[i, ]))))
    if (max(abs(D - rep(D[1, ], each = T))) > 0) { # differences that change by visit
      C <- list(D[T, ] - D[1, ], colMeans(D), D[T, ] - colMeans(D[-T, , drop = FALSE]))
      cn <- c(sprintf("(%s) at %s minus (%s) at %s", nm, levels[T], nm, levels[1]), paste0(nm, ", average over visits"), sprintf("%s at %s minus the average of the earlier visits", nm, levels[T]))
      expected$contrasts <- lapply(if (T > 2) 1:3 else 1:2, function(i) c(list(name = cn[i]), line(f, C[[i]], level, TRUE), list(l = L(C[[i]]))))
      at <- attr(X, "assign"); lab <- attr(terms(fo), "term.labels")
      terms <- lapply(seq_along(lab), function(k) ftest(f, paste("coefficients of", lab[k]), diag(p)[at == k, , drop = FALSE], TRUE))
      expected$f_tests <- c(terms, list(ftest(f, "arm difference equal at all visits", D[-1, , drop = FALSE] - rep(D[1, ], each = T - 1), TRUE)),
        list(ftest(f, "arm difference zero at all visits", D, TRUE)))
    }
  }
  corr <- switch(cov, cs = , csh = "corCompSymm", ar1 = , ar1h = "corAR1", un = "corSymm", toep = , toeph = "corARMA(p = T - 1)", sp_exp = "corExp")
  # nlme finds the same likelihood where it converges
  base <- switch(cov, cs = , csh = nlme::corCompSymm(form = ~ 1 | .s), ar1 = , ar1h = nlme::corAR1(form = ~ .v | .s), un = nlme::corSymm(form = ~ .v | .s),
                 sp_exp = nlme::corExp(form = as.formula(paste("~", if (is.null(time)) ".v" else time, "| .s"))), NULL)
  d$.s <- d[[subject]]; d$.v <- v; d$.w <- d[[visit]]
  if (!is.null(base)) {
    gf <- tryCatch(nlme::gls(fo, d, correlation = base, weights = if (cov %in% c("un", "csh", "ar1h")) nlme::varIdent(form = ~ 1 | .w), method = method,
                 control = nlme::glsControl(tolerance = 1e-10, msTol = 1e-10, maxIter = 300, msMaxIter = 2000)), error = function(e) { cat("   gls:", conditionMessage(e), "\n"); NULL })
    if (!is.null(gf)) { cat(sprintf("   %s gls loglik - ours %.2e, beta %.1e\n", id, as.numeric(logLik(gf)) - f$loglik, max(abs(coef(gf) - f$beta) / (abs(f$beta) + 1e-8)))); stopifnot(as.numeric(logLik(gf)) < f$loglik + 1e-6) }
  }
  cat(id, "loglik", f$loglik, "max|grad|", max(abs(f$grad)), "\n")
  input <- list(response = all.vars(fo)[1], fixed = sub(".*~ *", "", formula), formula = formula, subject = subject, visit = visit, visit_levels = L(levels), arm = arm,
    arm_levels = L(arms), factors = lapply(factors, L), covariance = cov, time = time, times = if (is.null(times)) NULL else L(times), method = method,
    baseline = baseline, baseline_at = if (is.null(baseline)) NULL else mean(d[[baseline]]), level = level)
  case(id, "mmrm", title, dataset, input, expected, c(sprintf("nlme::gls(%s, data = d, correlation = nlme::%s by visit within subject, method = \"%s\")", formula, corr, method),
    "polished by Newton steps on an independent likelihood (gauss.R); Satterthwaite and Kenward-Roger from their formulas"), c("nlme", "emmeans", "numDeriv"), rows,
    list(default = tolerance(1e-6, 1e-8), loglik = tolerance(1e-8, 1e-7), df = tolerance(1e-4, 1e-6), df_kr = tolerance(1e-4, 1e-6), df_kr_observed = tolerance(1e-4, 1e-6),
         ddf = tolerance(1e-4, 1e-6), p_value = tolerance(1e-4, 1e-10), vcov = tolerance(1e-5, 1e-10), covariance = tolerance(1e-5, 1e-7), sd = tolerance(1e-5, 1e-7), correlation = tolerance(1e-5, 1e-7)))
}

## cases
orth <- c("8", "10", "12", "14")
for (cv in c("un", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "sp_exp"))
  mmrm_case(paste0("mmrm-orthodont-", cv), paste("jaw growth by sex and age,", cv), "orthodont.csv", "distance ~ sex * age", "subject", "age", orth, "sex", c("Male", "Female"), cv,
            times = if (cv == "sp_exp") c(8, 10, 12, 14), time = NULL)
ep <- c("1", "2", "3", "4")
for (cv in c("un", "csh", "toep", "ar1"))
  mmrm_case(paste0("mmrm-epil-", cv, "-ml"), paste("log seizure counts, covariates beside the arm,", cv, "by ML, 90%"), "epil.csv", "logy ~ lbase + age + trt * period", "subject", "period", ep, "trt", c("placebo", "progabide"), cv, method = "ML", level = 0.9, baseline = "lbase")
for (cv in c("un", "toeph"))
  mmrm_case(paste0("mmrm-epil-", cv, "-lbase-period"), paste("log seizure counts, baseline by period,", cv), "epil.csv", "logy ~ lbase * period + age + trt * period", "subject", "period", ep, "trt", c("placebo", "progabide"), cv, baseline = "lbase", level = 0.99)
mmrm_case("mmrm-epil-three-way", "three-way interaction with the baseline", "epil.csv", "logy ~ lbase * trt * period", "subject", "period", ep, "trt", c("placebo", "progabide"), "cs", baseline = "lbase")
mmrm_case("mmrm-epil-no-arm-interaction", "arm without interaction", "epil.csv", "logy ~ lbase + trt + period", "subject", "period", ep, "trt", c("placebo", "progabide"), "un", baseline = "lbase")
mmrm_case("mmrm-epil-minus", "formula with minus", "epil.csv", "logy ~ lbase * period * trt - lbase:period:trt", "subject", "period", ep, "trt", c("placebo", "progabide"), "ar1", baseline = "lbase")
mmrm_case("mmrm-epil-no-intercept", "cell means, no intercept", "epil.csv", "logy ~ 0 + period + period:trt + lbase", "subject", "period", ep, "trt", c("placebo", "progabide"), "csh", baseline = "lbase", extra = FALSE)
cake <- c("175", "185", "195", "205", "215", "225")
for (cv in c("un", "toeph", "ar1h", "cs"))
  mmrm_case(paste0("mmrm-cake-", cv), paste("breaking angle, three recipes, six temperatures,", cv), "cake.csv", "angle ~ recipe * temperature", "plate", "temperature", cake, "recipe", c("A", "B", "C"), cv)
seven <- c("0", "4", "8", "12", "16", "20", "21")
for (cv in c("un", "sp_exp"))
  mmrm_case(paste0("mmrm-chickweight-", cv), paste("four diets, seven visits, dropout,", cv), "chickweight.csv", "weight ~ diet * time", "chick", "time", seven, "diet", c("1", "2", "3", "4"), cv,
            rows = list(filter("time", "in", as.integer(seven))), times = if (cv == "sp_exp") c(0, 4, 8, 12, 16, 20, 21))
mmrm_case("mmrm-chickweight-two", "two diets, four visits", "chickweight.csv", "weight ~ time * diet", "chick", "time", c("0", "8", "16", "21"), "diet", c("3", "1"), "un",
          rows = list(filter("time", "in", c(0L, 8L, 16L, 21L)), filter("diet", "!=", 2L), filter("diet", "<", 4L)))
bt <- list(filter("bdi", "not_missing")); bv <- c("2m", "3m", "5m", "8m")
mmrm_case("mmrm-btheb-toep-ml", "Toeplitz by ML, covariates", "btheb.csv", "bdi ~ bdi_pre * visit + treatment * visit + drug * length", "subject", "visit", bv, "treatment", c("TAU", "BtheB"), "toep", "ML",
          rows = bt, factors = list(drug = c("No", "Yes"), length = c("lt6m", "gt6m")), baseline = "bdi_pre", level = 0.9)
mmrm_case("mmrm-btheb-spexp-ml", "spatial exponential by ML, no baseline", "btheb.csv", "bdi ~ treatment * visit", "subject", "visit", bv, "treatment", c("TAU", "BtheB"), "sp_exp", "ML", rows = bt, time = "month", times = c(2, 3, 5, 8))
mmrm_case("mmrm-btheb-first-three-un", "three visits of completers' arm subset", "btheb.csv", "bdi ~ bdi_pre + treatment * visit", "subject", "visit", bv[1:3], "treatment", c("BtheB", "TAU"), "un",
          rows = c(bt, list(filter("month", "<=", 5L), filter("bdi_pre", ">=", 10L))), baseline = "bdi_pre")
mmrm_case("mmrm-btheb-two-visits", "two visits", "btheb.csv", "bdi ~ bdi_pre + treatment * visit", "subject", "visit", bv[c(1, 4)], "treatment", c("TAU", "BtheB"), "un",
          rows = c(bt, list(filter("visit", "in", c("2m", "8m")))), baseline = "bdi_pre")
          rows = list(filter("cu", "!=", "Cu035"), filter("evit", "==", "Evit000"), filter("start", "not_missing")), baseline = "start")
save_cases("07-mmrm.json", "mixed model for repeated measures")
