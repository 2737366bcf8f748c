package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// A gateOwner is the user who runs a gate, and alone reads its key.
type gateOwner struct {
	name     string
	uid, gid int
}

// owner is who runs the gate of a place.
func (p gatePlace) owner() (gateOwner, error) {
	if !p.system {
		o := gateOwner{name: strconv.Itoa(os.Geteuid()), uid: os.Geteuid(), gid: os.Getegid()}
		if u, err := user.LookupId(o.name); err == nil {
			o.name = u.Username
		}
		return o, nil
	}
	u, err := user.Lookup(gateUser)
	if err != nil {
		return gateOwner{}, noGateUser(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		return gateOwner{}, &problem{code: exitUnknown, text: fmt.Sprintf("the ids of the user %s make no sense: %v", gateUser, err)}
	}
	if uid == 0 {
		return gateOwner{}, &problem{code: exitFindings, text: gateUser + " is root under another name", hints: []string{"a gate reads what caches send: give it a user of its own"}}
	}
	return gateOwner{gateUser, uid, gid}, nil
}

// noGateUser is the problem of a machine whose gate has no user yet.
func noGateUser(err error) error {
	var unknown user.UnknownUserError
	if !errors.As(err, &unknown) {
		return &problem{code: exitUnknown, text: fmt.Sprintf("whether there is the user %s is not known: %v", gateUser, err)}
	}
	p := &problem{code: exitFindings, text: fmt.Sprintf("there is no user %s, to whom the key of the machine's gate has to belong", gateUser)}
	p.hints = append(p.hints, "`sudo nix-trust gate install` has the user made, and says when to make the key")
	if runtime.GOOS == "linux" {
		p.hints = append(p.hints, "or make the user without a service: sudo useradd --system --user-group --no-create-home --home-dir "+systemGate+" --shell /usr/sbin/nologin "+gateUser)
	}
	p.hints = append(p.hints, "for a gate of your own, run it without sudo")
	return p
}

// A gateKey is the key of one gate: one that was there, or one that was just made
// and is nowhere but in memory.
type gateKey struct {
	place  gatePlace
	owner  gateOwner
	public bincache.PublicKey
	made   *gate.Key // nil for one that was there
	taken  []string  // other keys that are believed under its name, or its name but for the number
}

// findKey reads the gate's key, or makes one in memory where there is none. What
// is there and cannot be used is an error: daemons may believe it.
func (j *setupJob) findKey() (gateKey, error) {
	k := gateKey{place: j.place, owner: j.owner}
	file := j.place.keyFile()
	if !absent(file) {
		read, err := gate.ReadKeyOf(file, j.owner.uid)
		if err != nil {
			return k, &problem{code: exitFindings, text: err.Error(), hints: []string{"it is left as it is. Once nothing believes it any more, remove it, and setup makes another"}}
		}
		k.public = read.Public()
		return k, nil
	}
	host, _ := os.Hostname()
	owner := j.owner
	if j.place.system {
		owner.name = ""
	}
	var listed []bincache.PublicKey
	if cfg, _ := j.deciding(); cfg != nil {
		for _, it := range cfg.Get("trusted-public-keys").Items {
			if key, err := bincache.ParsePublicKey(it.Text); err == nil {
				listed = append(listed, key)
			}
		}
	}
	var name string
	for n := 1; ; n++ {
		name = keyName(host, owner, n)
		i := slices.IndexFunc(listed, func(key bincache.PublicKey) bool { return key.Name == name })
		if i < 0 {
			break
		}
		k.taken = append(k.taken, listed[i].String())
	}
	var err error
	if k.made, err = gate.NewKey(name); err != nil {
		return k, &problem{code: exitUnknown, text: err.Error()}
	}
	k.public = k.made.Public()
	return k, nil
}

// keyName is the name of a gate's key. Nix tries the first key of a name alone
// (src/libstore/keys.cc, getDefaultPublicKeys), so no two gates of a machine have
// the same one: the user's name is in it, and where that cannot be written in a
// key's name the user's id is. The machine's gate has an owner without a name.
func keyName(host string, owner gateOwner, n int) string {
	name := strings.TrimSuffix(gate.KeyName(host), "-1")
	if owner.name != "" {
		who := owner.name
		if strings.Trim(who, plainName) != "" || strings.HasPrefix(who, "uid-") || len(who) > 32 {
			who = "uid-" + strconv.Itoa(owner.uid)
		}
		name += "_" + who // KeyName leaves no such character in a host's name
	}
	return name + "-" + strconv.Itoa(n)
}

// plainName are the characters of a user's name that a key's name may have, too.
const plainName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// save puts a key that was just made into its place, and returns what takes it
// out again.
func (k gateKey) save() (undo func(), err error) {
	if k.made == nil {
		return func() {}, nil
	}
	mode := os.FileMode(0o700)
	if k.place.system {
		mode = 0o711 // for everybody to read gate.pub
	}
	if err := k.folder(mode); err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	file := k.place.keyFile()
	uid, gid := -1, -1
	if k.place.system {
		uid, gid = k.owner.uid, k.owner.gid
	}
	if err := k.made.Save(file, uid, gid); err != nil {
		return nil, &problem{code: exitUnknown, text: err.Error()}
	}
	return func() { os.Remove(file) }, nil
}

// folder makes the folder of the gate's things where it is missing. What is there
// keeps its owner and mode, and has to be the gate's own.
func (k gateKey) folder(mode os.FileMode) error {
	dir := k.place.dir
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err == nil {
		// Neither the umask nor root's name counts for the machine's.
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
		if k.place.system {
			return os.Lchown(dir, k.owner.uid, k.owner.gid)
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
	if uid, known := ownerOf(info); !known || uid != k.owner.uid && uid != 0 {
		return fmt.Errorf("%s belongs to another user than %s; whoever has it could put another key there", dir, k.owner.name)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write in %s; chmod go-w it", dir)
	}
	return nil
}

// ownerOf is the user to whom a file belongs.
func ownerOf(info os.FileInfo) (uid int, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
