package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// securityBits keep the kernel from giving user 0 its capabilities back when it executes a program:
// NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE of capabilities(7), each with the bit that locks it.
const securityBits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<6 | 1<<7

// dropCapabilities gives up every capability of the calling thread for good, those that root or a
// user namespace brought. It comes last in the confinement: nothing after it needs one. Whoever has
// none is not allowed to take the bounding set down, and loses nothing by that: the program was told
// before that it gains no privileges by executing.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, securityBits, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("set the security bits: %w", err)
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		// EINVAL: this kernel knows fewer capabilities.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("take capability %d out of the bounding set: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("empty the sets: %w", err)
	}
	return nil
}
