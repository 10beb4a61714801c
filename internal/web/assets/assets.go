// Package assets holds the scripts, styles and icons of the pages and serves
// each under an address that carries its content's hash. Floor: face.
//
// It must not load anything from another host: what comes from npm is copied
// into dist by `make assets`, and what we wrote lies in own.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

//go:embed all:dist own
var files embed.FS

// Prefix is the folder of every asset's address.
const Prefix = "/assets/"

// copied are the files that `make assets` must have put into dist.
var copied = []string{"pico.min.css", "echarts.min.js"}

// sheets are the parts of our one stylesheet, in the order in which they are
// joined: a later part may correct an earlier one.
var sheets = []string{"base", "patient", "staff", "research", "clinic", "print"}

// Set is the assets of this build. It is read-only and safe for concurrent use.
type Set struct {
	urls  map[string]string
	files map[string]file
}

type file struct {
	body, gzipped []byte
	contentType   string
}

// Load reads and hashes the embedded files. It fails, saying what to run, when
// the build was made before `make assets`.
func Load() (*Set, error) {
	set := &Set{urls: map[string]string{}, files: map[string]file{}}
	for _, folder := range []string{"dist", "own"} {
		entries, err := fs.ReadDir(files, folder)
		if err != nil {
			return nil, fmt.Errorf("read the embedded assets: %w", err)
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") || entry.IsDir() {
				continue
			}
			body, err := fs.ReadFile(files, path.Join(folder, entry.Name()))
			if err != nil {
				return nil, fmt.Errorf("read the asset %s: %w", entry.Name(), err)
			}
			if err := set.add(entry.Name(), body); err != nil {
				return nil, err
			}
		}
	}
	joined, err := stylesheet()
	if err != nil {
		return nil, err
	}
	if err := set.add("afterglow.css", joined); err != nil {
		return nil, err
	}
	for _, name := range copied {
		if set.urls[name] == "" {
			return nil, fault.Unavailable("assets", nil, "%s is not in this build: run 'make assets', then build again", name)
		}
	}
	return set, nil
}

// stylesheet joins the parts of our stylesheet, so that a page loads one file.
func stylesheet() ([]byte, error) {
	var joined bytes.Buffer
	for _, name := range sheets {
		part, err := fs.ReadFile(files, path.Join("own/styles", name+".css"))
		if err != nil {
			return nil, fmt.Errorf("read the embedded stylesheet: %w", err)
		}
		joined.Write(part)
	}
	return joined.Bytes(), nil
}

func (s *Set) add(name string, body []byte) error {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compress the asset %s: %w", name, err)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("compress the asset %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress the asset %s: %w", name, err)
	}
	s.urls[name] = Prefix + hashed
	s.files[hashed] = file{body: body, gzipped: packed.Bytes(), contentType: contentType(ext)}
	return nil
}

// contentType does not ask the machine's own table of types, which differs from
// one host to the next.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(ext)
}

// URL gives the address of an asset by its plain name, or an error that a
// template turns into a failed render: a misspelt name must not go unseen.
func (s *Set) URL(name string) (string, error) {
	url, ok := s.urls[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return url, nil
}

// Serve answers with the asset named by the path parameter "file". The address
// changes with the content, so the answer may be kept for ever.
func (s *Set) Serve(c echo.Context) error {
	f, ok := s.files[c.Param("file")]
	if !ok {
		return fault.NotFound("path", "there is no such asset")
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		return c.Blob(http.StatusOK, f.contentType, f.gzipped)
	}
	return c.Blob(http.StatusOK, f.contentType, f.body)
}
