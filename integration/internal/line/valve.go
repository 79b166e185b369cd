package line

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A valve is a toxic that is there from the start and swallows what comes
// while its switch is on; a connection that has lost something gets no more,
// also when the switch is off again. The toxics of toxiproxy end their
// connections when they are removed, as no vanished peer does.
type valve struct {
	ID string `json:"id"` // of its switch
}

const valveType = "valve"

func init() { toxics.Register(valveType, new(valve)) }

// valveState is that of one connection.
type valveState struct{ dead bool }

// NewState is called for each connection.
func (*valve) NewState() any { return new(valveState) }

// Pipe passes on what comes, or swallows it.
func (v *valve) Pipe(stub *toxics.ToxicStub) {
	state, on := stub.State.(*valveState), valves.get(v.ID)
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			if c == nil {
				stub.Close()
				return
			}
			if state.dead = state.dead || on.Load(); !state.dead {
				stub.Output <- c
			}
		}
	}
}

// switches are those of all valves: toxiproxy makes a valve from JSON.
type switches struct{ byID sync.Map }

var valves switches

func (s *switches) get(id string) *atomic.Bool {
	on, _ := s.byID.LoadOrStore(id, new(atomic.Bool))
	return on.(*atomic.Bool)
}

func newValve(tb testing.TB) (id string) {
	id = unique("valve")
	valves.get(id)
	tb.Cleanup(func() { valves.byID.Delete(id) })
	return id
}
