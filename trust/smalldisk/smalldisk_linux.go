// Package smalldisk gives tests a disk that is soon full, in a mount namespace of
// a child process.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Size is how many bytes the disk has room for.
const Size = 64 << 10

// Run runs a child whose first act is Child, and skips the test where a child may
// not mount anything.
func Run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) || strings.HasPrefix(string(out), "skip") {
		t.Skipf("no mounts here: %v %s", err, out)
	}
	if err != nil || string(out) != "fine\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// Child mounts the disk on a folder, does what is to be done there, and says on
// stdout how it went. What it returns is the exit code.
func Child(dir string, whenThere func() error) int {
	for _, err := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", Size)),
	} {
		if err != nil {
			fmt.Println("skip:", err)
			return 1
		}
	}
	if err := whenThere(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("fine")
	return 0
}
