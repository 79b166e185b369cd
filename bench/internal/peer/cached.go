package peer

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"github.com/tailscale/setec/client/setec"
	"github.com/tailscale/setec/types/api"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/awssecretsmanager"

	"github.com/go-secrets/secrets/bench/internal/fake"
)

type awsCache struct{ *secretcache.Cache }

func openAWSCache(b *fake.Backend, o Options) (Reader, error) {
	client, err := SecretsManager(b)
	if err != nil {
		return nil, err
	}
	c, err := secretcache.New(func(c *secretcache.Cache) {
		c.Client = client
		c.CacheItemTTL = o.ttl().Nanoseconds()
		c.MaxCacheSize = max(o.Max, secretcache.DefaultMaxCacheSize)
	})
	return awsCache{c}, err
}

func (c awsCache) Get(ctx context.Context, name string) (string, error) {
	return c.GetSecretStringWithContext(ctx, name)
}

func (awsCache) Close() error { return nil }

// A runtimeVar is a map of variables, each opened when it is first asked for:
// the package has no lookup by name of its own.
type runtimeVar struct {
	client *secretsmanager.Client
	o      Options
	mu     sync.Mutex
	vars   map[string]*runtimevar.Variable
}

func openRuntimeVar(b *fake.Backend, o Options) (Reader, error) {
	client, err := SecretsManager(b)
	r := &runtimeVar{client: client, o: o, vars: make(map[string]*runtimevar.Variable)}
	return r, err
}

// Variable returns the variable of a name.
func (r *runtimeVar) Variable(name string) (*runtimevar.Variable, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.vars[name]; v != nil {
		return v, nil
	}
	v, err := awssecretsmanager.OpenVariable(r.client, name, runtimevar.StringDecoder, &awssecretsmanager.Options{WaitDuration: r.o.ttl()})
	if err == nil {
		r.vars[name] = v
	}
	return v, err
}

func (r *runtimeVar) Get(ctx context.Context, name string) (string, error) {
	v, err := r.Variable(name)
	if err != nil {
		return "", err
	}
	s, err := v.Latest(ctx)
	if err != nil {
		return "", err
	}
	return s.Value.(string), nil
}

func (r *runtimeVar) Close() error {
	var errs []error
	for _, v := range r.vars {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}

// setecClient is what setec's store reads from: Secrets Manager in place of
// setec's own server, so that the backend is the same.
type setecClient struct{ client *secretsmanager.Client }

func (c setecClient) Get(ctx context.Context, name string) (*api.SecretValue, error) {
	out, err := c.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return nil, err
	}
	value := aws.ToString(out.SecretString)
	generation, err := fake.Generation(value)
	return &api.SecretValue{Value: []byte(value), Version: api.SecretVersion(generation + 1)}, err
}

func (c setecClient) GetIfChanged(ctx context.Context, name string, old api.SecretVersion) (*api.SecretValue, error) {
	s, err := c.Get(ctx, name)
	if err == nil && s.Version == old {
		return nil, api.ErrValueNotChanged
	}
	return s, err
}

// SetecClient returns what setec's store reads from.
func SetecClient(b *fake.Backend) (setec.StoreClient, error) {
	client, err := SecretsManager(b)
	return setecClient{client}, err
}

type setecStore struct{ *setec.Store }

func openSetec(b *fake.Backend, o Options) (Reader, error) {
	client, err := SetecClient(b)
	if err != nil {
		return nil, err
	}
	st, err := setec.NewStore(context.Background(), setec.StoreConfig{
		Client: client, Secrets: o.Names, AllowLookup: true, PollInterval: o.ttl(),
		Logf: func(string, ...any) {},
	})
	return setecStore{st}, err
}

func (s setecStore) Get(ctx context.Context, name string) (string, error) {
	if v := s.Secret(name); v != nil {
		return v.GetString(), nil
	}
	v, err := s.LookupSecret(ctx, name)
	if err != nil {
		return "", err
	}
	return v.GetString(), nil
}
