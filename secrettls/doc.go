// Package secrettls serves and presents certificates that rotate: certificate,
// private key and roots come from one secret, always from one version of it,
// and change while the program runs.
//
//	certs, err := secrettls.New(ctx, nil, "tls")
//	server := &http.Server{TLSConfig: certs.ServerConfig(nil)}
//	err = server.ListenAndServeTLS("", "")
//
// A version that is no good (a key that is missing or does not fit, an expired
// certificate, malformed PEM) changes nothing: the last good one is served on,
// and [Source.Err] tells why. One that is not valid yet takes over by itself
// once it is; until then the one before it is served. [New] refuses either,
// since it has none that could be served instead.
//
// # The secret
//
// The name stands for a document with the keys of a Kubernetes TLS secret
// (tls.crt, tls.key, ca.crt), those of Vault's PKI engine (certificate,
// private_key, ca_chain, issuing_ca), or others ([WithKeys]); or it is PEM text
// with certificate, chain and key in it. A document may hold roots alone; so may
// PEM text, if its first certificate is that of an authority, or self-signed.
//
// # Roots
//
// Roots in the document are what peers are verified by: clients by a server
// whose configuration asks for certificates, servers by a client. A connection
// that stands is not looked at again; limit its age if revoked roots must end
// it.
package secrettls
