package ssm

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// everything is every bit of the SDK's log mode, known and to come.
const everything = aws.ClientLogMode(1<<64 - 1)

type recorder struct {
	mu sync.Mutex
	bytes.Buffer
}

func (r *recorder) Logf(_ logging.Classification, format string, v ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r, format+"\n", v...)
}

func TestNoValueIsLoggedWithEveryLogModeOn(t *testing.T) {
	t.Parallel()
	const canary = "canary-51c7"
	s := awstest.NewServer(t, awstest.ParameterStore{"a": canary, "b": canary, "c": canary}.Handle)
	log := &recorder{}
	client := clientOf(s, func(o *ssm.Options) {
		o.ClientLogMode, o.Logger = everything, log
	})
	p := New(client)
	_, err := fetch(t, p, referenced("a"))
	require.NoError(t, err)
	for _, r := range p.FetchBatch(t.Context(), references("a", "b", "c")) {
		require.NoError(t, r.Err)
	}
	assert.Contains(t, log.String(), "X-Amz-Target", "the rest is still logged")
	assert.NotContains(t, log.String(), canary)

	// That the canary would be there otherwise.
	_, err = client.GetParameter(context.Background(), &ssm.GetParameterInput{Name: aws.String("a")})
	require.NoError(t, err)
	assert.Contains(t, log.String(), canary)
}
