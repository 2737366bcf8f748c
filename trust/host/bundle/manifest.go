package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/nix-trust/nix-trust/trust/host"
)

// version is the manifest's. Another one is not read.
const version = 1

// A manifest has what a tree of files cannot say. It is described in
// docs/bundle.md; a key that is not is refused.
type manifest struct {
	Version int       `json:"version"`
	Made    time.Time `json:"made"`
	By      string    `json:"by"`   // the program and its version
	User    string    `json:"user"` // whose view it is, by name
	// Look is what the look was told beside the files.
	Look   host.Record `json:"look"`
	Beside *Beside     `json:"beside"` // null when nothing was looked at beside it
	// Owners says that the files have owners. Those of a machine made up in memory
	// have none.
	Owners   bool          `json:"owners"`
	Absent   []string      `json:"absent"` // paths where nothing was
	Unseen   []unseenPath  `json:"unseen"`
	Special  []specialFile `json:"special"`
	Unread   []unreadFile  `json:"unread"`
	Listings []listing     `json:"listings"`
	Redacted []Redaction   `json:"redacted"`
	// Differs are the parts that the bundle shows otherwise than the machine did, in
	// the words of the program that made it.
	Differs []string `json:"differs"`
}

// An unseenPath could not be looked at.
type unseenPath struct {
	Path string `json:"path"`
	Err  string `json:"error"`
}

// metadata is what is known of a file that is not in the archive's tree.
type metadata struct {
	Mode     uint32    `json:"mode"` // permissions
	UID      uint32    `json:"uid"`
	GID      uint32    `json:"gid"`
	Modified time.Time `json:"modified"`
}

// A specialFile is a socket, a pipe or a device.
type specialFile struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	metadata
}

// An unreadFile is one whose text is not in the archive.
type unreadFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	metadata
	Err     string `json:"error"`   // why it could not be read, "" when nobody did
	LeftOut bool   `json:"leftOut"` // it was read, and is not for the bundle
}

// A listing is what a folder was seen to have.
type listing struct {
	Path    string        `json:"path"`
	Entries []listedEntry `json:"entries"`
	Omitted int           `json:"omitted"` // files that nothing was read of
	Err     string        `json:"error"`
}

type listedEntry struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// A Redaction is a file in which secrets were covered.
type Redaction struct {
	Path  string `json:"path"` // "manifest" for this file
	Count int    `json:"count"`
}

// write prints the manifest with what is secret in it covered.
func (m *manifest) write(c *cover) ([]byte, error) {
	for range 2 { // what is covered is counted in the manifest itself
		c.count = 0
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		if err := enc.Encode(m); err != nil {
			return nil, err
		}
		text := c.inJSON(out.Bytes(), nil)
		if c.count == 0 {
			return text, nil
		}
		m.Redacted = append(m.Redacted, Redaction{"manifest", c.count})
		var again manifest
		if err := json.Unmarshal(text, &again); err != nil {
			return nil, err
		}
		redacted := m.Redacted
		*m = again
		m.Redacted = redacted
	}
	return nil, fmt.Errorf("what is secret in the manifest cannot be told from the rest")
}

// readManifest reads what write printed, and nothing else.
func readManifest(text []byte) (*manifest, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("its manifest does not read: %w", err)
	}
	if head.Version != version {
		return nil, fmt.Errorf("its manifest is version %d, and this program reads version %d", head.Version, version)
	}
	dec.DisallowUnknownFields()
	m := &manifest{}
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("its manifest does not read: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("its manifest goes on after its end")
	}
	return m, nil
}
