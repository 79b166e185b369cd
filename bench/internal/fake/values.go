package fake

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is how many bytes every secret has.
const Size = 64

// Value is what the secret of that name is in a generation: Size bytes, the
// generation the last of them.
func Value(name string, generation int) string {
	return fmt.Sprintf("%-56.56s%08d", name, generation)
}

// Generation returns the generation of a value.
func Generation(value string) (int, error) {
	if len(value) != Size {
		return 0, fmt.Errorf("fake: a value of %d bytes, want %d", len(value), Size)
	}
	return strconv.Atoi(value[Size-8:])
}

// versionID is what Secrets Manager would call a generation.
func versionID(generation int) string {
	return fmt.Sprintf("01234567-89ab-4def-8123-%012d", generation)
}

// missing reports whether the name has no secret. Every other name has one.
func missing(name string) bool { return strings.Contains(name, "missing") }
