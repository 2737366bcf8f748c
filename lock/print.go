package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Print returns the lock in its canonical form: there is one for each content,
// and Parse reads the same lock from it. A lock that Parse would refuse is not
// printed; the error says what is wrong with it.
//
// The text of one system does not depend on any other system.
func (l *Lock) Print() ([]byte, error) {
	order, err := l.validate()
	if err != nil {
		return nil, err
	}
	text, err := l.print(order, nil)
	if err != nil {
		return nil, err
	}
	if len(text) > MaxBytes {
		return nil, invalid("", KindLimit, fmt.Sprintf("the lock would have more than %d MiB", MaxBytes>>20))
	}
	return text, nil
}

// print prints the lock, whose paths are in the given order. Where there are
// conflicts it puts both sides. Each pin is validated on the way, while it is
// at hand: a large lock does not fit into the caches of a processor.
func (l *Lock) print(order map[string][]StorePath, c *conflicts) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(l.textSize())
	b.WriteString("version = 1\n")
	if !c.put(&b, placeSource) && !l.Source.IsZero() {
		b.WriteString(sourceLine(l.Source))
	}
	if !c.put(&b, placeCaches) {
		b.WriteString(cacheLines(l.Caches))
	}
	systems := slices.Concat(l.SystemNames(), c.systems())
	slices.Sort(systems)
	for _, system := range slices.Compact(systems) {
		s := l.Systems[system]
		if s == nil {
			s = &Section{}
		}
		if err := printSection(&b, system, s, order[system], c); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func sourceLine(h Hash) string { return "source = \"" + h.String() + "\"\n" }

func cacheLines(caches []Cache) string {
	var b strings.Builder
	for _, c := range sorted(caches) {
		b.WriteString("\n[[cache]]\nurl = \"" + c.URL + "\"\nkeys = ")
		b.Write(appendList(nil, c.Keys))
		b.WriteByte('\n')
	}
	return b.String()
}

func printSection(b *bytes.Buffer, system string, s *Section, paths []StorePath, c *conflicts) error {
	names := slices.Concat(slices.Collect(maps.Keys(s.Outputs)), c.names(tableOutputs, system))
	if len(names) > 0 {
		b.WriteString("\n[outputs." + system + "]\n")
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !c.put(b, conflictPlace{tableOutputs, system, name}) {
				b.Write(appendOutput(b.AvailableBuffer(), name, s.Outputs[name]))
			}
		}
	}
	b.WriteString("\n[paths." + system + "]\n")
	if more := c.names(tablePaths, system); len(more) > 0 {
		paths = slices.Clone(paths)
		for _, path := range more {
			paths = append(paths, StorePath(path))
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
	}
	for _, path := range paths {
		if c.put(b, conflictPlace{tablePaths, system, string(path)}) {
			continue
		}
		p := s.Paths[path]
		if err := validatePin(system, path, p); err != nil {
			return err
		}
		b.Write(appendPath(b.AvailableBuffer(), path, p))
	}
	return nil
}

func appendOutput(b []byte, name string, path StorePath) []byte {
	b = appendQuoted(b, name)
	b = append(b, ` = "`...)
	b = append(b, path...)
	return append(b, "\"\n"...)
}

func appendPath(b []byte, path StorePath, p Pin) []byte {
	b = append(b, '"')
	b = append(b, path...)
	b = append(b, `" = { nar = "`...)
	b = appendHash(b, p.NAR)
	b = append(b, `", size = `...)
	b = strconv.AppendInt(b, p.Size, 10)
	b = append(b, `, refs = `...)
	b = appendList(b, p.Refs)
	if p.CA != "" {
		b = append(b, `, ca = "`...)
		b = append(b, p.CA...)
		b = append(b, '"')
	}
	if len(p.By) > 0 {
		b = append(b, `, by = `...)
		b = appendList(b, p.By)
	}
	return append(b, " }\n"...)
}

// appendList appends strings that need no escape.
func appendList[S ~string](b []byte, list []S) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '"')
		b = append(b, s...)
		b = append(b, '"')
	}
	return append(b, ']')
}

// appendQuoted appends the name of an output, which may have quotes.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// textSize is about how long the print will be.
func (l *Lock) textSize() int {
	n := 1024
	for _, s := range l.Systems {
		n += 128 * len(s.Outputs)
		for path, p := range s.Paths {
			n += 110 + len(path) + len(p.CA)
			for _, ref := range p.Refs {
				n += len(ref) + 4
			}
			n += 40 * len(p.By)
		}
	}
	return n
}

// sorted returns the caches in canonical order, each with its keys in order.
func sorted(caches []Cache) []Cache {
	list := make([]Cache, len(caches))
	for i, c := range caches {
		list[i] = Cache{c.URL, slices.Sorted(slices.Values(c.Keys))}
	}
	slices.SortFunc(list, func(a, b Cache) int { return cmp.Compare(a.URL, b.URL) })
	return list
}

func (l *Lock) sortCaches() {
	if l.Caches != nil {
		l.Caches = sorted(l.Caches)
	}
}
