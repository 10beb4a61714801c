package analyze

import "slices"

// kinds are all kinds of analysis; each family of methods has a file with its own.
var kinds = slices.Concat(
	descriptiveKinds, proportionKinds, psychometricsKinds, linearKinds, lmmKinds, mixedKinds, survivalKinds,
	geeKinds, weightingKinds, gformulaKinds, survivalCensoringKinds, decayKinds, imputationKinds, metaKinds,
	bootstrapKinds, singlecaseKinds, crossoverKinds, selectionKinds, latentKinds, multipleImputationKinds,
	doseResponseKinds, powerKinds,
)
