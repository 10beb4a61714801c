package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ClickHouse writes a batch's token to its table's deduplication log before it puts the batch's part in
// place. A child that is killed between the two leaves a token of a batch that is not there, and the
// next attempt to send the batch would be dropped as a repetition: lost, with a receipt. So before a
// child opens the folder, tokens whose part is neither there nor inside a merged part are taken out.
//
// A log is lines of operation, part and token, divided by tabs; operation 1 remembers a token, 2 forgets
// it. A part's folder lies beside the folder of the logs.
const (
	logFolder = "deduplication_logs"
	remember  = "1"
)

// forgetLost takes tokens of lost parts out of every table's log under data, and returns how many
// they were. No child may be running.
func forgetLost(data string) (int, error) {
	folders, err := filepath.Glob(filepath.Join(data, "store", "*", "*", logFolder))
	if err != nil {
		return 0, fmt.Errorf("look for deduplication logs: %w", err)
	}
	lost := 0
	for _, folder := range folders {
		n, err := forgetLostOf(filepath.Dir(folder))
		lost += n
		if err != nil {
			return lost, fmt.Errorf("compare the deduplication log in %s with the parts in that folder: %w", folder, err)
		}
	}
	return lost, nil
}

func forgetLostOf(table string) (int, error) {
	parts, err := partsIn(table)
	if err != nil {
		return 0, err
	}
	logs, err := filepath.Glob(filepath.Join(table, logFolder, "*.txt"))
	if err != nil {
		return 0, err
	}
	lost := 0
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			return lost, err
		}
		kept, n := keepFound(text, parts)
		lost += n
		if bytes.Equal(kept, text) {
			continue
		}
		if err := replaceFile(log, filepath.Join(table, "tmp_deduplication_log"), kept); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// keepFound gives the lines of a log without those that remember a part that is not there and without a
// last line that was cut off, and how many parts were lost.
func keepFound(log []byte, parts []part) (kept []byte, lost int) {
	whole := log[:bytes.LastIndexByte(log, '\n')+1]
	for line := range bytes.Lines(whole) {
		fields := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		if len(fields) == 3 && fields[0] == remember {
			if p, ok := parsePart(fields[1]); ok && !p.coveredBy(parts) {
				lost++
				continue
			}
		}
		kept = append(kept, line...)
	}
	return kept, lost
}

// part is the range of block numbers that a part of a partition holds.
type part struct {
	partition string
	low, high int64
}

// parsePart reads a part's name, partition_low_high_level with perhaps a mutation's number behind it.
func parsePart(name string) (part, bool) {
	fields := strings.Split(name, "_")
	if len(fields) < 4 || len(fields) > 5 {
		return part{}, false
	}
	var numbers [4]int64
	for i, f := range fields[1:] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return part{}, false
		}
		numbers[i] = n
	}
	return part{fields[0], numbers[0], numbers[1]}, true
}

func (p part) coveredBy(parts []part) bool {
	for _, q := range parts {
		if q.partition == p.partition && q.low <= p.low && q.high >= p.high {
			return true
		}
	}
	return false
}

func partsIn(table string) ([]part, error) {
	entries, err := os.ReadDir(table)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, entry := range entries {
		if p, ok := parsePart(entry.Name()); ok && entry.IsDir() {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// replaceFile puts content in the place of path, whole or not at all.
func replaceFile(path, through string, content []byte) error {
	if err := os.Remove(through); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(through, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(through, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
