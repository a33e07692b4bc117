package mariadb

import (
	"regexp"

	"strongroom/internal/dbengine"
)

// symptoms are the words of MariaDB's log: mysys/my_getopt.c, sql/mysqld.cc, storage/innobase.
var symptoms = []dbengine.Symptom{
	{Pattern: regexp.MustCompile(`unknown (?:variable|option) '(?:--)?([^'=]+)`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`Error while setting value '[^']*' to '([^']+)'`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`Unknown suffix '.*' used for variable '([^']+)'`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`option '(?:--)?([^']+)' (?:requires|cannot)`), Reason: dbengine.ReasonBadParameter},
	{Pattern: regexp.MustCompile(`Character set '[^']*' is not a compiled`), Reason: dbengine.ReasonBadParameter, Detail: "character_set_server"},
	{Pattern: regexp.MustCompile(`Unknown collation: '`), Reason: dbengine.ReasonBadParameter, Detail: "collation_server"},
	{Pattern: regexp.MustCompile(`Illegal or unknown default time zone`), Reason: dbengine.ReasonBadParameter, Detail: "time_zone"},
	{Pattern: regexp.MustCompile(`(?:Err(?:code|no): 28|[Oo]perating system error number 28|OS error: 28|error 28|No space left on device|Disk is full|File too large|Errcode: 27|error number 27)`), Reason: dbengine.ReasonNoSpace},
	{Pattern: regexp.MustCompile(`Bind on TCP/IP port\. Got error: 98`), Reason: dbengine.ReasonPortInUse},
	{Pattern: regexp.MustCompile(`Errcode: 13|[Oo]perating system error number 13|does not have the access rights|must be writable|Permission denied`), Reason: dbengine.ReasonPermission},
	{Pattern: regexp.MustCompile(`Cannot allocate memory for the buffer pool|Errcode: 12|Out of memory`), Reason: dbengine.ReasonNoMemory},
	{Pattern: regexp.MustCompile(`Unsupported redo log format|Upgrade (?:from|after)[^\n]* is not supported|was created with a newer`), Reason: dbengine.ReasonVersion},
	{Pattern: regexp.MustCompile(`\[ERROR\] (?:\S+ )?((?:InnoDB: (?:.*(?:[Cc]orrupt|checksum|[Mm]issing|not found|Invalid|damaged|mismatch|differs|smaller|truncated|could not find|bytes should have been read)).*)|.*(?:Aria recovery failed|Aria engine: (?:log|checkpoint|redo).*|Incorrect file format|is marked as crashed|Can't open and lock privilege tables|Could not open mysql\.plugin|Can't init databases).*)`), Reason: dbengine.ReasonDamaged},
	{Pattern: regexp.MustCompile(`\[ERROR\] ((?:Plugin 'InnoDB' (?:init function returned error|registration)|Unknown/unsupported storage engine: InnoDB|Fatal error).*)`), Reason: dbengine.ReasonDamaged},
}
