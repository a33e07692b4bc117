package virtuoso

import (
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"strongroom/internal/dbengine"
)

// configuration is the text of virtuoso.ini. Paths are relative to the data directory, in which the server runs.
//
// ServerRoot is a directory without files. AllowOSCalls and DirsAllowed keep SPARQL and SQL off all files but those that Virtuoso
// reads and writes by SQL itself; the server opens its own all the same. Whatever is below the directory for temporary files SQL may read as
// well, so that it is given one in which there is nothing: see [environment].
const configuration = `[Database]
DatabaseFile       = virtuoso.db
ErrorLogFile       = virtuoso.log
LockFile           = virtuoso.lck
TransactionFile    = virtuoso.trx
xa_persistent_file = virtuoso.pxa
ErrorLogLevel      = 7
FileExtend         = 200
MaxCheckpointRemap = 2000
Striping           = 0
TempStorage        = TempDatabase

[TempDatabase]
DatabaseFile       = virtuoso-temp.db
TransactionFile    = virtuoso-temp.trx
MaxCheckpointRemap = 2000
Striping           = 0

[Parameters]
ServerPort               = %s
DisableUnixSocket        = 1
MaxClientConnections     = 10
CheckpointInterval       = %s
CheckpointAuditTrail     = 0
AllowOSCalls             = 0
DirsAllowed              = autoexec.isql, ../backup
CaseMode                 = 2
SchedulerInterval        = 10
ThreadCleanupInterval    = 0
ThreadThreshold          = 10
ResourcesCleanupInterval = 0
NumberOfBuffers          = %s
MaxDirtyBuffers          = %s

[HTTPServer]
ServerPort           = %s
ServerRoot           = nothing
MaxClientConnections = 20
DavRoot              = DAV
EnabledDavVSP        = 0
HTTPProxyEnabled     = 0
TempASPXDir          = 0
Charset              = UTF-8

[SPARQL]
ResultSetMaxRows      = %s
MaxQueryExecutionTime = %s
`

// defaults are the parameters that can be set, by Virtuoso's own names. The buffers are of 8 KiB: a small database is
// spared the gigabytes that Virtuoso's documentation recommends for large ones.
var defaults = map[string]string{
	"CheckpointInterval":    "60", // minutes
	"NumberOfBuffers":       "10000",
	"MaxDirtyBuffers":       "6000",
	"ResultSetMaxRows":      "10000000",
	"MaxQueryExecutionTime": "120", // seconds
}

// environment is Virtuoso's own: below TMPDIR it lets SQL read files, and that is /tmp where it is not given.
var environment = []string{"TMPDIR=nothing"}

// autoexec is run by Virtuoso as its administrator at each start, before it serves. Everybody who reaches the door may
// read and write.
const autoexec = `USER_SET_PASSWORD('dba', '%s');
USER_SET_PASSWORD('dav', '%s');
GRANT SPARQL_UPDATE TO "SPARQL";
DB.DBA.RDF_DEFAULT_USER_PERMS_SET('nobody', 7);
`

// configure writes what Virtuoso reads at its start. A parameter that is not known, or no number, is a *[dbengine.StartError]
// with its name.
func configure(s dbengine.Settings, password string) error {
	values := maps.Clone(defaults)
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		value := s.Parameters[name]
		if _, known := defaults[name]; !known || strings.Trim(value, "0123456789") != "" || value == "" {
			return &dbengine.StartError{Reason: dbengine.ReasonBadParameter, Detail: name}
		}
		values[name] = value
	}
	ini := fmt.Sprintf(configuration, sqlAddress, values["CheckpointInterval"], values["NumberOfBuffers"], values["MaxDirtyBuffers"], httpAddress,
		values["ResultSetMaxRows"], values["MaxQueryExecutionTime"])
	if err := emptied(s, s.Path("data", "nothing")); err != nil {
		return err
	}
	if err := s.WriteFile(s.Path("data", "virtuoso.ini"), []byte(ini)); err != nil {
		return err
	}
	return s.WriteFile(s.Path("data", "autoexec.isql"), append(fmt.Appendf(nil, autoexec, password, rand.Text()), ownGraphs+"log_message('"+prepared+"');\n"...))
}

// prepared is what Virtuoso writes into its log by the last statement of autoexec.isql.
const prepared = "Everybody may read and write triples."

// unprepared is how its log tells of a statement that failed, or of a file that it did not read; granted is a failure that is none: what
// is granted stays so from one start to the next.
var (
	unprepared = regexp.MustCompile(`(?m)Error in autoexec\.isql: (.*)|^Error on loading file 'autoexec\.isql'\n?(.*)`)
	granted    = regexp.MustCompile(`already have role`)
)

// notPrepared says what kept a Virtuoso that has started, and written a log, from running autoexec.isql to its end: nobody could
// write into such a database, and its administrator would have the password that every Virtuoso has. It serves all the same.
func notPrepared(log string) error {
	why := &dbengine.StartError{Reason: dbengine.ReasonUnknown, Detail: "Virtuoso did not run autoexec.isql", LogTail: log}
	for _, found := range unprepared.FindAllStringSubmatch(log, -1) {
		if failed := strings.TrimSpace(found[1] + found[2]); !granted.MatchString(failed) {
			why.Detail += ": " + failed
			return why
		}
	}
	if !strings.Contains(log, prepared) {
		return why
	}
	return nil
}
