// Package awsapi is what the backends on AWS share: how a client is
// configured and gets its credentials, how a failure is judged and described,
// and how many calls go side by side.
package awsapi

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// Names of the provider options that every backend on AWS has.
var Names = []string{"region", "profile", "role", "external_id", "endpoint", "prefix", "batch"}

// OperatorNames are those that a reference in a value may not set: where
// requests go, and whose credentials sign them.
var OperatorNames = []string{"allow_http", "endpoint", "external_id", "profile", "role"}

// Options are the provider options that every backend on AWS has.
type Options struct {
	_ notComparable

	Region     string // overrides AWS_REGION and the profile's
	Profile    string // of the shared configuration files; overrides AWS_PROFILE and keys in the environment
	Role       string // ARN of a role to assume with the credentials found
	ExternalID string // that the role's trust policy asks for
	Endpoint   string // base URL of the service
	Prefix     string // put before every path that is no ARN
	NoBatch    bool   // batch=false
}

// ParseOptions reads the provider options of a URI.
func ParseOptions(options map[string]string) (*Options, error) {
	o := &Options{
		Region:     options["region"],
		Profile:    options["profile"],
		Role:       options["role"],
		ExternalID: options["external_id"],
		Endpoint:   options["endpoint"],
		Prefix:     options["prefix"],
	}
	if s, ok := options["batch"]; ok {
		batch, err := strconv.ParseBool(s)
		if err != nil {
			return nil, invalid("option batch is true or false")
		}
		o.NoBatch = !batch
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, invalid("option endpoint reads http://host:port or https://host:port")
		}
	}
	if o.Role != "" {
		if _, err := ParseARN(o.Role, "iam"); err != nil {
			return nil, invalid("option role reads arn:aws:iam::ACCOUNT:role/NAME")
		}
	}
	if o.ExternalID != "" && o.Role == "" {
		return nil, invalid("option external_id belongs to option role, which is not set")
	}
	return o, nil
}

// Path puts the prefix before a path that is no ARN, with one slash between
// them if either has one there.
func (o *Options) Path(path string) string {
	if strings.HasSuffix(o.Prefix, "/") {
		path = strings.TrimPrefix(path, "/")
	}
	return o.Prefix + path
}

// load reads the environment and the shared configuration files and prepares
// the credential chain. It sends nothing.
func (o *Options) load(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(o.Region),
		config.WithSharedConfigProfile(o.Profile),
		config.WithLogger(logging.Nop{}),                                   // it would write to standard error, whatever the program's log is
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // the Session and the resolver try again
		// Credentials are fetched once an hour at most: no connection stays
		// behind that nothing could close.
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.DisableKeepAlives = true
		})),
	)
	if err != nil {
		return aws.Config{}, err
	}
	cfg.ClientLogMode = Quiet(cfg.ClientLogMode)
	if o.Role != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), o.Role, func(a *stscreds.AssumeRoleOptions) {
			if o.ExternalID != "" {
				a.ExternalID = aws.String(o.ExternalID)
			}
			a.CredentialSources = sources(cfg.Credentials)
		})
		cfg.Credentials = aws.NewCredentialsCache(role)
	}
	return cfg, nil
}

// profile is the name of the profile that the SDK would use.
func (o *Options) profile() string {
	for _, name := range []string{o.Profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE")} {
		if name != "" {
			return name
		}
	}
	return "default"
}

// sources tells where a credential provider would get its credentials.
func sources(p aws.CredentialsProvider) []aws.CredentialSource {
	if s, ok := p.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

func invalid(msg string) error { return fault.New(secrets.ErrInvalid, msg, nil) }
