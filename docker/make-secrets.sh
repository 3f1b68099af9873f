#!/bin/sh
# The secrets of compose.replicas.yaml, each readable by the one user of its container; what is there is kept.
# Keep a copy of sealing_key where the database's backups are not: without it nobody opens the signing keys.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
cd "$folder"
secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
[ -e sealing_key ] || { secret; echo; } >sealing_key
[ -e database_password ] || secret >database_password
[ -e pgpass ] || printf 'database:5432:jobsworth:jobsworth:%s\n' "$(cat database_password)" >pgpass
# The images' users: Jobsworth's, and PostgreSQL's.
chown 10001:10001 sealing_key pgpass
chown 999:999 database_password
chmod 400 sealing_key pgpass database_password
# The folder itself is passed through by the engine alone.
echo "secrets are in $(pwd)"
