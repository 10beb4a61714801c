package registry

// What an import adds is there for readers once the import is completed: until
// then its rows wait in the outbox under its id, and these conditions leave them
// out. They cost one look into the outbox's indexes.
const (
	unfinishedImports = "(SELECT id FROM study_import WHERE completed_at IS NULL)"

	// outboxIsOpen is for rows of the outbox that may be shipped.
	outboxIsOpen = "(import IS NULL OR import NOT IN " + unfinishedImports + ")"

	// journalIsShown is for rows j of the journal, newerIsShown for rows n that
	// replace another, courseIsShown for courses c.
	journalIsShown = "NOT EXISTS (SELECT 1 FROM outbox h WHERE h.journal = j.sequence AND h.import IN " + unfinishedImports + ")"
	newerIsShown   = "NOT EXISTS (SELECT 1 FROM outbox h WHERE h.journal = n.sequence AND h.import IN " + unfinishedImports + ")"
	courseIsShown  = "NOT EXISTS (SELECT 1 FROM outbox h WHERE h.course = c.id AND h.course_version IS NULL AND h.import IN " + unfinishedImports + ")"
)
