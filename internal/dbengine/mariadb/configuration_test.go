package mariadb

import "testing"

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"datadir", "DataDir", "datadi", "loose_datadir", "loose-skip-grant-tables", "skip_grant", "plugin_load_add", "plugin-load",
		"secure-file-priv", "secure_file", "init_file", "maximum_port", "bind-address", "ssl_key", "log_bin", "wsrep_notify_cmd", "general_log_file",
	} {
		if !refused(name) {
			t.Errorf("%s is the user's to set", name)
		}
	}
	for _, name := range []string{"max_connections", "general_log", "slow_query_log", "sql_mode", "innodb_buffer_pool_size", "time_zone", "wait-timeout", "local_infile", "event_scheduler", "character_set_server", "init_connect"} {
		if refused(name) {
			t.Errorf("%s is refused", name)
		}
	}
}
