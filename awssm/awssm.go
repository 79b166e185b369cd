package awssm

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
)

func init() {
	secrets.Register("awssm", secrets.Backend{
		Open:            open,
		Options:         awsapi.Names,
		DocumentOptions: []string{"stage", "version"},
		OperatorOptions: awsapi.OperatorNames,
		Translate:       translate,
		Check:           check,
	})
}

// A Provider reads secrets from AWS Secrets Manager. It is safe for
// concurrent use.
type Provider struct {
	session *awsapi.Session
	gate    awsapi.Gate
	log     *slog.Logger // nil: slog.Default
}

var (
	_ secrets.BatchProvider = (*Provider)(nil)
	_ secrets.ListProvider  = (*Provider)(nil)
)

// An Option changes what [New] returns.
type Option func(*Provider)

// WithPrefix puts prefix before every name that is no ARN.
func WithPrefix(prefix string) Option {
	return func(p *Provider) { p.session.Options.Prefix = prefix }
}

// WithoutBatch keeps BatchGetSecretValue from being called, as batch=false
// does in a URI.
func WithoutBatch() Option {
	return func(p *Provider) { p.session.Options.NoBatch = true }
}

// WithLogger says where to log that batches are denied, which happens once.
// The default is [slog.Default].
func WithLogger(log *slog.Logger) Option {
	return func(p *Provider) { p.log = log }
}

// largest is the most that an answer may have, in bytes: twenty secrets of
// 64 KiB, with room for what JSON adds.
const largest = 4 << 20

// New returns a Provider over the user's own client, whose region,
// credentials, retries and endpoint it keeps. Three things are set for each call
// alone: the bodies of requests and responses are never logged, whatever the
// client's log mode; a request that gets no answer in a third of the call's time
// is sent once more; and an answer is read up to 4 MiB.
func New(client *secretsmanager.Client, opts ...Option) *Provider {
	o := client.Options()
	p := &Provider{session: awsapi.Given(client, new(awsapi.Options), largest, o.Region, o.Credentials, o.HTTPClient)}
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// open makes the provider of a URI. Nothing is read before the first secret
// is asked for.
func open(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
	o, err := awsapi.ParseOptions(base.Options)
	if err != nil {
		return nil, err
	}
	return &Provider{session: awsapi.Open(o, "secrets_manager", largest, func(cfg aws.Config) (any, *string) {
		client := secretsmanager.NewFromConfig(cfg)
		return client, client.Options().BaseEndpoint
	})}, nil
}

// check refuses a URI that no provider can be opened with, or no secret read.
func check(ref secrets.Ref) error {
	o, err := awsapi.ParseOptions(ref.Options)
	if err != nil {
		return err
	}
	if err := o.CheckPrefix(spell); err != nil {
		return err
	}
	switch {
	case ref.Path != "": // a reference
		_, err = locate(o, ref)
		return err
	case ref.Base != "" && !awsapi.IsARN(ref.Base):
		if err := o.CheckBase(ref.Base, spell); err != nil {
			return err
		}
	}
	return checkVersion(ref.Options)
}

// Close ends what the provider has begun. A user's own client stays open.
func (p *Provider) Close() error { return p.session.Close() }

// A conn is the client with what its calls need.
type conn = awsapi.Conn

func client(c *conn) *secretsmanager.Client { return c.Client.(*secretsmanager.Client) }

// callOptions are the options of one call.
func callOptions(c *conn, region string) func(*secretsmanager.Options) {
	return func(o *secretsmanager.Options) {
		o.HTTPClient = c.HTTP
		c.Tune(awsapi.CallOptions{
			Region: &o.Region, BaseEndpoint: &o.BaseEndpoint, Credentials: &o.Credentials, LogMode: &o.ClientLogMode, Retryer: &o.Retryer,
		}, region)
	}
}
