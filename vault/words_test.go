package vault

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestTheServersWordsAreToldOfAnEngineAloneAndWithoutCredentials(t *testing.T) {
	f := &fakeVault{}
	f.reads = func(token string) (int, string) {
		return 500, `{"errors":["1 error occurred:\n\t* dial postgres://root:hunter2@db:5432: PASSWORD 'hunter3', token=hunter4, sent by ` + token + `\n"]}`
	}
	p := f.provider(t, WithToken(Text("hvs.CAESIJ0sent")), WithoutRenewal())
	_, err := p.Fetch(context.Background(), engineRef("db/creds/app", "database"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "it says: 1 error occurred: * dial postgres://…db:5432")
	for _, secret := range []string{"hunter", "hvs.CAESIJ0sent"} {
		assert.NotContains(t, err.Error(), secret)
	}
	for path, engine := range map[string]string{"kv/x": "", "cubbyhole/x": "cubbyhole"} {
		ref := secrets.Ref{Path: path}
		if engine != "" {
			ref = engineRef(path, engine)
		}
		_, err = p.Fetch(context.Background(), ref)
		require.ErrorIs(t, err, secrets.ErrUnavailable, path)
		assert.NotContains(t, err.Error(), "occurred", path)
	}
}
