package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gopkg.in/yaml.v3"

	"strongroom/clock"
	"strongroom/internal/service/ec2"
)

// Config is the YAML configuration file. All keys are optional.
type Config struct {
	// Listen is the address to serve on; 127.0.0.1:4566 by default.
	Listen string `yaml:"listen"`
	// RulesAsOf is the day whose rules hold: "current", or a date such as 2024-04-26.
	RulesAsOf string `yaml:"rules_as_of"`
	// Accounts are made at start if they do not exist. They belong to no organization until one is made or joined
	// through the API. Without any, there are management, member and backup.
	Accounts []Account `yaml:"accounts"`
	// Regions gives Regions another place for their vaults than the data directory.
	Regions map[string]Region `yaml:"regions"`

	// Quotas replace those that AWS gives a new account.
	Quotas Quotas `yaml:"quotas"`
	// Webhooks say where the HTTP and HTTPS endpoints of SNS may be, beside public addresses.
	Webhooks Webhooks `yaml:"webhooks"`
	// Databases say how those of RDS run on this host.
	Databases Databases `yaml:"databases"`
	// Jobs say how many go on at once, and in how much memory.
	Jobs Jobs `yaml:"jobs"`
	// Scrub says how the archives are read anew in the background.
	Scrub Scrub `yaml:"scrub"`
	// Functions say whether and how Lambda functions run.
	Functions Functions `yaml:"functions"`

	// DataDir holds everything that is durable. It is set by the command line.
	DataDir string `yaml:"-"`
	// Dev makes the ready organization of [DevOrganizationID] from Accounts. It is set by the command line.
	Dev bool `yaml:"-"`
	// Processors is how many of them jobs keep busy with data, all jobs together; [runtime.GOMAXPROCS] if 0. A process that lets Go
	// use more has the rest for requests: they do not queue up behind jobs.
	Processors int `yaml:"-"`
	// Wall judges signatures and sessions; the machine's clock if nil. Tests move it.
	Wall clock.Clock `yaml:"-"`
}

// Account is an account that exists from the start, with an administrator (the IAM user admin).
type Account struct {
	ID   string `yaml:"id"` // twelve digits
	Name string `yaml:"name"`
	// The administrator's access key. Without one, a random key is made at the first start.
	AccessKeyID     string `yaml:"access_key_id"`
	SecretAccessKey string `yaml:"secret_access_key"`
	// Region is the default Region of the account's profile; eu-central-1 if empty.
	Region string `yaml:"region"`
}

// Region says where the vaults of one Region lie.
type Region struct {
	// Store is a URL: file:///srv/north, or s3://bucket?endpoint=https://host&prefix=p/ and what else archive/s3store
	// understands.
	Store string `yaml:"store"`
}

// Quotas are limits that AWS raises on request. 0 leaves one as it is.
type Quotas struct {
	BackupVaults int `yaml:"backup_vaults"` // of an account in a Region; 300 by default
	Accounts     int `yaml:"accounts"`      // of an organization; 10 by default
	// CopiesPerResource are the copies of a resource to one Region of other accounts, at work or waiting; 30 by default.
	CopiesPerResource int `yaml:"copies_per_resource"`
	// MessagesInFlight are the messages of a queue of SQS that receivers have; 120,000 by default.
	MessagesInFlight int `yaml:"messages_in_flight"`
}

// Webhooks are the endpoints that topics send to. Whoever may subscribe names them, so the server calls none on loopback,
// link-local, private and other addresses that are not public, unless their network is allowed.
type Webhooks struct {
	Allow []netip.Prefix `yaml:"allow"` // networks such as 127.0.0.0/8
}

// What server -dev makes ready, and the names that profiles have without a configuration.
const (
	DevOrganizationID = "o-a1b2c3d4e5"
	ManagementAccount = "999999999999"
	MemberAccount     = "111111111111"
	BackupAccount     = "222222222222"
	HomeRegion        = "eu-central-1"
	SecondRegion      = "eu-north-1"
	// DevRulesAsOf is the day of the article whose three plans the demo runs.
	DevRulesAsOf = "2024-04-26"

	defaultListen = "127.0.0.1:4566"
)

var (
	accountIDPattern = regexp.MustCompile(`^[0-9]{12}$`)
	namePattern      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// ReadConfig reads a configuration file; a key it does not know is an error that names it.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	var c Config
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	var document yaml.Node
	err = yaml.Unmarshal(text, &document)
	if err == nil {
		err = checkWhole(&document, reflect.TypeFor[Config](), "")
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	return c, nil
}

// complete fills in defaults and checks what was given.
func (c *Config) complete() error {
	if c.Processors <= 0 {
		c.Processors = runtime.GOMAXPROCS(0)
	}
	if c.DataDir == "" {
		return errors.New("no data directory is given: use --data DIR")
	}
	var err error
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil { // stores are URLs, which know no working directory
		return fmt.Errorf("finding the data directory: %w", err)
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is not an address such as %s: %w", c.Listen, defaultListen, err)
	}
	if c.Wall == nil {
		c.Wall = clock.Wall
	}
	if c.RulesAsOf == "" && c.Dev {
		c.RulesAsOf = DevRulesAsOf
	}
	if _, err := c.rulesDate(time.Time{}); err != nil {
		return err
	}
	if err := c.Databases.complete(); err != nil {
		return err
	}
	if err := c.Scrub.complete(); err != nil {
		return err
	}
	if err := c.Jobs.complete(); err != nil {
		return err
	}
	for name, quota := range map[string]int{"backup_vaults": c.Quotas.BackupVaults, "accounts": c.Quotas.Accounts, "copies_per_resource": c.Quotas.CopiesPerResource, "messages_in_flight": c.Quotas.MessagesInFlight} {
		if quota < 0 {
			return fmt.Errorf("quotas: %s is %d; it cannot be below zero", name, quota)
		}
	}
	if len(c.Accounts) == 0 {
		c.Accounts = []Account{
			{ID: ManagementAccount, Name: "management"},
			{ID: MemberAccount, Name: "member"},
			{ID: BackupAccount, Name: "backup", Region: SecondRegion},
		}
	}
	if err := c.Functions.complete(c.Dev); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		switch {
		case !accountIDPattern.MatchString(a.ID):
			return fmt.Errorf("accounts[%d].id: %q is not a twelve-digit account id (quote it in YAML)", i, a.ID)
		case !namePattern.MatchString(a.Name):
			return fmt.Errorf("accounts[%d].name: %q is not a profile name of letters, digits, '.', '_' and '-'", i, a.Name)
		case seen[a.ID] || seen[a.Name]:
			return fmt.Errorf("accounts[%d]: %s %s is named twice", i, a.ID, a.Name)
		case (a.AccessKeyID == "") != (a.SecretAccessKey == ""):
			return fmt.Errorf("accounts[%d]: access_key_id and secret_access_key go together", i)
		}
		seen[a.ID], seen[a.Name] = true, true
		if a.Region == "" {
			a.Region = HomeRegion
		}
		if !slices.Contains(ec2.Regions(), a.Region) {
			return fmt.Errorf("accounts[%d].region: there is no Region %q", i, a.Region)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Regions)) {
		if !slices.Contains(ec2.Regions(), name) {
			return fmt.Errorf("regions.%s: there is no such Region", name)
		}
		if err := c.Regions[name].check(); err != nil {
			return fmt.Errorf("regions.%s.store: %w", name, err)
		}
	}
	return nil
}

// check refuses a store that could not be opened, or that would lie elsewhere than its reader believes: in
// file://srv/north the first word is a host, and the directory would be /north.
func (r Region) check() error {
	u, err := url.Parse(r.Store)
	switch {
	case err != nil:
		return err
	case u.Scheme == "":
		return fmt.Errorf("%q is not a URL such as file:///srv/north or s3://bucket?endpoint=https://host", r.Store)
	case u.Scheme == "file" && (u.Host != "" || !filepath.IsAbs(u.Path)):
		return fmt.Errorf("%q does not name a directory from the root, as file:///srv/north does", r.Store)
	case u.Scheme != "file" && u.Scheme != "s3" && !blob.DefaultURLMux().ValidBucketScheme(u.Scheme):
		return fmt.Errorf("%q is a URL of a kind that cannot store: it begins with none of %s", r.Store, strings.Join(append([]string{"file", "s3"}, blob.DefaultURLMux().BucketSchemes()...), ", "))
	case u.Scheme != "file" && u.Host == "":
		return fmt.Errorf("%q names no bucket", r.Store)
	}
	return nil
}

// rulesDate is the day whose rules hold, given the current time.
func (c *Config) rulesDate(now time.Time) (time.Time, error) {
	if c.RulesAsOf == "" || c.RulesAsOf == "current" {
		return now, nil
	}
	date, err := time.Parse(time.DateOnly, c.RulesAsOf)
	if err != nil {
		return time.Time{}, fmt.Errorf("rules_as_of: %q is neither \"current\" nor a date such as 2024-04-26", c.RulesAsOf)
	}
	return date, nil
}
