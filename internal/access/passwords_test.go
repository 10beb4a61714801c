package access_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
)

func TestSR45_Passwords(t *testing.T) {
	for _, test := range []struct {
		name, password string
		taken          bool
	}{
		{"fourteen characters", "violet teapot ", false},
		{"fifteen characters", "violet teapot u", true},
		{"two hundred characters", strings.Repeat("a long walk by the sea ", 9)[:200], false},
		{"two hundred characters of prose", longProse[:200], true},
		{"umlauts", "grüne Teekannen überm Fluss", true},
		{"no capital, digit or sign", "seven quiet lanterns drift", true},
		{"digits only, random", "83920175648201937465", true},
		{"digits that climb", "012345678901234567", false},
		{"one character", "aaaaaaaaaaaaaaaaaaa", false},
		{"one word over and over", "lanternlanternlantern", false},
		{"the alphabet", "abcdefghijklmnopqrs", false},
		{"a listed word with digits", "password12345678", false},
		{"listed words", "welcomehomeadministrator", false},
		{"listed words, disguised", "P@ssw0rd-Adm1nistr@tor!", false},
		{"the famous example", "correct horse battery staple", false},
		{"the site's name", "harbourclinic2026!!", false},
		{"the account's name", "anna-kowalska-1990", false},
		{"this program", "afterglowketamine1", false},
		{"not text", "violet teapot \xff under", false},
		{"NUL", "violet teapot \x00 under", false},
		{"too long to be a password", strings.Repeat(longProse, 10), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := access.CheckNewPassword(test.password, "anna-kowalska", "Harbour Clinic")
			require.Equal(t, test.taken, err == nil, "%v", err)
			if err != nil {
				require.Equal(t, fault.KindInvalid, fault.KindOf(err))
				require.NotContains(t, err.Error(), test.password)
			}
		})
	}
}

const longProse = "When the tide had gone out far enough, two of the older fishermen walked along the wet sand with a lamp and looked for what the storm had left: rope, cork, a chair without legs, once a violin in its case, quite dry."

// What people take first is refused whole, not only the examples: names of clubs
// and people, phrases, walks over the keyboard, and these joined, repeated,
// disguised or backwards. The second list is the kind of password that is wanted.
func TestSR45_WhatIsGuessedFirstIsRefused(t *testing.T) {
	for kind, passwords := range map[string][]string{
		"a phrase":                {"iloveyouforever1", "mycatisthebest1234", "thisismypassword1", "letmeinletmein123", "godisgreat123456", "welcomebackhome1", "ILoveMyDaughter!"},
		"a club":                  {"manchesterunited1", "liverpoolfootball", "chelseafootballclub", "realmadridfootball", "BayernMunich2024", "redsoxyankees2019"},
		"a person":                {"michaelandjessica", "jenniferlovesmike", "harrypotter12345", "charlieandthedog", "mariamariamaria1"},
		"a walk":                  {"qazwsxedcrfvtgbyhn", "1qaz2wsx3edc4rfv", "qwertyuiopasdfgh", "poiuytrewqlkjhg", "azertyuiopqsdfgh", "qwertzuiopasdfgh", "qawsedrftgyhujik", "1q2w3e4r5t6y7u8i", "asdfghjkl1234567"},
		"a walk with a word":      {"qwertyuiopsunshine", "password1qaz2wsx"},
		"disguised":               {"m4nch3st3run1t3d", "L1verp00lF00tball", "P@ssw0rd!P@ssw0rd"},
		"backwards":               {"gnikdrowssapterces", "detinuretsehcnam1"},
		"letters in pairs":        {"aabbccddeeffgghh"},
		"parts of the name":       {"kowalska-harbour-1", "annaharbourclinic"},
		"a few letters more":      {"iloveyouforeverxyz", "xmanchesterunitedx"},
		"common words, no others": {"sunshine2024summer", "dragonmasterking77", "purplemonkeyball1"},
	} {
		for _, password := range passwords {
			require.Error(t, access.CheckNewPassword(password, "anna-kowalska", "Harbour Clinic"), "%s: %s", kind, password)
		}
	}
	for _, password := range []string{
		"copper lamp walked north twice", "wool kettle spruce argue", "gargle plinth oboe soup", "tangerine ferry ledger moss",
		"h4Jk-92mQ-xx7P-wL0z", "vf8GQmZr2LxWc6Tn", "drei Gabeln im Schuppen", "my kayak snagged a willow", "pewter-goggles-and-a-ladle",
	} {
		require.NoError(t, access.CheckNewPassword(password, "anna-kowalska", "Harbour Clinic"), password)
	}
}
