package awsapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Strip returns an error of the SDK without what may hold a secret: the
// snapshot of an undecodable body, the decoder's words about it (they quote
// its tokens), the output of a credential process, the response with its
// buffers, and the request with the session token among its headers. The
// error must be fresh: responses are replaced in place.
//
// Where a secret may already stand in the text of a wrapper, the error is
// built anew from its parts; the SDK's types stay within reach of errors.As.
func Strip(err error) error {
	var process *processcreds.ProviderError
	if errors.As(err, &process) {
		return &processcreds.ProviderError{Err: errProcess}
	}
	var undecoded *smithy.DeserializationError
	if errors.As(err, &undecoded) {
		return rebuild(err, &smithy.DeserializationError{Err: withoutBody(undecoded.Err)})
	}
	walk(err, func(err error) {
		switch e := err.(type) {
		case *awshttp.ResponseError:
			if e.ResponseError != nil {
				e.Response = withoutContent(e.Response)
			}
		case *smithyhttp.ResponseError:
			e.Response = withoutContent(e.Response)
		}
	})
	return err
}

var (
	errBody    = errors.New("the body is not what the service sends")
	errCut     = errors.New("the connection broke within the body")
	errProcess = errors.New("credential_process failed or printed no credentials")
)

// rebuild returns cause under the response and operation that err tells of.
func rebuild(err, cause error) error {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.ResponseError != nil {
		cause = &awshttp.ResponseError{
			ResponseError: &smithyhttp.ResponseError{Response: withoutContent(response.Response), Err: cause},
			RequestID:     response.RequestID,
		}
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		cause = &smithy.OperationError{ServiceID: operation.ServiceID, OperationName: operation.OperationName, Err: cause}
	}
	return cause
}

// withoutBody keeps the kind of a failure to read a body, without its words.
func withoutBody(err error) error {
	var netErr net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return errCut
	}
	return errBody
}

// withoutContent keeps the status and the headers of a response.
func withoutContent(r *smithyhttp.Response) *smithyhttp.Response {
	bare := &http.Response{Body: http.NoBody, Header: http.Header{}}
	if r != nil && r.Response != nil {
		bare.Status, bare.StatusCode = r.Status, r.StatusCode
		bare.Proto, bare.ProtoMajor, bare.ProtoMinor = r.Proto, r.ProtoMajor, r.ProtoMinor
		if r.Header != nil {
			bare.Header = r.Header
		}
	}
	return &smithyhttp.Response{Response: bare}
}

// walk visits an error and all that it wraps.
func walk(err error, visit func(error)) {
	for err != nil {
		visit(err)
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e, visit)
			}
			return
		default:
			return
		}
	}
}
