package envfile

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// peerFacts are what joho/godotenv v1.5.1 and compose-go v2.16 make of a text,
// as one run of both has printed it. "error" is an error of any kind.
var peerFacts = []struct{ text, godotenv, compose string }{
	{"A=b\rC=d", `map["A":"b" "C":"d"]`, `map["A":"b\rC=d"]`},
	{"A=b\r\nC=d\r\n", `map["A":"b" "C":"d"]`, `map["A":"b" "C":"d"]`},
	{"A=b\r", `map["A":"b"]`, `map["A":"b"]`},
	{"\rA=b", `map["A":"b"]`, `map["A":"b"]`},
	{"A='b\rc'", `map["A":"b\rc"]`, `map["A":"b\rc"]`},
	{"A=\"x\"\rB=2", `map["A":"x" "B":"2"]`, `map["A":"x" "B":"2"]`},
	{`A='x\' # y'`, `map["A":"x\\' # y"]`, `map["A":"x' # y"]`},
	{`A='x\'y'`, `map["A":"x\\'y"]`, `map["A":"x'y"]`},
	{`A='x\'`, "error", "error"},
	{`A='a\\'`, "error", `map["A":"a\\\\"]`},
	{"A=`x # y`", "map[\"A\":\"`x\"]", "map[\"A\":\"`x\"]"},
	{"A=`a b` # c", "map[\"A\":\"`a b`\"]", "map[\"A\":\"`a b`\"]"},
	{"A=`", "map[\"A\":\"`\"]", "map[\"A\":\"`\"]"},
	{"A=`x`#c", "map[\"A\":\"`x`#c\"]", "map[\"A\":\"`x`#c\"]"},
	{"A=x`y # z`", "map[\"A\":\"x`y\"]", "map[\"A\":\"x`y\"]"},
	{"A=`a\nb`", "error", "error"},
	{"VAR\nA=1", "error", `map["A":"1"]`},
	{"export VAR\nA=1", "error", `map["A":"1"]`},
	{"VAR # c", "error", "error"},
	{"1=a", `map["1":"a"]`, `map["1":"a"]`},
	{"1A=b", `map["1A":"b"]`, `map["1A":"b"]`},
	{".A=1", `map[".A":"1"]`, `map[".A":"1"]`},
	{"-A=1", "error", `map["-A":"1"]`},
	{"a.b=c", `map["a.b":"c"]`, `map["a.b":"c"]`},
	{"a-b=c", "error", `map["a-b":"c"]`},
	{"a='x'#c", `map["a":"x"]`, `map["a":"x"]`},
	{`a="x"#c`, `map["a":"x"]`, `map["a":"x"]`},
	{"a='x' #c", `map["a":"x"]`, `map["a":"x"]`},
	{"a='x'y", `map["":"y" "a":"x"]`, `map["":"y" "a":"x"]`},
	{"A='a' 'b'", "error", "error"},
	{`A='it'\''s'`, "error", "error"},
	{"A=b#c", `map["A":"b#c"]`, `map["A":"b#c"]`},
	{"A=b #c", `map["A":"b"]`, `map["A":"b"]`},
	{"A=b\t#c", `map["A":"b"]`, `map["A":"b\t#c"]`},
	{"A=#c", `map["A":"#c"]`, `map["A":"#c"]`},
	{"A: b", `map["A":"b"]`, `map["A":"b"]`},
	{"A b=c", `map["A b":"c"]`, "error"},
	{"A[0]=1", "error", `map["A[0]":"1"]`},
	{"a/b=c", "error", "error"},
	{"=b", `map["":"b"]`, `map["":"b"]`},
	{"A==b", `map["A":"=b"]`, `map["A":"=b"]`},
	{"A= = b", `map["A":"= b"]`, `map["A":"= b"]`},
	{`A=a\nb`, `map["A":"a\\nb"]`, `map["A":"a\\nb"]`},
	{`A="a\nb"`, `map["A":"a\nb"]`, `map["A":"a\nb"]`},
	{`A='a\nb'`, `map["A":"a\\nb"]`, `map["A":"a\\nb"]`},
	{`A="a\\nb"`, `map["A":"a\\nb"]`, `map["A":"a\\nb"]`},
	{`A="a\tb"`, `map["A":"atb"]`, `map["A":"a\tb"]`},
	{`A="a\qb"`, `map["A":"aqb"]`, `map["A":"a\\qb"]`},
	{`A="a\'b"`, `map["A":"a'b"]`, `map["A":"a\\'b"]`},
	{`A="a\$b"`, `map["A":"a$b"]`, `map["A":"a$b"]`},
	{`A="x\" # y"`, `map["A":"x\" # y"]`, `map["A":"x\" # y"]`},
	{`A="a\\"`, "error", `map["A":"a\\"]`},
	{`A="x`, "error", "error"},
	{`A="x\"`, "error", "error"},
	{"A=\"x\n y\"", `map["A":"x\n y"]`, `map["A":"x\n y"]`},
	{"A=\"b\r\nc\"", `map["A":"b\nc"]`, `map["A":"b\r\nc"]`},
	{`A=x\`, `map["A":"x\\"]`, `map["A":"x\\"]`},
	{"A=it's", `map["A":"it's"]`, `map["A":"it's"]`},
	{"A=x'y#z'", `map["A":"x'y#z'"]`, `map["A":"x'y#z'"]`},
	{"A=x 'y # z'", `map["A":"x 'y"]`, `map["A":"x 'y"]`},
	{`A=x"y"`, `map["A":"x\"y\""]`, `map["A":"x\"y\""]`},
	{"A=p$$", `map["A":"p$$"]`, `map["A":"p$"]`},
	{"A=''", `map["A":""]`, `map["A":""]`},
	{`A="" # c`, `map["A":""]`, `map["A":""]`},
	{"export  A = 1", `map["A":"1"]`, `map["A":"1"]`},
	{"export=1", `map["export":"1"]`, `map["export":"1"]`},
	{"# it's\nA=1", `map["A":"1"]`, `map["A":"1"]`},
	{"A='1' # it's\nB='2'", `map["A":"1" "B":"2"]`, `map["A":"1" "B":"2"]`},
	{"A=1;B=2", `map["A":"1;B=2"]`, `map["A":"1;B=2"]`},
	{"A=\u00a0b", `map["A":"b"]`, `map["A":"b"]`},
	{"A=b\u2028C=d", `map["A":"b\u2028C=d"]`, `map["A":"b\u2028C=d"]`},
}

// refusedThough are lines that both peers read alike and that are refused
// here: what they hold is surely not what their writer meant, or, as A: b, a
// text in another format.
var refusedThough = map[string]bool{"A=`x # y`": true, "a='x'y": true, "=b": true, "A: b": true, "A=\"x\"\rB=2": true}

// Whoever moves a dotenv here from another reader gets what that made of it,
// or an error with the line; never a third value.
func TestADotenvIsReadAsAPeerReadsItOrRefused(t *testing.T) {
	t.Parallel()
	for _, fact := range peerFacts {
		vars, err := parseDotenv(fact.text)
		ours := fmt.Sprintf("%q", vars)
		if err != nil {
			ours = "error"
			assert.Regexp(t, onlyLineAndWhy, err.Error())
		}
		switch {
		case fact.godotenv != fact.compose:
			assert.Contains(t, []string{fact.godotenv, fact.compose, "error"}, ours, "%q", fact.text)
		case refusedThough[fact.text]:
			assert.Equal(t, "error", ours, "%q", fact.text)
		default:
			assert.Equal(t, fact.godotenv, ours, "%q", fact.text)
		}
	}
}
