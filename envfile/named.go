package envfile

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// readFile reads the file that a variable names, as file:// would. That the
// file is missing is a mistake of who set the variable, and no missing secret:
// nothing else is looked for in its place.
func (v *variables) readFile(ctx context.Context, src source, at setting) ([]byte, time.Time, error) {
	if err := v.follow(src, at); err != nil {
		return nil, time.Time{}, err
	}
	p := placeOf(at.text)
	p.file = true
	c, err := v.files.read(ctx, p)
	if err != nil {
		return nil, time.Time{}, named(at.variable, err)
	}
	return c.data, c.modTime, nil
}

// follow says why a _FILE variable is not followed, if so.
func (v *variables) follow(src source, at setting) error {
	if v.strict {
		return fault.New(secrets.ErrInvalid, src.String()+" sets "+at.variable+", and a file is read for a dotenv only where configuration names that dotenv: set SECRETS_URL=\"env:// envfile://.env\" if you trust it", nil)
	}
	if !isFileName(at.text) {
		return fault.New(secrets.ErrInvalid, at.variable+" names the file that holds the secret, and has "+namedfile.Show(at.text)+"; put a value into "+strings.TrimSuffix(at.variable, fileSuffix)+" itself", nil)
	}
	return nil
}

// isFileName reports whether a text may be shown as the name of a file.
func isFileName(text string) bool {
	if namedfile.Plausible(text) {
		return true
	}
	_, err := os.Lstat(osPath(text))
	return err == nil
}

// placesOf is placeOf for what a variable holds; none if that is no file name.
func placesOf(file string) []place {
	if !isFileName(file) {
		return nil
	}
	return []place{placeOf(file)}
}

// named says which variable an error's file was named by. What was not found
// is told as invalid, and what cannot be spelled is no reason to look
// elsewhere: somebody named that file.
func named(variable string, err error) error {
	e := &fault.Error{Class: secrets.ErrInvalid, Quiet: true}
	for _, class := range []error{secrets.ErrPermission, secrets.ErrUnavailable} {
		if errors.Is(err, class) {
			e.Class = class
		}
	}
	var cause *fault.Error
	if errors.As(err, &cause) {
		e.Missing, e.Msg = cause.Missing, strings.TrimPrefix(err.Error(), cause.Class.Error()+": ")
		e.Err = cause.Err
	}
	if e.Err == nil && isNotFound(err) {
		e.Err = fs.ErrNotExist
	}
	e.Msg += " (named by " + variable + ")"
	return e
}

// children returns the variables that start with the prefix and start as a
// document: keys without these, as fold writes them. A variable whose _FILE
// names a file is among them.
func (v *variables) children(ctx context.Context, src source, start string, fold func(string) string) (map[string]string, error) {
	doc, owner := make(map[string]string), make(map[string]string)
	files := make(map[string]setting)
	for variable, value := range src.all {
		rest, ok := v.below(variable, start)
		if !ok {
			continue
		}
		key := fold(rest)
		if other, taken := owner[key]; taken {
			a, b := min(variable, other), max(variable, other)
			return nil, fault.New(secrets.ErrInvalid, src.String()+" has both "+a+" and "+b+", which are one key ("+strconv.Quote(key)+"); rename one", nil)
		}
		owner[key], doc[key] = variable, value
		if stem := len(rest) - len(fileSuffix); stem > 0 && strings.EqualFold(rest[stem:], fileSuffix) && value != "" {
			files[fold(rest[:stem])] = setting{variable, value, true}
		}
	}
	for key, at := range files {
		if doc[key] != "" {
			return nil, bothSet(src, owner[key], at.variable)
		}
		if err := v.follow(src, at); err != nil {
			return nil, err
		}
	}
	if len(files) > 0 {
		contents, err := v.readFiles(ctx, src, files)
		if err != nil {
			return nil, err
		}
		maps.Copy(doc, contents)
	}
	return doc, nil
}

// readFiles reads the files of one document, by key. Those of one directory
// are swapped together, and so they are read together.
func (v *variables) readFiles(ctx context.Context, src source, files map[string]setting) (map[string]string, error) {
	dirs := make(map[string][]string) // directory → keys
	for key, at := range files {
		dir := placeOf(at.text).dir
		dirs[dir] = append(dirs[dir], key)
	}
	contents := make(map[string]string, len(files))
	for dir, keys := range dirs {
		p := placeOf(dir)
		for _, key := range keys {
			p.only = append(p.only, placeOf(files[key].text).name)
		}
		c, err := v.files.read(ctx, p)
		for i, key := range keys {
			data, ok := c.files[p.only[i]]
			if err != nil || !ok {
				// A link that leads elsewhere, a pipe, a file that is missing:
				// these are not swapped together. What is wrong is told by the
				// variable.
				one, _, err := v.readFile(ctx, src, files[key])
				if err != nil {
					return nil, err
				}
				data = string(one)
			}
			contents[key] = data
		}
	}
	return contents, nil
}
