// Package authaws lets the Vault backend log in with an AWS identity
// (auth=aws). A blank import is enough:
//
//	import _ "github.com/go-secrets/secrets/vault/authaws"
//
// It is a package of its own because it links the AWS SDK.
//
// # Options
//
// In a vault:// URI:
//
//	auth=aws       this method
//	role           the role to log in as; without it Vault takes the name of the IAM principal
//	auth_mount     where the method is mounted; aws by default
//	auth_type      iam (default) or ec2
//	auth_region    the region whose STS endpoint Vault asks (iam); us-east-1 by default
//	auth_header    the value of X-Vault-AWS-IAM-Server-ID, if Vault asks for one (iam)
//
// # Credentials
//
// For iam, credentials are looked for where the AWS SDK does: environment,
// shared files, web identity, container and instance metadata. The call that is
// signed, sts:GetCallerIdentity, needs no permission. For ec2 the instance's
// identity, which its metadata service signs, is the credential.
package authaws

import (
	"fmt"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/aws"

	"github.com/go-secrets/secrets/vault"
)

func init() { vault.RegisterAuth("aws", method) }

// method makes the login of a URI.
func method(o vault.AuthOptions) (api.AuthMethod, error) {
	if o.Account != "" {
		return nil, fmt.Errorf("option auth_account means nothing here")
	}
	var opts []aws.LoginOption
	switch o.Type {
	case "", "iam":
		opts = append(opts, aws.WithIAMAuth())
		if o.Region != "" {
			opts = append(opts, aws.WithRegion(o.Region))
		}
		if o.Header != "" {
			opts = append(opts, aws.WithIAMServerIDHeader(o.Header))
		}
	case "ec2":
		if o.Region != "" || o.Header != "" {
			return nil, fmt.Errorf("options auth_region and auth_header mean nothing with auth_type=ec2")
		}
		opts = append(opts, aws.WithEC2Auth())
	default:
		return nil, fmt.Errorf("option auth_type is iam or ec2")
	}
	if o.Role != "" {
		opts = append(opts, aws.WithRole(o.Role))
	}
	if o.Mount != "" {
		opts = append(opts, aws.WithMountPath(o.Mount))
	}
	return aws.NewAWSAuth(opts...)
}
