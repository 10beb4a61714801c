// Package schemas carries the definitions that ship with the program and the JSON
// Schemas of what people write: instruments with their vectors, crisis contacts
// by country, maps of study files. Floor: ground.
//
// It is data only and must not import anything of ours.
package schemas

import (
	"embed"
	"io/fs"
)

//go:embed instruments/*.yaml instruments/*.csv crisis/*.yaml
var files embed.FS

// Instrument is the JSON Schema of an instrument definition.
//
//go:embed instrument.schema.json
var Instrument []byte

// CrisisContacts is the JSON Schema of a country's list of crisis contacts.
//
//go:embed crisis.schema.json
var CrisisContacts []byte

// Instruments gives the folder of instrument definitions and their vectors.
func Instruments() fs.FS { return mustSub("instruments") }

// Crisis gives the folder of crisis contacts, one file a country.
func Crisis() fs.FS { return mustSub("crisis") }

// mustSub panics on a folder that is not embedded, which is a programming error.
func mustSub(folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic(err)
	}
	return sub
}
