#!/usr/bin/env bash
# Runs an image as strictly as a cluster would, without a container engine: its root file system mounted
# read-only, as user 65532 without capabilities, with nothing in it but what the image brings. Checks its
# size, asks for health over both listeners and for a token, and stops it. Needs root, for the mounts.
#
#   tests/deploy/image.sh ROOTFS
#
# ROOTFS is the unpacked image: of `docker export`, or the mount of `buildah from` and `buildah mount`.
set -euo pipefail
rootfs=$1
most_bytes=$((25 << 20))

work=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

bytes=$(du --apparent-size --bytes --summarize "$rootfs" | cut -f 1)
printf 'size: %s bytes in %s files\n' "$bytes" "$(find "$rootfs" -type f | wc -l)"
((bytes <= most_bytes))
[[ $(find "$rootfs" -type f) == "$rootfs/jeton" ]]
[[ $(stat --format='%u %a' "$rootfs/jeton") == '0 755' ]]
"$rootfs/jeton" --version

install -d -m 0700 -o 65532 -g 65532 "$work/data"
# shellcheck disable=SC2016 # The inner shell's.
unshare --mount sh -euc '
    mount --bind "$1" "$1"
    mount --bind "$2" "$1/var/lib/jeton"
    mount -o remount,bind,ro "$1"
    exec env -i JETON_GRPC_LISTEN=127.0.0.1:0 JETON_HTTP_LISTEN=127.0.0.1:0 JETON_OPS_LISTEN=127.0.0.1:0 \
        setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid,+dac_read_search \
        unshare --setuid 65532 --setgid 65532 --root="$1" --wd=/var/lib/jeton /jeton serve --init-admin
' sh "$rootfs" "$work/data" >"$work/out" 2>"$work/log" &
server=$!
until grep --quiet '"message":"serving"' "$work/log"; do
    kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
done
address() {
    sed -n "s/.*\"message\":\"serving\".*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/log"
}
grep --extended-regexp '^(Uid|CapBnd|CapEff|NoNewPrivs)' "/proc/$server/status"
! touch "/proc/$server/root/anything" 2>/dev/null
"$rootfs/jeton" health --server "http://$(address grpc)"
"$rootfs/jeton" health --server "http://$(address ops)"
secret=$(sed -n 's/^client_secret=//p' "$work/out")
token=$(curl --silent --fail --user "admin:$secret" --data grant_type=client_credentials \
    "http://$(address http)/oauth/token")
grep --quiet '"access_token":"jat_' <<<"$token"
kill "$server"
wait "$server"
server=
echo 'image: runs read-only, as nobody, without capabilities'
