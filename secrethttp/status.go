package secrethttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
)

// A StatusOption sets one thing of a [StatusHandler].
type StatusOption func(*statusHandler)

// AllowRefresh has the handler take POST ?refresh=NAME, which reads that secret
// now. NAME is one that Status shows: others are not found, for who may refresh
// need not be who may read. A read of a lease makes a new one, so a lease is
// read once in a minute (429, with Retry-After). Requests that a browser sends
// from another site are refused.
func AllowRefresh() StatusOption {
	return func(h *statusHandler) { h.refresh = true }
}

// AllowHosts names hosts by which the handler may be asked: what stands between
// scheme and path of its URL, with a port or, for all ports, without. IP
// addresses and localhost need no permission. Requests for other hosts get 421
// (Misdirected Request), since a page from anywhere can have its own name lead
// to this server (DNS rebinding), and read the answer as its own.
func AllowHosts(hosts ...string) StatusOption {
	return func(h *statusHandler) { h.hosts = append(listed(hosts), h.hosts...) }
}

// StatusHandler serves what [secrets.Resolver.Status] says of r: an array of
// [secrets.Status] as JSON, or a page for those who accept text/html
// (?format=json and ?format=html decide). The code is 200, or 503 if
// [secrets.Resolver.Healthy] has something to say and the query has
// healthy: GET ?healthy is for probes. No value is shown. The request must be
// for an IP address, localhost, or one of [AllowHosts].
func StatusHandler(r *secrets.Resolver, opts ...StatusOption) http.Handler {
	h := &statusHandler{resolver: r}
	for _, o := range opts {
		o(h)
	}
	return http.NewCrossOriginProtection().Handler(h)
}

type statusHandler struct {
	resolver *secrets.Resolver
	refresh  bool
	hosts    []string // beside addresses and localhost
}

func (h *statusHandler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !h.isAsked(req.Host) {
		http.Error(w, fmt.Sprintf("the status is not served for the host %.100q: ask for it by an IP address or localhost, or name the host in secrethttp.AllowHosts", req.Host), http.StatusMisdirectedRequest)
		return
	}
	query := req.URL.Query()
	switch {
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
	case req.Method == http.MethodPost && h.refresh && query.Get("refresh") != "":
		if !h.mayRefresh(w, query.Get("refresh")) {
			return
		}
		if _, err := h.resolver.Refresh(req.Context(), query.Get("refresh")); err != nil {
			http.Error(w, err.Error(), codeOf(err))
			return
		}
		if wantsPage(req) {
			// Relative: a path that a client sent may begin with two slashes,
			// which would be another host, and may lack a prefix that was
			// stripped on the way here.
			w.Header().Set("Location", "?")
			w.WriteHeader(http.StatusSeeOther)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "not here", http.StatusMethodNotAllowed)
		return
	}
	code := http.StatusOK
	if query.Has("healthy") && h.resolver.Healthy() != nil {
		code = http.StatusServiceUnavailable
	}
	if wantsPage(req) {
		h.page(w, code)
		return
	}
	status := h.resolver.Status()
	if status == nil {
		status = []secrets.Status{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(status)
}

// isAsked reports whether the handler answers for a host, which is empty in
// requests of programs from before HTTP/1.1 alone.
func (h *statusHandler) isAsked(host string) bool {
	u := url.URL{Scheme: "http", Host: host}
	name := strings.ToLower(u.Hostname())
	_, err := netip.ParseAddr(name)
	return host == "" || name == "localhost" || err == nil || has(h.hosts, hostPort(&u))
}

// leaseEvery is how often a lease is refreshed: each read makes a new one, a
// user of a database for instance, and the one before it lives on to its end.
const leaseEvery = time.Minute

// mayRefresh reports whether a name is one that the status shows, and is no
// lease that was read just now; if not, it answers why.
func (h *statusHandler) mayRefresh(w http.ResponseWriter, name string) bool {
	all := h.resolver.Status()
	i := slices.IndexFunc(all, func(s secrets.Status) bool { return slices.Contains(s.Names, name) })
	if i < 0 {
		http.Error(w, "the status shows no secret of that name", http.StatusNotFound)
		return false
	}
	s := all[i]
	if wait := leaseEvery - time.Since(s.FetchedAt); !s.Expires.IsZero() && s.State == secrets.StateFresh && wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, "each read of this secret makes a new lease, and it has just been read", http.StatusTooManyRequests)
		return false
	}
	return true
}

func wantsPage(req *http.Request) bool {
	switch req.URL.Query().Get("format") {
	case "html":
		return true
	case "json":
		return false
	}
	return strings.Contains(req.Header.Get("Accept"), "text/html")
}

// codeOf is the HTTP status of a failed refresh.
func codeOf(err error) int {
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, secrets.ErrInvalid):
		return http.StatusBadRequest
	}
	return http.StatusBadGateway
}

const style = `body{font:15px/1.4 system-ui,sans-serif;margin:2em;color:#222}table{border-collapse:collapse}th,td{text-align:left;padding:.3em .9em;border-bottom:1px solid #ddd;vertical-align:top}
.fresh{color:#1a7f37}.stale{color:#9a6700}.expired,.missing{color:#cf222e}code{font-size:13px}form{margin:0}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}th,td{border-color:#333}}`

// page writes the table. It is built by hand: html/template would link
// text/template and reflection into every program that serves a status.
func (h *statusHandler) page(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(code)
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Secrets</title><style>` + style + `</style><h1>Secrets</h1>`)
	if err := h.resolver.Healthy(); err != nil {
		fmt.Fprintf(&b, `<p class="expired">Not healthy: %s</p>`, html.EscapeString(err.Error()))
	}
	b.WriteString(`<table><tr><th>Names<th>State<th>Version<th>Age<th>Next read<th>Expires<th>Document<th>Failures`)
	if h.refresh {
		b.WriteString(`<th>`)
	}
	now := time.Now()
	for _, s := range h.resolver.Status() {
		fmt.Fprintf(&b, `<tr><td>%s<td class="%s">%s<td><code>%s</code><td>%s<td>%s<td>%s<td><code>%s</code><td>%s`,
			html.EscapeString(strings.Join(s.Names, ", ")), html.EscapeString(string(s.State)), html.EscapeString(state(s, now)), html.EscapeString(s.Version),
			ago(now, s.FetchedAt), in(now, s.NextRead), in(now, s.Expires), html.EscapeString(s.Document), html.EscapeString(failures(s)))
		if h.refresh {
			b.WriteString(`<td>`)
			if len(s.Names) > 0 {
				fmt.Fprintf(&b, `<form method="post" action="?refresh=%s"><button>Refresh</button></form>`, html.EscapeString(url.QueryEscape(s.Names[0])))
			}
		}
	}
	b.WriteString("</table></html>\n")
	_, _ = w.Write([]byte(b.String()))
}

func state(s secrets.Status, now time.Time) string {
	if s.RejectedAt.IsZero() {
		return string(s.State)
	}
	return string(s.State) + ", rejected " + ago(now, s.RejectedAt) + " ago"
}

func failures(s secrets.Status) string {
	var all []string
	if s.Failures > 0 {
		all = append(all, fmt.Sprintf("%d in a row: %s", s.Failures, s.LastError))
	}
	if s.WatchError != "" {
		all = append(all, "not watched: "+s.WatchError)
	}
	return strings.Join(all, "; ")
}

func ago(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return now.Sub(at).Round(time.Second).String()
}

func in(now, at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case at.Before(now):
		return "now"
	}
	return "in " + at.Sub(now).Round(time.Second).String()
}
