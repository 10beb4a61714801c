package access

import "slices"

// Role is what an account may be; a person has one. RolePatientLink is not an
// account: it is whoever holds an open link.
type Role string

// The roles.
const (
	RoleAnonymous     Role = "anonymous"
	RolePatientLink   Role = "patient-link"
	RoleClinician     Role = "clinician"
	RoleResearcher    Role = "researcher"
	RoleAdministrator Role = "administrator"
)

// Roles lists every role, in the order in which tables print them.
var Roles = []Role{RoleAnonymous, RolePatientLink, RoleClinician, RoleResearcher, RoleAdministrator}

// AccountRoles lists the roles that an account can have.
var AccountRoles = []Role{RoleClinician, RoleResearcher, RoleAdministrator}

// Permission is one thing that a route lets a caller do. Each route names
// exactly one; the zero value is none and is refused when the routes are built.
type Permission string

// The permissions. A new one needs a line in policy.
const (
	// PermissionPublic is open to everyone: crisis contacts, sign-in, health.
	PermissionPublic Permission = "public"
	// PermissionAnswerByLink is open to whoever holds a link's secret; the
	// service that owns links checks the secret on each request.
	PermissionAnswerByLink Permission = "answer-by-link"
	// PermissionOwnSession is what every signed-in person may do with their
	// own session: see the home page, extend it, end it.
	PermissionOwnSession Permission = "own-session"
	// PermissionSeePatients is seeing the caseload and one patient's answers,
	// sessions and scores, by pseudonym.
	PermissionSeePatients Permission = "see-patients"
	// PermissionWorkAlerts is seeing and acknowledging safety alerts.
	PermissionWorkAlerts Permission = "work-alerts"
	// PermissionAskQuestions is asking durability questions of pseudonymous
	// data and reading findings.
	PermissionAskQuestions Permission = "ask-questions"
	// PermissionSeeStatus is seeing how the installation is doing; it shows
	// no answer and no identity.
	PermissionSeeStatus Permission = "see-status"
)

// policy is the one table of who may do what. Duties are apart: researchers
// never see identities or single patients' alerts, administrators never see
// answers.
var policy = map[Permission][]Role{
	PermissionPublic:       Roles,
	PermissionAnswerByLink: Roles,
	PermissionOwnSession:   AccountRoles,
	PermissionSeePatients:  {RoleClinician},
	PermissionWorkAlerts:   {RoleClinician},
	PermissionAskQuestions: {RoleResearcher},
	PermissionSeeStatus:    {RoleAdministrator},
}

// Known reports whether the permission has a line in the policy.
func (p Permission) Known() bool {
	_, ok := policy[p]
	return ok
}

// Grants reports whether the role has the permission; an unknown permission is
// granted to nobody.
func (p Permission) Grants(role Role) bool { return slices.Contains(policy[p], role) }

// ParseRole accepts the role of an account by its name.
func ParseRole(s string) (Role, bool) {
	if r := Role(s); slices.Contains(AccountRoles, r) {
		return r, true
	}
	return "", false
}
