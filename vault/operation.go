package vault

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/go-secrets/secrets/internal/fault"
)

// An operation is a path that a POST with parameters answers with something
// new. All other paths are read with a GET.
type operation struct {
	engine     string
	path       string   // segments; * is any one
	parameters []string // the options that it takes, by their names in a URI
	end        func(data json.RawMessage, rest string) (time.Time, error)
}

var certificateOptions = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "cert_ttl"}

var operations = []operation{
	{enginePKI, "issue/*", certificateOptions, endOfCertificate},
	{enginePKI, "issuer/*/issue/*", certificateOptions, endOfCertificate},
	{enginePKI, "sign/*", append([]string{"csr"}, certificateOptions...), endOfCertificate},
	{enginePKI, "issuer/*/sign/*", append([]string{"csr"}, certificateOptions...), endOfCertificate},
	{engineSSH, "sign/*", []string{"public_key", "valid_principals", "cert_type", "cert_ttl"}, endOfSSHKey},
	{engineSSH, "issue/*", []string{"key_type", "key_bits", "valid_principals", "cert_type", "cert_ttl"}, endOfSSHKey},
	{engineSSH, "creds/*", []string{"ip", "login"}, nil},
	{engineKubernetes, "creds/*", []string{"kubernetes_namespace", "cluster_role_binding", "audiences", "token_ttl"}, nil},
}

// operationOf returns what a path of a mount makes; nil: it is read with a GET.
func operationOf(engine, rest string) *operation {
	segments := splitPath(rest)
	for i := range operations {
		op := &operations[i]
		if op.engine == engine && slices.EqualFunc(splitPath(op.path), segments, func(pattern, s string) bool { return pattern == "*" || pattern == s }) {
			return op
		}
	}
	return nil
}

// body is what is sent. An option that the operation does not take is refused.
func (op *operation) body(engine string, parameters map[string]string) (map[string]string, error) {
	body := make(map[string]string)
	for name, value := range parameters {
		if op == nil || !slices.Contains(op.parameters, name) {
			return nil, invalid("option %s means nothing here: %s", name, where(engine, name))
		}
		body[parameterNames[name]] = value
	}
	return body, nil
}

// where says for which paths an option is.
func where(engine, option string) string {
	var paths []string
	for _, op := range operations {
		if slices.Contains(op.parameters, option) {
			paths = append(paths, "<"+op.engine+" mount>/"+strings.ReplaceAll(op.path, "*", "…"))
		}
	}
	return "it is for " + strings.Join(paths, ", ") + ", and the mount is of the engine " + engine
}

// endOfCertificate reads when a certificate ends. Key, certificate and chain
// are one value, so that no two of them ever come from different issues.
// https://developer.hashicorp.com/vault/api-docs/secret/pki
func endOfCertificate(data json.RawMessage, rest string) (time.Time, error) {
	var cert struct {
		Expiration  json.Number `json:"expiration"`
		Certificate string      `json:"certificate"`
		PrivateKey  string      `json:"private_key"`
	}
	issued := strings.HasPrefix(rest, "issue/") || strings.Contains(rest, "/issue/")
	if json.Unmarshal(data, &cert) != nil || cert.Certificate == "" || issued && cert.PrivateKey == "" {
		return time.Time{}, unavailable("the PKI engine answered without a certificate and its key", nil)
	}
	seconds, err := cert.Expiration.Int64()
	if err != nil {
		return time.Time{}, nil // an old server: the TTL decides
	}
	return time.Unix(seconds, 0), nil
}

// endOfSSHKey reads when a signed SSH key ends, which only the key itself says.
func endOfSSHKey(data json.RawMessage, _ string) (time.Time, error) {
	var said struct {
		Signed string `json:"signed_key"`
	}
	if json.Unmarshal(data, &said) != nil || said.Signed == "" {
		return time.Time{}, unavailable("the SSH engine answered without a signed key", nil)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(said.Signed))
	if err != nil {
		return time.Time{}, noSignedKey()
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return time.Time{}, noSignedKey()
	}
	if cert.ValidBefore == ssh.CertTimeInfinity || cert.ValidBefore > uint64(time.Now().Add(farthest).Unix()) {
		return time.Time{}, nil
	}
	return time.Unix(int64(cert.ValidBefore), 0), nil // #nosec G115 -- bounded above
}

func noSignedKey() *fault.Error {
	return unavailable("the SSH engine answered with what is no signed key", nil)
}
