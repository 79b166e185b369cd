// Package authgcp lets the Vault backend log in with a Google Cloud identity
// (auth=gcp). A blank import is enough:
//
//	import _ "github.com/go-secrets/secrets/vault/authgcp"
//
// It is a package of its own because it links the Google Cloud SDK.
//
// # Options
//
// In a vault:// URI:
//
//	auth=gcp        this method
//	role            the role to log in as; required
//	auth_mount      where the method is mounted; gcp by default
//	auth_type       gce (default): the instance's identity from its metadata
//	                server; iam: a JWT that IAM signs for a service account
//	auth_account    the service account's e-mail address (iam); the caller needs
//	                iam.serviceAccounts.signJwt on it
//
// # Credentials
//
// For gce, the metadata server of the instance. For iam, the application default
// credentials.
package authgcp

import (
	"fmt"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/gcp"

	"github.com/go-secrets/secrets/vault"
)

func init() { vault.RegisterAuth("gcp", method) }

// method makes the login of a URI.
func method(o vault.AuthOptions) (api.AuthMethod, error) {
	if o.Role == "" {
		return nil, fmt.Errorf("option role is missing")
	}
	if o.Region != "" || o.Header != "" {
		return nil, fmt.Errorf("options auth_region and auth_header mean nothing here")
	}
	var opts []gcp.LoginOption
	switch o.Type {
	case "", "gce":
		if o.Account != "" {
			return nil, fmt.Errorf("option auth_account is for auth_type=iam")
		}
		opts = append(opts, gcp.WithGCEAuth())
	case "iam":
		if o.Account == "" {
			return nil, fmt.Errorf("auth_type=iam needs auth_account=")
		}
		opts = append(opts, gcp.WithIAMAuth(o.Account))
	default:
		return nil, fmt.Errorf("option auth_type is gce or iam")
	}
	if o.Mount != "" {
		opts = append(opts, gcp.WithMountPath(o.Mount))
	}
	return gcp.NewGCPAuth(o.Role, opts...)
}
