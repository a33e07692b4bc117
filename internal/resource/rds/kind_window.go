package rds

import (
	"strongroom/internal/state"
	"strongroom/rules"
)

// The windows of instances whose owner did not choose any. RDS draws them by lot; here nothing is done in them, so that they keep
// no backup from starting.
const (
	DefaultBackupWindow      = "03:00-03:30"
	DefaultMaintenanceWindow = "sun:05:00-sun:05:30"
)

// ownWindows are the windows that the owner of an instance chose: that for backups if RDS makes any by itself.
func ownWindows(s state.DBInstanceSettings) rules.OwnWindows {
	var windows rules.OwnWindows
	if s.MaintenanceWindow != DefaultMaintenanceWindow {
		windows.Maintenance = s.MaintenanceWindow
	}
	if s.BackupRetention > 0 && s.BackupWindow != DefaultBackupWindow {
		windows.Backup = s.BackupWindow
	}
	return windows
}
