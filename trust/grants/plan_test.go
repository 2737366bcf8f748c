package grants

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

func sourceOf(t *testing.T, f *File) Source {
	t.Helper()
	text, err := f.Print()
	must(t, err)
	return Source{Path: "/g.toml", State: trust.FileState{Exists: true, Data: text, Mode: 0o640}}
}

func after(t *testing.T, p trust.Plan) *File {
	t.Helper()
	if len(p.Steps) != 1 {
		t.Fatalf("%+v", p)
	}
	f, err := Parse("after", p.Steps[0].After.Data)
	must(t, err)
	return f
}

func TestPlansSayWhatTheyChangeAndCanBeTakenBack(t *testing.T) {
	src := sourceOf(t, sample())
	g := sample().Grants[1]
	g.Lock = digestA
	for name, c := range map[string]struct {
		plan func() (trust.Plan, error)
		risk trust.PlanRisk
		want func(*File) bool
	}{
		"grant": {func() (trust.Plan, error) { return PlanGrant(src, g, nil, false) }, trust.PlanWidens, func(f *File) bool {
			got, _ := f.Grant(g.Flake)
			return got.Lock == digestA && got.Replaced[0] == digestB && len(f.Grants) == 2 && len(f.Denies) == 2
		}},
		"deny": {func() (trust.Plan, error) { return PlanDeny(src, Deny{Flake: g.Flake, Since: noon.Add(time.Hour)}) }, trust.PlanNarrows, func(f *File) bool {
			d, _ := f.Deny(g.Flake)
			_, had := f.Grant(g.Flake)
			return !had && d.Since.After(noon) && len(f.Denies) == 2
		}},
		"revoke": {func() (trust.Plan, error) { return PlanRevoke(src, g.Flake) }, trust.PlanNarrows, func(f *File) bool {
			_, had := f.Grant(g.Flake)
			return !had && len(f.Grants) == 1 && len(f.Denies) == 2
		}},
		"allow": {func() (trust.Plan, error) { return PlanAllow(src, g.Flake) }, trust.PlanNeutral, func(f *File) bool {
			_, had := f.Deny(g.Flake)
			return !had && len(f.Grants) == 2 && len(f.Denies) == 1
		}},
		"prune the expired": {func() (trust.Plan, error) {
			return PlanPrune(src, noon.AddDate(0, 0, 30), func(Identity) bool { return false })
		}, trust.PlanNarrows, func(f *File) bool {
			return len(f.Grants) == 1 && f.Grants[0].Flake == g.Flake && len(f.Denies) == 2
		}},
		"prune what is gone": {func() (trust.Plan, error) {
			return PlanPrune(src, noon, func(id Identity) bool { return id == g.Flake })
		}, trust.PlanNarrows, func(f *File) bool {
			_, had := f.Grant(g.Flake)
			return !had && len(f.Grants) == 1 && len(f.Denies) == 2
		}},
	} {
		p, err := c.plan()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Risk != c.risk || p.Summary == "" || len(p.Changes) == 0 || !c.want(after(t, p)) {
			t.Errorf("%s: %+v\n%s", name, p, p.Steps[0].After.Data)
		}
		step := p.Steps[0]
		if !step.Before.Equal(src.State) || step.After.Mode != 0o640 || len(step.Diff()) == 0 {
			t.Errorf("%s: %+v", name, step)
		}
		if inv := p.Inverse(); !inv.Steps[0].After.Equal(src.State) {
			t.Errorf("%s: the inverse leaves %s", name, inv.Steps[0].After.Data)
		}
	}
	if fmt.Sprintf("%+v", g.Replaced) != "[]" {
		t.Error("the grant was changed")
	}
}

func TestPlansForNoFileMakeAPrivateOne(t *testing.T) {
	p, err := PlanDeny(Source{Path: "/g.toml"}, Deny{Flake: flakeID, Since: noon})
	must(t, err)
	s := p.Steps[0]
	if s.Before.Exists || !s.After.Exists || s.After.Mode != 0o600 || !s.Parents || len(after(t, p).Denies) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestABrokenFileIsNeverChanged(t *testing.T) {
	src := Source{Path: "/g.toml", State: trust.FileState{Exists: true, Data: []byte("version = 1\n[[allow]]\n")}}
	for name, plan := range map[string]func() (trust.Plan, error){
		"grant":  func() (trust.Plan, error) { return PlanGrant(src, sample().Grants[0], nil, false) },
		"deny":   func() (trust.Plan, error) { return PlanDeny(src, Deny{Flake: flakeID, Since: noon}) },
		"revoke": func() (trust.Plan, error) { return PlanRevoke(src, flakeID) },
		"allow":  func() (trust.Plan, error) { return PlanAllow(src, flakeID) },
		"prune":  func() (trust.Plan, error) { return PlanPrune(src, noon, func(Identity) bool { return true }) },
	} {
		p, err := plan()
		if err == nil || !strings.HasPrefix(err.Error(), "/g.toml:2:3: ") || !p.Empty() {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if s := src.Scope(); s.Err == nil || s.File != nil {
		t.Errorf("%+v", s)
	}
}

func TestAPlanThatChangesNothingSaysSo(t *testing.T) {
	src := sourceOf(t, sample())
	p, err := PlanGrant(src, sample().Grants[0], nil, false)
	if err != nil || !p.Empty() || len(p.Steps) != 0 || p.Risk != trust.PlanNeutral {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := PlanRevoke(src, "path:/nowhere"); err == nil {
		t.Error("a grant that is not there was taken back")
	}
	if _, err := PlanAllow(src, "path:/nowhere"); err == nil {
		t.Error("a denial that is not there was taken back")
	}
}

func TestLostCommentsAreSaid(t *testing.T) {
	src := sourceOf(t, sample())
	src.State.Data = append([]byte("# mine\n"), src.State.Data...)
	p, err := PlanRevoke(src, flakeID)
	must(t, err)
	if !strings.Contains(strings.Join(p.Notes, " "), "comments") {
		t.Errorf("%q", p.Notes)
	}
}

// The machine's gate is another user than root, and reads what root has granted.
func TestANewFileIsForEverybodyToReadWhereItIsTheSystems(t *testing.T) {
	for _, shared := range []bool{false, true} {
		p, err := PlanDeny(Source{Path: "/etc/nix-trust/grants.toml", Shared: shared}, Deny{Flake: flakeID, Since: noon})
		if err != nil || len(p.Steps) != 1 {
			t.Fatal(p, err)
		}
		if mode := p.Steps[0].After.Mode; mode != map[bool]fs.FileMode{false: 0o600, true: 0o644}[shared] {
			t.Errorf("shared %t: mode %v", shared, mode)
		}
	}
}
