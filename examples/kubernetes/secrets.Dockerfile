# The image of the init containers in exec-aws.yaml and exec-gcp.yaml: the command alone.
FROM golang:1.26 AS build
RUN CGO_ENABLED=0 go install -trimpath -ldflags="-s -w" github.com/go-secrets/secrets/cmd/secrets@latest

FROM scratch
COPY --from=build /go/bin/secrets /secrets
USER 65532:65532
ENTRYPOINT ["/secrets"]
