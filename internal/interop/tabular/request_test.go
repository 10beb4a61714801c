package tabular_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/interop/tabular"
	"afterglow/schemas"
)

func library(t testing.TB) *instrument.Library {
	t.Helper()
	l, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	return l
}

func TestEveryResponseIsScoredByItsInstrument(t *testing.T) {
	m := demoMap(t, false)
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	require.Equal(t, "1.0.0", m.Study.Measures[0].Version, "the version that the map left out")

	imp, _, err := m.Read(file(t, "../../../testdata/btheb/btheb.csv"), instruments.Check)
	require.NoError(t, err)
	request, err := instruments.Request(imp, "00ff")
	require.NoError(t, err)
	require.Equal(t, care.SourceImport, request.Source)
	require.Len(t, request.Subjects, 100)

	first := request.Subjects[0]
	require.Equal(t, "b001", first.Code)
	require.Equal(t, map[string]string{"treatment": "TAU", "drug": "No", "length": "gt6m"}, first.Factors)
	require.Len(t, first.Responses, 3)
	baseline := first.Responses[0]
	require.Equal(t, care.BaselineVisit, baseline.Visit)
	require.Zero(t, baseline.Day)
	require.Equal(t, 29.0, *baseline.Score.Score)
	require.Equal(t, "severe", baseline.Score.Band)
	require.Equal(t, 61, first.Responses[1].Day)
	definition, err := library(t).Latest("bdi-ii")
	require.NoError(t, err)
	require.Equal(t, definition.Hash(), baseline.DefinitionHash)
}

func TestTheInstrumentSetsTheRange(t *testing.T) {
	m := demoMap(t, false)
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	_, report, err := m.Read([]byte("subject,treatment,drug,length,bdi_pre,visit,bdi\nb1,TAU,No,gt6m,29,2m,64\n"), instruments.Check)
	require.True(t, fault.Is(err, fault.KindInvalid))
	require.Equal(t, "row 2, column bdi", report.Faults[0].Place())
	require.NotContains(t, report.Faults[0].Message, "64")
}

func TestOnlyTotalsOfTotalInstrumentsComeIn(t *testing.T) {
	for _, c := range []struct{ name, from, to, message string }{
		{"not known", "bdi-ii", "bdi-x", "bdi-x"},
		{"a version that is not known", "instrument: bdi-ii", "instrument: bdi-ii, version: 0.0.9", "0.0.9"},
		{"recorded item by item", "bdi-ii", "phq-9", "is recorded item by item"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mustMap(t, strings.Replace(string(file(t, "../../../studies/btheb.yaml")), c.from, c.to, 1))
			_, err := m.Resolve(library(t))
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestSimulatedStudiesEnterAsSimulated(t *testing.T) {
	m := mustMap(t, strings.Replace(string(file(t, "../../../studies/btheb.yaml")), "layout:", "simulated: true\nlayout:", 1))
	instruments, err := m.Resolve(library(t))
	require.NoError(t, err)
	request, err := instruments.Request(tabular.Import{Study: m.Study}, "")
	require.NoError(t, err)
	require.Equal(t, care.SourceSimulation, request.Source)
	require.True(t, request.Study.Simulated)
}
