package registry_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/identity"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func person(name, contact string) identity.Person {
	return identity.Person{Name: identity.NewText(name), Contact: identity.NewText(contact), BirthDate: identity.NewText("1980-05-31")}
}

func createPatients(t *testing.T, s *registry.Store, people ...identity.Person) []care.Pseudonym {
	t.Helper()
	var made []care.Pseudonym
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
		for _, p := range people {
			pseudonym, err := tx.CreatePatient(p)
			if err != nil {
				return err
			}
			made = append(made, pseudonym)
		}
		return nil
	}))
	return made
}

func view(s *registry.Store, pseudonym care.Pseudonym) (p identity.Person, err error) {
	err = s.Write(ctx, system, func(tx *registry.Tx) (err error) {
		p, err = tx.Person(pseudonym)
		return err
	})
	return p, err
}

func TestSR69_IdentitiesAreEncryptedAndBoundToTheirPlace(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	made := createPatients(t, s, person("Canary Anna", "anna@canary.example"), person("Canary Bert", "bert@canary.example"))
	_, err := s.ImportStudy(ctx, system, trial(3))
	require.NoError(t, err)

	anna, err := view(s, made[0])
	require.NoError(t, err)
	require.Equal(t, person("Canary Anna", "anna@canary.example"), anna)
	for _, file := range []string{f.Path, f.Path + "-wal"} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, canary := range []string{"anary", "1980-05-31"} {
			require.False(t, bytes.Contains(content, []byte(canary)), "%s holds %s", file, canary)
		}
	}

	db := raw(t, f)
	for name, statement := range map[string]string{
		"two patients' names swapped": "UPDATE patient SET name = (SELECT name FROM patient WHERE pseudonym = '" + string(made[1]) + "') WHERE pseudonym = '" + string(made[0]) + "'",
		"a name moved to the contact": "UPDATE patient SET contact = name WHERE pseudonym = '" + string(made[1]) + "'",
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err, name)
	}
	for _, pseudonym := range made {
		_, err := view(s, pseudonym)
		require.ErrorContains(t, err, "does not belong to this row")
	}
}

func TestSR72_SearchIsByKeyedHash(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	made := createPatients(t, s, person("Anna", "Same@Example.org"), person("Bert", "other@example.org"))
	found, err := s.PatientsByContact(ctx, identity.NewText(" same@example.ORG "))
	require.NoError(t, err)
	require.Equal(t, made[:1], found)
	found, err = s.PatientsByContact(ctx, identity.NewText("same@example"))
	require.NoError(t, err)
	require.Empty(t, found)

	first, err := s.SubjectHash("same@example.org")
	require.NoError(t, err)
	var index []byte
	require.NoError(t, raw(t, f).QueryRow("SELECT contact_index FROM patient WHERE pseudonym = ?", string(made[0])).Scan(&index))
	require.NotEqual(t, first, string(index), "equal values in two fields do not show")
}

func TestSR76_LookingAtAPersonIsAnEvent(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	made := createPatients(t, s, person("Anna", "a@example.org"))
	_, err := view(s, made[0])
	require.NoError(t, err)
	var actions []string
	require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		actions = append(actions, e.Action+" "+e.Subject)
		return nil
	}))
	require.Equal(t, []string{"patient-created " + string(made[0]), "patient-viewed " + string(made[0])}, actions)
	_, err = view(s, "00000000000000000000000000000000")
	require.True(t, fault.Is(err, fault.KindNotFound))
}
