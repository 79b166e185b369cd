// Package vault reads secrets from HashiCorp Vault. Import it for its scheme:
//
//	import _ "github.com/go-secrets/secrets/vault"
//
//	r, err := secrets.Open(ctx, "vault://secret/prod?auth=kubernetes&role=app")
//	password, err := r.Get(ctx, "db/password") // secret/prod/db/password, or key password of secret/prod/db
//
// Over a client of your own, with its address, TLS settings, namespace and
// retries, use [New].
//
// # Names
//
// A path is that of the mount and then that of the secret, as the command vault
// kv get writes it. Where the mount ends, what engine it is, and of KV which
// version, is asked of the server once for each mount.
//
//	vault://secret/prod                           base: db/password is secret/prod/db/password
//	vault://secret/prod/db?version=3#password     reference to a version of a KV version 2 secret
//	vault://secret/data/prod/db                   the same document as secret/prod/db, as Vault's API writes it
//	vault://team/kv/prod?mount=team/kv&kv=2       base on a mount that the token may not ask about
//	vault://database/creds/app                    reference to dynamic credentials: username and password
//	vault://database/static-creds/app             reference to a static role
//	vault://pki/issue/web?common_name=a.example   reference to a certificate: certificate, private_key, ca_chain
//
// A secret of a KV engine is one document, a JSON object: db#password is its
// key, and db/password finds it too, where no secret has that path. If it has
// the key value, that is what stands for the document when no key is asked for;
// otherwise all of it does. Numbers stay as they are, digit for digit.
//
// On KV version 2 a folder of its own that is called data right below the mount
// is written twice: secret/data/data/x.
//
// Every other engine is read with a GET of the path, apart from PKI's issue,
// which is a POST with the options of the certificate. Each read of dynamic
// credentials makes another user: all fields and all callers share one read.
//
// # Options
//
// Of a provider; what is not given is taken from the VAULT_ variables that the
// command vault knows (VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT …), and what
// is given wins over them:
//
//	address          of the server; https://127.0.0.1:8200 by default
//	agent            the address of a Vault Agent or Proxy with auto-auth (as VAULT_AGENT_ADDR): no token is sent
//	namespace        for the login and for every read
//	auth             token (default), approle, kubernetes, jwt, cert, userpass, ldap; aws, gcp: see Credentials
//	auth_mount       where the auth method is mounted; its name by default
//	role             of kubernetes, jwt, cert, aws, gcp
//	role_id, role_id_file, secret_id_file, secret_id_wrapped    of approle
//	jwt_file         of kubernetes (default: the service account's) and jwt
//	token_file       of token
//	username, password_file                                     of userpass and ldap
//	ca_cert, ca_path, tls_server_name, skip_verify              for the server's certificate
//	client_cert, client_key                                     files, read again at each handshake
//	allow_http       true: plain http:// to another machine than this one
//	renew            false: no goroutine; a login when the token has lapsed
//	timeout          of one request; 3s by default
//
// Of a document:
//
//	version          a number, on KV version 2
//	mount            the path of the mount, with one of the next two: the server is not asked what is there
//	kv               1 or 2
//	engine           the mount's engine, if it is no KV: database, pki …
//	common_name, alt_names, ip_sans, uri_sans, cert_ttl         of a certificate
//
// # Credentials
//
// Without auth, the token is that of token_file, else of VAULT_TOKEN, else of
// ~/.vault-token, where vault login leaves it. A file is read again when it
// changes. Such a token is looked up after the first read that it was good
// for, renewed if it can be, and never revoked.
//
// With auth, the provider logs in when the first secret is read, once for all
// who wait. Files with credentials are read at each login: kubelet, cert-manager
// and agents replace them. approle takes VAULT_ROLE_ID and VAULT_SECRET_ID in
// place of its files; with secret_id_wrapped=true the file holds a wrapping
// token. The token is renewed after two thirds of its time and replaced when
// the server grants less than at first; a batch token is replaced after four
// fifths. Failed renewals back off to one in 30 seconds. A refused login is not
// tried again for 10 to 30 seconds unless its credentials change; with userpass
// and ldap, three wrong passwords make it wait until Vault has forgotten them,
// so that no account is locked. Close revokes the token; Detach leaves it.
//
// auth=aws and auth=gcp are in packages of their own, which link the cloud's
// SDK: vault/authaws and vault/authgcp. [RegisterAuth] adds others, and
// [WithAuth] takes any method of vault/api/auth.
//
// A token is sent to the address that was configured and to no other: a
// redirect is followed on the same host only, plain http:// is refused beyond
// loopback, and VAULT_WRAP_TTL is ignored.
//
// # Permissions
//
// The least policy for reading what lies below secret/prod on KV version 2,
// credentials of one database role, and certificates of one PKI role:
//
//	path "secret/data/prod/*"      { capabilities = ["read"] }
//	path "database/creds/app"      { capabilities = ["read"] }
//	path "pki/issue/web"           { capabilities = ["update"] }
//
// On KV version 1 there is no data/:
//
//	path "kv/prod/*"               { capabilities = ["read"] }
//
// For listing, on version 2 and on version 1:
//
//	path "secret/metadata/prod/*"  { capabilities = ["list"] }
//	path "kv/prod/*"               { capabilities = ["read", "list"] }
//
// Looking up, renewing and revoking the own token, renewing leases and asking
// about mounts is what the policy called default grants. Without it nothing
// breaks: the token is replaced rather than renewed, leases are read again, and
// ?mount= with ?kv= says what cannot be asked.
//
// # Errors
//
// Vault's own error is found with errors.As on *api.ResponseError: its method,
// URL and status. The messages of an answer are not in it, for they may repeat
// what was sent.
//
//   - ErrNotFound: nothing at that path, or a version that was deleted or
//     destroyed (which is said), or no such role.
//   - ErrPermission: the policies do not grant it; the message has the rule to
//     add. A path outside every mount looks the same, for Vault answers both
//     alike. Before it is told, one login makes sure that the token is good.
//   - ErrUnauthenticated: no credentials, refused ones, or a token that was
//     revoked and could not be replaced. A wrapping token that is not valid is
//     told loudly: somebody else may have used it.
//   - ErrThrottled: a rate limit quota, with the time to wait if the server is
//     set to tell it.
//   - ErrInvalid: no engine at that mount, the wrong KV version, a path that
//     the engine does not have, an unknown option, a path with .. in it.
//   - ErrUnavailable: sealed, not initialized, a standby alone, a redirect to
//     another host, an answer that is not Vault's, none at all.
//
// # Rotation
//
// KV is read again by the TTL, and tells its version number; a secret whose
// metadata was deleted starts at 1 again, and has the time of its creation in
// its version from then on. A version that is set to be deleted expires then.
//
// Dynamic credentials have a lease, which is renewed after two thirds of its
// time, with the same password. When the server grants less than at first,
// because the greatest age is near, new credentials are read, and the old ones
// live on for the rest of their lease: that is the time in which pools change
// over. Leases end with the token that they were made under. So they expire
// with the earlier of the two, and are read again as soon as the token has
// been replaced. Close revokes them, and by revoking the token also those that
// the policy does not let it revoke.
//
// A static role is read again a second after its time is over, and each second
// until the new password is there. When an administrator rotates it in
// between, the login that fails is what tells: see secrets.Retry.
//
// A certificate is issued anew after two thirds of its time. Key, certificate
// and chain are one document, so that they always fit.
//
// Behind an Agent or Proxy, tokens and leases are its own: what it has in its
// cache is taken with the time that is left of it.
package vault
