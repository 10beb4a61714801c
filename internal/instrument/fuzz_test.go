package instrument_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

// SR-27: whatever the bytes, a definition is refused with a reason or can be scored.
func FuzzParse(f *testing.F) {
	for _, folder := range []fs.FS{schemas.Instruments(), os.DirFS("testdata")} {
		names, err := fs.Glob(folder, "*.yaml")
		require.NoError(f, err)
		for _, name := range names {
			data, err := fs.ReadFile(folder, filepath.Base(name))
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := instrument.Parse(data)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			return
		}
		lowest, highest := instrument.Answers{}, instrument.Answers{}
		for i := range d.Items {
			low, high := d.Items[i].Bounds()
			lowest[d.Items[i].ID], highest[d.Items[i].ID] = &low, &high
		}
		for _, a := range []instrument.Answers{nil, lowest, highest} {
			s, err := d.Score(a, instrument.ScoreOptions{})
			if err != nil { // skip logic
				require.Equal(t, fault.KindInvalid, fault.KindOf(err))
				continue
			}
			_, err = json.Marshal(s)
			require.NoError(t, err)
		}
	})
}

func FuzzParseAnswersJSON(f *testing.F) {
	f.Add(`{"1":2,"9":null}`)
	f.Add(`{"1":2,"1":2}`)
	f.Add(`{"\u0031":-0}`)
	d := shipped(f, "phq-9")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := d.ParseAnswersJSON([]byte(text))
		requireScorable(t, d, a, err)
		if err == nil {
			var plain map[string]*int
			require.NoError(t, json.Unmarshal([]byte(text), &plain), "what is accepted means the same to any decoder")
			require.Equal(t, plain, map[string]*int(a))
		}
	})
}

func FuzzParseAnswerList(f *testing.F) {
	f.Add("2,3,,1")
	f.Add("0,0,0,0,0,0,0,0,0,0")
	d := shipped(f, "phq-9")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := d.ParseAnswerList(text)
		requireScorable(t, d, a, err)
	})
}

func requireScorable(t *testing.T, d *instrument.Definition, a instrument.Answers, err error) {
	t.Helper()
	if err == nil {
		_, err = d.Score(a, instrument.ScoreOptions{})
	}
	if err != nil {
		require.Equal(t, fault.KindInvalid, fault.KindOf(err))
	}
}

func FuzzScore(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 0, 0, 0, 1}, true)
	d := shipped(f, "phq-9")
	f.Fuzz(func(t *testing.T, bytes []byte, allItems bool) {
		a := instrument.Answers{}
		for i, b := range bytes {
			if i < len(d.Items) && b < 4 {
				a[d.Items[i].ID] = instrument.Answer(int(b))
			}
		}
		s, err := d.Score(a, instrument.ScoreOptions{AllItems: allItems})
		require.NoError(t, err)
		require.Equal(t, a["9"] == nil || *a["9"] > 0, len(s.Flags) == 1)
	})
}

func FuzzParseVectors(f *testing.F) {
	data, err := fs.ReadFile(schemas.Instruments(), "phq-9.vectors.csv")
	require.NoError(f, err)
	f.Add(data)
	d := shipped(f, "phq-9")
	f.Fuzz(func(t *testing.T, data []byte) {
		vectors, err := d.ParseVectors(data)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
		}
		for _, v := range vectors {
			d.Run(v)
		}
	})
}

func FuzzChange(f *testing.F) {
	f.Add(16.0, 8.0)
	f.Add(math.NaN(), math.Inf(1))
	f.Add(0.1, 1e-300)
	d := shipped(f, "phq-9")
	f.Fuzz(func(t *testing.T, from, to float64) {
		c, err := d.Change(from, to)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			return
		}
		require.False(t, math.IsNaN(c.Improvement) || math.IsInf(c.Improvement, 0))
		_, err = json.Marshal(c)
		require.NoError(t, err)
	})
}
