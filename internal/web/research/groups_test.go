package research_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
)

// Ids of protocols are short names in pictures and tables; what they stand for is
// said once. A minus is a minus in every table.
func TestGroupsThatAreProtocolsAreNamed(t *testing.T) {
	s := working(t)
	s.Protocols = func(context.Context) ([]care.Protocol, error) {
		return []care.Protocol{{ProtocolRef: care.ProtocolRef{ID: "TAU", Version: 1}, Title: "Usual care as it was"},
			{ProtocolRef: care.ProtocolRef{ID: "TAU", Version: 2}, Title: "Usual care"}}, nil
	}
	_, body, tree := get(t, s, path)
	require.NotContains(t, body, "Usual care", "the arms of a trial are not protocols")
	for _, table := range all(tree, "table") {
		require.NotContains(t, words(table), "BtheB - TAU")
	}
	s.Studies = func(context.Context) ([]care.Study, error) {
		study := btheb
		study.Arm.Name = care.FactorProtocol
		return []care.Study{study}, nil
	}
	_, _, tree = get(t, s, path)
	require.Equal(t, "TAU Usual care", words(all(tree, "dl")[0]), "by the newest version")
}
