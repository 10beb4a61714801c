package instrument

// BandOf gives the band that a score lies in; false where the instrument has no
// bands or the score lies below the first.
func (d *Definition) BandOf(score float64) (Band, bool) {
	var found Band
	ok := false
	for _, b := range d.Bands {
		if b.From.Float() <= score {
			found, ok = b, true
		}
	}
	return found, ok
}
