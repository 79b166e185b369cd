package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// checked runs check --json.
func checked(t *testing.T, url string, args ...string) (report, outcome) {
	t.Helper()
	got := inProcess(t, url, append([]string{"check", "--json"}, args...)...)
	var rep report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &rep), "%s%s", got.stdout, got.stderr)
	assert.NotContains(t, got.stdout+got.stderr, canary)
	assert.Equal(t, rep.OK, got.code == ExitOK)
	if !rep.OK {
		assert.Equal(t, ExitFailure, got.code)
	}
	return rep, got
}

func TestCheckTellsThatAllIsWell(t *testing.T) {
	rep, got := checked(t, "env:// one://app", "api/key", "pay/x#port")
	assert.True(t, rep.OK)
	assert.Empty(t, got.stderr)
	require.Len(t, rep.Providers, 2)
	assert.Equal(t, "env://", rep.Providers[0].Provider)
	assert.Equal(t, "not needed", rep.Providers[0].Credentials)
	assert.Equal(t, "one://app", rep.Providers[1].Provider)
	assert.Equal(t, "accepted", rep.Providers[1].Credentials)
	require.Len(t, rep.Names, 2)
	n := rep.Names[0]
	assert.Equal(t, []string{"api/key", "ok", "one", "one://app/api/key", "v1"}, []string{n.Name, n.State, n.Provider, n.Document, n.Version})
	assert.Positive(t, n.LatencyMS)
}

func TestCheckTellsWhatIsWrongWithEachNameAndWhereItLooked(t *testing.T) {
	rep, got := checked(t, "env:// one://app", "api/key", "missing", "denied", "down", "stranger", "/bad")
	assert.False(t, rep.OK)
	byName := make(map[string]nameReport)
	for _, n := range rep.Names {
		byName[n.Name] = n
	}
	assert.Equal(t, "ok", byName["api/key"].State)
	assert.Equal(t, "not found", byName["missing"].State)
	assert.Contains(t, byName["missing"].Error, "env://missing: not found")
	assert.Contains(t, byName["missing"].Error, "one://app/missing: not found")
	assert.Equal(t, "permission denied", byName["denied"].State)
	assert.Equal(t, "fake:Read on app/denied", byName["denied"].Permission)
	assert.Equal(t, "unavailable", byName["down"].State)
	assert.Equal(t, "unauthenticated", byName["stranger"].State)
	assert.Contains(t, byName["stranger"].Error, "set FAKE_TOKEN")
	assert.Equal(t, "invalid", byName["/bad"].State)
	assert.Empty(t, got.stderr, "with --json all is in there")
}

func TestCheckReachesEachProviderByANameThatIsNotThere(t *testing.T) {
	for probe, want := range map[string]struct{ state, credentials string }{
		"missing":  {"ok", "accepted"},
		"denied":   {"ok", "accepted"}, // as with a least policy
		"stranger": {"unauthenticated", "refused or missing"},
		"down":     {"unavailable", "unknown"},
	} {
		rep, _ := checked(t, "one://app", "--probe", probe)
		require.Len(t, rep.Providers, 1)
		p := rep.Providers[0]
		assert.Equal(t, want.state, p.State, probe)
		assert.Equal(t, want.credentials, p.Credentials, probe)
		assert.Equal(t, probe == "denied", p.Declined)
		assert.Equal(t, want.state != "ok", p.Error != "")
	}
	rep, _ := checked(t, "one://app", "--probe=", "api/key")
	assert.Empty(t, rep.Providers)
}

func TestCheckOpensEachProviderOnce(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log") // a secret id that is good for one login is spent by the second
	t.Setenv("FAKE_LOG", log)
	checked(t, "one://app", "api/key", "db/password")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(text), "one close"))
}

func TestCheckWithoutNamesReadsThoseThatTheConfigurationHasReferencesFor(t *testing.T) {
	settings := file(t, "secrets.yaml", `
providers: ["env://"]
references:
  stripe/key: one://pay/stripe#port
  gone: one://pay/missing
  legacy/: two://legacy
`)
	rep, _ := checked(t, "", "--config", settings)
	require.Len(t, rep.Names, 2)
	assert.Equal(t, "gone", rep.Names[0].Name)
	assert.Equal(t, "not found", rep.Names[0].State)
	assert.Equal(t, "stripe/key", rep.Names[1].Name)
	assert.Equal(t, "ok", rep.Names[1].State)
	require.Len(t, rep.Providers, 2)
	assert.Equal(t, "two://legacy", rep.Providers[1].Provider)
	assert.Equal(t, "legacy/", rep.Providers[1].Below)
}

func TestCheckPrintsLinesForOtherProgramsWhereNoTerminalIs(t *testing.T) {
	got := inProcess(t, "one://app", "check", "api/key", "denied")
	assert.Equal(t, ExitFailure, got.code)
	rows := strings.Split(strings.TrimSpace(got.stdout), "\n")
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"one://app", "ok", "accepted"}, strings.Split(rows[0], "\t")[:3])
	assert.Equal(t, []string{"api/key", "ok", "one://app/api/key", "v1", "-"}, strings.Split(rows[1], "\t")[:5])
	assert.Equal(t, []string{"denied", "permission denied", "-", "-", "-"}, strings.Split(rows[2], "\t")[:5])
	assert.Equal(t, "denied: one://app/denied: permission denied: not for you\n  missing permission: fake:Read on app/denied\n", got.stderr)
	assert.NotContains(t, got.stdout+got.stderr, "\x1b")
}

func TestAWrongConfigurationIsToldBeforeAnythingIsRead(t *testing.T) {
	for _, url := range []string{"nosuch://x", "one://app?nosuch=1", "one://u:" + canary + "@h/x"} {
		got := inProcess(t, url, "check")
		assert.Equal(t, ExitInvalid, got.code, url)
		assert.NotContains(t, got.stderr, canary)
	}
}

// running is a process whose status is served, as secrethttp.StatusHandler
// does.
func running(t *testing.T, held ...secrets.Status) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Contains(t, r.Header.Get("Accept"), "application/json")
		assert.NoError(t, json.NewEncoder(w).Encode(held))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAgainstComparesVersionsWithARunningProcess(t *testing.T) {
	url := running(t,
		secrets.Status{Names: []string{"api/key"}, State: secrets.StateMissing, Class: "not found"},
		secrets.Status{Names: []string{"api/key"}, Document: "one://app/api/key", Version: "v1", State: secrets.StateFresh},
		secrets.Status{Names: []string{"pay", "pay#port"}, Version: "v0", State: secrets.StateFresh, NextRead: time.Now().Add(time.Minute)},
		secrets.Status{Names: []string{"api/key", "gone"}, State: secrets.StateMissing, Class: "not found"}, // looked for there, too
		secrets.Status{Names: []string{"old"}, Version: "v1", State: secrets.StateExpired},
	)
	rep, _ := checked(t, "one://app", "--against", url, "api/key", "pay#port", "old", "unknown")
	var states []string
	for _, n := range rep.Names {
		states = append(states, n.Running.State+" "+n.Running.Held)
	}
	assert.Equal(t, []string{"same fresh", "differs fresh", "same expired", "not held "}, states)
	assert.False(t, rep.OK)
	assert.Equal(t, "v0", rep.Names[1].Running.Version)

	rep, _ = checked(t, "one://app", "--against", url)
	assert.Len(t, rep.Names, 4, "without names, all that the process holds")
	rep, _ = checked(t, "one://app", "--against", url, "api/key")
	assert.True(t, rep.OK)

	got := inProcess(t, "one://app", "check", "--against", url, "pay#port")
	assert.Regexp(t, `differs: holds v0, reads again in (1m0s|5\ds)\n`, got.stdout)
}

func TestAgainstDoesNotCompareVersionsThatMeanNothingElsewhere(t *testing.T) {
	t.Setenv("API_KEY", canary)
	url := running(t, secrets.Status{Names: []string{"api/key"}, Version: "0123456789abcdef", State: secrets.StateFresh})
	rep, _ := checked(t, "env://", "--against", url, "api/key")
	assert.Equal(t, "not comparable", rep.Names[0].Running.State)
	assert.True(t, rep.OK)
}

func TestAgainstTellsWhyThereIsNoStatus(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	unasked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMisdirectedRequest) }))
	defer unasked.Close()
	for url, want := range map[string]string{
		down.URL:             "404 Not Found",
		unasked.URL:          "AllowHosts",
		page.URL:             "is no status",
		"http://127.0.0.1:1": "connection refused",
	} {
		got := inProcess(t, "one://app", "check", "--against", url)
		assert.Equal(t, ExitUnavailable, got.code, url)
		assert.Contains(t, got.stderr, want)
	}
	for _, url := range []string{"ftp://x", "localhost:80", "http://user:" + canary + "@localhost/"} {
		got := inProcess(t, "one://app", "check", "--against", url)
		assert.Equal(t, ExitUsage, got.code, url)
		assert.NotContains(t, got.stderr, canary)
	}
}

func TestCheckTellsHowOldAVersionIsIfTheBackendSays(t *testing.T) {
	names := []nameReport{{Name: "db", State: stateOK}, {Name: "other", State: stateOK}}
	locate(names, []status{
		{Status: secrets.Status{Names: []string{"db"}, Document: "one://db"}, Created: time.Now().Add(-72 * time.Hour)},
		{Status: secrets.Status{Names: []string{"other"}, Document: "one://other"}},
	})
	assert.Equal(t, "3d", age(names[0].Created, names[0].AgeSeconds))
	assert.Equal(t, "-", age(names[1].Created, names[1].AgeSeconds))
}

func TestAgesAreToldInTheirLargestUnit(t *testing.T) {
	created := time.Now()
	for seconds, want := range map[float64]string{5: "5s", 300: "5m", 3 * 3600: "3h", 30 * 3600: "30h", 9 * 86400: "9d"} {
		assert.Equal(t, want, age(created, seconds))
	}
	assert.Equal(t, "-", age(time.Time{}, 0))
}

func TestCheckShowsNoCredentialThatStandsInAFilesPlace(t *testing.T) {
	t.Parallel()
	const planted = "hvs.hunter2hunter2"
	for _, uri := range []string{
		"one://app?token_file=" + planted, "one://app?client_key=-----BEGIN" + planted, "one://app?jwt_file={" + planted + "}",
		"one://app?token_file=" + strings.Repeat(planted, 100), "one://user:" + planted + "@host",
	} {
		for _, args := range [][]string{{"check"}, {"check", "--json"}, {"check", "x"}, {"get", "x"}, {"list"}, {"check", "--policy", "x"}} {
			got := asProcess(t, []string{"SECRETS_URL=" + uri}, args...)
			assert.NotContains(t, got.stdout+got.stderr, planted, "%s of %s", args, strings.ReplaceAll(uri, planted, "…"))
		}
	}
}
