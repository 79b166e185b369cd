package gcp

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words returns what a server says of a refusal: its code and its sentence, of
// the forms that OAuth (RFC 6749, 5.2) and Google's APIs have, or a plain line.
// What looks like a credential, and what was sent as one, is left out.
func words(answer []byte, sent []string) string {
	var body struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
	}
	if json.Unmarshal(answer, &body) != nil {
		if !utf8.Valid(answer) || strings.ContainsFunc(string(answer), notText) {
			return ""
		}
		return discreet(string(answer), sent)
	}
	var code string
	if json.Unmarshal(body.Error, &code) == nil {
		return joined(code, body.Description, sent)
	}
	var api struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	}
	if json.Unmarshal(body.Error, &api) != nil {
		return ""
	}
	code = api.Status
	for _, d := range api.Details {
		if d.Reason != "" {
			code = d.Reason
			break
		}
	}
	return joined(code, api.Message, sent)
}

// notText knows what an HTML page or a binary answer has and a sentence not.
func notText(c rune) bool {
	return c == '<' || c == '{' || (unicode.IsControl(c) && !unicode.IsSpace(c))
}

func joined(code, text string, sent []string) string {
	code, text = discreet(code, sent), discreet(text, sent)
	switch {
	case text == "":
		return code
	case code == "" || strings.Contains(text, code):
		return text
	}
	return code + ": " + text
}

// credential matches what no sentence has: the prefixes of tokens and keys,
// and runs of characters that are longer than any name.
var credential = regexp.MustCompile(`(?:eyJ|ya29\.|1//|GOCSPX-|-----BEGIN|[A-Za-z0-9_+=-]{40})\S*`)

const omitted = "[…]"

// discreet returns a server's words on one line, bounded, without credentials.
func discreet(text string, sent []string) string {
	for _, s := range sent {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, omitted)
		}
	}
	return oneLine(credential.ReplaceAllString(text, omitted))
}
