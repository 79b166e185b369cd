// Package vault reads secrets from HashiCorp Vault and from OpenBao. Import it
// for its scheme:
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
//	vault://ssh/sign/app?public_key=ssh-ed25519%20AAAA…             reference to a signed SSH key
//	vault://kubernetes/creds/app?kubernetes_namespace=prod          reference to a service account's token
//
// A secret of a KV engine is one document, a JSON object: db#password is its
// key, and db/password finds it too, where no secret has that path. If it has
// the key value, that is what stands for the document when no key is asked for;
// otherwise all of it does. Numbers stay as Vault sends them, digit for digit.
// Vault itself rounds what is written to KV version 2 as a number of more than
// 15 digits: write such a one as a string.
//
// On KV version 2 a folder of its own that is called data right below the mount
// is written twice: secret/data/data/x.
//
// Every other engine is read with a GET of the path. Some paths are a POST with
// the document's options: issue and sign of PKI (also below issuer/…), sign,
// issue and creds of SSH, creds of Kubernetes. Each read of dynamic credentials
// makes another user: all fields and all callers share one read, which is never
// cut short and asked again.
//
// Where the base has no path (vault://), a name chooses the mount, and those
// that are Vault's own (sys, auth, identity, cubbyhole) are refused: only a
// reference leads there.
//
// # Options
//
// A wrong value, and options that contradict each other, are refused when the
// URI is opened, before anything is read or sent.
//
// Of a provider; what is not given is taken from the VAULT_ variables that the
// command vault knows (VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT …), or, where
// one is unset, from that of OpenBao's command bao (BAO_ADDR, BAO_TOKEN …). What
// is given wins over both:
//
//	address          of the server; https://127.0.0.1:8200 by default. In VAULT_ADDR user:password@ is basic authentication
//	agent            the address of a Vault Agent or Proxy with auto-auth (as VAULT_AGENT_ADDR), in place of address: no token is sent
//	namespace        for the login and for every read
//	auth             token (default), approle, kubernetes, jwt, cert, userpass, ldap; aws, gcp: see Credentials
//	auth_mount       where the auth method is mounted; its name by default
//	role             of kubernetes, jwt, cert, aws, gcp
//	role_id, role_id_file, secret_id_file, secret_id_wrapped    of approle
//	jwt_file         of kubernetes (default: the service account's) and jwt
//	token_file       of token
//	username, password_file                                     of userpass and ldap
//	ca_cert, ca_path                                            for the server's certificate: a file or a folder, read again when it changes
//	tls_server_name, skip_verify                                likewise
//	client_cert, client_key                                     files, read again at each handshake
//	allow_http       true: plain http:// to another machine than this one, as the variable SECRETS_ALLOW_HTTP=host says of one
//	renew            false: no goroutine; a login when the token has lapsed
//	timeout          of one request, as VAULT_CLIENT_TIMEOUT; by default a request has the time of the read (WithTimeout)
//
// Of a document:
//
//	version          a number, on KV version 2
//	mount            the path of the mount, with one of the next two: the server is not asked what is there
//	kv               1 or 2
//	engine           the mount's engine, if it is no KV: database, pki …
//	common_name, alt_names, ip_sans, uri_sans, cert_ttl         of a certificate of PKI
//	csr                                                         of one that PKI signs
//	public_key, valid_principals, cert_type, cert_ttl           of a key that SSH signs; for issue key_type and key_bits
//	ip, login                                                   of a one-time password of SSH
//	kubernetes_namespace, audiences, cluster_role_binding, token_ttl    of a service account's token
//
// # Credentials
//
// Without auth, the token is that of token_file, else of VAULT_TOKEN, else of
// ~/.vault-token, where vault login leaves it. A file is read again when it
// changes. It holds the token, or JSON: the answer to a login, or a wrapped
// token, as an agent's sink with wrap_ttl writes it, which is unwrapped once.
// Such a token is looked up after the first read that it was good for, renewed
// if it can be, and never revoked.
//
// With auth, the provider logs in when the first secret is read, once for all
// who wait. Files with credentials are read at each login: kubelet, cert-manager
// and agents replace them. A file that every user can write is refused. approle
// takes VAULT_ROLE_ID and VAULT_SECRET_ID in place of its files; with
// secret_id_wrapped=true the file holds a wrapping token.
//
// The token is renewed after two thirds of its time and replaced when the server
// grants less than at first; a batch token is replaced after four fifths. One
// with a number of uses (token_num_uses) is replaced when they are spent; such a
// role should give three at the least, or five if it reads leases. Failed
// renewals back off to one in 30 seconds.
//
// A login is a part of the read, and is tried again as a read is: after 0.25 to
// 5 seconds. A secret id or password that Vault has refused as wrong is not sent
// again until it changes, so that no role and no user is locked out. A plain 403
// where reads worked before is taken for a revoked token, and looked into by one
// login. Close revokes the token; Detach leaves it.
//
// auth=aws and auth=gcp are in packages of their own, which link the cloud's
// SDK: vault/authaws and vault/authgcp. [RegisterAuth] adds others, and
// [WithAuth] takes any method of vault/api/auth.
//
// A token is sent to the address that was configured and to no other: a
// redirect is followed on the same host only, plain http:// is refused beyond
// loopback (of a name such as vault.localhost, what it leads to counts), and
// VAULT_WRAP_TTL is ignored. Of an answer at most 16 MiB are read, of an error or
// a login 1 MiB.
//
// # Permissions
//
// The least policy for reading what lies below secret/prod on KV version 2,
// credentials of one database role, and certificates of one PKI role:
//
//	path "secret/data/prod/*"      { capabilities = ["read"] }
//	path "database/creds/app"      { capabilities = ["read"] }
//	path "pki/issue/web"           { capabilities = ["update"] }
//	path "ssh/sign/app"            { capabilities = ["update"] }
//	path "kubernetes/creds/app"    { capabilities = ["update"] }
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
// URL (without user information) and status. The messages of an answer are not
// in it, for they may repeat what was sent; of an engine that fails, or refuses,
// our own message repeats the server's words, without what may be a credential.
//
//   - ErrNotFound: nothing at that path, or a version that was deleted or
//     destroyed (which is said), or no such role or key in an engine.
//   - ErrPermission: the policies do not grant it; the message has the rule to
//     add. A path outside every mount looks the same, for Vault answers both
//     alike. Before it is told, one login makes sure that the token is good.
//   - ErrUnauthenticated: no credentials, refused ones, a token that was
//     revoked and could not be replaced, or one with a line break in it. A
//     wrapping token that is not valid is told loudly: somebody else may have
//     used it.
//   - ErrThrottled: a rate limit quota, with the time to wait if the server is
//     set to tell it.
//   - ErrInvalid: no engine at that mount, the wrong KV version, a path that
//     the engine does not have, an unknown option, a path with .. in it, and
//     whatever keeps a request from being made, as an address without a scheme.
//   - ErrUnavailable: sealed, not initialized, a standby alone, a redirect to
//     another host, an answer that is not Vault's, none at all.
//
// # Rotation
//
// KV is read again by the TTL, and tells its version number; a secret whose
// metadata was deleted starts at 1 again, and has the time of its creation in
// its version from then on. A version that is set to be deleted expires then. A
// secret of KV version 1 with a key ttl is read again when that has passed, as
// Vault advises. An option ttl in the URI counts before what Vault says, for all
// but leases.
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
// A certificate or a signed SSH key is made anew after two thirds of its time.
// Key, certificate and chain are one document, so that they always fit. An
// identity token, or a cloud's access token, that says its ttl ends then. What
// is in the cubbyhole, and a certificate of a role with generate_lease, ends
// with the token, as leases do.
//
// Behind an Agent or Proxy, tokens and leases are its own: what it has in its
// cache is taken with the time that is left of it.
package vault
