package secretsql

// An Option says what a secret looks like.
type Option func(*options)

type options struct {
	user     string   // fixed; empty: in the document
	userKeys []string // the first that is there
	password string   // its key
	endpoint bool
}

func newOptions(opts []Option) options {
	o := options{userKeys: []string{"username", "user"}, password: "password"}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// WithUser says that the secret is the password alone, and whose it is.
func WithUser(user string) Option {
	return func(o *options) { o.user = user }
}

// WithKeys sets the keys of user and password in the document; the defaults
// are username, or else user, and password.
func WithKeys(user, password string) Option {
	return func(o *options) { o.userKeys, o.password = []string{user}, password }
}

// WithEndpoint has the document also say where the database is: its keys host,
// port and dbname (or database), those that are there. Without it, the
// driver's configuration alone does.
func WithEndpoint() Option {
	return func(o *options) { o.endpoint = true }
}
