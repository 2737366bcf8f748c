package host

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// x86Levels are the processor features that each level of the x86-64 psABI adds,
// as Linux names them in /proc/cpuinfo.
var x86Levels = []struct{ name, needs string }{
	{"x86_64-v1-linux", "cmov cx8 fpu fxsr mmx syscall sse sse2"},
	{"x86_64-v2-linux", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"},
	{"x86_64-v3-linux", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"},
	{"x86_64-v4-linux", "avx512f avx512bw avx512cd avx512dq avx512vl"},
}

// cpuLevels are the platforms that a processor with these features runs beside
// its own. The library that finds them for Nix 2.8 does not know the last one.
// Nix: src/libutil/compute-levels.cc.
func cpuLevels(flags string, v nixconf.Version) []string {
	has := strings.Fields(flags)
	var levels []string
	for i, level := range x86Levels {
		for need := range strings.FieldsSeq(level.needs) {
			if !slices.Contains(has, need) {
				return levels
			}
		}
		if i == 3 && !v.AtLeast(2, 16) {
			return levels
		}
		levels = append(levels, level.name)
	}
	return levels
}
