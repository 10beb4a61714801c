# Exact optimum and inference of a normal model y ~ N(X b, V(theta)), V block diagonal by subject.
# Independent of the packages: it polishes their fits and gives what they do not print.
suppressPackageStartupMessages(library(numDeriv))

# blocks: list of row indices; V(theta, i): matrix of block i; dV(theta, i): list of its derivatives
gauss <- function(y, X, blocks, V, dV, theta, reml) {
  p <- ncol(X); n <- length(y)
  parts <- function(theta) {
    A <- matrix(0, p, p); b <- numeric(p); ld <- 0; Vi <- vector("list", length(blocks))
    for (i in seq_along(blocks)) {
      k <- blocks[[i]]; v <- V(theta, i); R <- chol(v); ld <- ld + 2 * sum(log(diag(R))); Vi[[i]] <- chol2inv(R)
      Xi <- X[k, , drop = FALSE]; VX <- Vi[[i]] %*% Xi
      A <- A + crossprod(Xi, VX); b <- b + crossprod(VX, y[k])
    }
    Phi <- chol2inv(chol(A)); beta <- Phi %*% b
    list(Vi = Vi, A = A, Phi = Phi, beta = drop(beta), ld = ld, r = drop(y - X %*% beta))
  }
  loglik <- function(theta) {
    s <- parts(theta); q <- 0
    for (i in seq_along(blocks)) { r <- s$r[blocks[[i]]]; q <- q + sum(r * (s$Vi[[i]] %*% r)) }
    m <- if (reml) n - p else n
    -0.5 * (m * log(2 * pi) + s$ld + q + if (reml) determinant(s$A)$modulus[1] else 0)
  }
  grad <- function(theta, s = parts(theta)) {
    g <- numeric(length(theta))
    for (i in seq_along(blocks)) {
      k <- blocks[[i]]; W <- s$Vi[[i]]; u <- W %*% s$r[k]; D <- dV(theta, i); WX <- W %*% X[k, , drop = FALSE]
      for (j in seq_along(theta)) {
        t <- sum(W * D[[j]]) - sum(u * (D[[j]] %*% u))
        if (reml) t <- t - sum(s$Phi * crossprod(WX, D[[j]] %*% WX))
        g[j] <- g[j] - 0.5 * t
      }
    }
    g
  }
  for (it in 1:12) {
    g <- grad(theta); H <- jacobian(grad, theta); step <- -solve(H, g); a <- 1; l0 <- loglik(theta)
    repeat {
      l1 <- tryCatch(suppressWarnings(loglik(theta + a * step)), error = function(e) -Inf)
      if (is.finite(l1) && l1 >= l0 - 1e-9) break
      a <- a / 2; if (a < 1e-6) break
    }
    theta <- theta + a * step
    if (max(abs(a * step) / pmax(abs(theta), 1e-3)) < 1e-11) break
  }
  g <- grad(theta); H <- jacobian(grad, theta); H <- (H + t(H)) / 2
  stopifnot(all(eigen(-H)$values > 0))
  s <- parts(theta); K <- length(theta)
  P <- replicate(K, matrix(0, p, p), FALSE); Q <- array(0, c(K, K, p, p)); T2 <- matrix(0, K, K)
  for (i in seq_along(blocks)) {
    k <- blocks[[i]]; W <- s$Vi[[i]]; D <- dV(theta, i); WX <- W %*% X[k, , drop = FALSE]; WD <- lapply(D, function(d) W %*% d)
    for (a in 1:K) {
      DX <- D[[a]] %*% WX; P[[a]] <- P[[a]] - crossprod(WX, DX)
      for (b in 1:K) { Q[a, b, , ] <- Q[a, b, , ] + crossprod(DX, W %*% (D[[b]] %*% WX)); T2[a, b] <- T2[a, b] + sum(WD[[a]] * t(WD[[b]])) }
    }
  }
  Phi <- s$Phi; I <- matrix(0, K, K)
  for (a in 1:K) for (b in 1:K) I[a, b] <- 0.5 * (T2[a, b] + if (reml) sum(Phi * (-2 * Q[a, b, , ])) + sum((Phi %*% P[[a]]) * t(Phi %*% P[[b]])) else 0)
  adjusted <- function(W) {
    S <- matrix(0, p, p)
    for (a in 1:K) for (b in 1:K) S <- S + W[a, b] * (Q[a, b, , ] - P[[a]] %*% Phi %*% P[[b]])
    out <- Phi + 2 * Phi %*% S %*% Phi; (out + t(out)) / 2
  }
  fit <- list(theta = theta, loglik = loglik(theta), grad = g, beta = s$beta, Phi = Phi, P = P, r = s$r, Vi = s$Vi,
              Wo = solve(-H), We = solve(I), n = n, p = p, K = K, reml = reml)
  fit$PhiE <- adjusted(fit$We); fit$PhiO <- adjusted(fit$Wo)
  fit
}

satterthwaite <- function(f, l) {
  v <- drop(l %*% f$Phi %*% l); g <- sapply(f$P, function(P) drop(-l %*% f$Phi %*% P %*% f$Phi %*% l))
  2 * v^2 / drop(g %*% f$Wo %*% g)
}
kr_df <- function(f, Lm, W, Adj) {
  q <- nrow(Lm); Th <- t(Lm) %*% solve(Lm %*% f$Phi %*% t(Lm)) %*% Lm
  M <- lapply(f$P, function(P) Th %*% f$Phi %*% P %*% f$Phi)
  tr <- sapply(M, function(m) sum(diag(m))); A1 <- drop(tr %*% W %*% tr); A2 <- 0
  for (a in 1:f$K) for (b in 1:f$K) A2 <- A2 + W[a, b] * sum(M[[a]] * t(M[[b]]))
  B <- (A1 + 6 * A2) / (2 * q); g <- ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2); d <- 3 * q + 2 * (1 - g)
  E <- 1 / (1 - A2 / q); Vs <- 2 / q * (1 + g / d * B) / ((1 - (q - g) / d * B)^2 * (1 - (q + 2 - g) / d * B))
  rho <- Vs / (2 * E^2); m <- 4 + (q + 2) / (q * rho - 1); b <- Lm %*% f$beta
  Fu <- drop(t(b) %*% solve(Lm %*% Adj %*% t(Lm)) %*% b) / q
  sc <- m / (E * (m - 2)); list(f = sc * Fu, f_unscaled = Fu, scale = sc, ndf = q, ddf = m, p_value = pf(sc * Fu, q, m, lower.tail = FALSE))
}

# line gives a linear combination with its Satterthwaite and, for REML, Kenward-Roger inference
line <- function(f, l, level, observed = FALSE) {
  est <- sum(l * f$beta); se <- sqrt(drop(l %*% f$Phi %*% l)); df <- satterthwaite(f, l); k <- qt((1 + level) / 2, df)
  out <- list(estimate = est, se = se, df = df, t = est / se, p_value = 2 * pt(-abs(est / se), df), ci_lower = est - k * se, ci_upper = est + k * se)
  if (f$reml) for (how in c("kr", if (observed) "kr_observed")) {
    W <- if (how == "kr") f$We else f$Wo; A <- if (how == "kr") f$PhiE else f$PhiO
    se <- sqrt(drop(l %*% A %*% l)); d <- kr_df(f, matrix(l, 1), W, A)$ddf; k <- qt((1 + level) / 2, d)
    out[paste0(c("se_", "df_", "p_value_", "ci_lower_", "ci_upper_"), how)] <- list(se, d, 2 * pt(-abs(est / se), d), est - k * se, est + k * se)
  }
  out
}
ftest <- function(f, term, Lm, observed = FALSE) {
  q <- nrow(Lm); e <- eigen(Lm %*% f$Phi %*% t(Lm), symmetric = TRUE); PL <- t(e$vectors) %*% Lm
  t2 <- drop(PL %*% f$beta)^2 / e$values; nu <- apply(PL, 1, function(l) satterthwaite(f, l))
  ddf <- if (q == 1) nu else if (all(abs(diff(nu)) < 1e-8)) mean(nu) else if (any(nu <= 2)) 2 else { E <- sum(nu / (nu - 2)); 2 * E / (E - q) }
  out <- list(term = term, L = rows_of(Lm), f = mean(t2), ndf = q, ddf = ddf, p_value = pf(mean(t2), q, ddf, lower.tail = FALSE))
  if (f$reml) { out$kr <- kr_df(f, Lm, f$We, f$PhiE); if (observed) out$kr_observed <- kr_df(f, Lm, f$Wo, f$PhiO) }
  out
}
