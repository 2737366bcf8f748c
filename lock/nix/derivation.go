package nix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

const (
	maxDerivation = 64 << 20 // bytes of a .drv file
	drvSuffix     = ".drv"
)

// Derivation reads a .drv file of the store.
func (n *Nix) Derivation(drv lock.StorePath) (Derivation, error) {
	name, ok := strings.CutSuffix(drv.Name(), drvSuffix)
	if !ok {
		return Derivation{}, fmt.Errorf("%s is no derivation: its name does not end in %s", drv, drvSuffix)
	}
	data, err := n.readDerivation(drv)
	if err != nil {
		return Derivation{}, err
	}
	d, err := parseDerivation(data, n.storeDir())
	if err != nil {
		return Derivation{}, fmt.Errorf("%s: %w", drv, err)
	}
	d.Name = name
	return d, nil
}

func (n *Nix) readDerivation(drv lock.StorePath) ([]byte, error) {
	file := filepath.Join("/", n.Root, drv.In(n.storeDir()))
	st, err := os.Lstat(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the derivation %s is not in the store", drv)
	}
	if err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("the derivation %s is not a file", drv)
	}
	if err != nil {
		return nil, fmt.Errorf("the derivation %s cannot be read: %w", drv, err)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the derivation %s cannot be read: %w", drv, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDerivation+1))
	if err != nil {
		return nil, fmt.Errorf("the derivation %s cannot be read: %w", drv, err)
	}
	if len(data) > maxDerivation {
		return nil, fmt.Errorf("the derivation %s is larger than %d MiB", drv, maxDerivation>>20)
	}
	return data, nil
}

// parseDerivation reads the text of a .drv file, strictly in the form that Nix
// writes. Name stays empty. Nix: src/libstore/derivations.cc, Derivation::unparse;
// src/libstore/parsed-derivations.cc, getBoolAttr.
func parseDerivation(text []byte, storeDir string) (Derivation, error) {
	r := &aterm{text: text}
	d := Derivation{Outputs: map[string]lock.StorePath{}}
	path := func(s string) lock.StorePath {
		p, err := bincache.ParseStorePathIn(storeDir, s)
		if err != nil {
			r.fail(err.Error())
		}
		return p
	}
	if strings.HasPrefix(string(text[:min(len(text), 16)]), "DrvWithVersion(") {
		return Derivation{}, errors.New("the derivation is of a kind that is not read here: it depends on what other derivations make")
	}
	r.expect("Derive(")
	last := ""
	declares := false
	r.list(func() {
		r.expect("(")
		name := r.string()
		r.expect(",")
		out := r.string()
		r.expect(",")
		algo := r.string()
		r.expect(",")
		hash := r.string()
		r.expect(")")
		if name <= last || !outputName(name) {
			r.fail(fmt.Sprintf("the output name %q is none, or not in order", clip(name)))
		}
		last = name
		d.Outputs[name] = ""
		if out != "" {
			d.Outputs[name] = path(out)
		}
		declares = algo != "" && hash != "" && hash != "impure" && out != ""
	})
	d.Fixed = declares && len(d.Outputs) == 1
	r.expect(",")
	r.list(func() {
		r.expect("(")
		drv := path(r.string())
		if !strings.HasSuffix(string(drv), drvSuffix) {
			r.fail("an input is no derivation")
		}
		d.Inputs = append(d.Inputs, drv)
		r.expect(",")
		r.list(func() { r.string() })
		r.expect(")")
	})
	r.expect(",")
	r.list(func() { d.Sources = append(d.Sources, path(r.string())) })
	r.expect(",")
	d.System = r.string()
	r.expect(",")
	r.string() // the builder
	r.expect(",")
	r.list(func() { r.string() }) // its arguments
	r.expect(",")
	r.list(func() { // its environment
		r.expect("(")
		name := r.string()
		r.expect(",")
		value := r.string()
		r.expect(")")
		switch name {
		case "allowSubstitutes":
			d.NoSubstitutes = d.NoSubstitutes || value != "1"
		case "__json": // with structured attributes
			var attrs struct {
				AllowSubstitutes *bool `json:"allowSubstitutes"`
			}
			// What is no boolean stops Nix itself.
			if json.Unmarshal([]byte(value), &attrs) == nil && attrs.AllowSubstitutes != nil {
				d.NoSubstitutes = d.NoSubstitutes || !*attrs.AllowSubstitutes
			}
		}
	})
	r.expect(")")
	if r.err == nil && r.at != len(text) {
		r.fail("more follows")
	}
	if r.err == nil && len(d.Outputs) == 0 {
		r.fail("it has no outputs")
	}
	if r.err != nil {
		return Derivation{}, fmt.Errorf("the derivation cannot be read: %w", r.err)
	}
	for _, list := range [][]lock.StorePath{d.Inputs, d.Sources} {
		slices.Sort(list)
		for i := 1; i < len(list); i++ {
			if list[i] == list[i-1] {
				return Derivation{}, fmt.Errorf("the derivation cannot be read: it names %s twice", list[i])
			}
		}
	}
	return d, nil
}

// outputName reports whether Nix takes the name of an output: it becomes a part
// of a store path's name.
func outputName(s string) bool {
	_, err := bincache.ParseStorePath(strings.Repeat("0", 32) + "-x-" + s)
	return s != "" && err == nil
}
