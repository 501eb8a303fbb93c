//go:build tools

// Package tools names the terminal view that is built from this module as it is, so that go.mod and go.sum lock it.
package tools

import _ "github.com/derailed/k9s"
