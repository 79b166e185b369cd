package gcp

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// A connection is what a provider needs of a client.
//
// It is made of funcs because a Provider is looked at through interfaces: with
// the client in it, the linker would have to keep every method of the client,
// its IAM and location services included. Nor can a printer look into a func.
type connection struct {
	made time.Time

	// access reads a version.
	access func(ctx context.Context, resource string) (*secretmanagerpb.AccessSecretVersionResponse, error)
	// newestEnabled returns the number of a secret's newest enabled version;
	// 0: none is.
	newestEnabled func(ctx context.Context, secret string) (int, error)
	// page returns the ids on the page at token of a parent's secrets, and the
	// next page's token, which is empty at the end.
	page func(ctx context.Context, parent, token string) (pageOfIDs, error)
	// ready reports whether it is connected.
	ready func() bool
	close func() error
}

// connect makes the connection of a client. scoped returns the client for one
// listing, or nil for client itself.
func connect(client *secretmanager.Client, scoped func(context.Context) (*secretmanager.Client, error)) *connection {
	if scoped == nil {
		scoped = func(context.Context) (*secretmanager.Client, error) { return client, nil }
	}
	return &connection{
		made: time.Now(),
		access: func(ctx context.Context, resource string) (*secretmanagerpb.AccessSecretVersionResponse, error) {
			return access(ctx, client, resource)
		},
		newestEnabled: func(ctx context.Context, secret string) (int, error) {
			return promptly(ctx, scoped, func(client *secretmanager.Client) (int, error) { return newestEnabled(ctx, client, secret) })
		},
		page: func(ctx context.Context, parent, token string) (pageOfIDs, error) {
			return promptly(ctx, scoped, func(client *secretmanager.Client) (pageOfIDs, error) { return page(ctx, client, parent, token) })
		},
		ready: func() bool {
			conn := grpcConn(client)
			return conn != nil && conn.GetState() == connectivity.Ready
		},
		close: func() error { return client.Close() },
	}
}

// bounded has gRPC refuse a larger answer before it is read. The client's own
// bound is 2 GiB.
var bounded = grpc.MaxCallRecvMsgSize(maxAnswer)

// access calls AccessSecretVersion with the client's connection, credentials
// and call options.
//
// It goes around the client's method, whose logger would print the payload
// where the environment or the client's options say so, and which forgets the
// cause when the time for its retries is up.
func access(ctx context.Context, client *secretmanager.Client, resource string) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	req := &secretmanagerpb.AccessSecretVersionRequest{Name: resource}
	conn := grpcConn(client)
	if conn == nil {
		return client.AccessSecretVersion(ctx, req)
	}
	stub := secretmanagerpb.NewSecretManagerServiceClient(conn)
	// The service routes by this header.
	ctx = gax.InsertMetadataIntoOutgoingContext(ctx, "x-goog-request-params", "name="+url.QueryEscape(resource))
	var answer *secretmanagerpb.AccessSecretVersionResponse
	var cause error // of the last attempt
	err := gax.Invoke(ctx, func(ctx context.Context, settings gax.CallSettings) error {
		answer, cause = stub.AccessSecretVersion(ctx, req, append(settings.GRPC, bounded)...)
		return cause
	}, client.CallOptions.AccessSecretVersion...)
	if err != nil && cause != nil && !errors.Is(err, cause) {
		err = &interrupted{cause: cause, err: err}
	}
	return answer, err
}

// grpcConn returns a connection of the client, or nil if it talks REST.
func grpcConn(client *secretmanager.Client) *grpc.ClientConn {
	//lint:ignore SA1019 Any connection of the pool will do, and it is asked for at every call.
	return client.Connection()
}

// interrupted is a read whose time was up between two attempts.
type interrupted struct{ cause, err error }

func (e *interrupted) Error() string   { return e.cause.Error() }
func (e *interrupted) Unwrap() []error { return []error{e.cause, e.err} }

func newestEnabled(ctx context.Context, client *secretmanager.Client, secret string) (int, error) {
	newest := 0
	it := client.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: secret, Filter: "state:ENABLED"}, gax.WithGRPCOptions(bounded))
	for {
		v, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return newest, nil
		}
		if err != nil {
			return 0, err
		}
		_, number, _ := strings.Cut(v.GetName(), "/versions/")
		// Not every emulator knows the filter.
		if n, err := strconv.Atoi(number); err == nil && v.GetState() == secretmanagerpb.SecretVersion_ENABLED {
			newest = max(newest, n)
		}
	}
}

// promptly lists with a client and returns when ctx ends. Over REST, the
// client's listings do not look at their context, and go on.
func promptly[T any](ctx context.Context, scoped func(context.Context) (*secretmanager.Client, error), list func(*secretmanager.Client) (T, error)) (T, error) {
	var zero T
	client, err := scoped(ctx)
	if err != nil {
		return zero, err
	}
	if grpcConn(client) != nil {
		return list(client)
	}
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := list(client)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// A pageOfIDs is a page of ids, and the token of the next one.
type pageOfIDs struct {
	ids  []string
	next string
}

func page(ctx context.Context, client *secretmanager.Client, parent, token string) (p pageOfIDs, err error) {
	it := client.ListSecrets(ctx, &secretmanagerpb.ListSecretsRequest{Parent: parent, PageSize: pageSize, PageToken: token}, gax.WithGRPCOptions(bounded))
	for {
		s, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return p, nil
		}
		if err != nil {
			return pageOfIDs{}, err
		}
		p.ids = append(p.ids, s.GetName()[strings.LastIndexByte(s.GetName(), '/')+1:])
		if it.PageInfo().Remaining() == 0 {
			p.next = it.PageInfo().Token
			return p, nil
		}
	}
}
