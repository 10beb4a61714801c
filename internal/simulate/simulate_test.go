package simulate

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

func library(t testing.TB) *instrument.Library {
	t.Helper()
	l, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	return l
}

func simulator(t testing.TB, patients int, seed uint64) *Simulator {
	t.Helper()
	s, err := New(library(t), Config{Patients: patients, Seed: seed})
	require.NoError(t, err)
	return s
}

func each(t testing.TB, s *Simulator, visit func(*Patient)) {
	t.Helper()
	require.NoError(t, s.Each(func(p *Patient) error { visit(p); return nil }))
}

func TestConfigIsRefusedWithWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		place  string
	}{
		{"nobody", Config{}, "patients"},
		{"too many", Config{Patients: MaxPatients + 1}, "patients"},
		{"a profile that is not there", Config{Patients: 1, Profile: "spa"}, "profile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(library(t), c.config)
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			require.ErrorContains(t, err, c.place)
		})
	}
}

func TestProtocolsAndStudyAreValid(t *testing.T) {
	for _, p := range Protocols() {
		require.NoError(t, p.Validate())
	}
	for _, name := range Profiles() {
		s, err := New(library(t), Config{Patients: 1, Profile: name})
		require.NoError(t, err)
		study := s.Study()
		require.NoError(t, study.Validate())
		require.True(t, study.Simulated)
	}
}

// goldenRun is the SHA-256 of all files of 50 patients under seed 1. It changes
// whenever the model does: then say so in the change log, since a seed no longer
// gives the clinic it gave.
const goldenRun = "dda532231a0913a4f43b2a299e23875e29cefc2302a332c6b6267509dab6146d"

func TestSameSeedSameBytes(t *testing.T) {
	run := func(seed uint64) string {
		folder := t.TempDir()
		_, err := simulator(t, 50, seed).WriteFiles(folder)
		require.NoError(t, err)
		sum := sha256.New()
		for _, name := range []string{patientsFile, coursesFile, sessionsFile, settingsFile, responsesFile, truthFile} {
			file, err := os.Open(filepath.Join(folder, name))
			require.NoError(t, err)
			_, err = io.Copy(sum, file)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
		return hex.EncodeToString(sum.Sum(nil))
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
	require.Equal(t, goldenRun, run(1))
}

func TestAPatientDoesNotDependOnHowManyThereAre(t *testing.T) {
	last := map[int]care.Pseudonym{}
	each(t, simulator(t, 5, 9), func(p *Patient) { last[p.Number] = p.Pseudonym })
	each(t, simulator(t, 500, 9), func(p *Patient) {
		if p.Number <= 5 {
			require.Equal(t, last[p.Number], p.Pseudonym)
		}
		_, err := care.ParsePseudonym(string(p.Pseudonym))
		require.NoError(t, err)
	})
}

func TestEveryAnswerIsValidAndScoresAsTheInstrumentSays(t *testing.T) {
	s := simulator(t, 300, 4)
	seen, incomplete, corrected := 0, 0, 0
	each(t, s, func(p *Patient) {
		for i := range p.Responses {
			r := &p.Responses[i]
			d := s.forms[r.scale].definition
			answers := s.forms[r.scale].answers(r.Answers)
			require.Empty(t, d.Check(answers))
			score, err := d.Score(answers, instrument.ScoreOptions{})
			require.NoError(t, err)
			require.Equal(t, score.Valid, r.Valid)
			require.Equal(t, score.Prorated, r.Prorated)
			if r.Valid {
				require.Equal(t, *score.Score, float64(r.Score))
			}
			if len(d.Unanswered(answers)) > 0 {
				incomplete++
			} else if r.scale == phq9 && r.Visit == care.BaselineVisit && r.Revision == 1 && (i+1 == len(p.Responses) || p.Responses[i+1].Revision == 1) {
				require.Equal(t, p.nature.baseline[phq9], r.Score, "a full form has the total that was simulated")
			}
			if r.Revision > 1 {
				corrected++
				require.NotEmpty(t, r.Reason)
			}
			seen++
		}
	})
	require.Greater(t, incomplete, seen/200)
	require.Less(t, incomplete, seen/10)
	require.Positive(t, corrected)
}

// In the profile "noise" two answers of one patient differ by the retest error and by nothing else.
func TestInTheNoiseProfileNobodyChanges(t *testing.T) {
	s, err := New(library(t), Config{Patients: 4000, Seed: 2, Profile: "noise"})
	require.NoError(t, err)
	for sc, retest := range s.profile.retest {
		sums, squares, n := 0.0, 0.0, 0.0
		each(t, s, func(p *Patient) {
			baseline, known := 0, false
			for i := range p.Responses {
				r := &p.Responses[i]
				if r.scale != scale(sc) || !r.Valid || r.Prorated || r.Revision > 1 {
					continue
				}
				if r.Visit == care.BaselineVisit {
					// Away from the ends of the scale, which cut the error off.
					baseline, known = r.Score, math.Abs(float64(r.Score)-highest[sc]/2) < highest[sc]/5
					continue
				}
				if known {
					d := float64(r.Score - baseline)
					sums, squares, n = sums+d, squares+d*d, n+1
				}
			}
		})
		require.Greater(t, n, 1000.0)
		require.InDelta(t, 0, sums/n, 0.1*retest, scaleIDs[sc])
		require.InDelta(t, math.Sqrt2*retest, math.Sqrt(squares/n), 0.06*retest, scaleIDs[sc])
	}
}

func TestAFormCanHaveEveryTotal(t *testing.T) {
	s, d := simulator(t, 1, 1), newDraw()
	for sc := range scaleCount {
		f := &s.forms[sc]
		values := make([]int8, len(f.items))
		for total := range int(f.highest)*len(f.scored) + 1 {
			d.start(1, uint64(total))
			f.fill(d, total, values)
			score, valid, _ := f.score(values)
			require.True(t, valid)
			require.Equal(t, total, score, "%s", scaleIDs[sc])
		}
	}
}

func TestSessionsAreValidAndGiveTheCoursesFactors(t *testing.T) {
	early, boosters, events := 0, 0, map[bool]int{}
	each(t, simulator(t, 2000, 5), func(p *Patient) {
		var sessions []care.Session
		for i := range p.Sessions {
			one := p.Sessions[i].record(p)
			require.NoError(t, one.Validate())
			sessions = append(sessions, one)
			for _, e := range one.AdverseEvents {
				events[e.Elicited]++
			}
			if one.Booster {
				boosters++
			}
		}
		factors := care.CourseFactors(p.Protocol.ProtocolRef, sessions)
		require.Equal(t, string(p.Protocol.Mode), factors[care.FactorMode])
		require.Equal(t, p.Setting, factors[care.FactorSetting])
		require.Equal(t, p.Preparation, factors[care.FactorPreparation])
		if len(p.Sessions) < p.Protocol.Sessions {
			early++
		}
	})
	require.Positive(t, early)
	require.Positive(t, boosters)
	require.Positive(t, events[true])
	require.Positive(t, events[false])
}

func TestFilesAreCSVWithTheSameColumnsInEveryRow(t *testing.T) {
	folder := t.TempDir()
	truth, err := simulator(t, 200, 6).WriteFiles(folder)
	require.NoError(t, err)
	d, err := library(t).Latest("phq-9")
	require.NoError(t, err)
	for _, name := range []string{patientsFile, coursesFile, sessionsFile, settingsFile, responsesFile} {
		file, err := os.Open(filepath.Join(folder, name))
		require.NoError(t, err)
		rows, err := csv.NewReader(file).ReadAll()
		require.NoError(t, err, name)
		require.NoError(t, file.Close())
		switch name {
		case patientsFile, coursesFile:
			require.Len(t, rows, 201)
		case responsesFile:
			for i, row := range rows[1:] {
				require.Equal(t, strconv.Itoa(i+1), row[0])
				if row[5] != "phq-9" {
					continue
				}
				answers, err := d.ParseAnswerList(row[10])
				require.NoError(t, err)
				score, err := d.Score(answers, instrument.ScoreOptions{})
				require.NoError(t, err)
				if score.Valid {
					require.Equal(t, strconv.Itoa(int(*score.Score)), row[11])
				} else {
					require.Empty(t, row[11])
				}
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, truthFile))
	require.NoError(t, err)
	var read Truth
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, truth, read)
	n := 0
	for _, c := range read.Profiles {
		n += c.N
	}
	require.Equal(t, 200, n, "every patient is in one cell")
}

func TestAFolderThatCannotBeMadeIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := simulator(t, 1, 1).WriteFiles(file)
	require.Equal(t, fault.KindUnavailable, fault.KindOf(err))
}
