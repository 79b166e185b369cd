// Package gcp reads secrets from Google Secret Manager, global and regional.
// Import it for its scheme:
//
//	import _ "github.com/go-secrets/secrets/gcp"
//
//	r, err := secrets.Open(ctx, "gcp://my-project")
//	password, err := r.Get(ctx, "db/password") // secret db-password, or field password of db
//
// Over a client of your own, with its credentials, interceptors and retries,
// use [New].
//
// # Names
//
// The base is the project's id, or its number: gcp://my-project. It has to be
// there: no name may choose a project, but for names over a client of [New].
// What stands
// behind it in the base goes in front of every name.
//
// A secret's id has no slashes: letters, digits, - and _, at most 255 of them.
// The slashes of a name become hyphens, so db/password is the secret
// db-password. The option separator sets another string. A name with other
// characters has no secret of its own, and only its parent is looked for.
// db/password and db-password would be one secret: the one that is asked for
// later is an error that tells both.
//
//	gcp://my-project                               base: names are secrets of that project
//	gcp://my-project/prod                          base: db/password is the secret prod-db-password
//	gcp://my-project?location=europe-west1         base: regional secrets
//	gcp://my-project/db-password?version=7         reference to a version
//	gcp://projects/my-project/secrets/db-password  reference, as the service prints it
//	gcp://projects/my-project/locations/europe-west1/secrets/db-password/versions/7
//
// The newest version is read unless an option says otherwise. A Secret's
// Version is the version's number. After a secret was deleted and made again,
// and its numbers began anew, a number that comes back with other bytes has a
// mark: 1~1.
//
// Listing yields ids as they are, without turning hyphens back into slashes;
// only what the prefix writes with slashes keeps them.
//
// # Options
//
// A wrong value is refused when the URI is opened, before anything is read or
// sent.
//
// Of a provider:
//
//	separator      what stands for a slash in a secret's id; default -
//	location       the location of regional secrets, such as europe-west1. They are served by
//	               secretmanager.LOCATION.rep.googleapis.com; each location has its own client
//	endpoint       host:port, http://host:port or https://host:port in place of Google's. host:port on a
//	               loopback host, and http://, is an emulator, dialled without TLS and without credentials;
//	               host:port elsewhere, and https://, is a private endpoint, with TLS and credentials
//	allow_http     true: host:port elsewhere is an emulator, too, and http:// to another machine is allowed,
//	               also to the token endpoint of a file of credentials; default false
//	transport      grpc, the default, or rest: HTTP and JSON, for an emulator that speaks nothing else or a
//	               proxy that lets no HTTP/2 through
//	quota_project  the project that is charged for the calls; default: the one in the credentials
//
// SECRET_MANAGER_EMULATOR_HOST=host:port names an emulator where the option
// endpoint is absent. SECRETS_ALLOW_HTTP=host[,host] has the effect of
// allow_http for these hosts.
//
// Of a document:
//
//	version        a number, an alias, or latest, which is the default
//	latest         enabled: if the newest version is disabled or destroyed, the newest one that is enabled
//
// latest=enabled costs two calls more while the newest version is not enabled.
// Without it that is an error: whoever disables the newest version mostly wants
// to know who still reads it.
//
// # Credentials
//
// Application default credentials, in this order:
//
//  1. the file that GOOGLE_APPLICATION_CREDENTIALS names: a service account's key,
//     workload identity federation, impersonation;
//  2. the file of gcloud auth application-default login;
//  3. the metadata server, on Compute Engine, GKE, Cloud Run and the like.
//
// No URI holds a credential. If there are none, the error comes within two
// seconds and says what was tried. A metadata server that has accepted the
// connection, a token endpoint and a command have as long as the read has, and
// of what each says 1 MiB is read. One that fails, is throttled or does not
// answer is ErrUnavailable or ErrThrottled, and the resolver asks again; a failure
// is remembered for 0.25 s, doubling to 5 s, or until the file changes. On
// Google's machines this holds for a metadata server that accepts no connection, too: on GKE it may
// start after the pod.
//
// Files are read at every login and after a refusal, so that a key can be
// replaced under a running program; a pipe is read once. A file that every
// user can write is refused. Tokens are not asked for in the clear: an http://
// address of a token endpoint has to be this machine, a metadata server
// (169.254.0.0/16, metadata.google.internal) or allowed as above.
//
// # Permissions
//
// To read secrets by name, secretmanager.versions.access; grant it on each
// secret:
//
//	gcloud secrets add-iam-policy-binding db-password --project=my-project \
//	    --member=serviceAccount:app@my-project.iam.gserviceaccount.com \
//	    --role=roles/secretmanager.secretAccessor
//
// or, for every secret whose id starts with app-, on the project. The condition
// takes the project's number:
//
//	gcloud projects add-iam-policy-binding my-project \
//	    --member=serviceAccount:app@my-project.iam.gserviceaccount.com \
//	    --role=roles/secretmanager.secretAccessor \
//	    --condition='title=app-secrets,expression=resource.name.startsWith("projects/123456789012/secrets/app-")'
//
// A role of your own needs no more than this:
//
//	title: Secret reader
//	includedPermissions:
//	- secretmanager.versions.access
//	# for latest=enabled:
//	# - secretmanager.versions.list
//	# for listing; on the project:
//	# - secretmanager.secrets.list
//
// With a quota project, also serviceusage.services.use on that project.
//
// # Errors
//
//	ErrNotFound         no such secret or version; a version that is disabled or destroyed
//	ErrPermission       secretmanager.versions.access is missing (an account that has it on single secrets only gets the
//	                    same answer for a secret that does not exist), the API or billing is not enabled in the project
//	                    that is charged, a policy forbids it, the secret's key in Cloud KMS cannot be used
//	ErrUnauthenticated  no credentials, or refused ones, with the code and the words of who refused
//	ErrThrottled        a quota is used up: 90,000 reads a minute for each project by default
//	ErrUnavailable      no answer in time, no connection, a source of credentials that fails, an answer that is not Secret
//	                    Manager's or has more than 8 MiB, a payload that does not fit its checksum, twice
//	ErrInvalid          a malformed option or project; two names for one secret; a URI without a project; plain http to
//	                    another machine
//
// The proxy of HTTPS_PROXY is used, and at most 256 KiB are read of what it says
// before it leads on. It may be http://, https:// or socks5://. A client that was
// given to [New] goes through gRPC's own way, which has no such bound and knows
// http:// only.
//
// A call that gets no answer in a third of the read's time is made once more,
// over another connection.
//
// The client's own error is found by errors.As as *apierror.APIError of
// github.com/googleapis/gax-go/v2/apierror, and, for a call that ran out of
// time or was given up, context.DeadlineExceeded or context.Canceled by
// errors.Is.
//
// Every payload is verified against the checksum (CRC32C) that the service
// sends with it.
//
// # Rotation
//
// A rotation in Secret Manager is a new version. It is read at the TTL, with
// secretmanager.versions.access alone. latest is eventually consistent: after
// a version was added, reads may give the one before for some seconds, and
// [secrets.Resolver.Retry] and Invalidate read again for that long. To go back,
// disable the new version and use latest=enabled, or let names follow an alias
// (?version=prod) and move that.
//
// # Logging and size
//
// The client library logs payloads where GOOGLE_SDK_GO_LOGGING_LEVEL=debug is
// set. This package reads past that logger, also for a client that was given
// to [New]. A client of secretmanager.NewRESTClient cannot be read past: make
// it with option.WithLogger(slog.New(slog.DiscardHandler)).
//
// A stripped program for linux/amd64 that reads one secret has 16.2 MB with
// Google's client alone and about 0.6 MB more with this package and
// the resolver: nearly all of it is gRPC and the client. The build tag
// grpcnotrace (go build -tags grpcnotrace) leaves out gRPC's request traces
// and saves 0.45 MB; html/template, which they bring along, stays, for the
// client links it by net/rpc as well.
package gcp
