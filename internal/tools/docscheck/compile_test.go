package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompile(t *testing.T) {
	t.Chdir("../../..") // the repository's top
	tests := []struct {
		name, prelude, code string
		want                string // of the fault; "": none
		line                int
	}{
		{name: "a file stands for itself", code: "package main\n\nfunc main() { println(1) }"},
		{name: "a file may leave nothing unused", code: "package p\n\nfunc f() {\n\tx := 1\n}", want: "declared and not used", line: 4},
		{name: "statements, with what they leave to the reader", code: "s, err := secrets.Get(ctx, \"db\")\n…\nother := s"},
		{name: "a call that does not exist", code: "\nsecrets.Gett(ctx, \"db\")", want: "undefined: secrets.Gett", line: 2},
		{name: "an argument of the wrong type", code: "secrets.Get(ctx, 5)", want: "cannot use 5", line: 1},
		{name: "a result too many", code: "a, b, c := secrets.Get(ctx, \"db\")", want: "assignment mismatch", line: 1},
		{name: "a return of an error", code: "if err != nil {\n\treturn err\n}"},
		{name: "a bare return", code: "if err != nil {\n\treturn\n}"},
		{name: "declarations", code: "func TestX(t *testing.T) {\n\tsecretstest.Context(t, nil)\n}"},
		{name: "an import, then statements", code: "import \"strings\"\n\nx := strings.ToUpper(\"a\")"},
		{name: "what nobody declares", code: "f(1)", want: "undefined: f", line: 1},
		{name: "what the page declares", prelude: "func f(n int) error\nvar r int\n", code: "err = f(r)"},
		{name: "the page's declarations count for their types, too", prelude: "func f(n string)\n", code: "f(1)", want: "cannot use 1", line: 1},
		{name: "an error within what the page declares", prelude: "var x nothing\n", code: "_ = x", want: "undefined: nothing", line: 1},
		{name: "a package chosen by what it exports", code: "t, err := template.ParseFS(os.DirFS(\".\"), \"x\")\nt.Lookup(\"x\")\nn := rand.IntN(3)"},
		{name: "of another module", code: "err := envconfig.Process(\"app\", &struct{}{})"},
		{name: "a reader's own package", code: "package p\n\nimport _ \"example.com/mine\""},
		{name: "a package that is not there", code: "package p\n\nimport _ \"github.com/go-secrets/secrets/nowhere\"", want: "nowhere", line: 3},
		{name: "what is not Go", code: "secrets.Get(", want: "does not parse", line: 1},
	}
	var blocks []block
	for _, test := range tests {
		b := block{page: test.name, line: 1, code: test.code}
		if test.prelude != "" {
			b.prelude = []prelude{{1, test.prelude}}
		}
		blocks = append(blocks, b)
	}
	faults, err := compile(blocks)
	require.NoError(t, err)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var mine []fault
			for _, f := range faults {
				if f.page == test.name {
					mine = append(mine, f)
				}
			}
			if test.want == "" {
				assert.Empty(t, mine)
				return
			}
			require.NotEmpty(t, mine)
			assert.Contains(t, mine[0].text, test.want)
			assert.Equal(t, test.line, mine[0].line)
		})
	}
}
