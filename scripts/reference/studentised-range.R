# Writes the table that internal/stats/multiplicity/range_test.go reads. Run from the root:
#   Rscript scripts/reference/studentised-range.R > internal/stats/multiplicity/testdata/studentised-range.csv
# p, critical: R's ptukey and qtukey, where they are good (12 to 1000 degrees of freedom). Their rule has too few points
#   below: ptukey(8 * sqrt(2), 2, 2) is 0.015116 where the t test, 2 * pt(-8, 2), is 0.015268.
# integral: the definition by R's adaptive integrate, for fewer and more degrees of freedom.
# Columns: t = q/sqrt(2) or the level, number of means, degrees of freedom, R's value.
range.upper <- function(w, k) {
  f <- function(z) k * dnorm(z) * (pnorm(z) - pnorm(z - w))^(k - 1)
  1 - integrate(f, -9, 9 + min(w, 9), rel.tol = 1e-12, subdivisions = 2000)$value
}
definition <- function(t, k, df) {
  g <- function(x) sapply(x, function(x) {
    s <- exp(x)
    exp(log(2) + df / 2 * log(df / 2) - lgamma(df / 2) + df * x - df * s^2 / 2) * if (t * sqrt(2) * s > 60) 0 else range.upper(t * sqrt(2) * s, k)
  })
  w <- 12 / sqrt(2 * df)
  integrate(g, max(-40, -w - 45 / df), min(3, w), rel.tol = 1e-10, subdivisions = 2000)$value
}
cat("function,x,k,df,value\n")
for (k in c(2, 3, 5, 12)) {
  for (df in c(12, 60.5, 1000)) {
    t <- c(0.2, 1, 2, 3, 5, 8)
    cat(sprintf("p,%.17g,%d,%.17g,%.17g\n", t, k, df, ptukey(t * sqrt(2), k, df, lower.tail = FALSE)), sep = "")
    level <- c(0.5, 0.9, 0.95, 0.99, 0.999)
    cat(sprintf("critical,%.17g,%d,%.17g,%.17g\n", level, k, df, qtukey(level, k, df) / sqrt(2)), sep = "")
  }
  for (df in c(1, 2, 3.5, 6, 25000)) for (t in c(0.5, 2, 5, 40))
    cat(sprintf("integral,%.17g,%d,%.17g,%.17g\n", t, k, df, definition(t, k, df)))
}
