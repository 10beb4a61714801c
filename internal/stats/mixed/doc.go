// Package mixed fits mixed models: for repeated measures (MMRM) from sufficient statistics, and with random effects
// from rows. Floor: ground.
// It must not read data from anywhere: rows are in memory, sums come from them or from whoever grouped them, and the
// time of a fit to sums does not depend on how many patients stand behind them.
//
// In an MMRM, for patient i, x is the row of all that enters the fixed effects and o the visits observed. Then
// X_i = (I_o (x) x') K_o with a constant K, and y_i ~ N(X_i b, S[o,o]). The likelihood and all its
// derivatives touch the data only through, per pattern o, the count and the cross-products of x and y
// (Sums). The algebra, its sources and limits: docs/methods/mmrm.md. Random effects: docs/methods/lmm.md.
package mixed
