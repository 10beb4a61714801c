package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func TestSimulatedOccasionsAreLinkedInADemoOnlyAndAsManyAsAreWanted(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	in := clinic(3, 6, 1)
	for i := range in.Subjects {
		in.Subjects[i].Unanswered = []registry.ImportedOccasion{occasion(f.Clock.Now(), "open", -1, 3), occasion(f.Clock.Now(), "later", 20, 30)}
	}
	real := registrytest.NewFolder(t).Open(t)
	_, err := real.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	_, err = real.LinkSimulatedOccasions(ctx, system, in.Study.ID, "phq-9", 2)
	require.True(t, fault.Is(err, fault.KindForbidden), "a clinic's patients answer for themselves")

	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error { return tx.SetSetting(registry.SettingDemo, "yes") }))
	_, err = s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	links, err := s.LinkSimulatedOccasions(ctx, system, in.Study.ID, "phq-9", 2)
	require.NoError(t, err)
	require.Len(t, links, 2)
	for _, link := range links {
		o, err := s.OccasionByToken(ctx, link.Token)
		require.NoError(t, err)
		require.Equal(t, link.Occasion, o.ID)
		require.True(t, o.TakesAnswers(s.Now()), "only what is asked now")
	}
	all, err := s.LinkSimulatedOccasions(ctx, system, in.Study.ID, "phq-9", 9)
	require.NoError(t, err)
	require.Len(t, all, 3)
	none, err := s.LinkSimulatedOccasions(ctx, system, in.Study.ID, "gad-7", 9)
	require.NoError(t, err)
	require.Empty(t, none)
}
