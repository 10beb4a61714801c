package care_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

func answered[T any](v T) *T { return &v }

func session() care.Session {
	return care.Session{
		Number: 1, Protocol: care.ProtocolRef{ID: "im-series", Version: 1}, StartedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Route: care.RouteIntramuscular, DoseMg: answered(60.0), Depth: answered(3), Mode: care.ModeInPerson,
		Setting: care.Setting{"space-quiet": true}, AdverseEvents: []care.AdverseEvent{{Term: "nausea", Grade: 1}},
	}
}

func TestASessionNamesEveryFault(t *testing.T) {
	require.NoError(t, session().Validate())
	for _, c := range []struct {
		name   string
		change func(*care.Session)
		item   string
	}{
		{"number", func(s *care.Session) { s.Number = 0 }, "number"},
		{"protocol", func(s *care.Session) { s.Protocol.Version = 0 }, "protocol"},
		{"no start", func(s *care.Session) { s.StartedAt = time.Time{} }, "started_at"},
		{"before the course", func(s *care.Session) { s.Day = -1 }, "day"},
		{"route", func(s *care.Session) { s.Route = "smoked" }, "route"},
		{"mode", func(s *care.Session) { s.Mode = "" }, "mode"},
		{"no dose is nil, not 0", func(s *care.Session) { s.DoseMg = answered(0.0) }, "dose_mg"},
		{"dose by weight", func(s *care.Session) { s.DoseMgPerKg = answered(100.0) }, "dose_mg_per_kg"},
		{"depth", func(s *care.Session) { s.Depth = answered(5) }, "depth"},
		{"an event in free words", func(s *care.Session) { s.AdverseEvents[0].Term = "Felt sick, called Mary" }, "adverse_events[0].term"},
		{"an event's grade", func(s *care.Session) { s.AdverseEvents[0].Grade = 6 }, "adverse_events[0].grade"},
		{"an item that is not in the inventory", func(s *care.Session) { s.Setting["incense"] = true }, "setting.incense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := session()
			c.change(&s)
			err := s.Validate()
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Len(t, f.Details, 1)
			require.Equal(t, c.item, f.Details[0].Item)
		})
	}
}

func TestAProtocolNamesEveryFault(t *testing.T) {
	good := func() care.Protocol {
		return care.Protocol{
			ProtocolRef: care.ProtocolRef{ID: "im-series", Version: 1}, Title: "IM series", Route: care.RouteIntramuscular, Mode: care.ModeInPerson,
			DoseMg: &care.Range{From: 40, To: 90}, Sessions: 6, EveryDays: 7,
			Schedule: []care.PlannedOccasion{{Name: "+7 d", Anchor: care.AnchorLastSession, Day: 7, Instruments: []string{"phq-9"}}},
		}
	}
	require.NoError(t, good().Validate())
	for _, c := range []struct {
		name   string
		change func(*care.Protocol)
		item   string
	}{
		{"id", func(p *care.Protocol) { p.ID = "IM series" }, "id"},
		{"version", func(p *care.Protocol) { p.Version = 0 }, "version"},
		{"title", func(p *care.Protocol) { p.Title = "" }, "title"},
		{"range", func(p *care.Protocol) { p.DoseMg.To = 30 }, "dose_mg"},
		{"sessions", func(p *care.Protocol) { p.Sessions = 0 }, "sessions"},
		{"cadence", func(p *care.Protocol) { p.EveryDays = 0 }, "every_days"},
		{"anchor", func(p *care.Protocol) { p.Schedule[0].Anchor = "birth" }, "schedule[0]"},
		{"window", func(p *care.Protocol) { p.Schedule[0].ClosesAfter = -1 }, "schedule[0]"},
		{"no instrument", func(p *care.Protocol) { p.Schedule[0].Instruments = nil }, "schedule[0]"},
		{"a name twice", func(p *care.Protocol) { p.Schedule = append(p.Schedule, p.Schedule[0]) }, "schedule[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good()
			c.change(&p)
			var f *fault.Error
			require.ErrorAs(t, p.Validate(), &f)
			require.Equal(t, c.item, f.Details[0].Item)
		})
	}
}

// setting answers the first n items of the inventory, yes of them with yes.
func setting(n, yes int) care.Setting {
	s := care.Setting{}
	for i, item := range care.SettingItems[:n] {
		s[item.Code] = i < yes
	}
	return s
}

func TestTheSettingsIndex(t *testing.T) {
	index, known := setting(25, 20).Index()
	require.True(t, known)
	require.Equal(t, 80.0, index)
	index, known = setting(13, 13).Index()
	require.True(t, known, "just over half")
	require.Equal(t, 100.0, index)
	_, known = setting(12, 12).Index()
	require.False(t, known, "just under half")
	_, known = care.Setting(nil).Index()
	require.False(t, known)
	require.Equal(t, []string{care.SettingLow, care.SettingMiddle, care.SettingMiddle, care.SettingHigh},
		[]string{care.SettingLevel(59.999), care.SettingLevel(60), care.SettingLevel(79.999), care.SettingLevel(80)})
}

func TestAnInventoryIsKeptByItsCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, item := range care.SettingItems {
		require.False(t, seen[item.Code], "%s twice", item.Code)
		require.NotEmpty(t, item.Words)
		require.Contains(t, item.Code, item.Group+"-")
		seen[item.Code] = true
	}
}

func TestCourseFactors(t *testing.T) {
	with := func(mode care.Mode, booster bool, prepared *bool, yes int) care.Session {
		return care.Session{Mode: mode, Booster: booster, PreparationDone: prepared, Setting: setting(25, yes)}
	}
	yes, no := answered(true), answered(false)
	clinic, home := care.ModeInPerson, care.ModeRemoteSupported
	ref := care.ProtocolRef{ID: "im-series", Version: 2}
	for _, c := range []struct {
		name     string
		protocol care.ProtocolRef
		sessions []care.Session
		want     map[string]string
	}{
		{"nothing is known", care.ProtocolRef{}, nil, map[string]string{}},
		{"a protocol without sessions", ref, nil, map[string]string{"protocol": "im-series"}},
		{"one session", ref, []care.Session{with(clinic, false, yes, 25)},
			map[string]string{"protocol": "im-series", "mode": "in-person", "setting": "high", "preparation": "full"}},
		{"one missed preparation makes it partly; an unknown one does not", ref, []care.Session{with(home, false, yes, 25), with(home, false, nil, 10), with(home, false, no, 10)},
			map[string]string{"protocol": "im-series", "mode": "remote-supported", "setting": "middle", "preparation": "partly"}},
		{"most sessions decide the mode", ref, []care.Session{with(clinic, false, nil, 5), with(home, false, nil, 5), with(home, false, nil, 5)},
			map[string]string{"protocol": "im-series", "mode": "remote-supported", "setting": "low"}},
		{"the first decides when two are equal", ref, []care.Session{with(home, false, nil, 5), with(clinic, false, nil, 5)},
			map[string]string{"protocol": "im-series", "mode": "remote-supported", "setting": "low"}},
		{"boosters decide nothing", ref, []care.Session{with(clinic, false, yes, 25), with(home, true, no, 0), with(home, true, no, 0)},
			map[string]string{"protocol": "im-series", "mode": "in-person", "setting": "high", "preparation": "full"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, care.CourseFactors(c.protocol, c.sessions))
		})
	}
}
