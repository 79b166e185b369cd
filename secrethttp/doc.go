// Package secrethttp sends HTTP requests with a credential that rotates, and
// serves a page that shows how a resolver's secrets stand.
//
// # Requests
//
// A [Transport] is an [http.RoundTripper] that sets the current credential on
// every request:
//
//	client := &http.Client{Transport: secrethttp.New(nil, "api/token", secrethttp.Bearer())}
//
// On 401 it waits for another version of the secret, up to ten seconds
// ([WithWait]), and sends the request once more, if its body can be sent again
// ([http.Request].GetBody). What can't be replayed is left alone: its 401 is
// the caller's, and the next request has the new credential. So is the second
// answer, whatever it is. A credential that goes on to be refused is waited
// for once, and asked about rarely then.
//
// [WithRefusal] is for services that refuse with another code than 401.
//
// The credential goes over TLS, or to this machine (localhost, a loopback
// address), or to hosts for which plain http is allowed ([WithPlainHTTP], or
// SECRETS_ALLOW_HTTP), or not at all. After a redirect it goes to the same
// scheme, host and port alone, and only if all redirects before came from
// there, too: A sends you to B, B back to A, and A is asked without it, for B
// chose the path. [WithHosts] names hosts that trust each other.
//
// # Status
//
// [StatusHandler] shows [secrets.Resolver.Status] as JSON and as a page. It
// shows no values, but names and places: serve it where only operators come.
// It answers to requests for an IP address or localhost; other host names are
// allowed by [AllowHosts], so that no page that a browser has open can read it
// by pointing its own name at it.
package secrethttp
