package aws

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/go-secrets/secrets/awssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/figures"
)

const (
	starts = 10 // of a program, at once
	role   = "arn:aws:iam::123456789012:role/reader"
)

// A blip is something that is wrong while programs start.
type blip struct {
	trouble func() awstest.Trouble // of the credential source
	from    func(t *testing.T, url string)
	role    bool          // the programs assume a role of their own
	service time.Duration // for how long the service throttles
}

func throttled() awstest.Trouble {
	return awstest.Trouble{Until: time.Now().Add(time.Second), Status: http.StatusBadRequest}
}

func unavailable() awstest.Trouble {
	return awstest.Trouble{Until: time.Now().Add(time.Second), Status: http.StatusServiceUnavailable}
}

func slow() awstest.Trouble { return awstest.Trouble{Slow: 2500 * time.Millisecond} }

func late() awstest.Trouble { return awstest.Trouble{Late: time.Second} }

func well() awstest.Trouble { return awstest.Trouble{} }

func fromSTS(t *testing.T, url string) {
	awstest.Environment(t, append(awstest.Keys, "AWS_ENDPOINT_URL_STS="+url)...)
}

func fromWebIdentity(t *testing.T, url string) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("a-web-identity-token"), 0o600))
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS="+url, "AWS_ROLE_ARN="+role, "AWS_WEB_IDENTITY_TOKEN_FILE="+file)
}

func fromContainer(t *testing.T, url string) {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+url)
}

func fromMetadata(t *testing.T, url string) {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+url)
}

func fromProcess(t *testing.T, _ string) {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
	profile(t, "[profile dev]\ncredential_process = sleep 2.5; echo '{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"x\"}'\n")
}

func fromSSO(t *testing.T, url string) {
	awstest.Environment(t, "AWS_PROFILE=dev", "AWS_ENDPOINT_URL_SSO="+url)
	profile(t, "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = reader\nregion = eu-west-1\n"+
		"[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n")
	sum := sha1.Sum([]byte("corp"))
	cache := filepath.Join(os.Getenv("HOME"), ".aws", "sso", "cache")
	require.NoError(t, os.MkdirAll(cache, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cache, hex.EncodeToString(sum[:])+".json"),
		[]byte(`{"accessToken":"an-access-token","expiresAt":"2099-01-01T00:00:00Z","region":"eu-west-1","startUrl":"https://example.awsapps.com/start"}`), 0o600))
}

func profile(t *testing.T, text string) {
	require.NoError(t, os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600))
}

// bare starts a program that uses the SDK alone, as its guide shows.
func bare(ctx context.Context, b blip, endpoint string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if b.role {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role))
	}
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = &endpoint })
	_, err = client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
	return err
}

// ours starts a program that uses the library.
func ours(ctx context.Context, b blip, endpoint string) error {
	uri := "awssm://prod?search=exact&endpoint=" + endpoint
	if b.role {
		uri += "&role=" + role
	}
	r, err := secrets.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = r.Get(ctx, "db")
	return err
}

// TestAStartSurvivesWhatTheSDKAloneSurvives starts ten programs at once, with
// ten seconds each, and tells how many succeed, and when the last of them has.
func TestAStartSurvivesWhatTheSDKAloneSurvives(t *testing.T) {
	for _, c := range []struct {
		name string
		blip
	}{
		{"STS throttled for 1 s", blip{throttled, fromSTS, true, 0}},
		{"STS 503 for 1 s", blip{unavailable, fromSTS, true, 0}},
		{"the Pod Identity agent a second late", blip{late, fromContainer, false, 0}},
		{"instance metadata a second late", blip{late, fromMetadata, false, 0}},
		{"credential_process of 2.5 s", blip{well, fromProcess, false, 0}},
		{"web identity slow by 2.5 s", blip{slow, fromWebIdentity, false, 0}},
		{"?role= slow by 2.5 s", blip{slow, fromSTS, true, 0}},
		{"SSO slow by 2.5 s", blip{slow, fromSSO, false, 0}},
		{"the service throttled for 1 s", blip{well, fromSTS, false, time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sdk, sdkTook := c.run(t, bare)
			own, ownTook := c.run(t, ours)
			figures.Tell(t, "%s: the SDK alone %d of %d in %.1f s, the library %d of %d in %.1f s", c.name,
				sdk, starts, sdkTook.Seconds(), own, starts, ownTook.Seconds())
			assert.Equal(t, starts, own)
			assert.GreaterOrEqual(t, own, sdk)
		})
	}
}

// run starts programs in a blip of their own, and returns how many succeeded,
// and when the last of all had ended.
func (b blip) run(t *testing.T, start func(context.Context, blip, string) error) (succeeded int, took time.Duration) {
	b.from(t, awstest.NewSource(t, b.trouble()).URL)
	throttled := time.Now().Add(b.service)
	m := awstest.SecretsManager{"prod/db": "a value"}
	server := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if time.Now().Before(throttled) {
			return awstest.Fail(400, "ThrottlingException", "Rate exceeded")
		}
		return m.Handle(r)
	})
	var good atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range starts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := start(ctx, b, server.URL); err != nil {
				t.Logf("%v", err)
				return
			}
			good.Add(1)
		})
	}
	wg.Wait()
	return int(good.Load()), time.Since(begun)
}
