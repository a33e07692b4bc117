package s3_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

const crashDir = "STRONGROOM_TEST_S3_CRASH_DIR"

// crashContent is what an object of the crash test holds.
func crashContent(key string) string { return strings.Repeat(key+"/", 2000) }

// TestCrashWriter is the process that is killed: it puts and deletes objects from several goroutines and says what was
// acknowledged. It does nothing unless TestCrash starts it.
func TestCrashWriter(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	w := s3test.Open(t, dir, clock.NewShifted(0))
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		os.Stdout.WriteString(line + "\n") //nolint:errcheck // the parent is gone, and so are we soon
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, n)
				say("try " + key)
				if _, err := api.Call[s3.PutObjectOutput](t.Context(), w.Door, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: strings.NewReader(crashContent(key))}); err != nil {
					say("error " + err.Error())
					return
				}
				say("put " + key)
				if n%3 == 0 {
					say("delete " + key)
					if _, err := api.Call[s3.DeleteObjectOutput](t.Context(), w.Door, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: &key}); err != nil {
						say("error " + err.Error())
						return
					}
					say("deleted " + key)
				}
			}
		})
	}
	all.Wait()
}

// TestCrash kills a writing process again and again: what it acknowledged is there, and nothing that it did not.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	rounds := 3
	if text := os.Getenv("STRONGROOM_CRASH_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	last := map[string]string{} // what was said last of each key
	for round := range rounds {
		w.Close()
		writeUntilKilled(t, w.Dir, 10+37*round%200, last)
		w = w.Restart(t)
		if err := w.S3.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		live := 0
		for key, said := range last {
			out, err := api.Call[s3.GetObjectOutput](t.Context(), w.Door, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: &key})
			switch {
			case api.Code(err) == "NoSuchKey" && said != "put":
				continue
			case err != nil || said == "deleted":
				t.Fatalf("round %d: %s, of which %q was said, is answered with %v", round, key, said, err)
			}
			live++
			var b bytes.Buffer
			if _, err := b.ReadFrom(out.Body); err != nil || b.String() != crashContent(key) {
				t.Fatalf("round %d: %s reads %d bytes, %v", round, key, b.Len(), err)
			}
			_ = out.Body.Close()
		}
		if files := filesIn(t, w.Dir); len(files) != live {
			t.Fatalf("round %d: %d files for %d objects", round, len(files), live)
		}
	}
	if len(last) < rounds {
		t.Errorf("only %d objects were tried", len(last))
	}
}

// writeUntilKilled runs a writer and kills it once it has said so many lines.
func writeUntilKilled(t *testing.T, dir string, lines int, last map[string]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashWriter$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	for scanner := bufio.NewScanner(out); scanner.Scan(); lines-- {
		if lines == 0 {
			_ = cmd.Process.Kill() // what it said before it died is read below
		}
		what, key, _ := strings.Cut(scanner.Text(), " ")
		switch what {
		case "error":
			t.Errorf("the writer failed: %s", key)
		case "try", "put", "delete", "deleted":
			last[key] = what
		}
	}
	_ = cmd.Wait()
}
