// Package dbfile reads SQLite database files without touching them: it takes no
// lock, makes no -wal, -shm or -journal file and needs no right to write. SQLite
// itself cannot do that: to read a database in WAL mode it makes or writes the
// -shm file, and to read one with a hot journal it writes the database.
//
// Where a library would wait for a lock, a snapshot here is checked after it was
// read: if the file was written meanwhile, what was read does not count and it
// is read again.
//
// A file may come from anybody. Every size in it is checked, what is read is
// bounded by Limits, and no SQL in it is ever run: views, triggers and virtual
// tables are text.
//
// Format: https://www.sqlite.org/fileformat2.html.
package dbfile
