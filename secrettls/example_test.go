package secrettls_test

import (
	"context"
	"crypto/tls"
	"net/http"

	"github.com/go-secrets/secrets/secrettls"
)

func ExampleSource_ServerConfig() {
	certs, err := secrettls.New(context.Background(), nil, "tls")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Addr: ":8443", TLSConfig: certs.ServerConfig(nil)}
	_ = server.ListenAndServeTLS("", "")
}

// Clients have to show a certificate, which the roots in the same secret
// verify.
func ExampleSource_ServerConfig_clients() {
	certs, err := secrettls.New(context.Background(), nil, "tls")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Addr: ":8443", TLSConfig: certs.ServerConfig(&tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"h2", "http/1.1"},
	})}
	_ = server.ListenAndServeTLS("", "")
}

func ExampleSource_ClientConfig() {
	certs, err := secrettls.New(context.Background(), nil, "client-tls")
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: certs.ClientConfig(nil), ForceAttemptHTTP2: true}}
	_ = client
}
