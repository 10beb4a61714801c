package form_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/web/form"
)

func TestSR20_JSONIsReadStrictly(t *testing.T) {
	for name, body := range map[string]string{
		"key given twice":            `{"key":"a","key":"b"}`,
		"key twice, deep":            `{"answers":{"1":1,"1":2}}`,
		"text after the end":         `{"key":"a"} {}`,
		"junk after the end":         `{"key":"a"}x`,
		"invalid UTF-8":              "{\"key\":\"\xff\"}",
		"half a surrogate pair":      `{"key":"\ud800"}`,
		"NUL":                        `{"key":"a\u0000"}`,
		"raw NUL":                    "{\"key\":\"a\x00\"}",
		"NaN":                        `{"key":NaN}`,
		"overflow":                   `{"key":1e400}`,
		"too deep":                   `{"key":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		"too deep and never closed":  `{"key":` + strings.Repeat("[", 100_000),
		"too many values":            `{"key":[` + strings.Repeat("1,", 600) + `1]}`,
		"an array":                   `[]`,
		"empty":                      ``,
		"not closed":                 `{"key":"a"`,
		"a comment":                  `{/* */"key":"a"}`,
		"single quotes":              `{'key':'a'}`,
		"a comma too many":           `{"key":"a",}`,
		"byte order mark":            "\ufeff{}",
		"a name where a value stood": `{"key":undefined}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := form.ParseJSON([]byte(body))
			require.Equal(t, fault.KindInvalid, fault.KindOf(err), "%v", err)
		})
	}
}

func TestSR20_UnknownAndWrongCaseMembersAreRefused(t *testing.T) {
	for _, body := range []string{`{"Key":"a"}`, `{"key":"a","role":"administrator"}`} {
		object, err := form.ParseJSON([]byte(body))
		require.NoError(t, err)
		require.Error(t, object.Only("key"))
	}
	object, err := form.ParseJSON([]byte(`{"key":"ä","n":12,"o":{"a":[true,null]}}`))
	require.NoError(t, err)
	require.NoError(t, object.Only("key", "n", "o"))
	text, err := object.Text("key")
	require.NoError(t, err)
	require.Equal(t, "ä", text)
	_, err = object.Text("n")
	require.Error(t, err)
}

func TestFormsAreReadStrictly(t *testing.T) {
	for name, body := range map[string]string{
		"a field twice":      "name=a&name=b",
		"a field too many":   "name=a&role=administrator",
		"broken encoding":    "name=%zz",
		"semicolons":         "name=a;b=c",
		"invalid UTF-8":      "name=%ff",
		"NUL":                "name=a%00",
		"NUL in a name":      "na%00me=a",
		"thousands of names": strings.Repeat("x=1&", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := form.Parse([]byte(body), "name")
			require.Equal(t, fault.KindInvalid, fault.KindOf(err), "%v", err)
		})
	}
	fields, err := form.Parse([]byte("name=a+b&password=%C3%A4"), "name", "password")
	require.NoError(t, err)
	require.Equal(t, form.Fields{"name": "a b", "password": "ä"}, fields)
}

func TestSR21_BodiesAreBounded(t *testing.T) {
	read := func(body string, header http.Header) error {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		for name, values := range header {
			r.Header[name] = values
		}
		_, err := form.Read(echo.New().NewContext(r, httptest.NewRecorder()))
		return err
	}
	asForm := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	require.NoError(t, read("a=1", asForm))
	require.Equal(t, fault.KindTooLarge, fault.KindOf(read("a="+strings.Repeat("x", 257<<10), asForm)))

	packed := asForm.Clone()
	packed.Set("Content-Encoding", "gzip")
	var refused *echo.HTTPError
	require.ErrorAs(t, read("a=1", packed), &refused)
	require.Equal(t, http.StatusUnsupportedMediaType, refused.Code)
	require.ErrorAs(t, read("a=1", http.Header{"Content-Type": {"text/plain"}}), &refused)
	require.Equal(t, http.StatusUnsupportedMediaType, refused.Code)
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,{"b":null}]}`, `{"a":1e400}`, "{\"\xff\":1}", `{"a":"\ud83d\ude00"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := form.ParseJSON(body); err != nil && fault.KindOf(err) != fault.KindInvalid {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
