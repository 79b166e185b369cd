package vault

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheKeyValueStandsForADocumentThatHasIt(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"value":"x"}`:               "value",
		`{"value":""}`:                "value",
		`{"value":"x","zone":"z"}`:    "value",
		`{"a":"x","value":"y"}`:       "value",
		"{\n \"value\" : \"x\"\n}":    "value",
		`{"value":1}`:                 "value",
		`{"value":{"a":"x"}}`:         "value",
		`{"value":null}`:              "",
		`{"Value":"x"}`:               "",
		`{"values":"x"}`:              "",
		`{"a":"value"}`:               "",
		`{"a":{"value":"x"}}`:         "",
		`{"a":"{\"value\":\"x\"}"}`:   "",
		`{}`:                          "",
		`{"a":"\"value\":","b":"x"} `: "",
	} {
		assert.Equal(t, want, defaultKey(json.RawMessage(document)), document)
	}
}

func TestATimeThatVaultDoesNotKnowIsZero(t *testing.T) {
	t.Parallel()
	assert.Zero(t, parseTime(""))
	assert.Zero(t, parseTime("never"))
	assert.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), parseTime("2026-01-02T03:04:05.000006Z"))
}
