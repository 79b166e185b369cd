// Package envfile reads secrets that the infrastructure provides: environment
// variables, dotenv files, and mounted files (Kubernetes Secret, ConfigMap and
// projected volumes, the Secrets Store CSI driver, Vault's Agent and its
// Injector, Docker and Compose secrets, systemd credentials).
//
// Importing it registers the schemes env, envfile and file:
//
//	import _ "github.com/go-secrets/secrets/envfile"
//
//	secrets.Open(ctx, "env://")                   // DB_PASSWORD
//	secrets.Open(ctx, "env://?prefix=APP_")       // APP_DB_PASSWORD
//	secrets.Open(ctx, "envfile://.env")           // DB_PASSWORD=… in ./.env
//	secrets.Open(ctx, "file:///run/secrets")      // /run/secrets/db/password
//	secrets.Open(ctx, "file:///etc/app env://")   // first the one, then the other
//
// [NewEnv], [NewDotenv] and [NewDir] make the same providers in code, for
// [secrets.New].
//
// # Names
//
// In the environment and in a dotenv, the name db/password stands for the
// variable DB_PASSWORD: letters in upper case, digits as they are, _ for every
// other character, the prefix before it. If that is not set, DB_PASSWORD_FILE
// may name a file that holds the value; like every mounted file it is read
// without its last newline. That the file is missing is an error that ends the
// search: nothing takes the place of a file that somebody named. A variable
// that is set and empty is a secret that is empty, unless its _FILE names a
// file; both with content is an error. Two names that stand for one variable (db/password and
// db-password) are two secrets elsewhere, so the one that is asked for later is
// refused, with both names told. A reference may write the variable itself,
// env://DB_PASSWORD. Where no variable in capitals is set, one that is written in
// another way and stands for the same is taken, as envFrom makes them of a
// Secret's keys (root-password, db_password); two of those are an error.
//
// The variables DB_USER and DB_PASSWORD are a document of the name db, unless a
// variable DB is set: a JSON object with the keys user and password. On env://
// this needs prefix or tree=true, so that a stray DB_HOST does not shadow a
// document that a later provider has.
//
// Below file:///run/secrets, the name db/password is the file
// /run/secrets/db/password. If db is a directory, its files are a document of
// that name: a JSON object with the file names as keys, one level deep. Files
// that are no UTF-8 text, as a keystore, are left out of it; ask for them by
// name. If db is a file, it is a document by its extension (.json, .env) or by
// the option format. A file without either is the text that it holds; if it is
// a JSON object, or reads as a dotenv, its fields can be asked for as well.
//
// A reference gives the whole path: file:///run/secrets/db is that file or
// directory, and envfile:///app/.env is the whole dotenv as a JSON object with
// the keys as written (what starts with the prefix, without it).
//
// Names never lead out of the directory, through symbolic links either. Only
// regular files are read. A dotenv and the file of a _FILE variable may be a
// pipe as well, a FIFO or /dev/fd/N (1Password, doppler run --mount,
// <(command)): it is read once, within the read's timeout and up to max, and
// what it gave stands until the provider is closed.
//
// A directory's document leaves out directories, what is no text, a file that
// is too large for it, and what programs have not finished (name~, name.tmp,
// .name.swp, .name123456).
//
// With names from input, env:// wants a prefix: without one, a name can be
// vault/token, and the answer VAULT_TOKEN.
//
// A dotenv has KEY=value lines, comments that start with #, and an optional
// export before a key. A plain value ends with its line or at a # after a
// blank. Single quotes hold everything as it is, double quotes know \n, \r, \t,
// \", \\ and \$; both may span lines. Nothing is expanded: a $ in a password is
// a $. A key alone is passed over. A key that comes twice is an error, and so is
// a line that godotenv and compose-go read as two different values: a carriage
// return inside it, a backslash before a single quote that closes.
//
// # Options
//
//	prefix  env, envfile  put before every variable: prefix=APP_
//	tree    env           true: DB_… are a document of the name db; the default with a prefix
//	format  file          json, dotenv, lines ("key: value", the Agent Injector's default template) or
//	                      yaml (for programs that import envfile/yaml)
//	trim    file          newline (default): exactly one trailing newline is dropped; none: nothing is
//	implicit envfile      true: nobody named this dotenv, see below
//	max     envfile, file the most bytes that a document may have; default 1048576
//	perm    all           any or private, see below
//
// # Credentials
//
// None: the process reads what its user may read.
//
// # Permissions
//
// Read permission on the file, and search permission on the directories above
// it. In Kubernetes, mount the volume read-only:
//
//	volumes:
//	  - name: db
//	    secret: {secretName: mysql-credentials, defaultMode: 0400}
//	containers:
//	  - volumeMounts:
//	      - {name: db, mountPath: /etc/secrets/db, readOnly: true}
//
// A file that every user can write is refused, unless its mount is read-only;
// so is one behind a ..data that leads to a directory which every user can
// write. The mount's own mode does not count (kubelet makes it 1777). A dotenv
// that group or others can read is refused if it is this user's own and on no
// volume; the error has the chmod to run. Elsewhere one warning is logged for
// it. perm=any reads everything, perm=private refuses what group or others can
// read or write. A dotenv of another user is warned of once; with implicit=true,
// which the ./.env has that is looked for where SECRETS_URL is unset, it is
// refused if every user can write its directory, and no file is read because a
// _FILE variable in it says so. A directory that may be entered and not listed
// (mode 0711) is enough for its files. On Windows modes mean nothing and are not looked at.
//
// # Errors
//
//   - [secrets.ErrNotFound]: no such variable, file or directory; a directory
//     without files.
//   - [secrets.ErrPermission]: the system refuses to read the file.
//   - [secrets.ErrInvalid]: a name that leads out of the directory, or that no
//     variable or file can have; what is no regular file; a file that is too
//     large, that others can write, or that its format cannot be read in
//     (with the line); two names on one variable; a wrong option.
//   - [secrets.ErrUnavailable]: everything else that the system reports, a file
//     system that hangs, a directory that never comes to rest.
//
// No error holds anything of a file's content.
//
// # Rotation
//
// Files are watched, and polled besides, so that a change is seen in well under
// a second: a swapped ..data, a rename over the file (Vault Agent), a write in
// place, a file that appears later, an edit of a file that was mounted by
// itself (Compose's secrets). A single file mounted with Kubernetes' subPath
// stays the version that the container was started with, and some network
// mounts send no events; those changes are seen when the file is polled. What
// the system refuses to watch is compared every 30 seconds, which the log says
// once and [secrets.Status] for each document.
//
// What belongs together is read together: a directory's files, or a JSON
// file's fields, are of one version, never a new user with an old password.
// For that they have to be one document: ask for db and its fields, or for
// db#user and db#password.
//
// The environment of a process changes only from within it; what was set is
// seen at the next read. To rotate without a restart, use files.
package envfile
