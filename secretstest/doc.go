// Package secretstest helps to test what uses secrets, and what provides them.
//
// # Tests of a program
//
// [Context] gives a test secrets of its own in one line; the program reads
// them with [secrets.Get] as ever, and such tests run in parallel:
//
//	ctx := secretstest.Context(t, map[string]string{"db/password": "one"})
//	err := run(ctx)
//
// [New] gives the resolver, for a program that takes one, and the [Provider],
// by which the test rotates secrets, has reads fail, block or take their time,
// and counts them:
//
//	r, p := secretstest.New(t, map[string]string{"db": `{"user":"app","password":"one"}`})
//	p.Set("db", `{"user":"app","password":"two"}`) // rotated
//	p.Fail("db", secrets.ErrUnavailable)           // and then down
//
// [Set] makes such a resolver the default one, for a program that hands no
// context down. [AssertEqual] compares without printing, and [Value] makes a
// Secret out of nothing.
//
// # Tests of a backend
//
// [Run] is the conformance suite that every backend of this module passes, and
// that anyone's own provider can prove itself by.
package secretstest
