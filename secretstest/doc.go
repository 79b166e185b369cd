// Package secretstest helps to test what uses secrets, and what provides them.
//
// # Tests of a program
//
// A [Provider] holds documents in memory, is changed while the program runs,
// fails as told, and counts what it was asked:
//
//	p := secretstest.NewProvider(map[string]string{"db": `{"user":"app","password":"one"}`})
//	r := secrets.New(p)
//	…
//	p.Set("db", `{"user":"app","password":"two"}`) // rotated
//	p.Fail("db", secrets.ErrUnavailable)           // and then down
//
// # Tests of a backend
//
// [Run] is the conformance suite that every backend of this module passes, and
// that anyone's own provider can prove itself by.
package secretstest
