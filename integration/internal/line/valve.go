package line

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A valve is a toxic that is there from the start and swallows what comes
// while its switch is off; a connection that has lost something gets no more,
// also when the switch is on again. The toxics of toxiproxy end their
// connections when they are removed, as no vanished peer does.
type valve struct {
	ID   string `json:"id"`   // of its switch
	Ends bool   `json:"ends"` // it swallows the end of what comes, too
}

const valveType = "valve"

func init() { toxics.Register(valveType, new(valve)) }

// valveState is that of one connection.
type valveState struct{ dead bool }

// NewState is called for each connection.
func (*valve) NewState() any { return new(valveState) }

// Pipe passes on what comes, or swallows it.
func (v *valve) Pipe(stub *toxics.ToxicStub) {
	state, w := stub.State.(*valveState), valves.get(v.ID)
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			state.dead = state.dead || w.off.Load()
			if c != nil {
				if !state.dead {
					stub.Output <- c
				}
				continue
			}
			if state.dead && v.Ends {
				select {
				case <-stub.Interrupt:
					return
				case <-w.gone:
				}
			}
			stub.Close()
			return
		}
	}
}

// A valveSwitch is that of the valves of one line.
type valveSwitch struct {
	off  atomic.Bool
	gone chan struct{} // closed when the test has ended
}

// switches are those of all valves: toxiproxy makes a valve from JSON.
type switches struct{ byID sync.Map }

var valves switches

func (s *switches) get(id string) *valveSwitch {
	w, _ := s.byID.LoadOrStore(id, &valveSwitch{gone: make(chan struct{})})
	return w.(*valveSwitch)
}

func newValve(tb testing.TB) (id string) {
	id = unique("valve")
	w := valves.get(id)
	tb.Cleanup(func() {
		close(w.gone)
		valves.byID.Delete(id)
	})
	return id
}
