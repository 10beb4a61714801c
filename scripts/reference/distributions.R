# Writes the table that internal/stats/distribution_test.go reads: R's distribution functions over a grid with far
# tails, small, fractional and huge degrees of freedom. Run from the root of the repository:
#   Rscript scripts/reference/distributions.R > internal/stats/testdata/distributions.csv
# Columns: function, argument, first and second parameter, R's value with 17 digits.
out <- function(name, x, a, b, v) {
  v <- rep_len(v, length(x))
  cat(sprintf("%s,%.17g,%s,%s,%.17g\n", name, x, a, b, v), sep = "")
}
cat("function,x,a,b,value\n")
tails <- c(1e-300, 1e-100, 1e-30, 1e-12, 1e-8, 1e-4, 0.001, 0.005, 0.025, 0.1, 0.3, 0.49, 0.51, 0.75, 0.95, 0.975, 0.999, 0.99999)
z <- c(0, 1e-8, 0.01, 0.5, 1, 1.96, 3, 5, 7, 10, 20, 35)
df <- c(0.1, 0.5, 1, 1.7, 2, 3, 4.25, 10, 30, 97.5, 1000, 25000.5, 1e6, 2e6, 1e8, 1e12)
out("two_sided_normal", z, "", "", 2 * pnorm(-z))
out("normal_quantile", tails, "", "", qnorm(tails))
for (n in df) {
  t <- c(1e-8, 0.01, 0.3, 1, 2, 3.5, 7, 15, 40, 1e3, 1e6)
  out("two_sided_t", t, sprintf("%.17g", n), "", 2 * pt(-t, n))
  p <- tails[tails >= 1e-30]
  q <- qt(p, n)
  # R's qt is itself checked: a quantile is kept where R's pt takes it back to p.
  ok <- is.finite(q) & abs(q) < 1e150 & abs(pt(q, n) / p - 1) < 1e-11
  out("t_quantile", p[ok], sprintf("%.17g", n), "", q[ok])
}
for (n in df) {
  x <- qchisq(c(1e-8, 0.01, 0.5, 0.9, 0.99), n)
  x <- unique(c(x, qchisq(c(1e-4, 1e-12, 1e-100), n, lower.tail = FALSE)))
  x <- x[x > 0]
  out("upper_chisq", x, sprintf("%.17g", n), "", pchisq(x, n, lower.tail = FALSE))
}
for (n in c(0.5, 1, 2, 3, 5, 17, 100.5)) for (m in df[df <= 1e8]) {
  x <- qf(c(1e-6, 0.05, 0.5, 0.95), n, m)
  x <- c(x, qf(c(1e-3, 1e-6, 1e-12, 1e-30), n, m, lower.tail = FALSE))
  x <- x[is.finite(x) & x > 1e-200]
  out("upper_f", x, sprintf("%.17g", n), sprintf("%.17g", m), pf(x, n, m, lower.tail = FALSE))
  p <- c(1e-8, 0.0005, 0.025, 0.1, 0.5, 0.9, 0.975, 0.9995)
  q <- qf(p, n, m)
  ok <- is.finite(q) & q > 1e-200 & abs(pf(q, n, m) / p - 1) < 1e-11 & q < 1e200
  out("f_quantile", p[ok], sprintf("%.17g", n), sprintf("%.17g", m), q[ok])
}
for (a in c(0.5, 1, 2, 7.5, 60, 5e3, 1e6)) for (b in c(0.5, 1, 3, 40.5, 1e4, 1e6)) {
  p <- c(1e-12, 1e-4, 0.005, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999)
  q <- qbeta(p, a, b)
  ok <- q > 1e-200 & q < 1 & abs(pbeta(q, a, b) / p - 1) < 1e-11
  out("beta_quantile", p[ok], sprintf("%.17g", a), sprintf("%.17g", b), q[ok])
}
# pt's noncentral series is good to about 1e-12 absolute, for noncentralities up to 37.6.
for (n in c(1, 2.5, 9, 60, 1000)) for (d in c(-20, -3, -0.5, 0, 0.5, 2, 6, 20, 37)) {
  t <- c(-15, -2, 0, 0.5, 2, 5, 10, 25, 60)
  suppressWarnings(v <- pt(t, n, d))
  out("noncentral_t", t, sprintf("%.17g", n), sprintf("%.17g", d), v)
}
