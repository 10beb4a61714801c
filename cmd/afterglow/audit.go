package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Verify the audit trail: every entry is as it was written and none is missing."`
}

type auditVerifyCmd struct {
	Checkpoint string `help:"A head that this command printed before; it shows whether entries at the end of the trail were removed since." placeholder:"SEQUENCE:HASH"`
	JSON       bool   `name:"json" help:"Print the report as one JSON value."`
}

// Run reads the whole trail, with or without a running server. It ends with
// 1 when an entry is not what was written.
func (c *auditVerifyCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	known, err := readCheckpoint(c.Checkpoint)
	if err != nil {
		return err
	}
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	report, err := h.store.VerifyAudit(ctx, known)
	if err = errors.Join(err, h.close()); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(k.Stdout, report)
	} else {
		_, err = fmt.Fprintf(k.Stdout, "%d entries are as they were written; the head is %d:%s\n", report.Entries, report.Entries, report.Head)
	}
	if err != nil || report.FirstBad == 0 {
		return err
	}
	return checkFailed{fmt.Sprintf("audit entry %d: %s; keep a copy of the data folder and restore a backup", report.FirstBad, report.Why)}
}

func readCheckpoint(text string) (registry.AuditCheckpoint, error) {
	if text == "" {
		return registry.AuditCheckpoint{}, nil
	}
	number, hash, found := strings.Cut(text, ":")
	sequence, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !found || sequence < 1 || len(hash) != 64 {
		return registry.AuditCheckpoint{}, fault.Invalid("--checkpoint", "%q is not SEQUENCE:HASH as audit verify prints it", text)
	}
	return registry.AuditCheckpoint{Sequence: sequence, Hash: strings.ToLower(hash)}, nil
}
