#!/bin/sh
# Warns if the Go that compiles is older than the toolchain that go.mod names, the oldest one
# without known vulnerabilities that are reached here. That happens only with GOTOOLCHAIN=local,
# in the environment or in the file of go env -w: otherwise the go command fetches that toolchain.
used=$(go env GOVERSION) || exit
wanted=$(sed -n 's/^toolchain //p' go.mod)
older() {
  awk -v a="$1" -v b="$2" '
    function number(version, parts) {
      sub(/^.*go/, "", version)
      split(version, parts, /[^0-9]+/)
      return (parts[1] * 1000 + parts[2]) * 1000 + parts[3]
    }
    BEGIN { exit !(number(a) < number(b)) }'
}
if older "$used" "$wanted"; then
  unset="unset GOTOOLCHAIN"
  [ -n "${GOTOOLCHAIN:-}" ] || unset="go env -u GOTOOLCHAIN"
  echo "warning: $used compiles this and has known vulnerabilities that $wanted has not: install $wanted or later, or run: $unset" >&2
fi
