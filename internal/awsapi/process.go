package awsapi

import (
	"context"
	"os/exec"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A process gets credentials from what the command of a profile's
// credential_process prints. The SDK's own provider has no bound on that, and
// goes on for as long as anything that the command has started prints, whether
// somebody waits or not.
type process struct {
	command string
	chain   []aws.CredentialSource
}

// outputDelay is how long the output is read after the command has ended, or was
// ended: something that it has started may still have it open.
const outputDelay = 2 * time.Second

// Retrieve runs the command. It ends with the step that it is a part of.
func (p *process) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(stepOf(ctx).ctx, cancel)()
	out := &output{left: largestCredentials, stop: cancel}
	c, err := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd, err := processcreds.DefaultNewCommandBuilder{Args: []string{p.command}}.NewCommand(ctx)
		if err == nil {
			cmd.Stdout, cmd.WaitDelay = out, outputDelay
		}
		return cmd, err
	})).Retrieve(ctx)
	if err != nil && out.left < 0 {
		err = &processcreds.ProviderError{Err: errOutput}
	}
	return c, err
}

// ProviderSources tells where the credentials come from, as the SDK's own
// provider does.
func (p *process) ProviderSources() []aws.CredentialSource { return p.chain }

var (
	errOutput = &processError{"it printed more than 256 KiB, and credentials are shorter"}
	errOpen   = &processError{"it has ended, and something that it started still has its output open"}
)

// An output counts what the command prints, and stops it when that is too much.
// It is read again when the command has ended.
type output struct {
	left int
	stop func()
}

// Write takes what fits.
func (o *output) Write(p []byte) (int, error) {
	if o.left -= len(p); o.left < 0 {
		o.stop()
		return 0, errOutput
	}
	return len(p), nil
}

// bounded returns the credentials of a configuration, with a process in place of
// the SDK's own where they come from one.
func bounded(cfg aws.Config, shared *config.SharedConfig) aws.CredentialsProvider {
	chain := sources(cfg.Credentials)
	if !has(chain, aws.CredentialSourceProcess) {
		return cfg.Credentials
	}
	chain = slices.DeleteFunc(slices.Clone(chain), func(s aws.CredentialSource) bool { return s == aws.CredentialSourceSTSAssumeRole })
	return aws.NewCredentialsCache(fromProcess(cfg, shared, chain))
}

// fromProcess makes what the SDK makes of a profile whose credentials, or those
// of its source_profile, come from a process: the roles over it are assumed with
// these.
func fromProcess(cfg aws.Config, shared *config.SharedConfig, chain []aws.CredentialSource) aws.CredentialsProvider {
	cfg.Credentials = &process{shared.CredentialProcess, chain}
	if shared.Source != nil {
		cfg.Credentials = fromProcess(cfg, shared.Source, chain)
	}
	if shared.RoleARN == "" {
		return cfg.Credentials
	}
	return stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), shared.RoleARN, func(a *stscreds.AssumeRoleOptions) {
		a.RoleSessionName, a.CredentialSources = shared.RoleSessionName, chain
		if shared.RoleDurationSeconds != nil && *shared.RoleDurationSeconds > stscreds.DefaultDuration {
			a.Duration = *shared.RoleDurationSeconds
		}
		if shared.ExternalID != "" {
			a.ExternalID = aws.String(shared.ExternalID)
		}
	})
}
