// Rotate shows the webapp while the password of its database rotates under
// load: it starts a PostgreSQL of its own and the webapp, has workers ask it,
// changes the password every few seconds, in the database first and in the
// mounted secret two seconds later, and draws what came of it:
//
//	go run ./examples/webapp/rotate -plot rotation.svg
//
// While it runs, the page that it names shows the same live. It needs the
// server programs of PostgreSQL (Debian: the package postgresql) and stops and
// removes all that it made.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

type settings struct {
	duration, every, lag time.Duration
	workers              int
	plot, listen         string
	hold                 bool
}

func main() {
	var s settings
	flag.DurationVar(&s.duration, "for", 40*time.Second, "how long the load goes on")
	flag.DurationVar(&s.every, "every", 10*time.Second, "the time between two rotations")
	flag.DurationVar(&s.lag, "lag", 2*time.Second, "how much later than the database the secret changes")
	flag.IntVar(&s.workers, "workers", 50, "how many ask at once")
	flag.StringVar(&s.plot, "plot", "rotation.svg", "the `file` to draw")
	flag.StringVar(&s.listen, "listen", "127.0.0.1:0", "the `address` of the webapp")
	flag.BoolVar(&s.hold, "hold", false, "leave the webapp running until interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "rotate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := startPostgres(ctx, filepath.Join(dir, "postgres"))
	if err != nil {
		return err
	}
	defer db.stop()
	secret := &mount{dir: filepath.Join(dir, "secrets", "db")}
	if err := errors.Join(db.exec(ctx, "CREATE ROLE app LOGIN PASSWORD 'password-0'"), secret.put("app", "password-0")); err != nil {
		return err
	}
	app, err := startWebapp(ctx, dir, db, s.listen)
	if err != nil {
		return err
	}
	defer app.stop()
	fmt.Fprintln(out, "the page is", app.url)

	l := startLoad(ctx, app.url+"/query", s.workers)
	for n := 1; time.Since(l.begun)+s.every+s.lag < s.duration && ctx.Err() == nil; n++ {
		sleep(ctx, s.every-s.lag)
		password := fmt.Sprintf("password-%d", n)
		if err := db.exec(ctx, "ALTER ROLE app PASSWORD '"+password+"'"); err != nil {
			return err
		}
		l.mark("database")
		sleep(ctx, s.lag)
		if err := secret.put("app", password); err != nil {
			return err
		}
		l.mark("secret")
		fmt.Fprintf(out, "rotation %d after %v: %v\n", n, time.Since(l.begun).Round(time.Second), l)
	}
	sleep(ctx, s.duration-time.Since(l.begun))
	l.end()
	fmt.Fprintln(out, l)
	if err := os.WriteFile(s.plot, l.draw(), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "drawn to", s.plot)
	if s.hold {
		fmt.Fprintln(out, "the webapp goes on until interrupted")
		<-ctx.Done()
	}
	return nil
}

// sleep waits for d, or less if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// A mount is a secret as kubelet mounts it: names are links through ..data,
// which is moved from one version to the next in one step.
type mount struct {
	dir     string
	version int
}

func (m *mount) put(user, password string) error {
	m.version++
	data, next := fmt.Sprintf("..%d", m.version), filepath.Join(m.dir, "..next")
	if err := os.MkdirAll(filepath.Join(m.dir, data), 0o755); err != nil {
		return err
	}
	for name, value := range map[string]string{"username": user, "password": password} {
		if err := os.WriteFile(filepath.Join(m.dir, data, name), []byte(value), 0o644); err != nil {
			return err
		}
		if m.version == 1 {
			if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
				return err
			}
		}
	}
	if err := os.Symlink(data, next); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(m.dir, "..data"))
}

// A webapp is the process under load.
type webapp struct {
	cmd *exec.Cmd
	url string
}

var servingAt = regexp.MustCompile(`page=(http://\S+)`)

func startWebapp(ctx context.Context, dir string, db *postgres, listen string) (*webapp, error) {
	binary := filepath.Join(dir, "webapp")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/go-secrets/secrets/examples/webapp")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the webapp: %w: %s", err, out)
	}
	// Connections live shorter than the secret lags behind, so that each has to
	// be made anew while the secret is wrong: that is what a rotation breaks.
	cmd := exec.Command(binary, "-listen", listen, "-db", "postgres://"+db.addr+"/postgres?sslmode=disable", "-conn-life", "1500ms")
	cmd.Env = append(os.Environ(), "SECRETS_URL=file://"+filepath.Join(dir, "secrets"))
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		fmt.Fprintln(os.Stderr, lines.Text())
		if at := servingAt.FindStringSubmatch(lines.Text()); at != nil {
			go func() {
				for lines.Scan() {
					fmt.Fprintln(os.Stderr, lines.Text())
				}
			}()
			return &webapp{cmd, at[1]}, nil
		}
	}
	return nil, fmt.Errorf("the webapp ended at its start: %w", cmd.Wait())
}

func (w *webapp) stop() {
	_ = w.cmd.Process.Signal(os.Interrupt)
	_ = w.cmd.Wait()
}
