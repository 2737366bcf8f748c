package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"
)

//go:embed page.tmpl
var pageText string

//go:embed style.css
var styleText string

// parsed is the template, once it is needed. Where the style goes is static text
// to it, so that the style is written byte for byte as its digest says.
var parsed = sync.OnceValues(func() (*template.Template, error) {
	text := strings.Replace(pageText, "/*style*/", styleText, 1)
	return template.New("page").Funcs(template.FuncMap{
		"share":  func(f float64) string { return fmt.Sprintf("%.2f%%", f) },
		"hidden": func() string { return hiddenText },
		"begin":  func() template.HTML { return htmlMark },
		"number": func(i int) int { return i + 1 },
		"label":  func(heads []line, i int) string { return plainLine(heads[i]) },
	}).Parse(text)
})

// A htmlPage is what the template is given.
type htmlPage struct {
	*document
	Policy string
}

// writeHTML writes a document as a page that loads nothing and runs nothing: its
// own policy allows it one style and no more.
func writeHTML(d *document) ([]byte, error) {
	t, err := parsed()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(styleText))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	var out bytes.Buffer
	if err := t.Execute(&out, htmlPage{d, policy}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Columns are the heads of the columns, for the template.
func (t table) Columns() []line { return t.columns() }

// plainLine is a line without its roles.
func plainLine(l line) string {
	var parts []string
	for _, p := range l {
		parts = append(parts, strings.TrimSpace(p.Glyph+" "+p.Text.String()))
	}
	return strings.Join(parts, " ")
}
