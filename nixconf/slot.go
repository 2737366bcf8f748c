package nixconf

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A slot is one setting while assignments are applied to it.
type slot struct {
	setting   *Setting
	items     []Item
	keys      map[string]int // of sets and maps: where a key's item is
	text      string         // of scalars
	json      json.RawMessage
	origin    Origin
	history   []Assignment
	live      int // history[:live] is overridden
	forwarded bool
}

// slotOf takes a published value up for another assignment. Nothing that it
// shares with the value is written to.
func slotOf(v *Value) *slot {
	s := &slot{
		setting:   v.Setting,
		items:     slices.Clone(v.Items),
		text:      v.Text,
		json:      v.JSON,
		origin:    v.Origin,
		history:   slices.Clone(v.History),
		forwarded: v.Forwarded,
	}
	for i, it := range s.items {
		if key, unique := s.setting.kind.key(it.Text); unique {
			s.remember(key, i)
		}
	}
	for s.live < len(s.history) && s.history[s.live].OverriddenBy != nil {
		s.live++
	}
	return s
}

func (s *slot) remember(key string, i int) {
	if s.keys == nil {
		s.keys = map[string]int{}
	}
	s.keys[key] = i
}

// discard marks every assignment so far as overridden.
func (s *slot) discard(by *Origin) {
	for i := s.live; i < len(s.history); i++ {
		s.history[i].OverriddenBy = by
	}
	s.live = len(s.history)
	s.items, s.keys = nil, nil
}

// add puts items at the end, or into the set: what is there stays.
func (s *slot) add(items []Item) {
	for _, it := range items {
		key, unique := s.setting.kind.key(it.Text)
		if unique {
			if _, there := s.keys[key]; there {
				continue
			}
			s.remember(key, len(s.items))
		}
		s.items = append(s.items, it)
	}
}

// key is what makes an item equal to another one of the same setting; lists
// keep duplicates.
func (k kind) key(text string) (key string, unique bool) {
	switch k {
	case kindSet, kindFeatures, kindRefSet:
		return text, true
	case kindPathSet:
		return strings.Join(components(text), "\x00"), true
	case kindMap:
		key, _, _ = strings.Cut(text, "=")
		return key, true
	case kindMounts:
		inside, _, _ := mount(text)
		return strings.Join(components(inside), "\x00"), true
	}
	return "", false
}

// value publishes the slot.
func (s *slot) value(d *dialect, v Version) *Value {
	k := s.setting.kind
	if k.listed() {
		s.sort(d)
		s.json = s.listJSON(d, v)
	}
	return &Value{
		Setting:   s.setting,
		Items:     slices.Clip(s.items),
		Text:      s.text,
		Origin:    s.origin,
		History:   slices.Clip(s.history),
		JSON:      s.json,
		Forwarded: s.forwarded,
	}
}

// sort puts the items of a set or map in Nix's order.
func (s *slot) sort(d *dialect) {
	var less func(a, b Item) int
	switch s.setting.kind {
	case kindSet:
		less = func(a, b Item) int { return strings.Compare(a.Text, b.Text) }
	case kindMap:
		less = func(a, b Item) int {
			ak, _ := kindMap.key(a.Text)
			bk, _ := kindMap.key(b.Text)
			return strings.Compare(ak, bk)
		}
	case kindPathSet:
		less = func(a, b Item) int { return slices.Compare(components(a.Text), components(b.Text)) }
	case kindMounts:
		less = func(a, b Item) int {
			ai, _, _ := mount(a.Text)
			bi, _, _ := mount(b.Text)
			return slices.Compare(components(ai), components(bi))
		}
	case kindFeatures:
		less = func(a, b Item) int { return slices.Index(d.features, a.Text) - slices.Index(d.features, b.Text) }
	case kindRefSet:
		less = func(a, b Item) int { return printedRef(a.Text).Compare(printedRef(b.Text)) }
	default:
		return
	}
	slices.SortStableFunc(s.items, less)
}

func (s *slot) listJSON(d *dialect, v Version) json.RawMessage {
	switch s.setting.kind {
	case kindMap:
		m := map[string]json.RawMessage{}
		for _, it := range s.items {
			k, value, _ := strings.Cut(it.Text, "=")
			m[k] = jsonString(value)
		}
		return jsonObject(m)
	case kindMounts:
		m := map[string]json.RawMessage{}
		for _, it := range s.items {
			inside, outside, optional := mount(it.Text)
			m[inside] = jsonObject(map[string]json.RawMessage{
				"optional": json.RawMessage(strconv.FormatBool(optional)),
				"source":   jsonString(outside),
			})
		}
		return jsonObject(m)
	case kindFeatures:
		if !v.AtLeast(2, 16) {
			b := []byte{'['}
			for i, it := range s.items {
				if i > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendInt(b, int64(slices.Index(d.features, it.Text)), 10)
			}
			return append(b, ']')
		}
	}
	return jsonArray(s.items)
}

// mount reads INSIDE[=OUTSIDE][?].
// Nix: src/libstore/globals.cc, BaseSetting<PathsInChroot>::parse.
func mount(s string) (inside, outside string, optional bool) {
	s, optional = strings.CutSuffix(s, "?")
	inside, outside, ok := strings.Cut(s, "=")
	if !ok {
		outside = inside
	}
	return inside, outside, optional
}

// components splits a path as C++ compares paths: repeated slashes are one, a
// slash at the end is an empty last component, and an absolute path sorts after
// a relative one.
func components(p string) []string {
	root, list := "0", []string(nil)
	if path.IsAbs(p) {
		root = "1"
	}
	list = append(list, root)
	for part := range strings.SplitSeq(p, "/") {
		if part != "" {
			list = append(list, part)
		}
	}
	if strings.HasSuffix(p, "/") && len(list) > 1 {
		list = append(list, "")
	}
	return list
}
