package page_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/crisis"
	"afterglow/internal/web/page"
)

// Contacts count as tried by the site only where its own list says so.
func TestContactsAreConfirmedOnlyBySayingSo(t *testing.T) {
	for _, confirmed := range []bool{false, true} {
		d := &crisis.Directory{ConfirmedBySite: confirmed, Contacts: []crisis.Contact{{Kind: crisis.KindPhone, Value: "911"}}}
		require.Equal(t, confirmed, page.NewContacts(d, "en").Confirmed)
	}
}
