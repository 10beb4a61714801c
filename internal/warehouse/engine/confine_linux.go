package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock's rights, by the ABI that brought them.
const (
	readFS = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileFS = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	makeFS = unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REFER
	// ownFS is what the child may do in its data folder: no execution, no devices, no sockets.
	ownFS = readFS | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | makeFS
	allFS = fileFS | readFS | makeFS | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	allNet = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP |
		unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
	allScope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// systemReads are the places outside the data folder that a process needs to load libraries and to
// learn about itself and the machine. /proc as a whole is not among them.
var systemReads = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
	"/etc/localtime", "/usr/share/zoneinfo",
	"/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/uptime", "/proc/loadavg",
	"/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage",
	"/dev/urandom", "/dev/random",
}

// confine limits the calling thread for good. The caller must have locked it and must execute the
// program anew on it: only then do the limits hold for all threads. (Setting them on every thread of
// a running process needs the runtime's help, which it denies to programs that load C libraries.)
// A layer that the kernel lacks is reported, not an error.
func confine(config ServeConfig) (Confinement, error) {
	var done Confinement
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return done, fmt.Errorf("give up gaining privileges: %w", err)
	}
	abi, err := landlockABI()
	if err != nil {
		done.Missing = append(done.Missing, "landlock: "+err.Error())
	} else {
		if err := restrict(abi, config); err != nil {
			return done, fmt.Errorf("confine the engine with Landlock: %w", err)
		}
		done.Layers = append(done.Layers, fmt.Sprintf("landlock (ABI %d)", abi))
	}
	if err := forbidSockets(); err != nil {
		done.Missing = append(done.Missing, "seccomp: "+err.Error())
	} else {
		done.Layers = append(done.Layers, "seccomp")
	}
	if err := dropCapabilities(); err != nil {
		return done, fmt.Errorf("drop the engine's capabilities: %w", err)
	}
	done.Layers = append(done.Layers, "no capabilities")
	return done, nil
}

func landlockABI() (int, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("the kernel does not offer it (%w)", errno)
	}
	return int(abi), nil
}

// handled is what the kernel's ABI can restrict.
func handled(abi int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: allFS, Handled_access_net: allNet, Scoped: allScope}
	if abi < 10 {
		attr.Handled_access_net &^= unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
	}
	if abi < 9 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	}
	if abi < 6 {
		attr.Scoped = 0
	}
	if abi < 5 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi < 4 {
		attr.Handled_access_net = 0
	}
	if abi < 3 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi < 2 {
		attr.Handled_access_fs &^= unix.LANDLOCK_ACCESS_FS_REFER
	}
	return attr
}

func restrict(abi int, config ServeConfig) error {
	attr := handled(abi)
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("create the ruleset: %w", errno)
	}
	defer unix.Close(int(ruleset))
	type rule struct {
		path   string
		rights uint64
	}
	rules := []rule{
		{config.Data, ownFS},
		{config.Library, readFS},
		{"/proc/self/exe", readFS | unix.LANDLOCK_ACCESS_FS_EXECUTE},
		{"/dev/null", readFS | unix.LANDLOCK_ACCESS_FS_WRITE_FILE},
	}
	if interpreter := programInterpreter(); interpreter != "" {
		rules = append(rules, rule{interpreter, readFS | unix.LANDLOCK_ACCESS_FS_EXECUTE})
	}
	for _, path := range systemReads {
		rules = append(rules, rule{path, readFS})
	}
	for _, r := range rules {
		if err := allow(int(ruleset), r.path, r.rights&attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return fmt.Errorf("enforce the ruleset: %w", errno)
	}
	return nil
}

// allow adds a rule for a path. A path that is not there needs none.
func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s to allow it: %w", path, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("look at %s to allow it: %w", path, err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileFS
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// programInterpreter is the dynamic loader that the kernel executes for this program; "" if none.
func programInterpreter() string {
	program, err := elf.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer program.Close()
	section := program.Section(".interp")
	if section == nil {
		return ""
	}
	path, err := section.Data()
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(path), "\x00")
}

// auditArch names the system call table that the filter below knows, by GOARCH.
var auditArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// forbidSockets makes the kernel refuse every new socket, of whatever family: Landlock covers
// neither UDP (before ABI 10) nor multipath TCP. Sockets that are open stay usable. io_uring can
// make sockets without the system call, so it is refused too.
func forbidSockets() error {
	arch, known := auditArch[runtime.GOARCH]
	if !known {
		return fmt.Errorf("no filter for %s", runtime.GOARCH)
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		above = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K
		// otherABI marks the calls of amd64's second table, x32.
		otherABI = 0x40000000
	)
	filter := []unix.SockFilter{
		{Code: load, K: 4}, // seccomp_data.arch
		{Code: equal, K: arch, Jt: 1},
		{Code: give, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: 0}, // seccomp_data.nr
		{Code: above, K: otherABI, Jt: 3},
		{Code: equal, K: unix.SYS_SOCKET, Jt: 2},
		{Code: equal, K: unix.SYS_IO_URING_SETUP, Jt: 1},
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
		{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("the kernel does not take a filter: %w", err)
	}
	runtime.KeepAlive(filter)
	return nil
}

// probe tries what a confined process must not be able to do.
func probe(c Confinement, config ServeConfig) Confinement {
	_, above := os.ReadDir(filepath.Dir(config.Data))
	_, root := os.ReadDir("/")
	c.Files = errors.Is(above, fs.ErrPermission) && errors.Is(root, fs.ErrPermission)
	c.Network = true
	for _, network := range []string{"tcp4", "udp4"} {
		conn, err := net.DialTimeout(network, "127.0.0.1:9", time.Second)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENETUNREACH) {
			c.Network = false
		}
	}
	return c
}

// replace executes this program anew, on the calling thread, with the given environment.
func replace(environment []string) error {
	return unix.Exec("/proc/self/exe", os.Args, environment)
}
