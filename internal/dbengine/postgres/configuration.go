package postgres

import (
	"fmt"
	"maps"
	"net"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/dbengine"
)

// owned are the parameters that are not the user's: where the database lies, listens and logs, who enters, what backups rest on,
// and those that name programs, libraries and files of the host.
var owned = map[string]bool{}

func init() { //nolint:gochecknoinits // a table, written as words
	for name := range strings.FieldsSeq(`
		data_directory config_file hba_file ident_file external_pid_file
		listen_addresses port unix_socket_directories unix_socket_group unix_socket_permissions bonjour bonjour_name
		ssl ssl_cert_file ssl_key_file ssl_ca_file ssl_crl_file ssl_crl_dir ssl_dh_params_file ssl_passphrase_command
		ssl_passphrase_command_supports_reload krb_server_keyfile
		log_destination logging_collector log_directory log_filename log_file_mode syslog_facility syslog_ident event_source
		archive_mode archive_command archive_library restore_command archive_cleanup_command recovery_end_command
		recovery_target recovery_target_action recovery_target_inclusive recovery_target_lsn recovery_target_name
		recovery_target_time recovery_target_timeline recovery_target_xid primary_conninfo primary_slot_name promote_trigger_file
		fsync full_page_writes wal_sync_method zero_damaged_pages ignore_checksum_failure ignore_system_indexes ignore_invalid_pages
		allow_system_table_mods allow_in_place_tablespaces dynamic_library_path jit_provider stats_temp_directory
		data_sync_retry restart_after_crash remove_temp_files_after_crash password_encryption max_wal_senders max_slot_wal_keep_size`) {
		owned[name] = true
	}
}

// parameterName is what a name in the file may be: with a dot, that of an extension.
var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

// libraries are those that the user may have loaded: of PostgreSQL's own and those of the extensions that Amazon RDS has. A path,
// or a library that runs programs, is not among them.
var libraries = strings.Fields("auto_explain orafce pgaudit pg_bigm pg_hint_plan pg_prewarm pg_similarity pg_stat_statements")

// foreign says whether a parameter has libraries loaded that are not the user's to choose, or is one of an extension's that are
// not: plperl's and pltcl's name code that runs before those languages are confined.
func foreign(name, value string) bool {
	if extension, _, ok := strings.Cut(name, "."); ok {
		return extension != "plpgsql" && extension != "rds" && !slices.Contains(libraries, extension)
	}
	if !strings.HasSuffix(name, "_preload_libraries") {
		return false
	}
	for library := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '"' }) {
		if !slices.Contains(libraries, library) {
			return true
		}
	}
	return false
}

// Replication slots keep the log that a backup needs: at least this many can be.
const leastSlots = 5

// parameters checks the user's parameters as far as PostgreSQL does not, and returns their lines.
func parameters(given map[string]string) ([]string, error) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		lower := strings.ToLower(name)
		bad := &dbengine.StartError{Reason: dbengine.ReasonBadParameter, Detail: name}
		switch {
		case !parameterName.MatchString(name), owned[lower], foreign(lower, value), strings.ContainsAny(value, "\x00\n\r"):
			return nil, bad
		case lower == "wal_level" && !slices.Contains([]string{"replica", "logical"}, value):
			return nil, bad
		case lower == "max_replication_slots":
			if n, err := strconv.Atoi(value); err != nil || n < leastSlots {
				return nil, bad
			}
		}
		lines = append(lines, setting(name, value))
	}
	return lines, nil
}

func setting(name, value string) string {
	return name + " = '" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(value) + "'"
}

// configure writes all that PostgreSQL reads at its start.
func configure(s dbengine.Settings, private bool) error {
	certificate, key, err := s.Certificate()
	if err != nil {
		return err
	}
	lines := []string{"# Written at each start."}
	address := ""
	if !private {
		address = s.Address
		own, err := parameters(s.Parameters)
		if err != nil {
			return err
		}
		lines = append(lines, own...)
	}
	lines = append(
		lines,
		setting("listen_addresses", address),
		setting("port", strconv.Itoa(s.Port)),
		// From the data directory, in which it works: a path of any length would not fit into an address.
		setting("unix_socket_directories", "../run"),
		setting("unix_socket_permissions", "0700"),
		setting("hba_file", s.Path("pg_hba.conf")),
		setting("ident_file", s.Path("pg_ident.conf")),
		setting("ssl", "on"),
		setting("ssl_cert_file", certificate),
		setting("ssl_key_file", key),
		setting("log_destination", "stderr"),
		setting("password_encryption", "scram-sha-256"),
		setting("lc_messages", "C"), // the symptoms are English
	)
	for name, content := range map[string]string{
		"postgresql.conf": strings.Join(lines, "\n") + "\n",
		"pg_hba.conf":     access,
		"pg_ident.conf":   accounts(s),
	} {
		if err := s.WriteFile(s.Path(name), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// access says who may connect: the superuser over the socket alone, all others over TCP alone.
const access = `local all         rdsadmin          peer map=engine
local replication rdsadmin          peer map=engine
local all         all               reject
host  all         rdsadmin all      reject
host  rdsadmin    all      all      reject
host  replication all      all      reject
host  all         all      all      scram-sha-256
`

// accounts says which accounts of the host are the superuser: this process's, and that of the programs which work on the
// database. Whoever is one of them can read its files anyway.
func accounts(s dbengine.Settings) string {
	names := map[string]bool{"root": true}
	if own, err := user.Current(); err == nil {
		names[own.Username] = true
	}
	if s.User != nil {
		names[s.User.Name] = true
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, _ = fmt.Fprintf(&text, "engine %q %s\n", name, superuser)
	}
	return text.String()
}

// at is the database's address.
func at(s dbengine.Settings) string { return net.JoinHostPort(s.Address, strconv.Itoa(s.Port)) }
