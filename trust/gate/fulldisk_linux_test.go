package gate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/trust/smalldisk"
)

func init() {
	children["child-full"] = func(args []string) int {
		return smalldisk.Child(args[0], func() error { return whenFull(args[0]) })
	}
}

func TestAFullDiskStopsNoGate(t *testing.T) {
	smalldisk.Run(t, exec.Command(os.Args[0], "child-full", t.TempDir()))
}

func whenFull(dir string) error {
	e := newEpochs(dir+"/epochs", false, 0, time.Now)
	digest := func(c string) string { return strings.Repeat(c, 64) }
	if err := e.follow(digest("a"), false, false); err != nil {
		return err
	}
	first, _ := e.current()
	proof := openEvidence(dir+"/evidence", quiet())
	for n := range 300 { // until there is no room left
		one := pieceOf(n)
		one.Got = strings.Repeat("x", mostGot)
		proof.add(one)
	}
	if !errors.Is(proof.trouble(), unix.ENOSPC) {
		return fmt.Errorf("evidence on a full disk: %w", proof.trouble())
	}
	if list := proof.all(); len(list) != mostEvidence || list[mostEvidence-1].Path != storePath(299) {
		return fmt.Errorf("%d pieces in memory", len(list))
	}
	text, err := os.ReadFile(dir + "/evidence")
	if err != nil || !bytes.HasSuffix(text, []byte("}\n")) {
		return fmt.Errorf("half a line was left: %v", err)
	}
	os.WriteFile(dir+"/rest", make([]byte, smalldisk.Size), 0o600) // what is left of the disk

	// The change counts, and is said not to outlive the gate.
	if err := e.follow(digest("b"), false, false); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "cannot be written") {
		return fmt.Errorf("epochs on a full disk: %w", err)
	}
	second, fresh := e.current()
	if second == first || !fresh || e.trouble() == nil {
		return fmt.Errorf("epoch %d after %d, %v", second, first, e.trouble())
	}
	book, err := readEpochs(dir + "/epochs")
	if err != nil || book.Current != first || book.Served != digest("a") {
		return fmt.Errorf("the file is not what it was: %+v %w", book, err)
	}

	// With room again, all goes on.
	if err := os.Remove(dir + "/rest"); err != nil {
		return err
	}
	if err := os.Remove(dir + "/evidence"); err != nil {
		return err
	}
	proof.add(pieceOf(1))
	if list, err := ReadEvidence(dir + "/evidence"); len(list) != 1 || err != nil || proof.trouble() != nil {
		return fmt.Errorf("%v %w %v", list, err, proof.trouble())
	}
	if err := e.follow(digest("c"), false, false); err != nil {
		return err
	}
	third, _ := e.current()
	if book, err = readEpochs(dir + "/epochs"); err != nil || book.Current != third || third == first || third == second {
		return fmt.Errorf("%d after %d and %d: %+v %w", third, first, second, book, err)
	}
	return nil
}
