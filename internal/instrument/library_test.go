package instrument_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func withVersion(t *testing.T, version string) string {
	t.Helper()
	return edit(t, phq9Source(t), "version: 1.0.0", "version: "+version)
}

func TestShippedLibraryPassesLint(t *testing.T) {
	for _, folder := range []fs.FS{schemas.Instruments()} {
		names, err := fs.Glob(folder, "*.yaml")
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				d, faults := instrument.Lint(folder, name)
				require.Empty(t, faults)
				require.Equal(t, name, d.ID+".yaml")
			})
		}
	}
}

func TestEveryVectorsFileHasItsDefinition(t *testing.T) {
	names, err := fs.Glob(schemas.Instruments(), "*.vectors.csv")
	require.NoError(t, err)
	definitions, err := fs.Glob(schemas.Instruments(), "*.yaml")
	require.NoError(t, err)
	want := []string{}
	for _, d := range definitions {
		want = append(want, instrument.VectorsName(d))
	}
	require.Equal(t, want, names)
}

func TestLibraryKeepsVersionsApart(t *testing.T) {
	site := fstest.MapFS{
		"phq-9@1.10.0.yaml": file(withVersion(t, "1.10.0")),
		"phq-9@1.9.0.yaml":  file(withVersion(t, "1.9.0")),
		"notes.txt":         file("not a definition"),
	}
	l, err := instrument.LoadLibrary(schemas.Instruments(), site)
	require.NoError(t, err)
	latest, err := l.Latest("phq-9")
	require.NoError(t, err)
	require.Equal(t, "1.10.0", latest.Version, "1.10.0 comes after 1.9.0")
	first, err := l.Get("phq-9", "1.0.0")
	require.NoError(t, err)
	require.Equal(t, "1.0.0", first.Version, "results of the old version can still be recomputed")
	names := []string{}
	for _, d := range l.List() {
		if d.ID == "phq-9" {
			names = append(names, d.ID+" "+d.Version)
		}
	}
	require.Equal(t, []string{"phq-9 1.0.0", "phq-9 1.9.0", "phq-9 1.10.0"}, names)
	for _, err := range []error{second(l.Get("phq-9", "2.0.0")), second(l.Get("none", "1.0.0")), second(l.Latest("none"))} {
		require.Equal(t, fault.KindNotFound, fault.KindOf(err))
	}
}

func second(_ *instrument.Definition, err error) error { return err }

func TestLibraryIsAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   fstest.MapFS
		message string
	}{
		{"the same version with other content", fstest.MapFS{"phq-9.yaml": file(edit(t, phq9Source(t), "up_to: 2", "up_to: 1"))}, "give the changed definition a new version"},
		{"a date among numbers", fstest.MapFS{"phq-9.yaml": file(withVersion(t, "2024-05-01"))}, "all numbers or all dates"},
		{"a file under another name", fstest.MapFS{"phq9.yaml": file(phq9Source(t))}, "must be named phq-9.yaml or phq-9@1.0.0.yaml"},
		{"a file that is no definition", fstest.MapFS{"phq-9.yaml": file("id: phq-9")}, "phq-9.yaml: document (line 1)"},
		{"a file that is no YAML", fstest.MapFS{"phq-9.yaml": file("{")}, "phq-9.yaml: document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := instrument.LoadLibrary(schemas.Instruments(), c.files)
			require.ErrorContains(t, err, c.message)
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
		})
	}
	_, err := instrument.LoadLibrary(schemas.Instruments(), schemas.Instruments())
	require.NoError(t, err, "the same content twice is no conflict")
}

func TestLintSaysWhatKeepsADefinitionFromUse(t *testing.T) {
	vectors, err := fs.ReadFile(schemas.Instruments(), "phq-9.vectors.csv")
	require.NoError(t, err)
	const header = "name,answers,score,valid,prorated,band,flags\n"
	for _, c := range []struct{ name, definition, vectors, place, message string }{
		{"a vector that does not agree", edit(t, phq9Source(t), "{name: mild, from: 5", "{name: mild, from: 6"), string(vectors), "phq-9.vectors.csv line 10", `band is "minimal", expected "mild"`},
		{"no vector for a level", phq9Source(t), header, "phq-9.vectors.csv", "no vector shows flag phq-9-item-9:unknown"},
		{"no vector for a band", phq9Source(t), header, "phq-9.vectors.csv", "no vector shows band severe"},
		{"no vector without a score", phq9Source(t), header, "phq-9.vectors.csv", "no vector shows answers without a score"},
		{"no vector for the highest score", phq9Source(t), header, "phq-9.vectors.csv", "no vector shows score 27"},
		{"other columns", phq9Source(t), "name,score\n", "phq-9.yaml", "the columns must be name,answers"},
		{"an empty file", phq9Source(t), "", "phq-9.yaml", "no header"},
		{"a short line", phq9Source(t), header + "x,1,2\n", "phq-9.yaml: phq-9.vectors.csv line 2", "has 3 columns, not 7"},
		{"a name twice", phq9Source(t), header + "x,\"1,2\",,false,false,,\nx,\"1,2\",,false,false,,\n", "phq-9.yaml: phq-9.vectors.csv line 3", "used twice"},
		{"no name", phq9Source(t), header + ",\"1,2\",,false,false,,\n", "phq-9.yaml: phq-9.vectors.csv line 2", "no name"},
		{"yes for true", phq9Source(t), header + "x,\"1,2\",,no,no,,\n", "phq-9.yaml: phq-9.vectors.csv line 2", "true or false"},
		{"a score that is not valid", phq9Source(t), header + "x,\"1,2\",5,false,false,,\n", "phq-9.yaml: phq-9.vectors.csv line 2", "a score goes with valid"},
		{"broken CSV", phq9Source(t), header + "x,\"1,2\n", "phq-9.yaml", "not CSV"},
		{"answers that are refused", phq9Source(t), header + "x,\"1,7\",5,true,false,,\n", "phq-9.vectors.csv line 2", "not one of the item's options"},
		{"a definition that is not right", "id: x", string(vectors), "phq-9.yaml: document (line 1)", "missing properties"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, faults := instrument.Lint(fstest.MapFS{"phq-9.yaml": file(c.definition), "phq-9.vectors.csv": file(c.vectors)}, "phq-9.yaml")
			fits := func(f fault.Detail) bool { return f.Item == c.place && strings.Contains(f.Message, c.message) }
			require.True(t, slices.ContainsFunc(faults, fits), "no fault at %q with %q among %v", c.place, c.message, faults)
		})
	}
}

func TestADefinitionWithoutVectorsFailsLint(t *testing.T) {
	_, faults := instrument.Lint(fstest.MapFS{"phq-9.yaml": file(phq9Source(t))}, "phq-9.yaml")
	require.Len(t, faults, 1)
	require.Contains(t, faults[0].Message, "a definition needs a vectors file in the same folder")
}
