package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/testkit/warehousetest"
)

func TestSR10_AWrongSettingIsNamed(t *testing.T) {
	ctx := t.Context()
	config := warehousetest.Config(t)
	w := warehousetest.OpenConfig(t, config)
	require.NoError(t, w.CheckDurable(ctx))

	direct := warehousetest.Direct(t, config)
	for _, c := range []struct{ name, harm, repair string }{
		{"fsync_after_insert", "ALTER TABLE response MODIFY SETTING fsync_after_insert = 0", "ALTER TABLE response MODIFY SETTING fsync_after_insert = 1"},
		{"fsync_part_directory", "ALTER TABLE subject MODIFY SETTING fsync_part_directory = 0", "ALTER TABLE subject MODIFY SETTING fsync_part_directory = 1"},
		{"non_replicated_deduplication_window", "ALTER TABLE study MODIFY SETTING non_replicated_deduplication_window = 0", "ALTER TABLE study MODIFY SETTING non_replicated_deduplication_window = 10000"},
		{"table response is missing", "RENAME TABLE response TO elsewhere", "RENAME TABLE elsewhere TO response"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, direct.Exec(ctx, c.harm))
			err := w.CheckDurable(ctx)
			require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
			require.ErrorContains(t, err, c.name)
			require.NoError(t, direct.Exec(ctx, c.repair))
			require.NoError(t, w.CheckDurable(ctx))
		})
	}
}

func TestSR16_TheColumnsAreTheReviewedOnes(t *testing.T) {
	w := warehousetest.Open(t)
	columns, err := w.Columns(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{
		"response.content_hash FixedString(64)", "response.day Int32", "response.definition_hash FixedString(64)",
		"response.instrument LowCardinality(String)", "response.instrument_version LowCardinality(String)",
		"response.item_values Array(Nullable(Int32))", "response.items Array(LowCardinality(String))", "response.key String",
		"response.occasion UInt64", "response.prorated Bool", "response.receipt String", "response.received_at DateTime64(6, 'UTC')",
		"response.revision UInt32", "response.score Nullable(Float64)", "response.sequence UInt64",
		"response.source LowCardinality(String)", "response.study LowCardinality(String)", "response.subject FixedString(32)",
		"response.visit LowCardinality(String)",
		"session.adverse_elicited Array(Bool)", "session.adverse_events Array(LowCardinality(String))", "session.adverse_grades Array(UInt8)",
		"session.booster Bool", "session.content_hash FixedString(64)", "session.course UInt64", "session.day Int32",
		"session.depth Nullable(UInt8)", "session.dose_mg Nullable(Float64)", "session.dose_mg_per_kg Nullable(Float64)",
		"session.mode LowCardinality(String)", "session.number UInt32", "session.preparation_done Nullable(Bool)",
		"session.protocol LowCardinality(String)", "session.protocol_version UInt32", "session.revision UInt32",
		"session.route LowCardinality(String)", "session.sequence UInt64", "session.setting_index Nullable(Float64)",
		"session.setting_items Array(LowCardinality(String))", "session.setting_values Array(Bool)",
		"session.study LowCardinality(String)", "session.subject FixedString(32)",
		"study.definition String", "study.sequence UInt64", "study.study LowCardinality(String)",
		"subject.factors Map(LowCardinality(String), LowCardinality(String))", "subject.sequence UInt64",
		"subject.simulated Bool", "subject.study LowCardinality(String)", "subject.subject FixedString(32)",
	}, columns, "a new column is reviewed before it may enter the warehouse")
}
