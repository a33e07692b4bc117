package mariadb

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/dbengine"
)

// owned are the parameters that are not the user's: where the database lies, listens and logs, who enters, what backups rest on,
// and those that name programs, libraries and files of the host.
var owned = strings.Fields(`
	datadir basedir tmpdir chroot user socket port bind_address extra_port skip_networking pid_file log_error
	general_log_file slow_query_log_file log_basename log_bin_index relay_log_index relay_log_info_file master_info_file log_bin relay_log
	secure_file_priv plugin_dir plugin_load plugin_load_add plugin_maturity init_file init_rpl_role
	ssl_ca ssl_capath ssl_cert ssl_cipher ssl_crl ssl_crlpath ssl_key ssl
	skip_grant_tables bootstrap symbolic_links character_sets_dir lc_messages_dir lc_messages language slave_load_tmpdir ft_stopword_file
	innodb_data_home_dir innodb_data_file_path innodb_temp_data_file_path innodb_log_group_home_dir innodb_undo_directory
	innodb_tmpdir innodb_buffer_pool_filename innodb_force_recovery innodb_force_load_corrupted innodb_doublewrite innodb_read_only_compressed
	innodb_checksum_algorithm aria_log_dir_path core_file debug gdb console defaults_file defaults_extra_file defaults_group_suffix
	des_key_file wsrep_provider wsrep_notify_cmd wsrep_on wsrep_sst_method wsrep_data_home_dir wsrep_cluster_address
	feedback feedback_url flush skip_host_cache daemonize memlock tc_heuristic_recover log_tc skip_name_resolve
	local_service standalone install remove safe_mode safe_user_create des_key`)

// complete are parameters of which an owned one is an extension.
var complete = map[string]bool{"general_log": true, "slow_query_log": true}

// options are the variables whose options have other names.
var options = map[string]string{"time_zone": "default_time_zone", "tx_isolation": "transaction_isolation", "tx_read_only": "transaction_read_only"}

var parameterName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)

// refused says whether a parameter is not the user's to set. MariaDB takes a unique beginning of a name for the name, and some
// prefixes for modifiers.
func refused(name string) bool {
	name = plain(name)
	for {
		if complete[name] {
			return false
		}
		if slices.ContainsFunc(owned, func(o string) bool { return strings.HasPrefix(o, name) }) {
			return true
		}
		i := slices.IndexFunc(modifiers, func(m string) bool { return strings.HasPrefix(name, m) })
		if i < 0 {
			return false
		}
		name = strings.TrimPrefix(name, modifiers[i])
	}
}

// modifiers are prefixes that MariaDB takes off a name: https://mariadb.com/kb/en/configuring-mariadb-with-option-files/.
var modifiers = []string{"loose_", "skip_", "enable_", "disable_", "maximum_", "autoset_"}

// parameters checks the user's parameters as far as MariaDB does not, and returns their lines.
func parameters(given map[string]string) ([]string, error) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		if !parameterName.MatchString(name) || refused(name) || strings.ContainsAny(value, "\x00\n\r") {
			return nil, &dbengine.StartError{Reason: dbengine.ReasonBadParameter, Detail: name}
		}
		if option, ok := options[name]; ok {
			name = option
		}
		lines = append(lines, setting(name, value))
	}
	return lines, nil
}

// asGiven names the parameter that MariaDB complains of as the user did.
func asGiven(err error, given map[string]string) error {
	var why *dbengine.StartError
	if !errors.As(err, &why) || why.Reason != dbengine.ReasonBadParameter {
		return err
	}
	for name := range given {
		if plain(name) == plain(why.Detail) || options[name] == plain(why.Detail) {
			why.Detail = name
		}
	}
	return err
}

// plain is a name in the one of its spellings that variables have.
func plain(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// setting is a line of an option file: https://mariadb.com/kb/en/configuring-mariadb-with-option-files/.
func setting(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// configure writes all that MariaDB and its tools read, and returns the password of the engine's own account.
func configure(s dbengine.Settings, private bool) (password string, err error) {
	certificate, key, err := s.Certificate()
	if err != nil {
		return "", err
	}
	lines := []string{"# Written at each start.", "[mariadbd]"}
	if !private {
		own, err := parameters(s.Parameters)
		if err != nil {
			return "", err
		}
		lines = append(lines, own...)
	}
	if private {
		lines = append(lines, "skip-networking")
	}
	lines = append(
		lines,
		setting("datadir", s.Path("data")),
		setting("tmpdir", s.Path(temporary)),
		// From the data directory, in which it works: a path of any length would not fit into an address.
		setting("socket", "../run/mariadb.sock"),
		setting("port", strconv.Itoa(s.Port)),
		setting("bind-address", s.Address),
		setting("pid-file", s.Path("run", "mariadb.pid")),
		setting("secure-file-priv", s.Path("files")),
		setting("plugin-dir", s.Path("plugins")),
		setting("init-file", s.Path("run", "init.sql")),
		setting("ssl-cert", certificate),
		setting("ssl-key", key),
		"skip-name-resolve", // so that an account @localhost is one over the socket
		"skip-symbolic-links",
		"skip-log-bin",
		setting("lc-messages", "en_US"), // the symptoms are English
	)
	password = rand.Text()
	hash := nativeHash(password)
	for name, content := range map[string]string{
		s.Path("mariadb.cnf"):     strings.Join(lines, "\n") + "\n",
		s.Path("run", "init.sql"): fmt.Sprintf(initSQL, superuser, hash),
		// For the tools, which work in the data directory.
		s.Path("run", "client.cnf"): fmt.Sprintf("[client]\nuser=%s\npassword=%s\nsocket=../run/mariadb.sock\n", superuser, password),
	} {
		if err := s.WriteFile(name, []byte(content)); err != nil {
			return "", err
		}
	}
	return password, nil
}

// initSQL runs before the first connection.
const initSQL = `CREATE OR REPLACE USER %[1]s@localhost IDENTIFIED BY PASSWORD '%[2]s';
GRANT ALL PRIVILEGES ON *.* TO %[1]s@localhost WITH GRANT OPTION;
`
