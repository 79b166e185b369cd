package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-secrets/secrets"
)

// A runningReport compares a name with what a running process holds.
type runningReport struct {
	// State is same, differs, not held, or not comparable: a version that was
	// derived from the value, for want of one of the backend, means nothing
	// outside of its process.
	State     string    `json:"state"`
	Held      string    `json:"held,omitempty"` // how the process's document stands: fresh, stale …
	Document  string    `json:"document,omitempty"`
	Version   string    `json:"version,omitempty"`
	FetchedAt time.Time `json:"fetched_at,omitzero"`
	NextRead  time.Time `json:"next_read,omitzero"`
}

const (
	runningSame         = "same"
	runningDiffers      = "differs"
	runningNotHeld      = "not held"
	runningIncomparable = "not comparable"
)

func (r *runningReport) bad() bool {
	return r.State == runningDiffers || r.State == runningNotHeld || r.Held == string(secrets.StateExpired)
}

// fetchStatus asks a running process what it holds.
func fetchStatus(ctx context.Context, from string) ([]status, error) {
	const most = 64 << 20
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, withCode(ExitUsage, "--against takes the http or https URL of a running process's status")
	}
	if u.User != nil {
		return nil, withCode(ExitUsage, "--against: the URL holds a credential, which everybody sees in the process list; reach the status on a port that needs none, such as a forwarded one")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, withCode(ExitUnavailable, "no status from %s: %w", from, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusMisdirectedRequest {
		return nil, withCode(ExitUnavailable, "no status from %s: the process does not serve it for the host %q; ask by its IP address, or name the host in secrethttp.AllowHosts there", from, u.Host)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable { // ?healthy answers 503 with the same array
		return nil, withCode(ExitUnavailable, "no status from %s: %s", from, resp.Status)
	}
	var all []status
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&all); err != nil {
		return nil, withCode(ExitUnavailable, "what %s answers is no status (a JSON array, as secrethttp.StatusHandler gives it)", from)
	}
	return all, nil
}

// namesOf returns the names that a process holds, or would if it could read
// them. A name that it found nowhere is none of them: it may be optional.
func namesOf(held []status) (names []string) {
	for _, d := range held {
		if d.State != secrets.StateMissing || d.Class != secrets.ErrNotFound.Error() {
			names = append(names, d.Names...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compare tells of each name what the running process holds.
func compare(names []nameReport, held []status) {
	for i := range names {
		n := &names[i]
		d := holderOf(held, n.Name)
		if d == nil || d.State == secrets.StateMissing {
			n.Running = &runningReport{State: runningNotHeld}
			continue
		}
		n.Running = &runningReport{
			State: runningSame, Held: string(d.State), Document: d.Document, Version: d.Version,
			FetchedAt: d.FetchedAt, NextRead: d.NextRead,
		}
		switch {
		case n.State != stateOK, isDerived(d.Version) && isDerived(n.Version):
			n.Running.State = runningIncomparable
		case d.Version != n.Version:
			n.Running.State = runningDiffers
		}
	}
}

// isDerived reports whether a version looks like those that the library
// derives, 16 hexadecimal digits; no service has such.
func isDerived(version string) bool {
	if len(version) != 16 {
		return false
	}
	for _, c := range version {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// describe puts the comparison into a few words.
func (r *runningReport) describe() string {
	switch r.State {
	case runningDiffers:
		text := fmt.Sprintf("differs: holds %s", r.Version)
		if !r.NextRead.IsZero() {
			text += ", reads again in " + max(0, time.Until(r.NextRead)).Round(time.Second).String()
		}
		return text
	case runningNotHeld:
		return r.State
	}
	if r.Held != string(secrets.StateFresh) {
		return r.State + ", " + r.Held
	}
	return r.State
}
