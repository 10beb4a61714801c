package instrument_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

// TestMain sets the number of cases of each property that SR-120 asks for.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.checks", "10000"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func shipped(t testing.TB, id string) *instrument.Definition {
	t.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	d, err := library.Latest(id)
	require.NoError(t, err)
	return d
}

func testDefinition(t testing.TB, id string) *instrument.Definition {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", id+".yaml"))
	require.NoError(t, err)
	d, err := instrument.Parse(data)
	require.NoError(t, err, "%v", detailsOf(err))
	return d
}

func detailsOf(err error) []fault.Detail {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Details
	}
	return nil
}

func score(t testing.TB, d *instrument.Definition, list string) instrument.Score {
	t.Helper()
	a, err := d.ParseAnswerList(list)
	require.NoError(t, err)
	s, err := d.Score(a, instrument.ScoreOptions{})
	require.NoError(t, err)
	return s
}

// everyDefinition is the shipped library and the shapes of testdata.
func everyDefinition(t testing.TB) []*instrument.Definition {
	t.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments(), os.DirFS("testdata"))
	require.NoError(t, err, "%v", detailsOf(err))
	return library.List()
}

// drawAnswers draws answers that keep to the skip logic; an item is left out in
// one of four cases.
func drawAnswers(t *rapid.T, d *instrument.Definition) instrument.Answers {
	a := instrument.Answers{}
	for i := range d.Items {
		it := &d.Items[i]
		if rapid.IntRange(0, 3).Draw(t, "left out "+it.ID) == 0 {
			continue
		}
		a[it.ID] = instrument.Answer(drawValue(t, it))
		if len(d.Check(a)) > 0 { // skipped by an earlier answer
			delete(a, it.ID)
		}
	}
	return a
}

func drawValue(t *rapid.T, it *instrument.Item) int {
	if it.Range != nil {
		return rapid.IntRange(it.Range.From, it.Range.To).Draw(t, "answer "+it.ID)
	}
	return rapid.SampledFrom(it.Options).Draw(t, "answer "+it.ID).Value
}
