package explain

import (
	"github.com/nix-trust/nix-trust/trust/audit"
)

// ClassMark returns the mark of what vouches for a path. Where it is not sure
// which keys are believed, nothing that a signature vouches for is marked good.
func ClassMark(c audit.Class, sure bool, g Glyphs) Mark {
	m := Mark{g.Unsure, ClassWord(c), Unsure}
	switch c {
	case audit.Signed:
		if sure {
			m.Glyph, m.Role = g.Good, Good
		}
	case audit.Built, audit.Addressed:
		m.Glyph, m.Role = g.Good, Good
	case audit.NotBelieved, audit.Imported:
		m.Glyph, m.Role = g.Bad, Bad
	}
	return m
}

// ClassWord is a class in a word or two.
func ClassWord(c audit.Class) string {
	switch c {
	case audit.Signed:
		return "signed"
	case audit.Built:
		return "built here"
	case audit.Addressed:
		return "by name"
	case audit.NotBelieved:
		return "not believed"
	case audit.Imported:
		return "imported"
	}
	return "damaged"
}

// ClassBy is what vouches for the paths of a class, beside its word.
func ClassBy(c audit.Class) string {
	switch c {
	case audit.Signed:
		return "by a believed key"
	case audit.Built:
		return "by this machine"
	case audit.Addressed:
		return "it proves them"
	case audit.NotBelieved:
		return "other keys signed"
	case audit.Imported:
		return "nothing vouches"
	}
	return "of the database"
}

// ClassTitle is what vouches for the paths of a class.
func ClassTitle(c audit.Class) string {
	switch c {
	case audit.Signed:
		return "Signed by a believed key"
	case audit.Built:
		return "Built on this machine"
	case audit.Addressed:
		return "Proved by the name"
	case audit.NotBelieved:
		return "Signed by keys that are not believed"
	case audit.Imported:
		return "Nothing vouches for these"
	}
	return "The database is damaged here"
}

// ClassMeans says in a sentence or two what a class comes to.
func ClassMeans(c audit.Class) string {
	switch c {
	case audit.Signed:
		return "A signature of a key that Nix goes by verifies."
	case audit.Built:
		return "This machine built them, and no believed key signed them. Only root and trusted users can make the database say so."
	case audit.Addressed:
		return "Their names were computed of their content addresses, so that nobody has to vouch for them."
	case audit.NotBelieved:
		return "The signatures are good, and nobody here believes the keys: they vouch for nothing."
	case audit.Imported:
		return "They came without a signature that could be checked: copied in by a trusted user or root, or from a cache when signatures were not checked."
	}
	return "What it says of these cannot be believed; `nix-store --verify` says more."
}

// AddressMeans says what a path's content address is worth.
func AddressMeans(a audit.Address) string {
	switch a {
	case audit.AddressProved:
		return "the name was computed of the hash of the contents"
	case audit.AddressNamed:
		return "the name was computed of the address; that the contents are of it, Nix saw when they came"
	case audit.AddressWrong:
		return "the name does not belong to it, so it vouches for nothing"
	case audit.AddressOther:
		return "of a kind that is not checked here, so it vouches for nothing"
	}
	return "none"
}

// ClaimMark returns the mark of signatures that prove nothing.
func ClaimMark(k audit.ClaimKind, g Glyphs) Mark {
	switch k {
	case audit.ClaimMisfit:
		return Mark{g.Asks, "misfit", Caution}
	case audit.ClaimUnknown:
		return Mark{g.Unsure, "no such key", Unsure}
	case audit.ClaimMalformed:
		return Mark{g.Off, "malformed", Caution}
	case audit.ClaimUnchecked:
		return Mark{g.Unsure, "unchecked", Unsure}
	}
	return Mark{g.Bad, "FORGED", Danger}
}

// ClaimMeans says what such a signature is, after its name.
func ClaimMeans(k audit.ClaimKind) string {
	switch k {
	case audit.ClaimMisfit:
		return "Under the name of a key that is known and not believed, and not made by it."
	case audit.ClaimUnknown:
		return "No key of that name is known here, so nothing can be said of it. It vouches for nothing."
	case audit.ClaimMalformed:
		return "It is no signature at all."
	case audit.ClaimUnchecked:
		return "The database does not say how large the path is, which a signature covers, so it cannot be checked. It vouches for nothing."
	}
	return "Under the name of a believed key, and not made by it: somebody wrote it into the database, or the database was changed, or the key was replaced by one of the same name. Nothing was let in by it."
}

// UseMark and UseMeans say what a believed key is good for.
func UseMark(u audit.Use, g Glyphs) Mark {
	switch u {
	case audit.UseNone:
		return Mark{g.Asks, "unused", Caution}
	case audit.UseSpare:
		return Mark{g.Asks, "spare", Caution}
	case audit.UseNeeded:
		return Mark{g.Good, "needed", Plain}
	}
	return Mark{g.Unsure, "unknown", Unsure}
}

func UseMeans(u audit.Use) string {
	switch u {
	case audit.UseNone:
		return "vouches for nothing that is kept"
	case audit.UseSpare:
		return "something else vouches for all of its that is kept"
	case audit.UseNeeded:
		return "something that is kept rests on it alone"
	}
	return "no root that could be seen keeps anything of it, and not every root could be seen"
}

// LiveMark returns the mark of whether the garbage collector keeps a path.
func LiveMark(l audit.Live, g Glyphs) Mark {
	switch l {
	case audit.Alive:
		return Mark{g.Good, "kept", Plain}
	case audit.Dead:
		return Mark{g.Off, "not kept", Faint}
	}
	return Mark{g.Unsure, "unknown", Unsure}
}
