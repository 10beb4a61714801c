package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
)

// The whole policy, written out beside it: who may do what is decided by reading
// this table.
func TestSR59_DutiesAreApart(t *testing.T) {
	const c, r, a = access.RoleClinician, access.RoleResearcher, access.RoleAdministrator
	for permission, roles := range map[access.Permission][]access.Role{
		access.PermissionOwnSession:   {c, r, a},
		access.PermissionSeePatients:  {c},
		access.PermissionWorkAlerts:   {c},
		access.PermissionAskQuestions: {r},
		access.PermissionSeeStatus:    {a},
		"":                            {},
		"anything":                    {},
	} {
		for _, role := range access.Roles {
			granted := false
			for _, allowed := range roles {
				granted = granted || allowed == role
			}
			require.Equal(t, granted, permission.Grants(role), "%s to %s", permission, role)
		}
	}
	require.False(t, access.Permission("anything").Known())
}
