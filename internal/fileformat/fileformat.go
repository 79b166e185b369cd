// Package fileformat is where a program links the formats of files that not
// every program is to pay for.
package fileformat

// YAML makes a YAML document a JSON one of at most that many bytes. Its error
// says what is wrong on which line, and repeats nothing of the document. It is
// nil unless the program links envfile/yaml, whose init sets it.
var YAML func(data []byte, most int64) ([]byte, error)
