// Package binding specifies how Bind, BindStruct and Load set fields and values
// to secrets and keep them current.
package binding
