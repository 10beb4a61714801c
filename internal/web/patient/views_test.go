package patient

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/schemas"
)

// TestTheInstructionStandsBeforeTheFirstQuestion: what an instrument asks to be read once is shown once, whole.
func TestTheInstructionStandsBeforeTheFirstQuestion(t *testing.T) {
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	d, err := library.Get("pcl-5", "1.0.0")
	require.NoError(t, err)
	p := &Pages{}
	first := p.question("t", d, intake.DraftPage{}, 1, asking{})
	require.Contains(t, first.Instruction, "in response to a very stressful experience")
	require.Equal(t, "In the past month, how much were you bothered by:", first.Stem)
	require.Empty(t, p.question("t", d, intake.DraftPage{}, 2, asking{}).Instruction)
	require.Equal(t, first.Instruction, p.whole(reviewInput{definition: d}).Instruction)
}
