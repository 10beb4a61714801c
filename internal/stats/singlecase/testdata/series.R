# Made series.json with R 4.2.2 (stats, nlme 3.1-162, jsonlite): Rscript series.R
# Small and awkward series: three values, ties in time and value, a constant stretch, a perfect line, missing times out of
# order. Theil-Sen, Sen's limits, Mann-Kendall's variance, phases and change points are computed from their definitions;
# lm, cor(method = "kendall"), wilcox.test and gls are R's.
library(jsonlite); library(nlme)
trend <- function(t, y) {
  o <- order(t); t <- t[o]; y <- y[o]; n <- length(t)
  p <- which(upper.tri(matrix(0, n, n)), arr.ind = TRUE); dt <- t[p[, 2]] - t[p[, 1]]; dy <- y[p[, 2]] - y[p[, 1]]
  s <- sort((dy / dt)[dt != 0]); S <- sum(sign(dt) * sign(dy))
  tt <- as.numeric(table(t)); uu <- as.numeric(table(y))
  v <- (n*(n-1)*(2*n+5) - sum(tt*(tt-1)*(2*tt+5)) - sum(uu*(uu-1)*(2*uu+5)))/18 + sum(tt*(tt-1)*(tt-2))*sum(uu*(uu-1)*(uu-2))/(9*n*(n-1)*(n-2)) + sum(tt*(tt-1))*sum(uu*(uu-1))/(2*n*(n-1))
  m <- lm(y ~ t); f <- suppressWarnings(summary(m)); perfect <- sum(resid(m)^2) < 1e-20 * sum((y - mean(y))^2)
  z <- if (v > 0) (S - sign(S)) / sqrt(v) else NA
  C <- qnorm(.975) * sqrt(v); N <- length(s)
  out <- list(t = t, y = y, slope = coef(m)[[2]], intercept = coef(m)[[1]], sen = median(s), sen_intercept = median(y - median(s) * t), n_slopes = N,
    lower = s[max(floor((N - C)/2), 1)], upper = s[min(ceiling((N + C)/2 + 1), N)], s = S, var_s = v, z = z, p = 2 * pnorm(-abs(z)), tau_b = suppressWarnings(cor(t, y, method = "kendall")))
  if (!perfect) out <- c(out, list(slope_se = f$coefficients[2, 2], slope_p = f$coefficients[2, 4], r2 = f$r.squared,
    dw = sum(diff(resid(m))^2)/sum(resid(m)^2)))
  out
}
phases <- function(a, b) {
  S <- sum(sign(outer(b, a, "-"))); w <- function(x) if (length(x) < 2) 0 else { q <- combn(length(x), 2); sum(sign(x[q[2, ]] - x[q[1, ]])) }
  na <- length(a); nb <- length(b); u <- suppressWarnings(wilcox.test(b, a, exact = FALSE, correct = FALSE))
  vab <- na*nb*(na+nb+1)/3; va <- na*(na-1)*(2*na+5)/18; vb <- nb*(nb-1)*(2*nb+5)/18
  list(a = a, b = b, s_ab = S, s_aa = w(a), s_bb = w(b), nap = u$statistic[[1]]/(na*nb), p_ties = u$p.value, tau = S/(na*nb),
    p = 2*pnorm(-abs(S/sqrt(vab))), z_trend = (S - w(a))/sqrt(vab + va), z_full = (S - w(a) + w(b))/sqrt(vab + va + vb))
}
change <- function(t, y, g) {
  n <- length(y); sse <- sapply(g:(n - g), function(k) sum((y[1:k]-mean(y[1:k]))^2) + sum((y[-(1:k)]-mean(y[-(1:k)]))^2))
  kn <- Filter(function(k) k > min(t) && k < max(t) && sum(t <= k) >= g && sum(t >= k) >= g, unique(t))
  b <- sapply(kn, function(k) sum(resid(lm(y ~ t + pmax(0, t - k)))^2)); k <- kn[which.min(b)]
  list(t = t, y = y, g = g, last = (g:(n - g))[which.min(sse)], sse = min(sse), knot = k, broken = min(b), coef = unname(coef(lm(y ~ t + pmax(0, t - k)))))
}
ar <- function(t, y, method) { m <- gls(y ~ t, data.frame(t, y), correlation = corAR1(form = ~ t), method = method, control = glsControl(tolerance = 1e-12, msTol = 1e-12, msMaxIter = 1000, maxIter = 1000))
  list(t = t, y = y, method = method, rho = coef(m$modelStruct$corStruct, unconstrained = FALSE)[[1]], loglik = c(logLik(m)), sigma = m$sigma, b = unname(coef(m)), se = unname(sqrt(diag(m$varBeta)))) }
set.seed(4); e <- as.numeric(stats::filter(rnorm(24), .6, "recursive"))
out <- list(
  trends = list("three values" = trend(1:3, c(5, 9, 4)), "three falling" = trend(c(0, 2, 7), c(9, 5, 4)), "ties in value" = trend(1:8, c(3, 3, 4, 4, 4, 6, 3, 6)),
    "ties in time" = trend(c(1, 1, 2, 2, 3, 5, 5, 9), c(8, 7, 7, 9, 5, 6, 4, 4)), "out of order" = trend(c(9, 1, 5, 3, 30), c(2, 8, 4, 7, 0.5)),
    "a perfect line" = trend(c(1, 2, 4, 8), c(3, 5, 9, 17)), "but one the same" = trend(1:6, c(4, 4, 4, 4, 4, 7)), "two times" = trend(c(1, 1, 1, 2, 2), c(3, 5, 4, 8, 6))),
  phases = list("no overlap" = phases(c(8, 7, 9, 8), c(4, 3, 5, 2, 3)), "ties" = phases(c(5, 6, 6, 7), c(6, 6, 5, 7, 8, 6)), "one each" = phases(3, 4),
    "a baseline that rises" = phases(c(1, 2, 3, 4, 5), c(6, 5, 7, 6)), "all the same" = phases(c(2, 2, 2), c(2, 2))),
  changes = list("a step" = change(1:9, c(5, 6, 5, 4, 11, 12, 11, 13, 12), 2), "a bend" = change(c(0, 1, 2, 4, 5, 7, 8, 9), c(10, 8.2, 6.1, 2, 2.1, 1.9, 2.2, 2), 2), "ties in time" = change(c(1, 1, 2, 3, 3, 4, 6, 6), c(4, 5, 4, 4, 6, 8, 13, 12), 3)),
  series = list("ML" = ar(1:24, 20 + .3 * 1:24 + e, "ML"), "REML" = ar(1:24, 20 + .3 * 1:24 + e, "REML"), "gaps" = ar(c(1:6, 8:9, 13:20, 22), c(3, 2.5, 4, 5, 4.4, 5.2, 7, 6.1, 9, 9.4, 8.7, 9.9, 11, 12.4, 11.3, 10.8, 13), "ML"), "negative" = ar(1:10, c(3, 5, 2, 6, 3, 7, 3, 6, 5, 8), "REML")))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null", null = "null"), "series.json")
