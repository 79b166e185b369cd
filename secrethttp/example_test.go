package secrethttp_test

import (
	"context"
	"net/http"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secrethttp"
)

func ExampleNew() {
	client := &http.Client{Transport: secrethttp.New(nil, "api/token", secrethttp.Bearer(), secrethttp.WithHosts("api.example.com"))}
	_ = client
}

func ExampleStatusHandler() {
	r, err := secrets.Open(context.Background(), "env://")
	if err != nil {
		panic(err)
	}
	admin := http.NewServeMux()
	admin.Handle("/debug/secrets", secrethttp.StatusHandler(r, secrethttp.AllowRefresh()))
	_ = http.ListenAndServe("127.0.0.1:6060", admin)
}
