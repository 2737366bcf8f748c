package operation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust/grants"
)

const fileVersion = 1

// An Error says what is wrong with a file, and where. Nothing in it counts then.
type Error struct {
	Pos  nixconf.Pos
	Text string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Pos.File, e.Pos.Line, e.Pos.Col, e.Text)
}

// Parse reads a file of operations. The error is an *Error.
//
// Each key has one place and stands there once; an unknown one is refused, as is
// a control character, escaped or not, and anything behind the end.
func Parse(name string, data []byte) ([]Operation, error) {
	r := &reader{name: name, data: data}
	if len(data) > MaxBytes {
		return nil, r.errorAt(0, "the file has more than %d KiB, which no file of operations has", MaxBytes>>10)
	}
	if err := r.text(); err != nil {
		return nil, err
	}
	r.dec = json.NewDecoder(bytes.NewReader(data))
	r.dec.UseNumber()
	ops, err := r.file()
	if err != nil {
		return nil, err
	}
	end := r.next()
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, r.errorAt(end, "something follows the end")
	}
	if err := checkAll(ops); err != nil {
		return nil, r.errorAt(r.list, "%v", err)
	}
	return ops, nil
}

// Print writes operations in the one form that Print has, so that Parse and
// Print come to rest. It is an error when they are refused.
func Print(ops []Operation) ([]byte, error) {
	if err := checkAll(ops); err != nil {
		return nil, err
	}
	type operation struct {
		Do     Kind            `json:"do"`
		Caches []string        `json:"caches,omitempty"`
		Keys   []string        `json:"keys,omitempty"`
		Flake  grants.Identity `json:"flake,omitempty"`
	}
	out := struct {
		Version    int         `json:"version"`
		Operations []operation `json:"operations"`
	}{Version: fileVersion}
	for _, o := range ops {
		out.Operations = append(out.Operations, operation(o))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(out)
	return b.Bytes(), err
}

// A reader reads the file token by token.
type reader struct {
	name string
	data []byte
	dec  *json.Decoder
	list int // where the operations begin
}

func (r *reader) errorAt(at int, format string, args ...any) error {
	at = min(at, len(r.data))
	line := bytes.Count(r.data[:at], []byte{'\n'}) + 1
	col := at - (bytes.LastIndexByte(r.data[:at], '\n') + 1) + 1
	return &Error{nixconf.Pos{File: r.name, Line: line, Col: col}, fmt.Sprintf(format, args...)}
}

// text refuses what is no plain text before anything is made of it.
func (r *reader) text() error {
	for at := 0; at < len(r.data); {
		c, size := utf8.DecodeRune(r.data[at:])
		switch {
		case c == utf8.RuneError && size == 1:
			return r.errorAt(at, "this is not UTF-8")
		case c < ' ' && c != '\n' && c != '\t' && c != '\r', c == 0x7f:
			return r.errorAt(at, "a control character has no place here")
		}
		at += size
	}
	return nil
}

// next is where the next token begins.
func (r *reader) next() int {
	at := int(r.dec.InputOffset())
	for at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[at]) >= 0 {
		at++
	}
	return at
}

func (r *reader) token() (json.Token, int, error) {
	at := r.next()
	t, err := r.dec.Token()
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, at, r.errorAt(len(r.data), "the file ends in the middle")
	}
	if err != nil {
		return nil, at, r.errorAt(at, "this is not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return t, at, nil
}

func (r *reader) delim(want json.Delim, what string) error {
	t, at, err := r.token()
	if err == nil && t != want {
		err = r.errorAt(at, "%s is expected here", what)
	}
	return err
}

// object reads an object whose keys are each there once; value reads what a key
// has, or says that there is no such key.
func (r *reader) object(value func(key string, at int) (known bool, err error)) error {
	if err := r.delim('{', "an object in { }"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.dec.More() {
		t, at, err := r.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // JSON has no other keys
		if seen[key] {
			return r.errorAt(at, "%q is there twice", clip(key))
		}
		seen[key] = true
		known, err := value(key, at)
		if err != nil {
			return err
		}
		if !known {
			return r.errorAt(at, "%q is no key that belongs here", clip(key))
		}
	}
	return r.delim('}', "the end of the object")
}

// array reads a list.
func (r *reader) array(most int, item func() error) error {
	if err := r.delim('[', "a list in [ ]"); err != nil {
		return err
	}
	for n := 0; r.dec.More(); n++ {
		if n == most {
			return r.errorAt(r.next(), "the list has at most %d entries", most)
		}
		if err := item(); err != nil {
			return err
		}
	}
	return r.delim(']', "the end of the list")
}

func (r *reader) file() (ops []Operation, err error) {
	version := false
	err = r.object(func(key string, at int) (bool, error) {
		switch key {
		case "version":
			version = true
			t, at, err := r.token()
			if err == nil && t != json.Number("1") {
				err = r.errorAt(at, "the version is not 1, the one that this program reads")
			}
			return true, err
		case "operations":
			if !version {
				return true, r.errorAt(at, `"version": 1 comes first`)
			}
			r.list = r.next()
			return true, r.array(maxOperations, func() error {
				at := r.next()
				o, err := r.operation()
				if err == nil {
					if bad := o.Check(); bad != nil {
						err = r.errorAt(at, "%v", bad)
					}
				}
				ops = append(ops, o)
				return err
			})
		}
		return false, nil
	})
	if err == nil && !version {
		err = r.errorAt(0, `the file says no version: "version": 1 comes first`)
	}
	return ops, err
}

func (r *reader) operation() (o Operation, err error) {
	err = r.object(func(key string, _ int) (bool, error) {
		switch key {
		case "do":
			s, err := r.string()
			o.Do = Kind(s)
			return true, err
		case "flake":
			s, err := r.string()
			o.Flake = grants.Identity(s)
			return true, err
		case "caches":
			return true, r.strings(&o.Caches)
		case "keys":
			return true, r.strings(&o.Keys)
		}
		return false, nil
	})
	return o, err
}

func (r *reader) strings(into *[]string) error {
	return r.array(maxItems, func() error {
		s, err := r.string()
		*into = append(*into, s)
		return err
	})
}

func (r *reader) string() (string, error) {
	t, at, err := r.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	switch {
	case !ok:
		return "", r.errorAt(at, "a text in quotes is expected here")
	case s == "":
		return "", r.errorAt(at, "the text is empty")
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", r.errorAt(at, "only printable ASCII without blanks belongs here")
		}
	}
	return s, nil
}
