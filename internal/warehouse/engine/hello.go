package engine

import (
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// helloQuery is what clickhouse-go asks first over HTTP.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// hello answers helloQuery. The client decodes this one block at its own protocol revision; the
// revision that the block reports, 0, makes it decode every later block as plain Native, which is
// all that libchdb writes.
func hello(s *session, revision int) ([]byte, error) {
	out, err := s.run(statement{sql: "SELECT version(), timezone()", format: "TSV"})
	if err != nil {
		return nil, err
	}
	version, zone, ok := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if !ok {
		return nil, newException(codeUnknown, "UNKNOWN_EXCEPTION", "libchdb did not say its version and time zone")
	}
	var name, versionColumn, zoneColumn proto.ColStr
	name.Append("afterglow engine")
	versionColumn.Append(version)
	zoneColumn.Append(zone)
	columns := []proto.InputColumn{
		{Name: "displayName()", Data: name},
		{Name: "version()", Data: versionColumn},
		{Name: "revision()", Data: proto.ColUInt32{0}},
		{Name: "timezone()", Data: zoneColumn},
	}
	var buffer proto.Buffer
	if err := (proto.Block{Columns: len(columns), Rows: 1}).EncodeBlock(&buffer, revision, columns); err != nil {
		return nil, fmt.Errorf("encode the hello block: %w", err)
	}
	return buffer.Buf, nil
}
