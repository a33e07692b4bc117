#!/bin/sh
# Installs what the tests and the demo need and this machine lacks, and says what it does. Idempotent.
# What it installs itself goes to .tools/ (ignored by git); Debian packages are installed only where apt-get can be used.
#
#   aws     the AWS command line interface, for the tour in README.md
#   mke2fs  from e2fsprogs, makes the ext4 image that the demo backs up
#   postgres    from postgresql, is the engine of RDS for PostgreSQL
#   mariadbd, mariadb-backup  from mariadb-server and mariadb-backup, are the engine of RDS for MariaDB and MySQL
#   virtuoso-t  from virtuoso-opensource-7, is the engine of Neptune
#   bwrap   from bubblewrap, is the sandbox of functions and of databases
#   qemu-img  reads and writes volumes over NBD in the tests
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.tools
mkdir -p "$tools/bin"

say() { printf 'tools: %s\n' "$*" >&2; }

# as_root COMMAND...: runs it as root if that is possible without a question.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
	else return 1
	fi
}

debian_package() {
	command -v apt-get >/dev/null 2>&1 || return 1
	say "installing the Debian package $1"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" >"$tools/apt.log" 2>&1 && return 0
	as_root apt-get update -qq >>"$tools/apt.log" 2>&1 &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" >>"$tools/apt.log" 2>&1
}

# knows_endpoint AWS: whether that aws honours endpoint_url in a profile (aws-cli 1.29 and 2.13 learned it).
knows_endpoint() {
	version=$("$1" --version 2>&1 | sed -n 's|^aws-cli/\([0-9]*\)\.\([0-9]*\)\..*|\1 \2|p')
	case $version in
	"1 "*) [ "${version#1 }" -ge 29 ] ;;
	"2 "*) [ "${version#2 }" -ge 13 ] ;;
	*) return 1 ;;
	esac
}

# An older aws learns the profile's endpoint_url from a wrapper.
wrap_aws() {
	cat >"$tools/bin/aws" <<WRAPPER
#!/bin/sh
# Gives an aws that does not know endpoint_url the endpoint of AWS_ENDPOINT_URL or of its configuration file.
endpoint=\${AWS_ENDPOINT_URL:-\$(sed -n 's/^endpoint_url *= *//p' "\${AWS_CONFIG_FILE:-\$HOME/.aws/config}" 2>/dev/null | head -n 1)}
exec "$1" \${endpoint:+--endpoint-url "\$endpoint"} "\$@"
WRAPPER
	chmod +x "$tools/bin/aws"
}

install_aws() {
	if [ -x "$tools/bin/aws" ] && "$tools/bin/aws" --version >/dev/null 2>&1; then return 0; fi
	if [ -z "${TOOLS_IGNORE_AWS:-}" ] && command -v aws >/dev/null 2>&1 && knows_endpoint aws; then return 0; fi
	say "the aws command line interface is missing or older than 1.29 / 2.13"
	python3 -m venv --help >/dev/null 2>&1 || debian_package python3-venv || true
	if python3 -m venv "$tools/aws" >"$tools/venv.log" 2>&1; then
		say "installing awscli into .tools/aws"
		if "$tools/aws/bin/pip" install -q awscli >>"$tools/venv.log" 2>&1; then
			ln -sf ../aws/bin/aws "$tools/bin/aws"
			return 0
		fi
	fi
	if debian_package awscli; then
		wrap_aws /usr/bin/aws
		return 0
	fi
	say "could not install it; install the AWS command line interface 2.13 or later and try again (logs in .tools/)"
	return 1
}

install_mke2fs() {
	PATH=$PATH:/sbin:/usr/sbin command -v mke2fs >/dev/null 2>&1 && return 0
	debian_package e2fsprogs || { say "mke2fs is missing: install e2fsprogs and try again"; return 1; }
}

install_qemu() {
	command -v qemu-img >/dev/null 2>&1 && return 0
	debian_package qemu-utils || { say "qemu-img is missing: install qemu-utils and try again"; return 1; }
}

install_bubblewrap() {
	command -v bwrap >/dev/null 2>&1 && return 0
	debian_package bubblewrap || { say "bwrap is missing: install bubblewrap and try again"; return 1; }
}

install_virtuoso() {
	command -v virtuoso-t >/dev/null 2>&1 && return 0
	debian_package virtuoso-opensource-7 || { say "virtuoso-t is missing: install virtuoso-opensource-7 and try again"; return 1; }
}

install_postgres() {
	for program in /usr/lib/postgresql/*/bin/postgres; do [ -x "$program" ] && return 0; done
	command -v postgres >/dev/null 2>&1 && return 0
	debian_package postgresql || { say "postgres is missing: install postgresql and try again"; return 1; }
}

install_mariadb() {
	search=$PATH:/sbin:/usr/sbin
	PATH=$search command -v mariadbd >/dev/null 2>&1 || debian_package mariadb-server ||
		{ say "mariadbd is missing: install mariadb-server and try again"; return 1; }
	command -v mariadb-backup >/dev/null 2>&1 || debian_package mariadb-backup ||
		{ say "mariadb-backup is missing: install mariadb-backup and try again"; return 1; }
}

# What cannot be installed is told, and does not keep the rest from it.
missing=0
for tool in aws bubblewrap mke2fs qemu virtuoso postgres mariadb; do
	"install_$tool" || missing=1
done
exit $missing
