package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// profile is what an AWS client needs to act as an account's administrator.
type profile struct {
	name, region, accessKeyID, secretAccessKey string
}

// writeProfiles writes dir/aws/config and dir/aws/credentials for the AWS clients, readable by their owner only.
func writeProfiles(dir, endpoint string, profiles []profile) error {
	var config, credentials strings.Builder
	for _, p := range profiles {
		fmt.Fprintf(&config, "[profile %s]\nregion = %s\nendpoint_url = %s\noutput = json\ns3 =\n    addressing_style = path\n\n", p.name, p.region, endpoint)
		fmt.Fprintf(&credentials, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n\n", p.name, p.accessKeyID, p.secretAccessKey)
	}
	folder := filepath.Join(dir, "aws")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("writing profiles: %w", err)
	}
	for name, text := range map[string]string{"config": config.String(), "credentials": credentials.String()} {
		if err := replaceFile(filepath.Join(folder, name), []byte(text)); err != nil {
			return fmt.Errorf("writing profiles: %w", err)
		}
	}
	return nil
}

// replaceFile puts content, readable by its owner only, where path is, in one step and durably.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	if _, err := f.Write(content); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // opened for reading
	return folder.Sync()
}
