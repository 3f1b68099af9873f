#!/usr/bin/env bash
# Installs the named Debian packages, if any is missing; says nothing when there is nothing to do.
set -euo pipefail
missing=()
for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ "${#missing[@]}" = 0 ] && exit 0
root=()
[ "$(id -u)" = 0 ] || root=(sudo)
echo "installing ${missing[*]} ..."
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
