package safety_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
	"afterglow/internal/testkit/registrytest"
)

var (
	ctx   = context.Background()
	nurse = registry.Actor{Kind: registry.ActorAccount, ID: "7"}
)

func raised(t *testing.T) (*registry.Store, *safety.Service) {
	t.Helper()
	s := registrytest.NewFolder(t).Open(t)
	patients := registrytest.Demo(t, s, 1)
	require.NoError(t, s.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
		o, err := tx.OccasionByToken(patients[0].Token)
		if err != nil {
			return err
		}
		return tx.RaiseAlert(registry.NewAlert{Flag: instrument.Flag{Rule: "item-9", Level: instrument.LevelRed, Item: "9"}, Occasion: o})
	}))
	return s, safety.New(s)
}

func TestAnAlertIsAcknowledgedOnceByAPerson(t *testing.T) {
	_, service := raised(t)
	require.True(t, fault.Is(service.Acknowledge(ctx, registry.System("x"), 1, "seen"), fault.KindForbidden))
	require.True(t, fault.Is(service.Acknowledge(ctx, nurse, 1, "Free text."), fault.KindInvalid))
	require.True(t, fault.Is(service.Acknowledge(ctx, nurse, 2, "seen"), fault.KindNotFound))
	require.NoError(t, service.Acknowledge(ctx, nurse, 1, "called-patient"))
	require.True(t, fault.Is(service.Acknowledge(ctx, nurse, 1, "seen"), fault.KindConflict))

	list, err := service.Alerts(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, safety.StateAcknowledged, list[0].State)
	require.Equal(t, "7", list[0].Owner)
	require.Equal(t, []string{"raised", "acknowledged"}, []string{list[0].Steps[0].What, list[0].Steps[1].What})
	require.Equal(t, "account 7", list[0].Steps[1].Who)
	same, err := service.PatientAlerts(ctx, list[0].Patient)
	require.NoError(t, err)
	require.Equal(t, list, same)
}

func TestAlertsAsScriptsReadThem(t *testing.T) {
	_, service := raised(t)
	list, err := service.Alerts(ctx)
	require.NoError(t, err)
	encoded, err := json.Marshal(list[0])
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(encoded, &fields))
	for _, name := range []string{"id", "rule", "level", "submission", "raised_at", "owner", "state", "steps"} {
		require.Contains(t, fields, name)
	}
	require.Equal(t, "open", fields["state"])
}

func TestSR113_RiskItemsNeedAConfirmedRoster(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	service, phq9 := safety.New(s), registrytest.PHQ9(t)
	offered := func() bool {
		is, err := s.IsOffered(ctx, phq9.ID, phq9.Version)
		require.NoError(t, err)
		return is
	}
	require.True(t, fault.Is(service.Activate(ctx, nurse, phq9), fault.KindConflict), "empty roster")
	require.False(t, offered())
	bad := registry.RosterLine{Person: "a", Duty: registry.DutyPrimary, Days: registry.AllDays, FromMinute: 600, ToMinute: 540}
	require.True(t, fault.Is(service.ConfirmRoster(ctx, nurse, []registry.RosterLine{bad}), fault.KindInvalid))
	require.True(t, fault.Is(service.Activate(ctx, nurse, phq9), fault.KindConflict), "a roster that was not right")
	bad.FromMinute, bad.ToMinute = 0, 1440
	require.NoError(t, service.ConfirmRoster(ctx, nurse, []registry.RosterLine{bad}))
	require.NoError(t, service.Activate(ctx, nurse, phq9))
	require.True(t, offered())
}
