package nixconf

// A kind is the exact C++ type behind a setting: how a value is read and printed.
type kind string

const (
	kindBool        kind = "bool"
	kindString      kind = "string"
	kindPathOrEmpty kind = "pathorempty" // absolute and cleaned, or empty
	kindOptional    kind = "optional"    // null when empty
	kindOptPath     kind = "optpath"     // absolute and cleaned, or null when empty
	kindAbsPath     kind = "abspath"     // absolute and cleaned, never empty
	kindFilePath    kind = "filepath"    // any path but the empty one, as written
	kindList        kind = "list"
	kindPathList    kind = "pathlist" // a list that cannot be appended to
	kindSet         kind = "set"      // sorted by bytes
	kindPathSet     kind = "pathset"  // sorted by path components, not appendable
	kindMap         kind = "map"      // k=v; the first one of a key stays
	kindMounts      kind = "mounts"   // INSIDE[=OUTSIDE][?]
	kindU32         kind = "u32"
	kindU64         kind = "u64"
	kindI64         kind = "i64"
	kindJobs        kind = "jobs"     // u32 without units, or auto
	kindSandbox     kind = "sandbox"  // true, false, relaxed
	kindAsk         kind = "ask"      // true, false, ask: Lix's accept-flake-config
	kindRefs        kind = "refs"     // store references in order
	kindRefSet      kind = "refset"   // store references, sorted
	kindRef         kind = "ref"      // one store reference
	kindFeatures    kind = "features" // names of experimental features, in Nix's order
	kindDiagnose    kind = "diagnose" // ignore, warn, fatal
	kindProfiler    kind = "profiler" // disabled, flamegraph
	kindBuilders    kind = "builders" // JSON
	kindLintWarn    kind = "lintwarn" // a bool that sets lint-short-path-literals
)

// types is what each kind is called outside.
var types = map[kind]Type{
	kindBool: TypeBool, kindLintWarn: TypeBool,
	kindString: TypeString, kindPathOrEmpty: TypeString, kindAbsPath: TypeString, kindFilePath: TypeString,
	kindRef: TypeString, kindDiagnose: TypeString, kindProfiler: TypeString, kindBuilders: TypeString, kindAsk: TypeString,
	kindOptional: TypeOptional, kindOptPath: TypeOptional,
	kindList: TypeList, kindPathList: TypeList,
	kindSet: TypeSet, kindPathSet: TypeSet, kindFeatures: TypeSet,
	kindMap: TypeMap, kindMounts: TypeMap,
	kindU32: TypeInt, kindU64: TypeInt, kindI64: TypeInt, kindJobs: TypeInt,
	kindSandbox: TypeSandbox,
	kindRefs:    TypeRefs, kindRefSet: TypeRefSet,
}

// typeOf is what a setting of this kind is called outside. The two cache lists
// keep their types in the versions that hold them as strings.
func typeOf(name string, k kind) Type {
	switch name {
	case "substituters":
		return TypeRefs
	case "trusted-substituters":
		return TypeRefSet
	}
	return types[k]
}

// appendable reports whether extra-NAME exists.
// Nix: src/libutil/config-impl.hh, BaseSetting<T>::trait.
func (k kind) appendable() bool {
	switch k {
	case kindList, kindSet, kindMap, kindMounts, kindRefs, kindRefSet, kindFeatures:
		return true
	}
	return false
}

// listed reports whether the value is made of items.
func (k kind) listed() bool {
	switch k {
	case kindPathList, kindPathSet:
		return true
	}
	return k.appendable()
}
