package main

import "github.com/go-secrets/secrets/internal/gcpfake"

// A demoServer is a Secret Manager in this process. A program of your own has
// none of this file.
type demoServer struct{ *gcpfake.Server }

const demoSecret = "projects/demo-project/secrets/db"

func startServer() (demoServer, error) {
	s, err := gcpfake.Start()
	if err != nil {
		return demoServer{}, err
	}
	s.Put(demoSecret, []byte(`{"user":"app","password":"first"}`))
	return demoServer{s}, nil
}

// URI returns the provider URI of the server: plaintext and without
// credentials, which only a loopback host gets.
func (s demoServer) URI() string { return "gcp://demo-project?endpoint=" + s.Addr() }

// Rotate adds a version, as gcloud secrets versions add does.
func (s demoServer) Rotate() { s.Put(demoSecret, []byte(`{"user":"app","password":"second"}`)) }
