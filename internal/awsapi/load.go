package awsapi

import (
	"bytes"
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// load reads the environment and the shared configuration files and prepares
// the credential chain, whose requests go through send. It sends nothing.
func (o *Options) load(ctx context.Context, hide *hidden, send *sender) (aws.Config, error) {
	if err := checkFiles(); err != nil {
		return aws.Config{}, err
	}
	shared := o.shared(ctx)
	hide.addEnvironment()
	for s := &shared; s != nil; s = s.Source {
		hide.addFile(s.WebIdentityTokenFile)
		hide.addFile(s.CustomCABundle)
		hide.add(s.Credentials.SecretAccessKey, s.Credentials.SessionToken)
		hide.addURL(s.BaseEndpoint)
		hide.addURL(s.EC2IMDSEndpoint)
		for _, service := range s.Services.ServiceValues {
			hide.addURL(service["endpoint_url"])
		}
	}
	load := []func(*config.LoadOptions) error{
		config.WithRegion(o.Region),
		config.WithSharedConfigProfile(o.Profile),
		config.WithLogger(logging.Nop{}), // it would write to standard error, whatever the program's log is
		config.WithRetryer(func() aws.Retryer { return credentialRetryer{} }),
		config.WithHTTPClient(awshttp.NewBuildableClient()), // which the SDK adds the certificates to
		config.WithAPIOptions([]func(*middleware.Stack) error{send.add}),
		config.WithWebIdentityRoleCredentialOptions(func(w *stscreds.WebIdentityRoleOptions) {
			if name, ok := w.TokenRetriever.(stscreds.IdentityTokenFile); ok {
				setting := "web_identity_token_file"
				if string(name) == os.Getenv(variableIdentity) {
					setting = variableIdentity
				}
				w.TokenRetriever = &tokenFile{setting, string(name), hide}
			}
		}),
		config.WithEndpointCredentialOptions(func(e *endpointcreds.Options) {
			if name := os.Getenv(variableContainer); name != "" {
				e.AuthorizationTokenProvider = &tokenFile{variableContainer, name, hide}
			}
		}),
	}
	pem, err := authorities(ctx, &shared)
	if err != nil {
		return aws.Config{}, err
	}
	if pem != nil {
		load = append(load, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, o.configFailed(err, hide, pem != nil)
	}
	if cfg.Region != "" && !isRegion(cfg.Region) {
		return aws.Config{}, o.noSuchRegion(cfg.Region)
	}
	cfg.ClientLogMode = Quiet(cfg.ClientLogMode)
	send.start(cfg)
	cfg.Credentials = bounded(cfg, &shared)
	if o.Role != "" {
		cfg.Credentials = o.assume(cfg)
	}
	cfg.APIOptions = nil // the service's client has an HTTP client of its own
	return cfg, nil
}

// shared returns what the shared files say of the profile that the SDK would
// use; nothing, if they cannot be read: the SDK says why.
func (o *Options) shared(ctx context.Context) config.SharedConfig {
	files := configFiles()
	shared, err := config.LoadSharedConfigProfile(ctx, o.profileName(), func(l *config.LoadSharedConfigOptions) {
		l.ConfigFiles, l.CredentialsFiles, l.Logger = files[:1], files[1:], logging.Nop{}
	})
	if err != nil {
		return config.SharedConfig{}
	}
	return shared
}

// assume returns the credentials of the role that option role names.
func (o *Options) assume(cfg aws.Config) aws.CredentialsProvider {
	chain := sources(cfg.Credentials)
	cfg.Credentials = &baseCredentials{cfg.Credentials}
	role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), o.Role, func(a *stscreds.AssumeRoleOptions) {
		if o.ExternalID != "" {
			a.ExternalID = aws.String(o.ExternalID)
		}
		a.CredentialSources = chain
	})
	return aws.NewCredentialsCache(role)
}

// baseCredentials are those that a role is assumed with. Their failure is told
// from one of the role.
type baseCredentials struct{ aws.CredentialsProvider }

func (b *baseCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := b.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &baseError{err}
	}
	return c, err
}

type baseError struct{ err error }

func (e *baseError) Error() string { return e.err.Error() }
func (e *baseError) Unwrap() error { return e.err }
