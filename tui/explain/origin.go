package explain

import (
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Origin says in words where a value comes from. It is not yet safe to show.
func (s Style) Origin(o nixconf.Origin) string {
	where := s.Spot(o.Pos)
	from := where
	switch {
	case where != "":
	case o.Layer == nixconf.LayerDefault:
		from = "Nix's own default"
	default:
		from = LayerName(o.Layer)
	}
	var notes []string
	if o.Name != "" && o.Append {
		notes = append(notes, "added as "+o.Name)
	}
	if where != "" && o.Layer != nixconf.LayerDefault && o.Layer != nixconf.LayerEnv {
		notes = append(notes, LayerName(o.Layer))
	}
	for _, inc := range o.Included {
		notes = append(notes, "included at "+s.Spot(inc))
	}
	if len(notes) > 0 {
		from += " (" + strings.Join(notes, ", ") + ")"
	}
	return from
}

// LayerName is a source of configuration in words.
func LayerName(l nixconf.Layer) string {
	switch l {
	case nixconf.LayerDefault:
		return "default"
	case nixconf.LayerSystem:
		return "system file"
	case nixconf.LayerUser:
		return "your own file"
	case nixconf.LayerEnv:
		return "NIX_CONFIG"
	case nixconf.LayerFlag:
		return "command line"
	case nixconf.LayerFlake:
		return "a flake"
	}
	return "an unknown source"
}
