# Sourced by scripts/test: the published programs of the two earlier generations, each in an environment of its own under
# build/older, for tests/older. What cannot be had (no network) is left out, and the tests that need it are skipped.
#
# The first generation's daemon is not among them: it was published as source only.

# make_older NAME REQUIREMENT...: at once when it is there as named.
make_older() {
  local place=build/older/$1
  shift
  [ "$(cat "$place/requirements" 2>/dev/null)" = "$*" ] && return
  echo "installing $1"
  rm -rf "$place"
  /usr/bin/python3 -m venv "$place" &&
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check wheel &&
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check "$@" &&
    echo "$*" >"$place/requirements"
}

# numpy 1.24 is what these were used with; yaml is needed by kachery-cloud without being named there.
older_programs() {
  make_older cloud "kachery-cloud==0.4.10" "numpy==1.24.4" "pyyaml>=6" || echo "kachery-cloud could not be installed" >&2
  make_older client "kachery-client==1.2.0" "numpy==1.24.4" || echo "kachery-client could not be installed" >&2
}
