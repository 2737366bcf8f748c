package gateplace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/guard"
)

// A Key is the key of one gate: one that was there, or one that was just made and
// is nowhere but in memory.
type Key struct {
	Place  Place
	Owner  Owner
	Public bincache.PublicKey
	// Made is one that Save would put into its place, nil for one that was there.
	Made *gate.Key
	// Taken are other keys that are believed under its name, or its name but for
	// the number.
	Taken []string
}

// FindKey reads the gate's key, or makes one in memory where there is none, under
// a name that none of the listed keys has. What is there and cannot be used is an
// error: daemons may believe it.
func FindKey(p Place, owner Owner, listed []bincache.PublicKey) (Key, error) {
	k := Key{Place: p, Owner: owner}
	_, err := os.Lstat(p.KeyFile())
	if !errors.Is(err, fs.ErrNotExist) {
		read, err := gate.ReadKeyOf(p.KeyFile(), owner.UID)
		if err != nil {
			return k, err
		}
		k.Public = read.Public()
		return k, nil
	}
	host, _ := os.Hostname()
	if p.System {
		owner.Name = ""
	}
	var name string
	for n := 1; ; n++ {
		name = keyName(host, owner, n)
		i := slices.IndexFunc(listed, func(key bincache.PublicKey) bool { return key.Name == name })
		if i < 0 {
			break
		}
		k.Taken = append(k.Taken, listed[i].String())
	}
	if k.Made, err = gate.NewKey(name); err != nil {
		return k, err
	}
	k.Public = k.Made.Public()
	return k, nil
}

// keyName is the name of a gate's key. Nix tries the first key of a name alone
// (src/libstore/keys.cc, getDefaultPublicKeys), so no two gates of a machine have
// the same one: the user's name is in it, and where that cannot be written in a
// key's name the user's id is. The machine's gate has an owner without a name.
func keyName(host string, owner Owner, n int) string {
	name := strings.TrimSuffix(gate.KeyName(host), "-1")
	if owner.Name != "" {
		who := owner.Name
		if strings.Trim(who, plainName) != "" || strings.HasPrefix(who, "uid-") || len(who) > 32 {
			who = "uid-" + strconv.Itoa(owner.UID)
		}
		name += "_" + who // KeyName leaves no such character in a host's name
	}
	return name + "-" + strconv.Itoa(n)
}

// plainName are the characters of a user's name that a key's name may have, too.
const plainName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Save puts a key that was just made into its place, and returns what takes it
// out again.
func (k Key) Save() (undo func(), err error) {
	if k.Made == nil {
		return func() {}, nil
	}
	mode := os.FileMode(0o700)
	if k.Place.System {
		mode = 0o711 // for everybody to read gate.pub
	}
	if err := k.folder(mode); err != nil {
		return nil, err
	}
	file := k.Place.KeyFile()
	uid, gid := -1, -1
	if k.Place.System {
		uid, gid = k.Owner.UID, k.Owner.GID
	}
	if err := k.Made.Save(file, uid, gid); err != nil {
		return nil, err
	}
	return func() { os.Remove(file) }, nil
}

// folder makes the folder of the gate's things where it is missing. What is there
// keeps its owner and mode, and has to be the gate's own.
func (k Key) folder(mode os.FileMode) error {
	dir := k.Place.Dir
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err == nil {
		// Neither the umask nor root's name counts for the machine's.
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
		if k.Place.System {
			return os.Lchown(dir, k.Owner.UID, k.Owner.GID)
		}
		return nil
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	if uid, known := ownerOf(info); !known || uid != k.Owner.UID && uid != 0 {
		return fmt.Errorf("%s belongs to another user than %s; whoever has it could put another key there", dir, k.Owner.Name)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write in %s; chmod go-w it", dir)
	}
	return nil
}

// CheckKeyFile says what is wrong with how the key lies there, for a user who may
// not read it: whose it is, and for whom.
func (p Place) CheckKeyFile(owner Owner) error {
	info, err := os.Lstat(p.KeyFile())
	if err != nil {
		return guard.Cause(err)
	}
	uid, known := ownerOf(info)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no plain file", filepath.Base(p.KeyFile()))
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others can read or write it (mode %03o): whoever has read it can put anything into the store", info.Mode().Perm())
	case !known || uid != owner.UID:
		return fmt.Errorf("it does not belong to %s, who runs the gate", owner.Name)
	}
	return nil
}

// ErrPublic is an error of PublicKey: of a file that has something else than a
// public key.
var ErrPublic = errors.New("there is no public key in it, in its one spelling")

// PublicKey is the public half of the gate's key: of the key where that may be
// read, else of the file beside it. An error is ErrPublic, or one of reading that.
func (p Place) PublicKey(owner Owner) (bincache.PublicKey, error) {
	if read, err := gate.ReadKeyOf(p.KeyFile(), owner.UID); err == nil {
		return read.Public(), nil
	}
	data, err := guard.ReadRegular(p.PublicFile(), 4<<10)
	if err != nil {
		return bincache.PublicKey{}, err
	}
	text := strings.TrimSpace(string(data))
	k, err := bincache.ParsePublicKey(text)
	if err != nil || k.String() != text || k.Weak() {
		return bincache.PublicKey{}, ErrPublic
	}
	return k, nil
}

// ReadableKey says why the user has no key for a gate at the place.
func (p Place) ReadableKey() error {
	f, err := os.OpenFile(p.KeyFile(), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would keep it waiting
	if err != nil {
		return err
	}
	return f.Close()
}
