#!/bin/sh
# Reports which of the programs that the tests need are missing, and how to install them.
# The tests install everything else themselves.
missing=0

# need reports a program as missing unless a command succeeds.
need() {
  what=$1 install=$2
  shift 2
  if ! "$@" >/dev/null 2>&1; then
    echo "The tests need $what: $install" >&2
    missing=1
  fi
}

compiles() {
  echo '#include <stdlib.h>' | "$(go env CC)" -E -
}

# go.mod names the oldest Go that builds this module.
need "Go $(sed -n 's/^go //p' go.mod) or later" \
  "see go.dev/doc/install, or brew install go" \
  go list -m
if go version >/dev/null 2>&1; then # go env returns the name of the compiler
  need "a C compiler with its headers, for the race detector" \
    "apt-get install gcc libc6-dev, dnf install gcc, xcode-select --install, or on Windows MSYS2's mingw-w64-x86_64-gcc" \
    compiles
fi
need "Node.js 20 or later" \
  "see nodejs.org/download, or apt-get install nodejs, dnf install nodejs, brew install node" \
  node --eval 'process.exit(Number(parseInt(process.versions.node) < 20))'
need "npm" \
  "it comes with Node.js of nodejs.org; or apt-get install npm, dnf install nodejs-npm" \
  npm --version
need "Python 3.11 or later, with its module venv" \
  "see python.org/downloads, or apt-get install python3 python3-venv, dnf install python3, brew install python" \
  python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'
exit $missing
