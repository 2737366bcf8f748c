package diskcache

import (
	"context"
	"fmt"
	"testing"

	"zombiezen.com/go/sqlite/sqlitex"
)

// A database of some years: a hundred thousand paths of five caches, and two
// hundred outputs to look up.
func BenchmarkRead(b *testing.B) {
	c, path := made(b, everyTable)
	err := sqlitex.ExecuteScript(c, `
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) insert into BinaryCaches select i, 'https://c' || i || '.example', 1700000000, '/nix/store', 1, 40 from n;
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
			insert into NARs select i % 5 + 1, printf('%032d', i), 'some-package-1.2.3', 'nar/' || hex(randomblob(26)) || '.nar.xz', 'xz', hex(randomblob(26)), 123456,
				hex(randomblob(26)), 345678, printf('%0400d', i), hex(randomblob(30)), printf('%0120d', i), '', 1700000000 + i, i % 7 != 0 from n;
	`, nil)
	if err == nil {
		err = sqlitex.ExecuteTransient(c, "pragma wal_checkpoint(truncate)", nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	q := everything
	for i := range 200 {
		q.Hashes = append(q.Hashes, fmt.Sprintf("%032d", i*499))
	}
	b.ReportAllocs()
	for b.Loop() {
		got, err := Read(context.Background(), mine(), path, q)
		if err != nil || len(got.Caches) != 5 || got.Complete {
			b.Fatal(got, err)
		}
	}
}
