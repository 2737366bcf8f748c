package gate

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// A Key is the gate's secret key. Whoever has it can put anything into a store
// whose daemon believes its public half.
type Key struct {
	name   string
	secret ed25519.PrivateKey
}

// maxKeyFile is far more than a name and 88 characters need.
const maxKeyFile = 4 << 10

// KeyName makes a key's name from a host's: "nix-trust-gate-HOST-1". Other
// characters than letters, digits, dots and dashes become dashes.
func KeyName(host string) string {
	host = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, host)
	if host = host[:min(len(host), 64)]; host == "" {
		host = "localhost"
	}
	return "nix-trust-gate-" + host + "-1"
}

// MakeKey makes a new key in a file that nobody else can read, and that must not
// be there yet. It is on the disk when MakeKey returns.
func MakeKey(file, name string) (*Key, error) {
	k, err := NewKey(name)
	if err != nil {
		return nil, err
	}
	if err := k.Save(file, -1, -1); err != nil {
		return nil, err
	}
	return k, nil
}

// NewKey makes a new key. It is in memory alone, and gone with the program
// unless it is saved.
func NewKey(name string) (*Key, error) {
	_, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("no key could be made: %w", err)
	}
	k := &Key{name, secret}
	if err := k.check(); err != nil {
		return nil, err
	}
	return k, nil
}

// Save writes the key to a file that must not be there yet, for a user and a
// group alone; -1 is whose the program is. It is on the disk when Save returns.
func (k *Key) Save(file string, uid, gid int) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s is there already; a key is never written over, as daemons may believe it", file)
		}
		return fmt.Errorf("the gate's key cannot be written: %w", err)
	}
	// The owner first: root may not be able to, and then nothing was written.
	if uid >= 0 {
		err = f.Chown(uid, gid)
	}
	if err == nil {
		_, err = f.WriteString(k.name + ":" + base64.StdEncoding.EncodeToString(k.secret) + "\n")
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = syncFolder(filepath.Dir(file))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the gate's key cannot be written to %s: %w", file, err), os.Remove(file))
	}
	return nil
}

// ReadKey reads a key as Nix writes secret keys, NAME:BASE64 of 64 bytes. The
// file has to be a plain one of the user that runs the gate, and nobody else's
// to read.
func ReadKey(file string) (*Key, error) { return ReadKeyOf(file, os.Geteuid()) }

// ReadKeyOf is ReadKey for the gate that another user runs, which root may read.
func ReadKeyOf(file string, uid int) (*Key, error) {
	// A pipe in its place must not keep the gate waiting.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, syscall.ELOOP) {
			return nil, fmt.Errorf("%s is a symbolic link; put the key itself there, so that nobody can put another in its place", file)
		}
		return nil, fmt.Errorf("the gate's key cannot be read: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the gate's key cannot be read: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a plain file, so it is no key", file)
	case st.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others can read or write %s (mode %03o): whoever has read it can put anything into the store; make a new key, have the old one taken out of trusted-public-keys, and keep the new one at mode 600", file, st.Mode().Perm())
	case !ok || int(sys.Uid) != uid:
		return nil, fmt.Errorf("%s does not belong to the user that runs the gate (id %d); give it to that user or run the gate as its owner", file, uid)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("the gate's key cannot be read: %w", err)
	}
	k, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}

// parseKey never repeats the text in an error.
func parseKey(text []byte) (*Key, error) {
	if len(text) > maxKeyFile {
		return nil, errors.New("this is too long for a secret key")
	}
	name, secret, ok := strings.Cut(strings.TrimSuffix(string(text), "\n"), ":")
	if !ok {
		return nil, errors.New("this is no secret key: NAME:BASE64 in one line is expected")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) != ed25519.PrivateKeySize || strings.ContainsAny(secret, "\r\n") {
		return nil, fmt.Errorf("this is no secret key: %d bytes in base 64 are expected behind the name", ed25519.PrivateKeySize)
	}
	k := &Key{name, raw}
	return k, k.check()
}

func (k *Key) check() error {
	for _, c := range []byte(k.name) {
		if c <= ' ' || c >= 0x7f || c == ':' {
			return errors.New("the name of the key has a character that no key of Nix may have")
		}
	}
	switch {
	case k.name == "":
		return errors.New("the key has no name")
	case !bytes.Equal(ed25519.NewKeyFromSeed(k.secret.Seed()), k.secret):
		return errors.New("the two halves of the key do not belong together; what it signs is believed by nobody")
	case bytes.Equal(k.secret.Seed(), make([]byte, ed25519.SeedSize)):
		return errors.New("the key is all zeros, which everybody can guess; make a new one")
	}
	return nil
}

// String is the public half, so that no message and no log has the other.
func (k *Key) String() string { return k.Public().String() }

// GoString is String.
func (k *Key) GoString() string { return k.String() }

// Public is the half that a daemon's trusted-public-keys names.
func (k *Key) Public() bincache.PublicKey {
	return bincache.PublicKey{Name: k.name, Key: k.secret.Public().(ed25519.PublicKey)}
}

// sign makes this key's signature of a narinfo.
// Nix: src/libstore/path-info.cc, ValidPathInfo::sign.
func (k *Key) sign(n *bincache.NarInfo) [ed25519.SignatureSize]byte {
	return [ed25519.SignatureSize]byte(ed25519.Sign(k.secret, []byte(n.Fingerprint())))
}

// Sign returns the key's signature of a path, as a cache writes it.
func (k *Key) Sign(n *bincache.NarInfo) string {
	sig := k.sign(n)
	return k.Public().Name + ":" + base64.StdEncoding.EncodeToString(sig[:])
}

// PublicText is the public half as trusted-public-keys has it, NAME:BASE64.
func (k *Key) PublicText() string { return k.Public().String() }
