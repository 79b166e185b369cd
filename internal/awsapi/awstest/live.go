package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// A Live is a service whose documents change, and which can fail: what the
// conformance suite asks for. Its Handle answers as Secrets Manager and as
// Parameter Store do, from the same documents.
type Live struct {
	mu    sync.Mutex
	docs  map[string]liveDoc
	count int
	stall bool
	spoil func(Request, Reply) Reply
}

type liveDoc struct {
	data    string
	version int
}

// Put makes data the document of a name.
func (l *Live) Put(name string, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.docs == nil {
		l.docs = make(map[string]liveDoc)
	}
	l.count++
	l.docs[name] = liveDoc{string(data), l.count}
}

// Delete removes the document of a name.
func (l *Live) Delete(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.docs, name)
}

// Stall has every call hang until resume is called.
func (l *Live) Stall(testing.TB) (resume func()) {
	l.set(func() { l.stall = true })
	return func() { l.set(func() { l.stall = false }) }
}

// Spoil changes every answer until restore is called.
func (l *Live) Spoil(spoil func(Request, Reply) Reply) (restore func()) {
	l.set(func() { l.spoil = spoil })
	return func() { l.set(func() { l.spoil = nil }) }
}

func (l *Live) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// Handle is for NewServer.
func (l *Live) Handle(r Request) Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stall {
		return Reply{Hang: true}
	}
	reply := l.answer(r)
	if l.spoil != nil {
		return l.spoil(r, reply)
	}
	return reply
}

func (l *Live) answer(r Request) Reply {
	switch r.Operation {
	case "GetSecretValue", "BatchGetSecretValue", "ListSecrets":
		m := make(SecretsManager)
		for name, doc := range l.docs {
			m[name] = doc.data
		}
		reply := m.Handle(r)
		l.versions(reply.Body, "SecretValues", l.secret)
		return reply
	}
	m := make(ParameterStore)
	for name, doc := range l.docs {
		m[name] = doc.data
	}
	reply := m.Handle(r)
	l.versions(reply.Body, "Parameters", func(e map[string]any) { e["Version"] = l.docs[e["Name"].(string)].version })
	return reply
}

// versions sets the versions of the documents that an answer holds.
func (l *Live) versions(body any, list string, set func(map[string]any)) {
	b, ok := body.(map[string]any)
	if !ok {
		return
	}
	if p, ok := b["Parameter"].(map[string]any); ok {
		set(p)
	}
	if _, ok := b["SecretString"]; ok {
		set(b)
	}
	entries, _ := b[list].([]any)
	for _, e := range entries {
		if e := e.(map[string]any); e["Value"] != nil || e["SecretString"] != nil {
			set(e)
		}
	}
}

func (l *Live) secret(e map[string]any) {
	doc := l.docs[e["Name"].(string)]
	e["VersionId"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", doc.version)
	if !utf8.ValidString(doc.data) {
		delete(e, "SecretString")
		e["SecretBinary"] = base64.StdEncoding.EncodeToString([]byte(doc.data))
	}
}

// Spoilers are answers that hold a value and are none: what a provider's
// errors must not quote.
var Spoilers = map[string]func(Request, Reply) Reply{
	"the body is cut":      func(_ Request, r Reply) Reply { return Reply{Body: text(r)[:len(text(r))*2/3]} },
	"the body is a string": func(_ Request, r Reply) Reply { return Reply{Body: strings.ReplaceAll(text(r), "{", "")} },
	"the value is a list": func(_ Request, r Reply) Reply {
		return Reply{Body: strings.NewReplacer(`"SecretString":"`, `"SecretString":["`, `"Value":"`, `"Value":["`).Replace(text(r))}
	},
	"the status is 500": func(_ Request, r Reply) Reply { return Reply{Status: 500, Body: text(r)} },
	"the status is 403 and no JSON": func(_ Request, r Reply) Reply {
		return Reply{Status: 403, Body: "<html>" + text(r) + "</html>"}
	},
}

// text is a reply's body as it goes over the wire.
func text(r Reply) string {
	b, _ := json.Marshal(r.Body)
	return string(b)
}
