package gcp

import (
	"context"
	"errors"
	"hash/crc32"
	"hash/maphash"
	"strconv"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/asked"
	"github.com/go-secrets/secrets/internal/fault"
)

// Fetch reads one version of one secret: the newest, or the one that the
// options version and latest choose. Its Value.Version is the version's
// number. Errors are of the classes that the package page tells, and the
// client's own error is found by errors.As.
func (p *Provider) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	at, done, err := p.prepare(ctx, ref)
	if err != nil {
		return secrets.Value{}, err
	}
	v, err := p.read(ctx, at)
	done(err == nil)
	return v, err
}

// prepare does what comes before a read and needs no connection.
func (p *Provider) prepare(ctx context.Context, ref secrets.Ref) (at place, done func(found bool), err error) {
	if p.invalid != nil {
		return place{}, nil, p.invalid
	}
	if at, err = p.locate(ref); err != nil {
		return place{}, nil, err
	}
	done, err = p.claims.take(at, !ref.IsName() || asked.IsByProgram(ctx))
	return at, done, err
}

func (p *Provider) read(ctx context.Context, at place) (secrets.Value, error) {
	answer, err := p.access(ctx, at)
	if at.enabled && errors.Is(err, errNotEnabled) {
		if at.version, err = p.newestEnabled(ctx, at); err == nil {
			answer, err = p.access(ctx, at)
		}
	}
	if err != nil {
		return secrets.Value{}, err
	}
	return p.value(at, answer)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// access reads a version and verifies its checksum, which the client does not.
// A mismatch is read once more, for it may have happened on the way.
func (p *Provider) access(ctx context.Context, at place) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	for range 2 {
		answer, err := call(ctx, &p.clients, at.location, func(ctx context.Context, conn *connection) (*secretmanagerpb.AccessSecretVersionResponse, error) {
			return conn.access(ctx, at.resource())
		})
		if err != nil {
			return nil, p.failure(ctx, err, at, permAccess)
		}
		payload := answer.GetPayload()
		if payload == nil {
			return nil, unavailable("the answer for %s has no payload", at)
		}
		if payload.DataCrc32C == nil || payload.GetDataCrc32C() == int64(crc32.Checksum(payload.GetData(), castagnoli)) {
			return answer, nil
		}
	}
	return nil, unavailable("the payload of %s does not fit its checksum (CRC32C), twice in a row", at)
}

// newestEnabled finds the newest version that is enabled.
func (p *Provider) newestEnabled(ctx context.Context, at place) (string, error) {
	newest, err := call(ctx, &p.clients, at.location, func(ctx context.Context, conn *connection) (int, error) {
		return conn.newestEnabled(ctx, at.secret)
	})
	if err != nil {
		return "", p.failure(ctx, err, at, permListVersions)
	}
	if newest == 0 {
		return "", fault.New(secrets.ErrNotFound, "no version of "+at.String()+" is enabled", nil)
	}
	return strconv.Itoa(newest), nil
}

// value makes the Value of an answer.
//
// The name in the answer has the version's number, whatever was asked for, and
// the project's number, so that only its end can be compared.
func (p *Provider) value(at place, answer *secretmanagerpb.AccessSecretVersionResponse) (secrets.Value, error) {
	resource, number, _ := strings.Cut(answer.GetName(), "/versions/")
	if id := resource[strings.LastIndexByte(resource, '/')+1:]; id != at.id {
		return secrets.Value{}, unavailable("asked for %s, got an answer for %s", at, quote(id))
	}
	data := answer.GetPayload().GetData()
	if data == nil {
		data = []byte{}
	}
	if !isNumber(number) {
		// Some emulators echo latest, which never changes: the resolver makes
		// a version of the data.
		return secrets.Value{Data: data}, nil
	}
	if isNumber(at.version) && number != at.version {
		return secrets.Value{}, unavailable("asked for %s, got version %s", at, number)
	}
	return secrets.Value{Data: data, Version: p.versionOf(at.resource(), number, data)}, nil
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && s[0] != '0' && len(s) < 19
}

// versionOf is the version's number, with a mark once the secret was made again:
// Terraform does so within seconds when it replaces a secret, between two reads
// of it. The answer does not say when a version was made, so that its bytes have
// to tell, of which a hash under a key of this process is kept.
func (p *Provider) versionOf(resource, number string, data []byte) string {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil { // of which isNumber leaves none
		return number
	}
	if times := p.numbers.Times(resource, n, maphash.Bytes(seed, data)); times > 0 {
		return number + "~" + strconv.Itoa(times)
	}
	return number
}

var seed = maphash.MakeSeed()
