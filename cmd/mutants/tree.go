package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fate is what becomes of a mutant: killed by a test; survived, since no test noticed it; stale where what it changes no longer
// stands there, once; broken where the changed source does not pass go vet, or the tests fail without any change.
type fate string

const (
	killed   fate = "killed"
	survived fate = "survived"
	stale    fate = "stale"
	broken   fate = "broken"
)

// tree is a copy of the source.
type tree struct {
	root    string
	timeout time.Duration
	sound   map[string]string // tests that were run without a change: what was wrong
}

// embedded are the folders that git does not hold but the build needs.
var embedded = []string{"internal/web/assets/dist"}

// copyTree copies what git knows or would add, and what the build embeds beside it.
func copyTree(ctx context.Context, from string) (*tree, error) {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "-co", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the source with git: %w", err)
	}
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	for _, folder := range embedded {
		err := filepath.WalkDir(filepath.Join(from, folder), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				name, _ := filepath.Rel(from, path)
				names = append(names, name)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list what is embedded: %w", err)
		}
	}
	root, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, fmt.Errorf("make the copy: %w", err)
	}
	t := &tree{root: root, sound: map[string]string{}}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := copyFile(filepath.Join(from, name), filepath.Join(root, name)); err != nil {
			t.remove()
			return nil, err
		}
	}
	if whole, err := filepath.Abs(filepath.Join(from, "node_modules")); err == nil { // the engine's library
		_ = os.Symlink(whole, filepath.Join(root, "node_modules"))
	}
	return t, nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil // deleted, but git still lists it
	}
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, info.Mode().Perm()|0o200)
	}
	if err != nil {
		return fmt.Errorf("copy the source: %w", err)
	}
	return nil
}

func (t *tree) remove() { _ = os.RemoveAll(t.root) }

// try changes the copy, asks the tests, and puts the copy right again.
func (t *tree) try(ctx context.Context, m mutant) (fate, string) {
	path := filepath.Join(t.root, m.File)
	source, err := os.ReadFile(path)
	if err != nil {
		return stale, m.File + " is gone"
	}
	if n := strings.Count(string(source), m.Old); n != 1 {
		return stale, fmt.Sprintf("what it changes stands %d times in %s", n, m.File)
	}
	if why := t.unsound(ctx, m); why != "" {
		return broken, "the tests fail without the change: " + why
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(source), m.Old, m.New, 1)), 0o644); err != nil {
		return broken, err.Error()
	}
	defer func() { _ = os.WriteFile(path, source, 0o644) }()
	if out, err := t.command(ctx, append([]string{"vet", "./" + filepath.ToSlash(filepath.Dir(m.File))}, m.Packages...)...); err != nil {
		return broken, "go vet: " + lastLine(out)
	}
	if _, err := t.command(ctx, t.tests(m)...); err != nil {
		return killed, ""
	}
	return survived, "no test of " + strings.Join(m.Packages, ", ") + " notices it"
}

// unsound says how the tests of a mutant fail without it; each set is asked once.
func (t *tree) unsound(ctx context.Context, m mutant) string {
	key := strings.Join(t.tests(m), " ")
	why, asked := t.sound[key]
	if !asked {
		if out, err := t.command(ctx, t.tests(m)...); err != nil {
			why = lastLine(out)
		}
		t.sound[key] = why
	}
	return why
}

func (t *tree) tests(m mutant) []string {
	args := []string{"test", "-short", "-count=1", "-failfast", "-timeout", t.timeout.String()}
	if m.Run != "" {
		args = append(args, "-run", m.Run)
	}
	return append(args, m.Packages...)
}

func (t *tree) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.root
	return cmd.CombinedOutput()
}

func lastLine(out []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	return lines[len(lines)-1]
}
