package instrument

// Asked lists the items that the answers so far do not skip, in the order of the
// form. An item whose condition looks at an answer that is still missing is
// asked.
func (d *Definition) Asked(a Answers) []string {
	ids := make([]string, 0, len(d.Items))
	for i, state := range d.askedStates(a) {
		if state != askedNo {
			ids = append(ids, d.Items[i].ID)
		}
	}
	return ids
}
