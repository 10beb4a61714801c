package schemas

import _ "embed"

// StudyMap is the JSON Schema of the map that `afterglow import study` reads.
//
//go:embed study-map.schema.json
var StudyMap []byte
