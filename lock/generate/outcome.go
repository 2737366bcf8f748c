package generate

// An Outcome is a result in one word. The zero value is not fine.
type Outcome uint8

const (
	Undetermined Outcome = iota // a cache did not answer; there is no lock
	Incomplete                  // some path is missing or nothing proves it; the lock lacks it
	Alarm                       // a hash, size, reference or signature is wrong; there is no lock
	Fine                        // all is pinned, or redundant
)

func (o Outcome) String() string {
	switch o {
	case Incomplete:
		return "incomplete"
	case Alarm:
		return "alarm"
	case Fine:
		return "fine"
	}
	return "undetermined"
}

// Outcome sums up: an alarm outweighs what could not be determined, and that
// what is only incomplete.
func (r *Result) Outcome() Outcome {
	if r == nil {
		return Undetermined
	}
	outcome := Fine
	for _, p := range r.Problems {
		switch p.Kind {
		case Unreachable:
			outcome = Undetermined
		case Unproved, Missing:
			if outcome == Fine {
				outcome = Incomplete
			}
		default:
			return Alarm
		}
	}
	if r.Lock == nil {
		return Undetermined
	}
	return outcome
}
