// Package e2e looks at the site with a real browser: every gallery state, and
// the ways that matter through the running site. Floor: face.
//
// It must not repeat what a request without a browser can show.
package e2e
