package identity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/identity"
)

const canary = "Wilhelmina Canary"

func person() identity.Person {
	return identity.Person{
		Name: identity.NewText(canary), Contact: identity.NewText("canary@example.org"), BirthDate: identity.NewText("1980-02-29"),
	}
}

func TestAPersonPrintsAsRedacted(t *testing.T) {
	p := person()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("seen", "person", p, "name", p.Name)
	slog.New(slog.NewTextHandler(&log, nil)).Info("seen", "person", p, "name", p.Name)
	encoded, err := json.Marshal(p)
	require.NoError(t, err)
	for way, out := range map[string]string{
		"%v": fmt.Sprintf("%v", p), "%+v": fmt.Sprintf("%+v", p), "%#v": fmt.Sprintf("%#v", p),
		"%s of a field": fmt.Sprintf("%s", p.Name), "%q of a field": fmt.Sprintf("%q", p.Name),
		"%x of a field": fmt.Sprintf("%x", p.Name), "a pointer": fmt.Sprintf("%v", &p),
		"JSON": string(encoded), "a log": log.String(),
	} {
		require.NotContains(t, out, "anary", way)
		require.Contains(t, out, "[redacted]", way)
	}
	require.Equal(t, canary, p.Name.Reveal())
}

func TestPersonValidate(t *testing.T) {
	require.NoError(t, person().Validate())
	for name, change := range map[string]func(*identity.Person){
		"no name":               func(p *identity.Person) { p.Name = identity.NewText("  ") },
		"a day that is not":     func(p *identity.Person) { p.BirthDate = identity.NewText("1981-02-29") },
		"a date in other order": func(p *identity.Person) { p.BirthDate = identity.NewText("29.02.1980") },
		"a NUL":                 func(p *identity.Person) { p.Contact = identity.NewText("a\x00b") },
		"not UTF-8":             func(p *identity.Person) { p.Contact = identity.NewText("a\xffb") },
	} {
		t.Run(name, func(t *testing.T) {
			p := person()
			change(&p)
			err := p.Validate()
			require.True(t, fault.Is(err, fault.KindInvalid))
			require.NotContains(t, err.Error(), "anary")
		})
	}
}
