package bincache

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"syscall"
)

// A Folder is the Source of file: URLs. It opens regular files only, so that no
// pipe or device can make it wait.
type Folder struct{}

func (Folder) Get(ctx context.Context, at *url.URL, _ *url.Userinfo) (*Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if at.Host != "" && at.Host != "localhost" {
		return nil, errors.New("a file: URL cannot name another machine")
	}
	f, err := os.OpenFile(path.Clean("/"+at.Path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &Reply{Status: http.StatusNotFound, Body: http.NoBody}, nil
	case errors.Is(err, fs.ErrPermission):
		return &Reply{Status: http.StatusForbidden, Body: http.NoBody}, nil
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Reply{Status: http.StatusOK, Length: info.Size(), Body: f}, nil
}
