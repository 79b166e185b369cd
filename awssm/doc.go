// Package awssm reads secrets from AWS Secrets Manager. Import it for its
// scheme:
//
//	import _ "github.com/go-secrets/secrets/awssm"
//
//	r, err := secrets.Open(ctx, "awssm://prod?region=eu-west-1")
//	password, err := r.Get(ctx, "db/password") // secret prod/db/password, or field password of prod/db
//
// Over a client of your own, with its credentials, retries and endpoint, use
// [New].
//
// # Names
//
// A name is the name of a secret, with the base in front of it. A secret of
// key/value pairs is one document, a JSON object: db#password is its field,
// and db/password finds it too, where no secret has that name.
//
//	awssm://prod?region=eu-west-1                  base: db/password is the secret prod/db/password
//	awssm://?region=eu-west-1                      base: names as they are
//	awssm://prod/db?stage=AWSPREVIOUS#password     reference to a stage
//	awssm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf
//	                                               reference; the region is that of the ARN
//	arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf:password::
//	                                               the same as ECS writes it, with a field
//
// A secret of another account needs its whole ARN, with the suffix. An ARN is read in its own
// region, in every partition. What starts with arn: is refused as a name,
// since a name may be input.
//
// Secrets Manager's names have ASCII letters, digits and /_+=.@- (and ! where
// a service manages them), at most 512. A name with other characters has no
// secret of its own, and only its parent is looked for.
//
// A binary secret is its bytes.
//
// # Options
//
// Of a provider:
//
//	region       overrides AWS_REGION and the profile's region
//	profile      of the shared configuration files; overrides AWS_PROFILE and keys in the environment
//	role         the ARN of a role to assume with the credentials found
//	external_id  that the role's trust policy asks for
//	endpoint     base URL in place of Amazon's: an emulator, a VPC endpoint
//	allow_http   true: plain http may leave this machine
//	prefix       put before every name that is no ARN: team- makes db the secret team-db
//	batch        false: BatchGetSecretValue is never called
//
// Of a document:
//
//	stage        a staging label; default AWSCURRENT
//	version      a VersionId
//
// AWSPENDING, the half of a rotation, is read only if stage asks for it by
// name.
//
// From three secrets on, they are read with BatchGetSecretValue, 20 in a call;
// those with a stage or version are read singly, and names and ARNs never go
// into one call. Where the policy denies
// batches, secrets are read singly, and the log says so once. A denied batch
// is not tried again: for 10 minutes, and for the life of the provider once a
// single read has succeeded. Where a denied call is an alarm, say batch=false;
// where a try of a name that does not exist is one, see search=exact and
// search=parent of package secrets.
//
// # Credentials
//
// The SDK's default chain: the environment, web identity (service accounts on
// EKS), the shared configuration files with SSO, roles and processes, the
// container's endpoint (ECS, EKS Pod Identity), the metadata service of EC2.
// No URI holds a credential.
//
// If there are none, the error comes within two seconds and says what was tried
// and what to do. A source that is throttled, fails, is slow or not up yet (STS,
// the SSO portal, credential_process, the container's endpoint, instance
// metadata) has the time of the read, and its failure the class of its cause: it
// is tried again as the service is. When the service refuses credentials, the
// environment and the files are read again, and if they have others now, the
// read goes on with these.
//
// Requests for secrets and for credentials go over https. Plain http is for this
// machine and the fixed addresses of metadata services, and where allow_http=true
// or SECRETS_ALLOW_HTTP=host says so, as an emulator on another host needs.
// Credentials, and what is set where the name of a file belongs, are in no error.
//
// # Permissions
//
// This policy is the least that reads secrets below prod/. The second
// statement is for batches and can be granted on * only: it opens no secret by
// itself. The third is for secrets that a key of your own encrypts. For
// listing, add secretsmanager:ListSecrets to the second.
//
//	{
//	  "Version": "2012-10-17",
//	  "Statement": [
//	    {
//	      "Effect": "Allow",
//	      "Action": "secretsmanager:GetSecretValue",
//	      "Resource": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/*"
//	    },
//	    {
//	      "Effect": "Allow",
//	      "Action": "secretsmanager:BatchGetSecretValue",
//	      "Resource": "*"
//	    },
//	    {
//	      "Effect": "Allow",
//	      "Action": "kms:Decrypt",
//	      "Resource": "arn:aws:kms:eu-west-1:123456789012:key/KEY-ID",
//	      "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}
//	    }
//	  ]
//	}
//
// For one secret, end its ARN in -??????, the six characters that Secrets
// Manager appends. IAM denies a name that does not exist as it denies any
// other: in a chain, a member with such a policy goes last.
//
// # Errors
//
//	ErrNotFound         no such secret, version or stage; no value yet; scheduled for deletion
//	ErrPermission       secretsmanager:GetSecretValue is missing, or kms:Decrypt on the secret's key, or the key is disabled
//	ErrUnauthenticated  no credentials, expired or refused ones, a clock that is wrong
//	ErrThrottled        too many calls
//	ErrUnavailable      no answer in time, no connection, an answer that is too large, an internal error of the service, an answer
//	                    that is not the service's, an answer of another stage than the one asked for, twice
//	ErrInvalid          no region, a malformed option or ARN, a name that the service cannot hold
//
// The SDK's own error is found by errors.As: *types.ResourceNotFoundException
// of the service's package, [github.com/aws/smithy-go.APIError] with the code.
// Responses are taken out of it, since their bodies may hold secrets.
//
// Bodies of requests and responses are never logged, whatever the client's log
// mode says.
//
// # Rotation
//
// A Secret's Version is the VersionId. A rotation is seen when the TTL has
// passed, at most 5 minutes by default, in one batch with what else is due.
//
// Secrets Manager's rotation by one user changes the database first and moves
// AWSCURRENT after: for a moment no stage has a password that works. Use
// secretsql, or Resolver.Retry, which read again until the new version is
// there. Rotation by two users has no such moment.
//
// Reads are eventually consistent: an answer that does not bear the stage that
// was asked for is read again.
package awssm
