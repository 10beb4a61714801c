package analyze_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// R 4.2, geepack 1.3.9: geeglm(bdi ~ bdi_pre + treatment * month, id, waves, corstr = "unstructured", std.err = "san.se",
// epsilon = 1e-13), where people leave the study before its last visits.
func TestAnUnstructuredCorrelationWithGapsIsGeepacks(t *testing.T) {
	r := run(t, "gee", "btheb.csv", `{"response": "bdi", "formula": "bdi ~ bdi_pre + treatment * month", "subject": "subject", "wave": "month",
		"family": "gaussian", "corstr": "unstructured", "factors": {"treatment": ["TAU", "BtheB"]}, "level": 0.95}`)
	for j, want := range [][2]float64{{6.494820440457, 2.0658960943829}, {0.611412674294, 0.0853873452519}, {-5.008653615289, 1.9332261021462},
		{-0.936112466808, 0.2516686558193}, {0.511309424193, 0.3033189210483}} {
		require.InEpsilon(t, want[0], number(list(r, "coefficients")[j], "estimate"), 1e-6)
		require.InEpsilon(t, want[1], number(list(r, "coefficients")[j], "se"), 1e-6)
	}
	for k, want := range []float64{0.678740798372, 0.733476500610, 0.695504881507, 0.798872590015, 0.705766114321, 0.799393349402} {
		require.InEpsilon(t, want, list(r, "alpha")[k].(float64), 1e-5)
	}
	require.InEpsilon(t, 79.5444308913, r["scale"].(float64), 1e-6)
}
