package cli

import (
	"slices"
	"strings"
)

// A document whose keys become variables (--from, --spread) is written by
// whoever may write a secret, who is not on that account the one who may say
// what code the program runs. --prefix and --keys are the boundary. Without
// them the variables below are refused, which is a seat belt: no list of such
// variables is complete.

// loaders are variables that have a program, its interpreter, its libraries or
// its shell load code, or say where that is looked for. Patterns are those of
// path.Match, and letters of either case are the same.
//
// The first lines are what glibc takes out of the environment of programs with
// more rights than their user (sysdeps/generic/unsecvars.h; ld.so(8)) and what
// sudo does (initial_badenv_table in plugins/sudoers/env.c; sudoers(5)). The
// others are from the manuals of the programs that read them: bash(1), node(1),
// python(1), perlrun(1), ruby(1), java(1), dotnet's hosting, lua(1), php-cli(1),
// git(1), openssl-env(7).
var loaders = []string{
	"LD_*", "DYLD_*", "_RLD*", "LDR_*", "LIBPATH", "SHLIB_PATH", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "MALLOC_*", "NLSPATH", "RESOLV_*", "TMPDIR",
	"IFS", "ENV", "BASH_ENV", "BASH_FUNC_*", "BASHOPTS", "SHELLOPTS", "PS4", "PROMPT_COMMAND", "CDPATH", "TERMINFO", "TERMINFO_DIRS", "TERMCAP", "TERMPATH", "ZDOTDIR", "FPATH", "SHELL",
	"PATH", "HOME", "XDG_*", "PATHEXT", "COMSPEC",
	"NODE_OPTIONS", "NODE_PATH", "NODE_REPL_*", "NPM_CONFIG_*", "DENO_*", "BUN_*", "ELECTRON_RUN_AS_NODE",
	"PYTHON*", "PERL*", "RUBY*", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE", "BUNDLE_PATH", "LUA_*", "PHPRC", "PHP_INI_SCAN_DIR", "ERL_*", "ELIXIR_ERL_OPTIONS", "R_PROFILE*", "R_ENVIRON*",
	"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "JAVA_HOME", "CLASSPATH", "MAVEN_OPTS", "GRADLE_OPTS", "CATALINA_OPTS",
	"DOTNET_*", "CORECLR_*", "COMPLUS_*", "COR_*", "GOFLAGS", "GOROOT", "GODEBUG", "GOTOOLCHAIN", "RUSTC*", "CARGO_BUILD_*", "CARGO_HOME", "CARGO_TARGET_*", "MAKEFLAGS",
	"GIT_ASKPASS", "GIT_CONFIG*", "GIT_DIR", "GIT_EDITOR", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_PROXY_COMMAND", "GIT_SEQUENCE_EDITOR", "GIT_SSH*", "GIT_TEMPLATE_DIR",
	"EDITOR", "VISUAL", "PAGER", "BROWSER", "LESSOPEN", "LESSCLOSE", "MANPAGER", "SUDO_ASKPASS", "SSH_ASKPASS", "PSQLRC", "PSQL_EDITOR",
	"OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "GIO_*", "GTK_*", "QT_*", "PKCS11_MODULE*", "KUBECONFIG", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_HOST",
}

// redirects are variables that say where requests and credentials are sent, and
// whom to trust there.
var redirects = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY", "SOCKS_PROXY", "RSYNC_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "SECRET_MANAGER_EMULATOR_HOST",
	"SECRETS_*", "VAULT_*ADDR", "VAULT_CA*", "VAULT_CONFIG_PATH", "VAULT_NAMESPACE", "VAULT_TLS_*", "VAULT_HTTP_PROXY", "VAULT_SKIP_VERIFY", "BAO_*ADDR", "BAO_CA*", "BAO_CONFIG_PATH", "BAO_NAMESPACE", "BAO_TLS_*", "BAO_HTTP_PROXY", "BAO_SKIP_VERIFY",
	"AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_CONTAINER_*", "AWS_EC2_METADATA_*", "AWS_ENDPOINT_URL*", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_*", "GOOGLE_*", "CLOUDSDK_*", "GCE_METADATA_*", "GRPC_*",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "NODE_EXTRA_CA_CERTS", "NODE_TLS_*", "CURL_HOME", "KRB5*", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "NIS_PATH", "HOSTRESORDER",
}

// risky reports whether a variable loads code or redirects.
func risky(name string) bool {
	upper := strings.ToUpper(name)
	return matches(loaders, upper) || matches(redirects, upper)
}

// credentials are the variables by which the backends are read, and of no use
// to most programs that get what was read.
var credentials = []string{
	"VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_CLIENT_KEY", "VAULT_WRAP*", "BAO_TOKEN", "BAO_ROLE_ID", "BAO_SECRET_ID", "BAO_CLIENT_KEY",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_*", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE",
	"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN",
}

// drop leaves out of the environment what --drop and --drop-credentials say.
// Variables that got a secret are for the program, whatever they are called,
// unless --drop names them.
func (r *resolution) drop() {
	for _, name := range slices.Clone(r.env.names) {
		mine := r.options.dropCredentials && matches(credentials, name) && !r.filled[name]
		if mine || matches(r.options.drop, name) {
			r.env.remove(name)
		}
	}
}

// variableOf returns the variable that a key of a document becomes; ok is false
// if --keys leaves it out.
func (o *execOptions) variableOf(key string) (name string, ok bool) {
	return o.prefix + key, len(o.keys) == 0 || matches(o.keys, key)
}

// allowed reports whether a document may set a variable: by what the user said,
// or because nothing is known against it.
func (o *execOptions) allowed(key, name string) bool {
	return !risky(name) || slices.Contains(o.keys, key) || slices.Contains(o.allow, name)
}
