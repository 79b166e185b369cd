package cache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARetiredLeaseKeepsNoBytes(t *testing.T) {
	c := New(Config{TTL: time.Minute, MaxStale: time.Hour, Clock: SystemClock()}, nil)
	expires := time.Now().Add(time.Hour)
	tx := c.Lock()
	defer tx.Unlock()
	tx.retire(nil, NewVersion(Fetched{Data: "password", ID: "1", Lease: "lease", Expires: expires, Content: "made of it"}))
	require.Len(t, c.retired, 1)
	kept := c.retired[0].version
	assert.Empty(t, kept.Data())
	assert.Nil(t, kept.Content)
	assert.Equal(t, "lease", kept.Lease())
	assert.Equal(t, "1", kept.ID())
	assert.Equal(t, expires, kept.Expires())
}
