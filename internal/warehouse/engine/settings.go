package engine

import (
	"fmt"
	"strconv"
	"strings"
)

// setting is one of ClickHouse's settings with the value that it must have.
type setting struct{ name, value string }

// requiredSettings are the session settings that durability and exactly-once rest on. The tables'
// own (fsync, deduplication window) belong to whoever makes the tables.
func (s *server) requiredSettings() []setting {
	return []setting{
		// An insert is answered when it is written, and each block is taken once.
		{"async_insert", "0"},
		{"wait_for_async_insert", "1"},
		{"insert_deduplicate", "1"},
		{"deduplicate_blocks_in_dependent_materialized_views", "1"},
		// A full disk refuses inserts before it breaks merges.
		{"min_free_disk_bytes_to_perform_insert", strconv.FormatInt(s.config.FreeDiskBytes, 10)},
		// A mutation or an ALTER is answered when it is done.
		{"mutations_sync", "2"},
		{"alter_sync", "2"},
		{"allow_introspection_functions", "0"},
		// The process has no network. Without these a statement that tries one sleeps between its
		// tries, where neither a time limit nor a kill reaches it.
		{"http_max_tries", "1"},
		{"s3_retry_attempts", "0"},
	}
}

// sessionArgs are the arguments that every session is opened with.
func (s *server) sessionArgs() []string {
	args := []string{"--path=" + s.config.Data}
	for _, r := range s.requiredSettings() {
		args = append(args, "--"+r.name+"="+r.value)
	}
	return args[:len(args):len(args)]
}

// args are the limits that ClickHouse itself enforces for a pool. The time limit is not among them:
// a request may ask for less.
func (l Limits) args() []string {
	var args []string
	add := func(name string, value int64) {
		if value > 0 {
			args = append(args, "--"+name+"="+strconv.FormatInt(value, 10))
		}
	}
	add("max_memory_usage", l.MemoryBytes)
	add("max_result_rows", l.ResultRows)
	add("max_rows_to_read", l.ReadRows)
	return args
}

// checkSettings reads settings back: an argument that another version of libchdb does not know must
// not pass unseen.
func checkSettings(s *session, want []setting) error {
	for _, w := range want {
		out, err := s.run(statement{
			sql:    "SELECT value FROM system.settings WHERE name = {name:String}",
			format: "TSV",
			params: []param{{"name", w.name}},
		})
		if err != nil {
			return fmt.Errorf("read back the setting %s: %w", w.name, err)
		}
		if got := strings.TrimSpace(string(out)); got != w.value {
			return fmt.Errorf("the setting %s is %q after it was set to %q: this version of libchdb does not take it", w.name, got, w.value)
		}
	}
	return nil
}
