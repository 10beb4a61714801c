package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

const maxImportFaults = 100

// importPlan is what an import will do, found by reading alone.
type importPlan struct {
	in StudyImport
	// study is the definition as it will be; studyChanged says that it is not the
	// stored one.
	study        care.Study
	studyChanged bool
	protocols    []care.Protocol
	pieces       []piece
	report       ImportReport
	faults       []fault.Detail

	known map[string]storedCourse
	// alike are the stored codes by what they look like; made when first needed.
	alike map[string][]string
	seen  map[string]int
	// givenMeasures and givenVisits are what the source speaks of.
	givenMeasures map[string]bool
	givenVisits   map[string]bool
	knownProtocol map[care.ProtocolRef]bool
	kept          map[KeptScores]int
}

// planImport reads what is stored and finds out what the import adds and corrects.
// A fault.Conflict says that it must not: its report names the differences.
func (s *Store) planImport(ctx context.Context, in StudyImport) (*importPlan, error) {
	p := &importPlan{
		in: in, report: ImportReport{Study: in.Study.ID}, seen: map[string]int{}, givenMeasures: map[string]bool{},
		givenVisits: map[string]bool{care.BaselineVisit: true}, knownProtocol: map[care.ProtocolRef]bool{}, kept: map[KeptScores]int{},
	}
	if err := checkImport(in); err != nil {
		return p, err
	}
	if err := s.planFrame(ctx, p); err != nil {
		return p, err
	}
	stored, err := s.storedCourses(ctx, in.Study.ID)
	if err != nil {
		return p, err
	}
	p.known = stored
	for i, subject := range in.Subjects {
		if err := s.planSubject(ctx, p, i, subject); err != nil {
			return p, err
		}
	}
	if in.Source == care.SourceImport {
		if err := s.planAbsent(ctx, p); err != nil {
			return p, err
		}
		p.countKept()
	}
	if len(p.faults) > 0 {
		return p, &fault.Error{
			Kind: fault.KindConflict, Where: "study " + in.Study.ID, Details: p.faults,
			Message: "some rows differ from what is stored; stored values are changed only by a correction",
		}
	}
	return p, nil
}

// planFrame settles the study's definition and the protocols.
func (s *Store) planFrame(ctx context.Context, p *importPlan) error {
	for _, m := range p.in.Study.Measures {
		p.givenMeasures[m.Instrument] = true
	}
	for _, v := range p.in.Study.Visits {
		p.givenVisits[v.Name] = true
	}
	stored, version, err := studyByID(ctx, s, p.in.Study.ID)
	switch {
	case fault.Is(err, fault.KindNotFound):
		p.study, p.studyChanged, p.report.StudyAdded = p.in.Study, true, true
	case err != nil:
		return err
	default:
		p.study, p.report.StudyChanges, err = mergeStudy(stored, p.in.Study)
		if err != nil {
			return err
		}
		p.studyChanged = version == 0 || !sameStudy(stored, p.study)
	}
	for _, protocol := range p.in.Protocols {
		if err := protocol.Validate(); err != nil {
			return err
		}
		stored, err := s.Protocol(ctx, protocol.ProtocolRef)
		switch {
		case fault.Is(err, fault.KindNotFound):
			p.protocols = append(p.protocols, protocol)
			p.report.ProtocolsAdded++
		case err != nil:
			return err
		case !sameProtocol(stored, protocol):
			return fault.Conflict("protocol "+protocol.ID, "version %d is stored with different content; give the changed protocol a higher version", protocol.Version)
		}
		p.knownProtocol[protocol.ProtocolRef] = true
	}
	return nil
}

func (p *importPlan) conflict(place, format string, args ...any) {
	if len(p.faults) < maxImportFaults {
		p.faults = append(p.faults, fault.Detail{Item: place, Message: fmt.Sprintf(format, args...)})
	}
}

func (p *importPlan) hasEffect() bool {
	return p.studyChanged || len(p.pieces)+len(p.protocols) > 0
}

func (p *importPlan) frame() frame {
	r := p.report
	counts := map[string]int{
		"subjects_added": r.SubjectsAdded, "responses_added": r.ResponsesAdded,
		"protocols_added": r.ProtocolsAdded, "sessions_added": r.SessionsAdded, "occasions_added": r.OccasionsAdded,
	}
	for name, n := range map[string]int{
		"corrected": r.Corrected, "retracted": r.Retracted, "factors_changed": r.FactorsChanged, "factors_added": r.FactorsAdded,
	} {
		if n > 0 {
			counts[name] = n
		}
	}
	return frame{Study: p.study, StudyChanged: p.studyChanged, Protocols: p.protocols, Source: p.in.Source, SourceHash: p.in.SourceHash, Counts: counts}
}

func (s *Store) planSubject(ctx context.Context, p *importPlan, i int, subject ImportedSubject) error {
	where := fmt.Sprintf("subject %d", i+1)
	factors, err := p.derivedFactors(where, subject)
	if err != nil {
		return err
	}
	subject.Factors = factors
	index, err := s.keys.indexOf("course", "subject_code", subject.Code)
	if err != nil {
		return err
	}
	if first, again := p.seen[string(index)]; again {
		return fault.Invalid(where, "has the code of subject %d", first)
	}
	p.seen[string(index)] = i + 1
	stored, known := p.known[string(index)]
	if known && (stored.course.Protocol != subject.Protocol || stored.course.StartedOn != subject.StartedOn) {
		p.conflict(where, "has a protocol or start other than the stored one")
		return nil
	}
	one := piece{Index: index}
	if known {
		p.report.SubjectsKnown++
		p.planFactors(&one, stored, subject, where)
	} else if one.New, err = s.newSubject(subject); err != nil {
		return err
	} else {
		p.report.SubjectsAdded++
		p.noteAlike(subject)
	}
	if err := s.planSessions(ctx, p, &one, stored.course.ID, subject.Sessions, where); err != nil {
		return err
	}
	before, err := s.storedOccasions(ctx, stored.course.ID)
	if err != nil {
		return err
	}
	if err := p.planResponses(&one, before, subject, where); err != nil {
		return err
	}
	if err := p.planUnanswered(&one, before, subject, where); err != nil {
		return err
	}
	p.planEmpty(&one, before, subject)
	p.noteAbsentScores(before, subject, stored)
	if one.rows() > 0 {
		p.pieces = append(p.pieces, one.split(ImportChunkRows)...)
	}
	return nil
}

// newSubject draws the pseudonym and encrypts the code at once, so that what is
// written down of an import holds no code that can be read.
func (s *Store) newSubject(subject ImportedSubject) (*newSubject, error) {
	pseudonym := newPseudonym()
	code, err := s.keys.sealSubjectCode(pseudonym, subject.Code)
	if err != nil {
		return nil, err
	}
	return &newSubject{
		Subject: pseudonym, Code: code, Factors: subject.Factors, StartedOn: subject.StartedOn, Protocol: subject.Protocol,
	}, nil
}

// planFactors compares the levels of a subject with the stored ones: a level that
// was not known is added, another one is a correction.
func (p *importPlan) planFactors(one *piece, stored storedCourse, subject ImportedSubject, where string) {
	now := maps.Clone(stored.course.Factors)
	if now == nil {
		now = map[string]string{}
	}
	added, differs := 0, 0
	for _, f := range p.study.Factors() {
		before, given := stored.course.Factors[f.Name], subject.Factors[f.Name]
		switch {
		case given == before, given == "" && !slices.Contains(subject.EmptyFactors, f.Name):
			continue
		case before == "":
			added++
		default:
			differs++
			p.difference(Difference{Row: subject.Row, Subject: subject.Code, Factor: f.Name, Stored: before, Given: given})
		}
		if now[f.Name] = given; given == "" {
			delete(now, f.Name)
		}
	}
	switch {
	case differs > 0 && p.in.Correct == "":
		p.conflict(where, "has factor levels other than the stored ones")
	case added+differs > 0:
		one.Factors, one.Changed = now, differs > 0
		p.report.FactorsAdded += added
		p.report.FactorsChanged += differs
	}
}

func (p *importPlan) difference(d Difference) {
	if p.report.DifferenceCount++; len(p.report.Differences) < MaxNamed {
		p.report.Differences = append(p.report.Differences, d)
	}
}

// planAbsent names the subjects that have no row in the file.
func (s *Store) planAbsent(ctx context.Context, p *importPlan) error {
	for index, stored := range p.known {
		if _, there := p.seen[index]; there {
			continue
		}
		p.report.AbsentSubjectsCount++
		p.report.AbsentSubjects = append(p.report.AbsentSubjects, stored.code)
		before, err := s.storedOccasions(ctx, stored.course.ID)
		if err != nil {
			return err
		}
		arm := stored.course.Factors[p.study.Arm.Name]
		if p.report.KeptSubjects == nil {
			p.report.KeptSubjects = map[string]int{}
		}
		p.report.KeptSubjects[arm]++
		for name, o := range before {
			p.keep(name, o, arm)
		}
	}
	slices.Sort(p.report.AbsentSubjects)
	p.report.AbsentSubjects = p.report.AbsentSubjects[:min(len(p.report.AbsentSubjects), MaxNamed)]
	return nil
}

func (p *importPlan) keep(name occasionName, o storedOccasion, arm string) {
	if o.scored() {
		p.kept[KeptScores{Instrument: name.instrument, Visit: name.visit, Arm: arm}]++
	}
}

func (p *importPlan) countKept() {
	for key, n := range p.kept {
		key.Scores = n
		p.report.Kept = append(p.report.Kept, key)
	}
	slices.SortFunc(p.report.Kept, func(a, b KeptScores) int {
		return slices.Compare([]string{a.Instrument, a.Visit, a.Arm}, []string{b.Instrument, b.Visit, b.Arm})
	})
}

// noteAlike tells of a new code that is like a stored one.
func (p *importPlan) noteAlike(subject ImportedSubject) {
	if p.alike == nil {
		p.alike = map[string][]string{}
		for _, stored := range p.known {
			key := care.Alike(stored.code)
			p.alike[key] = append(p.alike[key], stored.code)
		}
	}
	for _, code := range p.alike[care.Alike(subject.Code)] {
		if len(p.report.Alike) < MaxNamed {
			p.report.Alike = append(p.report.Alike, AlikeCodes{Row: subject.Row, Given: subject.Code, Stored: code})
		}
	}
}
