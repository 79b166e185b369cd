package gcp

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A reply is what a failed call was answered with, over gRPC or REST.
type reply struct {
	sdk     *apierror.APIError // the client's error, without what is not the service's; nil: none
	code    codes.Code
	text    string // the service's sentence, on one line
	foreign bool   // some other HTTP server has answered
}

func answerOf(err error) reply {
	var rest *googleapi.Error
	if errors.As(err, &rest) {
		return answerOfREST(rest)
	}
	var a reply
	st, ok := status.FromError(err)
	if !ok || st.Code() == codes.OK {
		a.code = codes.Unknown
		return a
	}
	// Of a body that is not gRPC's, gRPC appends the first kilobyte, and of a
	// proxy's refusal all of it.
	message, _, cut := strings.Cut(st.Message(), "\ndata: ")
	if before, _, refused := strings.Cut(message, "failed to do connect handshake, response: "); refused {
		message, cut = before+"a proxy refuses the connection; look at HTTPS_PROXY", true
	}
	if cut {
		a.sdk, _ = apierror.FromError(status.Error(st.Code(), message))
	} else if !errors.As(err, &a.sdk) {
		a.sdk, _ = apierror.FromError(err)
	}
	a.code, a.text = st.Code(), oneLine(message)
	a.foreign = notGRPC(message)
	return a
}

// answerOfREST takes the code from the body: an HTTP status stands for several.
func answerOfREST(rest *googleapi.Error) reply {
	kept := &googleapi.Error{Code: rest.Code, Message: rest.Message}
	if rest.Message != "" { // so the body is an error of Google's APIs
		kept.Body = rest.Body
	}
	var a reply
	a.sdk, _ = apierror.FromError(kept)
	a.code, a.text = a.sdk.GRPCStatus().Code(), oneLine(rest.Message)
	a.foreign = !json.Valid([]byte(rest.Body))
	var body struct {
		Error struct {
			Status codes.Code `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(kept.Body), &body) == nil && body.Error.Status != codes.OK {
		a.code = body.Error.Status
	}
	return a
}

// notGRPC reports whether gRPC's text is about an answer that is not gRPC. Its
// code was made from an HTTP status, which says nothing about a secret.
func notGRPC(text string) bool {
	return strings.Contains(text, "unexpected HTTP status code received from server") ||
		strings.Contains(text, "received unexpected content-type") ||
		strings.Contains(text, "malformed header: missing HTTP") ||
		strings.Contains(text, "looked like an HTTP/1.1 header")
}

// withReason returns the service's sentence with its reason in front.
func (a reply) withReason() string {
	if a.sdk == nil || a.sdk.Reason() == "" || strings.Contains(a.text, a.sdk.Reason()) {
		return a.text
	}
	return sentence(a.sdk.Reason(), a.text)
}
