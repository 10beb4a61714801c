//go:build !linux

package engine

import (
	"errors"
	"runtime"
)

// confine has no mechanism outside Linux and says so.
func confine(ServeConfig) (Confinement, error) {
	return Confinement{Missing: []string{"landlock, seccomp and network namespaces: " + runtime.GOOS + " has none of them"}}, nil
}

func probe(c Confinement, _ ServeConfig) Confinement { return c }

func replace([]string) error {
	return errors.New("a second stage is needed on Linux only")
}
