module github.com/go-secrets/secrets/integration

go 1.25.1

replace github.com/go-secrets/secrets => ../

require github.com/go-secrets/secrets v0.0.0
