package engine

import (
	"os"
	"syscall"
)

// isolation is one way to start the child.
type isolation struct {
	attributes *syscall.SysProcAttr
	// missing is why there is no network namespace in it.
	missing string
}

// isolations are the ways to start the child, the most confined first: a network namespace of its
// own, one inside a user namespace for those who are not root, none at all.
func isolations() []isolation {
	// Its own process group, so that Ctrl-C reaches the parent only.
	plain := syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	namespace, inUser := plain, plain
	namespace.Cloneflags = syscall.CLONE_NEWNET
	inUser.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER
	uid, gid := os.Geteuid(), os.Getegid()
	inUser.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	inUser.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	return []isolation{
		{attributes: &namespace},
		{attributes: &inUser},
		{attributes: &plain, missing: "the kernel does not let this user make one"},
	}
}
