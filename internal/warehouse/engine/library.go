package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrNoLibrary: libchdb is not where it was looked for, or not made for this platform.
var ErrNoLibrary = errors.New("libchdb not found")

// packages are the npm packages that carry libchdb, by GOOS/GOARCH.
var packages = map[string]string{
	"linux/amd64":  "@chdb/lib-linux-x64-gnu",
	"linux/arm64":  "@chdb/lib-linux-arm64-gnu",
	"darwin/amd64": "@chdb/lib-darwin-x64",
	"darwin/arm64": "@chdb/lib-darwin-arm64",
}

// FindLibrary returns the absolute path of libchdb: the explicit path if one is given, else beside
// the program, else in node_modules of the folders given and of those above the program. The error
// is one line that says what to do.
func FindLibrary(explicit string, near ...string) (string, error) {
	name, carried := packages[runtime.GOOS+"/"+runtime.GOARCH]
	if explicit != "" {
		if !isFile(explicit) {
			return "", fmt.Errorf("%w: %s is not a file: correct the path, or leave it out and run `npm ci`", ErrNoLibrary, explicit)
		}
		return resolve(explicit)
	}
	if !carried {
		return "", fmt.Errorf("%w: there is none for %s/%s: use a ClickHouse server instead", ErrNoLibrary, runtime.GOOS, runtime.GOARCH)
	}
	var folders []string
	if program, err := os.Executable(); err == nil {
		beside := filepath.Dir(program)
		if path := filepath.Join(beside, "libchdb.so"); isFile(path) {
			return resolve(path)
		}
		folders = append(folders, beside, filepath.Dir(beside))
	}
	for _, folder := range append(folders, near...) {
		if path := filepath.Join(folder, "node_modules", filepath.FromSlash(name), "libchdb.so"); isFile(path) {
			return resolve(path)
		}
	}
	return "", fmt.Errorf("%w for %s/%s (looked next to the program and in node_modules of %s): run `npm ci`",
		ErrNoLibrary, runtime.GOOS, runtime.GOARCH, strings.Join(append(folders, near...), ", "))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// resolve follows links, since the child may open the file itself only.
func resolve(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("locate libchdb at %s: %w", path, err)
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return "", fmt.Errorf("locate libchdb at %s: %w", path, err)
	}
	return real, nil
}
