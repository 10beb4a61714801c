//go:build !linux

package engine

import "syscall"

// isolation is one way to start the child.
type isolation struct {
	attributes *syscall.SysProcAttr
	missing    string
}

func isolations() []isolation {
	return []isolation{{
		attributes: &syscall.SysProcAttr{Setpgid: true},
		missing:    "Linux has them only",
	}}
}
