package secretstest

import (
	"crypto/md5"  // #nosec G501 -- to find it used where it must not be
	"crypto/sha1" // #nosec G505 -- as MD5
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
)

// versionRules are about Value.Version.
var versionRules = []rule{
	{
		name:    "a rotation is read, in another version",
		explain: "Version differs whenever Data may; it is how the resolver tells a rotation from a read. A provider whose backend has no versions leaves it empty, always.",
		run: func(s *suite) {
			last := s.put("rotated", "value 0")
			for i := 1; i < 4; i++ {
				next := s.put("rotated", fmt.Sprintf("value %d", i))
				if (last.Version == "") != (next.Version == "") {
					s.Error("Version is empty for one version and not for another")
				}
				if last.Version != "" && last.Version == next.Version {
					s.Error("the data changed, and the Version did not")
				}
				last = next
			}
		},
	},
	{
		name:    "the version stays while nothing changes",
		explain: "A Version that differs from read to read looks like a rotation each time: pools would drop their connections. A change of another document is none of this one.",
		run: func(s *suite) {
			first := s.put("still", "a value")
			s.put("other", "value 1")
			s.put("other", "value 2")
			for range 3 {
				again, err := s.fetch(s.ctx, s.ref("still"))
				if err != nil {
					s.Fatal(err)
				}
				if again.Version != first.Version {
					s.Fatal("two reads of one version differ in Version")
				}
			}
		},
	},
	{
		name:    "the version tells nothing about the data",
		explain: "A Version is printed, logged and compared by people. Where it is made from Data, it is an HMAC under a key of this process: a plain digest of a short secret is as good as the secret.",
		run: func(s *suite) {
			const data = "hunter2-as-a-value"
			v := s.put("document", data)
			if strings.Contains(v.Version, data) {
				s.Fatal("the Version holds the data")
			}
			for _, data := range []string{data, string(v.Data)} {
				for name, digest := range digests(data) {
					hexed := hex.EncodeToString(digest)
					for _, text := range []string{hexed, strings.ToUpper(hexed), hexed[:8], base64.StdEncoding.EncodeToString(digest), base64.URLEncoding.EncodeToString(digest)} {
						if strings.Contains(v.Version, text) {
							s.Fatalf("the Version holds the %s of the data", name)
						}
					}
				}
			}
		},
	},
}

// digests are what a provider might make a version of, and must not: whoever
// sees one can try values against it.
func digests(data string) map[string][]byte {
	md, s1, s256, s512 := md5.Sum([]byte(data)), sha1.Sum([]byte(data)), sha256.Sum256([]byte(data)), sha512.Sum512([]byte(data)) // #nosec G401 -- as above
	return map[string][]byte{
		"MD5": md[:], "SHA-1": s1[:], "SHA-256": s256[:], "SHA-512": s512[:],
		"CRC-32":  binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(data))),
		"CRC-32C": binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(data), crc32.MakeTable(crc32.Castagnoli))),
	}
}
