//go:build !unix

package main

import "syscall"

func unprivileged(string, ...string) (*syscall.SysProcAttr, error) { return nil, nil }
