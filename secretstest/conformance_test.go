package secretstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// memory is the harness of the provider in memory.
func memory(p *Provider) Harness {
	return Harness{
		New:    func(testing.TB) secrets.Provider { return p },
		Put:    func(_ testing.TB, path string, data []byte) { p.Set(path, string(data)) },
		Delete: func(_ testing.TB, path string) { p.Delete(path) },
		Stall:  func(testing.TB) (resume func()) { return p.Block(All) },
	}
}

func TestTheProviderInMemoryConforms(t *testing.T) {
	Run(t, memory(new(Provider)))
}

func TestAProviderWithADefaultKeyAndABaseConforms(t *testing.T) {
	p := new(Provider)
	h := memory(p)
	h.Base = "mount/"
	n := 0
	h.Put = func(_ testing.TB, path string, data []byte) {
		n++
		p.SetValue("mount/"+path, secrets.Value{Data: jsonObject(t, "value", data), Default: "value", Version: fmt.Sprint(n)})
	}
	h.Delete = func(_ testing.TB, path string) { p.Delete("mount/" + path) }
	h.NoBinary = true
	Run(t, h)
}

func TestAProviderWithNoneOfTheCapabilitiesConforms(t *testing.T) {
	p := new(Provider)
	h := memory(p)
	h.New = func(testing.TB) secrets.Provider { return struct{ secrets.Provider }{p} }
	Run(t, h)
}

func TestEveryRuleFailsAProviderThatBreaksIt(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range rules {
		known[rule.name] = true
		require.NotEmpty(t, faultsOf(rule.name), "no broken provider shows that this rule can fail: %s", rule.name)
		for how, breakIt := range faultsOf(rule.name) {
			t.Run(rule.name+"/"+how, func(t *testing.T) {
				b := &broken{Provider: new(Provider)}
				h := memory(b.Provider)
				h.New = func(testing.TB) secrets.Provider { return b }
				h.WatchWithin = 50 * time.Millisecond
				breakIt(b)
				r := record(t, func(tb testing.TB) { rule.check(tb, h) })
				require.True(t, r.Failed(), "the rule passed, or was skipped:\n%s", r.text())
				assert.Contains(t, r.text(), rule.explain, "the failure explains the rule")
				b.Heal()
			})
		}
	}
	for _, faults := range []map[string]map[string]func(*broken){readFaults, capabilityFaults} {
		for name := range faults {
			assert.True(t, known[name], "there is no such rule: %s", name)
		}
	}
}

func TestEveryRulePassesAProviderThatKeepsIt(t *testing.T) {
	for _, rule := range rules {
		b := &broken{Provider: new(Provider)}
		h := memory(b.Provider)
		h.New = func(testing.TB) secrets.Provider { return b }
		r := record(t, func(tb testing.TB) { rule.check(tb, h) })
		assert.False(t, r.Failed() || r.Skipped(), "%s:\n%s", rule.name, r.text())
	}
}

func TestWhatIsDeclaredImpossibleIsSkippedWithTheReason(t *testing.T) {
	h := memory(new(Provider))
	h.Delete, h.Stall = nil, nil
	h.NoBinary, h.NoEmpty, h.NoRecreate, h.NoBatch, h.NoList, h.NoWatch = true, true, true, true, true, true
	skipped := map[string]bool{}
	for _, rule := range rules {
		r := record(t, func(tb testing.TB) { rule.check(tb, h) })
		assert.False(t, r.Failed(), r.text())
		if r.Skipped() {
			skipped[rule.name] = true
			assert.Contains(t, r.text(), "declared: ")
		}
	}
	assert.Len(t, skipped, 14, "%v", slices.Sorted(maps.Keys(skipped)))
}

func TestAHarnessMayTakeItsTime(t *testing.T) {
	// What was put is visible a moment later, as eventually consistent
	// backends have it.
	p := new(Provider)
	h := memory(p)
	var wg sync.WaitGroup
	later := func(do func()) { wg.Go(func() { <-time.After(15 * time.Millisecond); do() }) }
	h.Put = func(_ testing.TB, path string, data []byte) { later(func() { p.Set(path, string(data)) }) }
	h.Delete = func(_ testing.TB, path string) { later(func() { p.Delete(path) }) }

	name := func(r rule) bool { return r.name == "a document that was deleted and put again is found" }
	rule := rules[slices.IndexFunc(rules, name)]
	r := record(t, func(tb testing.TB) { rule.check(tb, h) })
	wg.Wait()
	assert.True(t, r.Failed(), "without Settle, a late Put is a failure")

	h.Settle = 5 * time.Second
	r = record(t, func(tb testing.TB) { rule.check(tb, h) })
	wg.Wait()
	assert.False(t, r.Failed(), r.text())
}

func jsonObject(t *testing.T, key string, value []byte) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]string{key: string(value)})
	require.NoError(t, err)
	return data
}
