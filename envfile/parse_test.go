package envfile

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDotenv(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, text string
		want       map[string]string
	}{
		{"nothing is nothing", "", map[string]string{}},
		{"blank lines and comments are skipped", "\n # c\n\t\n#A=1\nB=2", map[string]string{"B": "2"}},
		{"export may stand before a key", "export A=1\nexport\tB=2\nexport=3\nexport =4x", nil},
		{"export is a key, too", "export=3", map[string]string{"export": "3"}},
		{"and one that starts so", "exported=3", map[string]string{"exported": "3"}},
		{"a plain value is trimmed", "A= a b \nB =\t c", map[string]string{"A": "a b", "B": "c"}},
		{"a plain value may be empty", "A=\nB= \nC=", map[string]string{"A": "", "B": "", "C": ""}},
		{"Windows line ends are line ends", "A=1\r\nB=\"2\"\r\n", map[string]string{"A": "1", "B": "2"}},
		{"a byte order mark is skipped", "\ufeffA=1", map[string]string{"A": "1"}},
		{"# after a blank starts a comment", "A=1 # c\nB= # c\nC=1\t#c", map[string]string{"A": "1", "B": "", "C": "1"}},
		{"any other # is itself", "A=a#b\nB=#b\nC=a#b # c", map[string]string{"A": "a#b", "B": "#b", "C": "a#b"}},
		{"$, backslashes and quotes within are themselves", `A=p$1${B}$(C)` + "\n" + `B=a\nb"c'`, map[string]string{"A": "p$1${B}$(C)", "B": `a\nb"c'`}},
		{"= and : are themselves", "A=a=b:c", map[string]string{"A": "a=b:c"}},
		{"single quotes hold everything", `A=' $x \n "#" '` + " # c\nB=''", map[string]string{"A": ` $x \n "#" `, "B": ""}},
		{"double quotes know escapes", `A="\n\r\t\"\\\$\q\'" # c`, map[string]string{"A": "\n\r\t\"\\$\\q\\'"}},
		{"double quotes do not expand", `A="$HOME ${HOME}"`, map[string]string{"A": "$HOME ${HOME}"}},
		{"quoted values span lines", "A='1\n2'\nB=\"3\n4\"\nC=5", map[string]string{"A": "1\n2", "B": "3\n4", "C": "5"}},
		{"keys may have dots and dashes", "tls.crt=1\na-b=2\n_=3", map[string]string{"tls.crt": "1", "a-b": "2", "_": "3"}},
		{"a key alone is passed over", "VAR\nA=1\nexport OTHER \r\n12\nlast", map[string]string{"A": "1"}},
		{"a key may start with a digit or a dot", "1=a\n2FA=b\n.c=d", map[string]string{"1": "a", "2FA": "b", ".c": "d"}},
		{"a comment may follow a quote at once", "A='x'#c\nB=\"y\"#c\nC='z'#", map[string]string{"A": "x", "B": "y", "C": "z"}},
		{"blanks of any kind around a plain value are dropped", "A=\u00a0b\u00a0\nB=\vc\f", map[string]string{"A": "b", "B": "c"}},
		{"a backtick is itself", "A=`x`\nB=`\nC=`a b` # c\nD=`a # b", map[string]string{"A": "`x`", "B": "`", "C": "`a b`", "D": "`a"}},
		{"what is no UTF-8 stays", "A=\xff", map[string]string{"A": "\xff"}},
	} {
		got, err := parseDotenv(c.text)
		if c.want == nil {
			assert.Error(t, err, c.rule)
			continue
		}
		require.NoError(t, err, c.rule)
		assert.Equal(t, c.want, got, c.rule)
	}
}

func TestParseDotenvTellsTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		line int
		why  string
	}{
		{"A=1\nhunter2 hunter2\n", 2, whyKey},
		{"A=1\nB=b\rC=hunter2", 2, whyReturn},
		{"A=\"x\"\rB=hunter2", 1, whyAfterQuote},
		{"VAR\rA=hunter2", 1, whyKey},
		{"A='x\\' # hunter2'", 1, whyBackslash},
		{"A='x\\'", 1, whyBackslash},
		{"A='C:\\dir\\\\'", 1, whyBackslash},
		{"A=`hunter2 # y`", 1, whyBacktick},
		{"-A=hunter2", 1, whyKey},
		{"A=1\n\n=hunter2", 3, whyKey},
		{"A B=hunter2", 1, whyKey},
		{"A: hunter2", 1, whyKey},
		{"hunter2$", 1, whyKey},
		{"A=1\nB='hunter2\nC=3\n", 2, whyUnclosed},
		{"A=\"hunter2", 1, whyUnclosed},
		{"A=\"hunter2\\", 1, whyUnclosed},
		{"A=\"1\n2\"\nB='a'hunter2", 3, whyAfterQuote},
		{"A=\"a\" hunter2", 1, whyAfterQuote},
		{"A=hunter2\nB=2\nA=hunter2", 3, whyDuplicate},
		{"A=1\nB='x\ny'\nC=hunter2\x00", 4, whyNUL},
	} {
		vars, err := parseDotenv(c.text)
		assert.Nil(t, vars)
		require.Error(t, err, "%q", c.text)
		assert.Equal(t, &syntaxError{c.line, c.why}, err, "%q", c.text)
	}
}

func TestParseLines(t *testing.T) {
	t.Parallel()
	got, err := parseLines("user: app\r\npassword: a: b # $x \nempty: \nnone:\n\nurl: http://x\n")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"user": "app", "password": "a: b # $x ", "empty": "", "none": "", "url": "http://x"}, got)
	for _, c := range []struct {
		text string
		line int
		why  string
	}{
		{"user: app\nhunter2", 2, whyColon},
		{"user:hunter2", 1, whyColon},
		{": hunter2", 1, whyColon},
		{"a: hunter2\na: hunter2", 2, whyDuplicate},
		{"data: map[password:hunter2]", 1, whyGoMap},
		{"a: hunter2\x00", 1, whyNUL},
	} {
		_, err := parseLines(c.text)
		assert.Equal(t, &syntaxError{c.line, c.why}, err, "%q", c.text)
	}
}

// allWhys is every reason that a parser may give: none has room for content.
var allWhys = strings.Join([]string{
	regexp.QuoteMeta(whyNUL), regexp.QuoteMeta(whyKey), regexp.QuoteMeta(whyUnclosed),
	regexp.QuoteMeta(whyAfterQuote), regexp.QuoteMeta(whyReturn), regexp.QuoteMeta(whyBackslash), regexp.QuoteMeta(whyBacktick), regexp.QuoteMeta(whyDuplicate), regexp.QuoteMeta(whyColon), regexp.QuoteMeta(whyGoMap),
}, "|")

var onlyLineAndWhy = regexp.MustCompile(`^line [1-9][0-9]* (` + allWhys + `)$`)

// Whatever the text, the parser ends with the variables or with a line and a
// reason, and variables that are written again, quoted, are the same.
func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{
		"A=1\n", "export A='x' # c\n", "A=\"\\n\\\"\"\n", "A=1\nA=2", "A='", "=", "A", "\ufeff#\r\nB = c #d", "a.b-c=\xff\x00", "A=\"1\n2\"\nB=3", "user: app",
	} {
		f.Add(seed)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := parseDotenv(text)
		checkSyntaxError(t, text, err)
		if err == nil {
			var b strings.Builder
			for key, value := range vars {
				b.WriteString("export " + key + "=\"" + quote.Replace(value) + "\"\n")
			}
			again, err := parseDotenv(b.String())
			if err != nil {
				t.Fatal(err)
			}
			assert.Equal(t, vars, again)
		}
		lines, err := parseLines(text)
		checkSyntaxError(t, text, err)
		if err == nil {
			var b strings.Builder
			for key, value := range lines {
				b.WriteString(key + ": " + value + "\n")
			}
			if again, err := parseLines(b.String()); err == nil {
				assert.Equal(t, lines, again)
			} else if !strings.Contains(err.Error(), whyGoMap) && !strings.Contains(b.String(), "\ufeff") {
				t.Fatal(err)
			}
		}
	})
}

func checkSyntaxError(t *testing.T, text string, err error) {
	if err == nil {
		return
	}
	if !onlyLineAndWhy.MatchString(err.Error()) {
		t.Fatalf("an error tells the line and the reason only: %q", err)
	}
	line, _ := strconv.Atoi(strings.Fields(err.Error())[1])
	if line > strings.Count(text, "\n")+1 {
		t.Fatalf("line %d of %d", line, strings.Count(text, "\n")+1)
	}
}
