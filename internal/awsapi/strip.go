package awsapi

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/limit"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// strip returns an error of the SDK without what may hold a secret: the
// snapshot of an undecodable body, the decoder's words about it (they quote
// its tokens), the output of a credential process, the response with its
// buffers, the request with the session token among its headers, and whatever
// h hides. The error must be fresh: responses are replaced in place.
//
// Where a secret may already stand in the text of a wrapper, the error is
// built anew from its parts; the SDK's types stay within reach of errors.As.
func (h *hidden) strip(err error) error {
	if err == nil {
		return nil
	}
	err = withoutClass(err)
	var process *processcreds.ProviderError
	if errors.As(err, &process) {
		return &processcreds.ProviderError{Err: withoutOutput(process)}
	}
	var undecoded *smithy.DeserializationError
	if errors.As(err, &undecoded) {
		return h.rebuild(err, &smithy.DeserializationError{Err: withoutBody(undecoded.Err)})
	}
	if h.dirty(err) {
		return h.rebuild(err, h.bare(err))
	}
	walk(err, func(err error) {
		switch e := err.(type) {
		case *awshttp.ResponseError:
			if e.ResponseError != nil {
				e.Response = h.withoutContent(e.Response)
			}
		case *smithyhttp.ResponseError:
			e.Response = h.withoutContent(e.Response)
		}
	})
	return err
}

var (
	errBody    = errors.New("the body is not what the service sends")
	errBroken  = errors.New("the connection broke within the body")
	errProcess = &processError{"it printed no credentials"}
	errAddress = errors.New("it cannot be parsed as a URL")
	errForward = errors.New("the address of a proxy or of a redirect cannot be used")
)

// rebuild returns cause under the response and the operation that err tells of.
func (h *hidden) rebuild(err, cause error) error {
	var sent *smithyhttp.RequestSendError
	if errors.As(err, &sent) {
		cause = &smithyhttp.RequestSendError{Err: cause}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.ResponseError != nil {
		cause = &awshttp.ResponseError{
			ResponseError: &smithyhttp.ResponseError{Response: h.withoutContent(response.Response), Err: cause},
			RequestID:     h.label(response.RequestID),
		}
	}
	var tried *retry.MaxAttemptsError
	if errors.As(err, &tried) {
		cause = &retry.MaxAttemptsError{Attempt: tried.Attempt, Err: cause}
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		cause = &smithy.OperationError{ServiceID: operation.ServiceID, OperationName: operation.OperationName, Err: cause}
	}
	return cause
}

// bare returns the innermost thing that an error tells, of a type that can be
// shown, without what h hides.
func (h *hidden) bare(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return h.withoutEcho(api)
	}
	var address *url.Error
	if errors.As(err, &address) {
		inner := errAddress
		if address.Op != "parse" {
			inner = h.bare(address.Err)
		}
		return &url.Error{Op: address.Op, URL: endpoint.Show(address.URL), Err: inner}
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return namedfile.Scrub(file, file.Path)
	}
	last := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		last = next
	}
	if !h.dirty(last) {
		return last
	}
	text := h.clean(last.Error())
	if h.dirty(errors.New(text)) {
		return errForward
	}
	return errors.New(text)
}

// label is clean for what is a word: an error code, the ID of a request.
func (h *hidden) label(text string) string {
	const longest = 128
	return cut(h.clean(text), longest)
}

// withoutEcho returns an API error of the same type and code, whose message
// repeats no credential.
func (h *hidden) withoutEcho(api smithy.APIError) error {
	clean := &smithy.GenericAPIError{Code: h.label(api.ErrorCode()), Message: h.clean(api.ErrorMessage()), Fault: api.ErrorFault()}
	v := reflect.ValueOf(api)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return clean
	}
	// The services' types have their message in a field of this name.
	own := reflect.New(v.Elem().Type())
	own.Elem().Set(v.Elem())
	switch field := own.Elem().FieldByName("Message"); {
	case !field.IsValid() || !field.CanSet():
		return clean
	case field.Kind() == reflect.String:
		field.SetString(clean.Message)
	case field.Type() == reflect.TypeFor[*string]():
		field.Set(reflect.ValueOf(&clean.Message))
	default:
		return clean
	}
	if typed, ok := own.Interface().(error); ok && !h.dirty(typed) {
		return typed
	}
	return clean
}

// A processError says how a credential process ended, and nothing that it
// printed.
type processError struct{ text string }

func (e *processError) Error() string { return e.text }

// withoutOutput keeps of a credential process how it ended.
func withoutOutput(err error) error {
	var told *processError
	var exit *exec.ExitError
	switch {
	case errors.As(err, &told):
		return told // err has been here before
	case errors.Is(err, exec.ErrWaitDelay):
		return errOpen
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return context.DeadlineExceeded
	case errors.As(err, &exit):
		return &processError{"it failed: " + exit.ProcessState.String()}
	}
	return errProcess
}

// withoutBody keeps the kind of a failure to read a body, without its words.
func withoutBody(err error) error {
	var netErr net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, limit.ErrTooLarge):
		return limit.ErrTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return errBroken
	}
	return errBody
}

// kept are the headers of a response that say something of a failure.
var kept = []string{"Content-Type", "Date", "Retry-After", "X-Amzn-Requestid", "X-Amzn-Errortype"}

// withoutContent keeps the status of a response, and the headers that matter.
func (h *hidden) withoutContent(r *smithyhttp.Response) *smithyhttp.Response {
	bare := &http.Response{Body: http.NoBody, Header: http.Header{}}
	if r != nil && r.Response != nil {
		bare.StatusCode, bare.Status = r.StatusCode, http.StatusText(r.StatusCode)
		bare.Proto, bare.ProtoMajor, bare.ProtoMinor = r.Proto, r.ProtoMajor, r.ProtoMinor
		for _, name := range kept {
			if value := r.Header.Get(name); value != "" {
				bare.Header.Set(name, h.label(value))
			}
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
