package vault

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/go-secure-stdlib/parseutil"
	"golang.org/x/crypto/ssh"

	"github.com/go-secrets/secrets/internal/option"
)

// checkParameter refuses the value of an option that is sent to an engine if
// the engine refuses it too, whatever its roles allow.
func checkParameter(name, value string) error {
	wrong := ""
	switch name {
	case "cert_ttl", "token_ttl":
		if d, err := parseutil.ParseDurationSecond(value); err != nil || d < 0 {
			wrong = option.Not(name, "a duration such as 72h, or a number of seconds", value)
		}
	case "cert_type":
		wrong = option.OneOf(name, value, "user", "host")
	case "key_type":
		if !strings.HasPrefix(value, "ssh-") && !strings.HasPrefix(value, "ecdsa-") { // what OpenSSH calls them is known, too
			wrong = option.OneOf(name, value, "rsa", "ec", "ed25519")
		}
	case "key_bits":
		if _, err := strconv.ParseUint(value, 10, 31); err != nil {
			wrong = option.Not(name, "a number", value)
		}
	case "cluster_role_binding":
		if _, err := strconv.ParseBool(value); err != nil {
			wrong = option.Bool(name, value)
		}
	case "ip":
		if _, err := netip.ParseAddr(value); err != nil {
			wrong = option.Not(name, "the address of the host to log in to", value)
		}
	case "ip_sans":
		for ip := range strings.SplitSeq(value, ",") {
			if _, err := netip.ParseAddr(strings.TrimSpace(ip)); err != nil {
				wrong = option.Not(name, "IP addresses, separated by commas", value)
			}
		}
	case "csr":
		if !isRequest(value) {
			wrong = option.Not(name, "a certificate request in PEM"+escapes, value)
		}
	case "public_key":
		if !isPublicKey(value) {
			wrong = option.Not(name, "a public key as OpenSSH writes it, ssh-ed25519 AAAA…"+escapes, value)
		}
	}
	if wrong != "" {
		return invalid("%s", wrong)
	}
	return nil
}

// escapes is what mostly goes wrong with such a text in a URI.
const escapes = " (in a URI a space is written %20, and the end of a line %0A)"

func isRequest(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	_, err := x509.ParseCertificateRequest(block.Bytes)
	return err == nil
}

// isPublicKey reads a key as Vault does: the second word, or the only one.
func isPublicKey(text string) bool {
	words := strings.Split(text, " ")
	key, err := base64.StdEncoding.DecodeString(words[min(1, len(words)-1)])
	if err != nil {
		return false
	}
	_, err = ssh.ParsePublicKey(key)
	return err == nil
}
