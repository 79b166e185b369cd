package awsapi

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// hidden has the texts that no message may repeat: credentials, and what is in
// the place of a file's name and is none. Services and proxies repeat what was
// sent to them, and the SDK repeats what it was configured with.
//
// The texts are in a func, so that what prints a provider by reflection does
// not find them.
type hidden struct {
	texts func(add ...string) []string
}

// Texts that are shorter are not looked for, since they are parts of words.
const shortest = 6

// most bounds the texts: credentials are replaced again and again.
const most = 64

func newHidden() *hidden {
	var mu sync.Mutex
	var texts []string
	return &hidden{func(add ...string) []string {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range add {
			s = strings.TrimSpace(s)
			if len(s) < shortest {
				continue
			}
			for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
				if !slices.Contains(texts, form) {
					texts = append(texts, form)
				}
			}
		}
		texts = texts[max(0, len(texts)-most):]
		return slices.Clone(texts)
	}}
}

func (h *hidden) add(texts ...string) { h.texts(texts...) }

// addFile adds what is set where the name of a file belongs, unless it is one.
func (h *hidden) addFile(name string) {
	if !namedfile.Plausible(name) {
		h.add(name)
	}
}

// addURL adds the user information of a URL, and all of what is no URL.
func (h *hidden) addURL(raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		h.add(raw)
	case u.User != nil:
		password, _ := u.User.Password()
		h.add(u.User.Username(), password, u.User.String())
	}
}

// addEnvironment adds what the environment holds now.
func (h *hidden) addEnvironment() {
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		switch upper := strings.ToUpper(name); {
		case value == "":
		case slices.Contains(fileVariables, name):
			h.addFile(value)
		case strings.HasPrefix(name, "AWS_ENDPOINT_URL"), upper == "HTTP_PROXY", upper == "HTTPS_PROXY", upper == "ALL_PROXY",
			name == "AWS_CONTAINER_CREDENTIALS_FULL_URI", name == "AWS_EC2_METADATA_SERVICE_ENDPOINT":
			h.addURL(value)
		case name == "AWS_SECRET_ACCESS_KEY", name == "AWS_SECRET_KEY", name == "AWS_SESSION_TOKEN", name == "AWS_CONTAINER_AUTHORIZATION_TOKEN",
			name == "AWS_BEARER_TOKEN_BEDROCK":
			h.add(value)
		}
	}
}

var (
	// After a signature that does not match, the service tells what it has
	// signed itself: all headers, and the session token is one.
	canonical = regexp.MustCompile(`(?is)[^.\n]*\b(canonical string|string[- ]to[- ]sign)\b.*`)
	// userinfo is user:password@ in a URL.
	userinfo = regexp.MustCompile(`(://)[^/\s"'@]*@`)
	// tokenText is a header that carries one, a JSON web token, or what is longer
	// than a name and as random as a token.
	tokenText = regexp.MustCompile(`(?i)(x-amz-security-token|x-amz-bearer-token|authorization)["']?\s*[:=]\s*["']?\S+|\beyJ[\w-]+\.eyJ[\w.-]+|[A-Za-z0-9+/=_%-]{256,}`)
)

const elided = "[left out]"

// Texts are bounded before they are looked through, since that takes time for
// each byte, and who answers may send megabytes.
const (
	longestText = 4 << 10 // that is looked through
	keptText    = 2 << 10 // of one that is longer
)

// clean returns a text without credentials. Of a long one it returns the
// beginning.
func (h *hidden) clean(text string) string {
	if len(text) > longestText {
		return cut(h.cleanAll(h.beginning(text)), keptText)
	}
	return h.cleanAll(text)
}

// beginning cuts a text where no credential is cut in two.
func (h *hidden) beginning(text string) string {
	text = text[:longestText]
	if h != nil {
		for _, s := range h.texts() {
			for n := len(s); n > 0; n-- {
				if strings.HasSuffix(text, s[:n]) {
					text = text[:len(text)-n]
					break
				}
			}
		}
	}
	return strings.TrimRight(text, tokenCharacters) + "…"
}

// tokenLength is how many characters of tokens in a row are longer than a name.
const tokenLength = 256

const tokenCharacters = foreign.Lower + foreign.Upper + foreign.Digits + "+/=_%.-"

// longestWord is the length of the longest run of characters that tokens are
// made of.
func longestWord(text string) int {
	longest, run := 0, 0
	for i := range len(text) {
		if strings.IndexByte(tokenCharacters, text[i]) < 0 {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

func (h *hidden) cleanAll(text string) string {
	if h != nil {
		for _, s := range h.texts() {
			text = strings.ReplaceAll(text, s, elided)
		}
	}
	// An expression takes a hundred times as long as a look whether it can match.
	lower := strings.ToLower(text)
	if strings.Contains(lower, "canonical") || strings.Contains(lower, "sign") {
		text = canonical.ReplaceAllString(text, elided)
	}
	if strings.Contains(text, "://") {
		text = userinfo.ReplaceAllString(text, "$1")
	}
	if strings.Contains(lower, "x-amz-") || strings.Contains(lower, "authorization") || strings.Contains(lower, "eyj") || longestWord(text) >= tokenLength {
		text = tokenText.ReplaceAllString(text, elided)
	}
	return text
}

// dirty reports whether the text of an error, or of any that it wraps, has a
// credential, or an address that the endpoint's rules do not show, or is longer
// than any that says something.
func (h *hidden) dirty(err error) bool {
	found := false
	walk(err, func(e error) {
		if found {
			return
		}
		text := e.Error()
		if len(text) > longestText || h.clean(text) != text || strings.Contains(text, "invalid proxy address") || strings.Contains(text, "Location header") {
			found = true
		}
		if u, ok := e.(*url.Error); ok && (u.Op == "parse" || endpoint.Show(u.URL) != u.URL) {
			found = true
		}
	})
	return found
}
