package flake

import (
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// The names that Nix defines, asked of real Nix 2.8, 2.26 and 2.34; the
// releases between them are from the sources.
var globals = func() map[string]global {
	m := make(map[string]global, 128)
	for _, name := range strings.Fields(functionNames) {
		m[name] = global{kind: vFunction}
	}
	for name, minor := range map[string]int{
		"break": 9, "__traceVerbose": 10, "__readFileType": 14, "__parseFlakeRef": 18, "__flakeRefToString": 18,
		"__convertHash": 19, "__addDrvOutputDependencies": 19, "__warn": 23,
	} {
		m[name] = global{since: nixconf.Version{Major: 2, Minor: minor}, kind: vFunction}
	}
	m["true"] = global{kind: vBool, text: "true"}
	m["false"] = global{kind: vBool, text: "false"}
	m["null"] = global{kind: vNull}
	m["builtins"] = global{kind: vSet}
	m["__langVersion"] = global{kind: vInt, text: "6"}
	m["__nixPath"] = global{kind: vList}
	m["__nixVersion"] = global{kind: vString}
	m["__storeDir"] = global{kind: vString}
	m["derivation"] = global{kind: vFunction}
	return m
}()

const functionNames = `
abort __add __addErrorContext __all __any __appendContext __attrNames __attrValues baseNameOf __bitAnd __bitOr
__bitXor __catAttrs __ceil __compareVersions __concatLists __concatMap __concatStringsSep __deepSeq
derivationStrict dirOf __div __elem __elemAt fetchGit fetchMercurial fetchTarball fetchTree __fetchurl __filter
__filterSource __findFile __floor __foldl' __fromJSON fromTOML __functionArgs __genList __genericClosure
__getAttr __getContext __getEnv __getFlake __groupBy __hasAttr __hasContext __hashFile __hashString __head import
__intersectAttrs __isAttrs __isBool __isFloat __isFunction __isInt __isList isNull __isPath __isString __length
__lessThan __listToAttrs map __mapAttrs __match __mul __parseDrvName __partition __path __pathExists placeholder
__readDir __readFile removeAttrs __replaceStrings scopedImport __seq __sort __split __splitVersion __storePath
__stringLength __sub __substring __tail throw __toFile __toJSON __toPath toString __toXML __trace __tryEval
__typeOf __unsafeDiscardOutputDependency __unsafeDiscardStringContext __unsafeGetAttrPos __zipAttrsWith`

// early are names that Nix knows before it reads a file. It goes through the
// attributes of a set in the order in which it first met their names, which
// decides which of two errors it reports.
var early = func() map[string]int {
	m := map[string]int{}
	for i, name := range strings.Fields(earlyNames) {
		if _, ok := m[name]; !ok {
			m[name] = i
		}
	}
	return m
}()

const earlyNames = `with outPath drvPath type meta name value system __overrides outputs outputName
__ignoreNulls file line column __functor __toString right wrong __structuredAttrs __json allowedReferences
allowedRequisites disallowedReferences disallowedRequisites maxSize maxClosureSize builder args
__contentAddressed __impure outputHash outputHashAlgo outputHashMode recurseForDerivations description self
startSet operator key path prefix outputSpecified ` + functionNames
