package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	apache, err := os.ReadFile("../../../LICENSE")
	require.NoError(t, err)
	gpl := "This program is free software: you can redistribute it and/or modify it under the terms of the " +
		"GNU General Public License as published by the Free Software Foundation, either version 3 of the License, " +
		"or (at your option) any later version.\n"
	tests := []struct {
		name  string
		files map[string]string
		want  []string
		err   string
	}{
		{"one that is allowed", map[string]string{"LICENSE": string(apache)}, []string{"Apache-2.0"}, ""},
		{"a name of another spelling", map[string]string{"LICENCE.md": string(apache)}, []string{"Apache-2.0"}, ""},
		{"none", map[string]string{"README.md": "free"}, nil, "no file"},
		{"one that nobody knows", map[string]string{"LICENSE": "Do with it what we tell you to do, on Mondays."}, nil, "no licence known"},
		{"one that is known and not allowed", map[string]string{"COPYING": gpl}, nil, "not allowed"},
		{"one that is not allowed, beside the package", map[string]string{"LICENSE": string(apache), "sub/LICENSE": gpl}, nil, "not allowed"},
		{"one in a folder that is not needed", map[string]string{"LICENSE": string(apache), "apart/LICENSE": gpl}, []string{"Apache-2.0"}, ""},
		{"one that lies apart, and none at the top", map[string]string{"sub/LICENSE": string(apache)}, nil, "no file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for name, text := range test.files {
				file := filepath.Join(root, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			}
			got, err := judge(dependency{root, map[string]bool{filepath.Join(root, "sub"): true}})
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}
