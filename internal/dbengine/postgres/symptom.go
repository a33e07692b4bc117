package postgres

import (
	"regexp"

	"strongroom/internal/dbengine"
)

// symptoms are the words of PostgreSQL's log, which its own sources have: src/backend/utils/misc/guc.c and guc-file.l,
// postmaster/postmaster.c, access/transam/xlog.c, utils/init/miscinit.c and port/pg_shmem.c.
var symptoms = []dbengine.Symptom{
	{Pattern: regexp.MustCompile(`unrecognized configuration parameter "([^"]+)"`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`invalid value for parameter "([^"]+)"`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`parameter "([^"]+)" (?:requires|cannot be|must be)`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`is outside the valid range for parameter "([^"]+)"`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`invalid configuration parameter name "([^"]+)"`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`invalid list syntax in parameter "([^"]+)"`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`could not access file "[^"]+": No such file or directory`), Reason: dbengine.ReasonBadParameter, Detail: "shared_preload_libraries"},
	{Pattern: regexp.MustCompile(`(?i)could not map anonymous shared memory|could not create shared memory segment|semget`), Reason: dbengine.ReasonNoMemory},
	{Pattern: regexp.MustCompile(`No space left on device|Disk quota exceeded|File too large`), Reason: dbengine.ReasonNoSpace},
	{Pattern: regexp.MustCompile(`could not bind .*: Address already in use`), Reason: dbengine.ReasonPortInUse},
	// Data of another major version is not started at all, as its PG_VERSION tells: what says so here is garbage.
	{Pattern: regexp.MustCompile(`(database files are incompatible with server)`), Reason: dbengine.ReasonDamaged},
	{Pattern: regexp.MustCompile(`Permission denied`), Reason: dbengine.ReasonPermission},
	{Pattern: regexp.MustCompile(`(?:PANIC|FATAL):  ((?:could not locate a valid checkpoint|could not locate required checkpoint|could not find|invalid checkpoint|could not open|could not read|could not access|control file|incorrect checksum|invalid data in|WAL ends before|bogus data|corrupted|invalid primary checkpoint|the database system is not in|is not a valid|"[^"]+" is not a valid).*)`), Reason: dbengine.ReasonDamaged},
	{Pattern: regexp.MustCompile(`(invalid page in block \d+ of relation .*)`), Reason: dbengine.ReasonDamaged},
	{Pattern: regexp.MustCompile(`(could not open file "[^"]*": No such file or directory|could not find the database system)`), Reason: dbengine.ReasonDamaged},
}
