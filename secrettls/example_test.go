package secrettls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
	"github.com/go-secrets/secrets/secrettls"
)

// A server whose certificate changes while it runs: each handshake has the
// current one.
func ExampleSource_ServerConfig() {
	provider := secretstest.NewProvider(map[string]string{"tls": certificate("version one")})
	r := secrets.New(provider, secrets.WithLogger(nil))
	defer r.Close()

	certs, err := secrettls.New(context.Background(), r, "tls")
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler()) // or http.Server{TLSConfig: certs.ServerConfig(nil)}
	server.TLS = certs.ServerConfig(nil)
	server.StartTLS()
	defer server.Close()

	fmt.Println(shownBy(server))
	provider.Set("tls", certificate("version two")) // somebody rotates it
	until(func() bool { return shownBy(server) == "version two" })
	provider.Set("tls", "half a certificate") // one that is no good changes nothing
	until(func() bool { return certs.Err() != nil })
	fmt.Println(shownBy(server), "is served on")
	// Output:
	// version one
	// version two is served on
}

// Clients have to show a certificate, which the roots in the same secret
// verify; and the client that shows one verifies the server by the same roots.
func ExampleSource_ClientConfig() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"tls": certificate("both sides")}))
	defer r.Close()
	certs, err := secrettls.New(context.Background(), r, "tls")
	if err != nil {
		log.Fatal(err)
	}
	defer certs.Stop()

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		fmt.Println("the client is", req.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = certs.ServerConfig(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2", "http/1.1"}})
	server.StartTLS()
	defer server.Close()

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   certs.ClientConfig(&tls.Config{ServerName: "localhost"}), // it is dialled by its address here
		ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	_ = answer.Body.Close()
	// Output:
	// the client is both sides
}

// A document with keys of its own. What crypto/tls does not take as a
// configuration gets certificate and roots singly.
func ExampleNew() {
	var doc map[string]string
	if err := json.Unmarshal([]byte(certificate("own keys")), &doc); err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"chain": doc["tls.crt"], "private": doc["tls.key"], "issuers": doc["ca.crt"]})
	if err != nil {
		log.Fatal(err)
	}
	r := secrets.New(secretstest.NewProvider(map[string]string{"gateway": string(text)}))
	defer r.Close()

	certs, err := secrettls.New(context.Background(), r, "gateway", secrettls.WithKeys("chain", "private", "issuers"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certs.Certificate().Leaf.Subject.CommonName, certs.Roots() != nil, certs.Err())
	_ = &tls.Config{GetCertificate: certs.GetCertificate, GetClientCertificate: certs.GetClientCertificate}
	// Output:
	// own keys true <nil>
}

// until waits for what happens in the background of an example.
func until(happened func() bool) {
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			log.Fatal("nothing has happened")
		}
	}
}

// shownBy returns the common name of the certificate that a new handshake
// with a server shows.
func shownBy(server *httptest.Server) string {
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}) // it looks, and trusts nothing
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// certificate makes a document as a Kubernetes TLS secret has it.
func certificate(commonName string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		log.Fatal(err)
	}
	crt := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	text, err := json.Marshal(map[string]string{
		"tls.crt": crt, "ca.crt": crt,
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	})
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}
