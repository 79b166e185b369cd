package secrets

import "sync"

// A version is one version of a document as it is held: the value of one
// read, immutable but for its lazily parsed fields.
type version struct {
	data    string
	version string
	mono    int64         // when it was read, on the resolver's monotonic clock, ns
	wall    int64         // the same in wall time, ns since 1970
	extra   *versionExtra // what few versions have; nil: none of it

	parse  sync.Once
	object object
	err    error
}

// versionExtra is what a Value has beyond Data and Version.
type versionExtra struct {
	Value         // Data is nil: version.data has it
	expires int64 // Value.Expires on the monotonic clock, ns; 0: none
}

// fields parses the document once.
func (v *version) fields() (object, error) {
	v.parse.Do(func() { v.object, v.err = parseObject(v.data) })
	return v.object, v.err
}

// field returns a field of the document, by key or pointer.
func (v *version) field(key string) (string, error) {
	o, err := v.fields()
	if err != nil {
		return "", err
	}
	return o.field(key)
}
