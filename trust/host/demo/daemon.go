package demo

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"time"
)

// daemon speaks as much of the worker protocol as a look at a machine needs, as
// a Nix daemon does that does not trust the user.
// Nix: src/libstore/worker-protocol-connection.cc, src/libstore/daemon.cc.
type daemon struct {
	version string
	admits  map[string]bool
}

const (
	clientMagic  = 0x6e697863
	serverMagic  = 0x6478696f
	protocol     = 0x126
	stderrNext   = 0x6f6c6d67
	stderrLast   = 0x616c7473
	notTrusted   = 2
	opSetOptions = 19
)

// serve answers one connection and closes it.
func (d daemon) serve(c net.Conn) {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	w := wire{c}
	if magic, err := w.number(); err != nil || magic != clientMagic {
		return
	}
	client, err := w.number()
	if err != nil {
		return
	}
	w.put(serverMagic, protocol)
	if client >= 0x126 {
		if err := w.skipTexts(); err != nil {
			return
		}
		w.put(0)
	}
	for range 2 { // CPU affinity, reserved space
		if _, err := w.number(); err != nil {
			return
		}
	}
	w.putText(d.version)
	w.put(notTrusted, stderrLast)
	for {
		op, err := w.number()
		if err != nil || op != opSetOptions {
			return
		}
		if err := d.setOptions(w); err != nil {
			return
		}
	}
}

// setOptions takes a client's settings and says which ones it ignores.
func (d daemon) setOptions(w wire) error {
	for range 12 {
		if _, err := w.number(); err != nil {
			return err
		}
	}
	n, err := w.number()
	if err != nil {
		return err
	}
	var says []string
	for range n {
		name, err := w.text()
		if err != nil {
			return err
		}
		value, err := w.text()
		if err != nil {
			return err
		}
		if name != "substituters" {
			says = append(says, "warning: ignoring the client-specified setting '"+name+"', because it is a restricted setting and you are not a trusted user")
			continue
		}
		for _, url := range strings.Fields(value) {
			if !d.admits[url] && (strings.HasSuffix(url, "/") || !d.admits[url+"/"]) {
				says = append(says, "warning: ignoring untrusted substituter '"+url+"', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option.")
			}
		}
	}
	for _, s := range says {
		w.put(stderrNext)
		w.putText(s + "\n")
	}
	w.put(stderrLast)
	return nil
}

// wire reads and writes the protocol's numbers and texts.
type wire struct{ c net.Conn }

func (w wire) number() (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(w.c, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (w wire) text() (string, error) {
	n, err := w.number()
	if err != nil || n > 1<<20 {
		return "", io.ErrUnexpectedEOF
	}
	b := make([]byte, (n+7)/8*8)
	_, err = io.ReadFull(w.c, b)
	return string(b[:n]), err
}

func (w wire) skipTexts() error {
	n, err := w.number()
	for ; err == nil && n > 0; n-- {
		_, err = w.text()
	}
	return err
}

// put and putText ignore errors: a client that is gone shows at the next read.
func (w wire) put(ns ...uint64) {
	var b []byte
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	_, _ = w.c.Write(b)
}

func (w wire) putText(s string) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(s)))
	b = append(b, s...)
	b = append(b, make([]byte, (8-len(s)%8)%8)...)
	_, _ = w.c.Write(b)
}
