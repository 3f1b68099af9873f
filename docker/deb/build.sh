#!/usr/bin/env bash
# Makes one .deb of a binary that is already built: docker/deb/build.sh BINARY FOLDER. Called by `make deb`.
#
# The same binary and the same commit give the same bytes. Dependencies are those of the binary's libraries, as dpkg knows them.
set -euo pipefail
binary=$1
out=$(mkdir -p "$2" && cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
git() { command git -C "$repository" "$@"; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Below any release; later commits are newer.
version=${DEB_VERSION:-0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)+g$(git rev-parse --short=10 HEAD)}
maintainer="${DEBFULLNAME:-$(git log -1 --format=%an)} <${DEBEMAIL:-$(git log -1 --format=%ae)}>"
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
root=$work/root
doc=$root/usr/share/doc/jobsworth

install -D -s -m 0755 "$binary" "$root/usr/bin/jobsworth"
install -D -m 0644 "$repository/docker/jobsworth.service" "$root/lib/systemd/system/jobsworth.service"
for unit in jobsworth-rotate.service jobsworth-rotate.timer; do
    sed 's|/usr/local/bin/|/usr/bin/|' "$repository/docs/cron/$unit" >"$root/lib/systemd/system/$unit"
done
install -D -m 0644 "$here/jobsworth.yaml" "$root/etc/jobsworth/jobsworth.yaml"
install -D -m 0644 "$here/default" "$root/etc/default/jobsworth"
install -D -m 0644 "$here/copyright" "$doc/copyright"
install -D -m 0644 -t "$doc/examples" "$repository/docs/cron/jobsworth.crontab" "$repository/docker/haproxy.cfg" \
    "$repository"/docker/*.conf
sed -e "s/@VERSION@/$version/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@DATE@/$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")/" "$here/changelog.in" |
    gzip -9n >"$doc/changelog.gz"
mkdir -p "$root/usr/share/man/man1" "$root/usr/share/lintian/overrides"
gzip -9n <"$here/jobsworth.1" >"$root/usr/share/man/man1/jobsworth.1.gz"
install -m 0644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/jobsworth"

mkdir -p "$root/DEBIAN" "$work/debian"
printf 'Source: jobsworth\n\nPackage: jobsworth\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -eroot/usr/bin/jobsworth 2>"$work/shlibdeps.log" | sed -n 's/^shlibs:Depends=//p') || {
    cat "$work/shlibdeps.log" >&2
    exit 1
}
# A dynamic Swift library is in no Debian package: then this is not the binary of `make release`.
[ -n "$depends" ] || { echo "no dependencies found in $binary" >&2; exit 1; }
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" -e "s/@MAINTAINER@/$maintainer/" \
    -e "s/@SIZE@/$(du -k -s --apparent-size "$root" | cut -f1)/" "$here/control.in" >"$root/DEBIAN/control"
printf '/etc/default/jobsworth\n/etc/jobsworth/jobsworth.yaml\n' >"$root/DEBIAN/conffiles"
install -m 0755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
(cd "$root" && find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 0644 "$root"/lib/systemd/system/* "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -print0 | xargs -0r touch -h -d "@$SOURCE_DATE_EPOCH"
dpkg-deb --root-owner-group -Zxz -z3 --build "$root" "$out/jobsworth_${version}_$architecture.deb" >/dev/null
echo "$out/jobsworth_${version}_$architecture.deb"
