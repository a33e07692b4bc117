package e2e

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run at once than there are processors, as they wait for servers, jobs and databases for half of
// their time. What -parallel says on the command line counts all the same.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}
