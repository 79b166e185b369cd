package gcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
)

// A gateway is a transport to an emulator whose REST side hands on the errors of
// its gRPC side as a text, all with HTTP 500. It gives them the status and the form
// that Google's service has, so that a missing secret is not an outage.
//
// https://github.com/blackwell-systems/gcp-secret-manager-emulator answers so.
type gateway struct{ next http.RoundTripper }

// gatewayStatus is the HTTP status of Google's services for a gRPC code.
//
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var gatewayStatus = map[string]int{
	codes.NotFound.String():           http.StatusNotFound,
	codes.PermissionDenied.String():   http.StatusForbidden,
	codes.Unauthenticated.String():    http.StatusUnauthorized,
	codes.InvalidArgument.String():    http.StatusBadRequest,
	codes.FailedPrecondition.String(): http.StatusBadRequest,
	codes.ResourceExhausted.String():  http.StatusTooManyRequests,
	codes.Unavailable.String():        http.StatusServiceUnavailable,
}

var rpcError = regexp.MustCompile(`^rpc error: code = (\w+) desc = `)

// mostRPCError is how many bytes of an error are looked at, in which no value is.
const mostRPCError = 16 << 10

// RoundTrip sends the request, and translates what has failed.
func (g *gateway) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusInternalServerError {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostRPCError))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	var answer struct{ Error string }
	if json.Unmarshal(body, &answer) != nil {
		return resp, nil
	}
	found := rpcError.FindStringSubmatch(answer.Error)
	if found == nil || gatewayStatus[found[1]] == 0 {
		return resp, nil
	}
	_ = resp.Body.Close()
	status := gatewayStatus[found[1]]
	text, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": status, "message": strings.TrimPrefix(answer.Error, found[0]), "status": found[1],
	}})
	if err != nil {
		return nil, err
	}
	resp.StatusCode, resp.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
	resp.Header.Set("Content-Type", "application/json")
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}
