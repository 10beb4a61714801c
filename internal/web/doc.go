// Package web is the site: the map of its routes, the order of the guards and
// the HTTP server. Floor: face.
//
// It must not hold a page's content, SQL or statistics: pages live in the
// folders below, each with its templates, and services do the work.
package web
