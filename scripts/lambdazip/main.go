// Command lambdazip packs a program as a Lambda function of the runtime provided.al2023: a zip archive whose one file is named
// bootstrap. The same program gives the same archive, wherever and whenever it is packed.
package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: lambdazip PROGRAM ARCHIVE")
		os.Exit(2)
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "lambdazip: "+err.Error())
		os.Exit(1)
	}
}

// epoch is the first moment that a zip archive can tell.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func pack(program, archive string) (err error) {
	in, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	z := zip.NewWriter(out)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: epoch}
	header.SetMode(0o755)
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	return z.Close()
}
