//go:build tools

// Package tools names the program that enforces NetworkPolicies and routes between nodes, so that go.mod and go.sum lock it.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
