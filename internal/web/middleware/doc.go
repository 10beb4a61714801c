// Package middleware holds what stands between a request and its handler: who
// calls, how often, how much, from which page. Floor: face.
//
// It must not render pages or know a page's subject: it refuses with an error,
// and page turns errors into responses. None of Echo's Static, Decompress,
// BodyDump and MethodOverride is used, and the client's address is worked out
// here.
package middleware
