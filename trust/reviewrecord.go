package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A ReviewRecord is what a flake asked for when it was reviewed. Secrets are
// replaced by *** in it. The zero record is none.
type ReviewRecord struct {
	Version int    `json:"version"` // 1
	Digest  string `json:"digest"`  // of the settings: "sha256-" and hexadecimal digits
	// Settings are in the order of their names.
	Settings []RecordedSetting `json:"settings"`
}

// A RecordedSetting is one setting of a record.
type RecordedSetting struct {
	Name  string       `json:"name"`  // as the flake writes it
	Value string       `json:"value"` // the joined value, without what looks like a secret
	Class nixconf.Risk `json:"class"` // "" when it was unknown
	// Sum tells values apart that read the same here: the digest of the exact
	// one, where Value is not it. Then nothing can be told about its items.
	Sum string `json:"sum,omitempty"`
}

// MaxRecord is the largest record that is read, in bytes.
const MaxRecord = 8 << 20

func recordOf(asks []Ask) ReviewRecord {
	r := ReviewRecord{Version: 1, Settings: []RecordedSetting{}}
	for _, a := range asks {
		r.Settings = append(r.Settings, recorded(a))
	}
	slices.SortFunc(r.Settings, func(a, b RecordedSetting) int { return strings.Compare(a.Name, b.Name) })
	r.Digest = r.digest()
	return r
}

func recorded(a Ask) RecordedSetting {
	s := RecordedSetting{Name: recordText(a.Name), Value: recordText(safetext.RedactValue(a.Name, a.Value)), Class: a.Class}
	if s.Value != a.Value {
		s.Sum = digestOf([]byte(a.Value))
	}
	return s
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + hex.EncodeToString(sum[:])
}

// recordText is a text as JSON can hold it. One that is not UTF-8 is quoted.
func recordText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

func (r ReviewRecord) digest() string {
	text := []byte("nix-trust review 1")
	put := func(s string) {
		text = binary.BigEndian.AppendUint64(text, uint64(len(s)))
		text = append(text, s...)
	}
	for _, s := range r.Settings {
		put(s.Name)
		put(s.Value)
		put(s.Sum)
	}
	return digestOf(text)
}

// Print writes the record as a file of its own.
func (r ReviewRecord) Print() []byte {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil { // it has texts and a number
		return nil
	}
	return append(text, '\n')
}

// ParseReviewRecord reads a record, or what `review --json` printed, which has
// one under "record". Whatever is not a record in full is an error: a part of
// one would make old things look new, or new ones old.
func ParseReviewRecord(text []byte) (ReviewRecord, error) {
	if len(text) > MaxRecord {
		return ReviewRecord{}, fmt.Errorf("it is larger than %d MiB", MaxRecord>>20)
	}
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(text, &outer); err != nil {
		return ReviewRecord{}, fmt.Errorf("it is not JSON: %w", err)
	}
	if inner, has := outer["record"]; has {
		text = inner
	}
	if string(bytes.TrimSpace(text)) == "null" {
		return ReviewRecord{}, errors.New("what the flake asked for was not known when it was written")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var r ReviewRecord
	if err := d.Decode(&r); err != nil {
		return ReviewRecord{}, fmt.Errorf("it is not the record of a review: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ReviewRecord{}, errors.New("something follows the record")
	}
	switch {
	case r.Version != 1:
		return ReviewRecord{}, fmt.Errorf("it has version %d, and version 1 is the one that is known", r.Version)
	case r.Digest != r.digest():
		return ReviewRecord{}, errors.New("its digest is that of other settings: it was changed by hand, or damaged")
	}
	for i := 1; i < len(r.Settings); i++ {
		if r.Settings[i-1].Name >= r.Settings[i].Name {
			return ReviewRecord{}, fmt.Errorf("the setting %q is there twice, or not in order", r.Settings[i].Name)
		}
	}
	return r, nil
}

// Equal reports whether two records are of the same settings.
func (r ReviewRecord) Equal(o ReviewRecord) bool {
	return slices.EqualFunc(r.Settings, o.Settings, func(a, b RecordedSetting) bool { return a.Name == b.Name && a.Value == b.Value && a.Sum == b.Sum })
}
