// Package ssm reads secrets from AWS Systems Manager Parameter Store. Import it
// for its scheme:
//
//	import _ "github.com/go-secrets/secrets/ssm"
//
//	r, err := secrets.Open(ctx, "ssm:///prod?region=eu-west-1")
//	password, err := r.Get(ctx, "db/password") // parameter /prod/db/password, or field password of /prod/db
//
// Over a client of your own, with its credentials, retries and endpoint, use
// [New].
//
// # Names
//
// A name is the name of a parameter, with the base and a slash in front of it.
// A parameter that is a JSON object has fields: db#password is one, and
// db/password finds it too, where no parameter has that name.
//
//	ssm:///prod?region=eu-west-1              base: db/password is the parameter /prod/db/password; ssm://prod is the same
//	ssm://?region=eu-west-1                   base: db/password is the parameter /db/password
//	ssm:///prod/db/password?version=4         reference to a version; also ssm:///prod/db/password:4
//	ssm:///prod/db/password?label=blue        reference to a label; also ssm:///prod/db/password:blue
//	ssm://db-password                         reference to a parameter without a leading slash
//	ssm://arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db
//	                                          reference; the region is that of the ARN
//
// The parameters db and /db are two. A reference says which. The name db, with
// no base, is the parameter /db, and if there is none, db.
//
// A parameter that another account shares needs its whole ARN. An ARN is read
// in its own region, in every partition. A selector (a colon) is refused in a
// name, since a name may be input.
//
// Parameter names have ASCII letters, digits and /_.-, at most 1011. A name
// with other characters has no parameter of its own, and only its parent is
// looked for.
//
// A SecureString is decrypted; a StringList is its text, commas included. The
// parameters below /aws/reference/secretsmanager/, which stand for secrets of
// Secrets Manager, are refused: package awssm reads those with their versions.
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
//	prefix       put before every name that is no ARN
//	tree         true: where there is no parameter of a name, the parameters one level below it are a JSON object
//	batch        false: GetParameters is never called
//
// Of a document:
//
//	version      the number of a version
//	label        the label of a version
//
// Several parameters are read with GetParameters, 10 in a call. Parameter
// Store denies such a call as a whole for one name that is denied, or whose key
// is; all names in it are then read singly, so that the error falls on the
// right one, which is kept out of batches for 10 minutes. If none of the single
// reads was denied, it is GetParameters that is: batches are off for the life of
// the provider, and the log says so. Where a denied call is an alarm, say
// batch=false; where a try of a name that does not exist is one, see
// search=exact and search=parent of package secrets.
//
// Parameter Store allows 40 requests a second for a whole account, unless a
// higher throughput is paid for: mind it when you lower the TTL of many
// processes.
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
// This policy is the least that reads parameters below /prod/. GetParameters
// is for batches. The second statement is for a SecureString that a key of
// your own encrypts. For tree=true, add ssm:GetParametersByPath to the first;
// for listing, a statement that allows ssm:DescribeParameters on *.
//
//	{
//	  "Version": "2012-10-17",
//	  "Statement": [
//	    {
//	      "Effect": "Allow",
//	      "Action": ["ssm:GetParameter", "ssm:GetParameters"],
//	      "Resource": "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/*"
//	    },
//	    {
//	      "Effect": "Allow",
//	      "Action": "kms:Decrypt",
//	      "Resource": "arn:aws:kms:eu-west-1:123456789012:key/KEY-ID",
//	      "Condition": {"StringEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}}
//	    }
//	  ]
//	}
//
// The ARN of a parameter has one slash before its name, whether the name has
// one or not.
//
// # Errors
//
//	ErrNotFound         no such parameter, version or label
//	ErrPermission       ssm:GetParameter is missing, or kms:Decrypt on the parameter's key, or the key is disabled
//	ErrUnauthenticated  no credentials, expired or refused ones, a clock that is wrong
//	ErrThrottled        too many calls
//	ErrUnavailable      no answer in time, no connection, an answer that is too large, an internal error of the service, an answer
//	                    that is not the service's
//	ErrInvalid          no region, a malformed option or ARN, two selectors, a name that the service cannot hold
//
// The SDK's own error is found by errors.As: *types.ParameterNotFound of the
// service's package, [github.com/aws/smithy-go.APIError] with the code.
// Responses are taken out of it, since their bodies may hold secrets.
//
// Bodies of requests and responses are never logged, whatever the client's log
// mode says.
//
// # Rotation
//
// A Secret's Version is the parameter's version and the date of its last
// change, for a parameter that is deleted and made again starts at version 1
// again. A change is seen when the TTL has passed, at most 5 minutes by
// default, in one batch with what else is due. A label that moves is a change;
// a reference to a version never changes.
//
// With tree=true, more than ten parameters are read in several pages, at
// moments of their own. What must change together belongs in one parameter.
package ssm
