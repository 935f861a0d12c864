# Sourced by the other scripts: installs what is missing on a Debian 12, and makes .venv. Needs root or sudo only when
# something is missing.

# What the build needs, and what the tests need beyond it; all from Debian.
BUILD_PACKAGES="ca-certificates ccache clang-19 cmake libboost-json1.81-dev libboost-url1.81-dev
  libboost1.81-dev libcli11-dev libcurl4-openssl-dev libfmt-dev libsodium-dev
  libspdlog-dev libsqlite3-dev libssl-dev libyaml-cpp-dev
  lld-19 ninja-build pkg-config prometheus-cpp-dev python3-dev python3-venv"
TEST_PACKAGES="bash clang-format-19 curl e2fsprogs faketime fish git groff-base iproute2 libclang-rt-19-dev libgtest-dev
  librapidcheck-dev mount nginx-light procps prometheus strace util-linux xfsprogs zsh"

# What was compiled in one clone need not be compiled again in the next.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  echo "installing: ${missing[*]}"
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "These Debian packages are missing, and installing them needs root or sudo." >&2
    return 1
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  stop_services "${missing[@]}"
}

# What a package starts by itself is stopped: tests start their own, with their own settings.
stop_services() {
  local service
  [ -d /run/systemd/system ] || return 0
  for service in nginx prometheus; do
    [[ " $* " == *" $service"* ]] && as_root systemctl disable --now --quiet "$service" || true
  done
}

# The packages of pyproject.toml's extra that the tests need, one a line.
test_requirements() {
  /usr/bin/python3 -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["project"]["optional-dependencies"]["test"], sep="\n")'
}

# A fingerprint of everything that goes into the wheel.
wheel_inputs() {
  find CMakeLists.txt VERSION README.md LICENSE pyproject.toml cmake libs apps python -type f \
    -not -path '*/__pycache__/*' -not -path 'python/tests/*' -printf '%p %s %T@\n' | sort | sha256sum
}

# Builds the wheel and installs it into .venv, with the Python packages named; at once when nothing has changed.
install_wheel() {
  [ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
  local inputs
  inputs="$* $(wheel_inputs)"
  [ "$(cat .venv/kachery-inputs 2>/dev/null)" = "$inputs" ] && return
  echo "building and installing the Python package (a few minutes the first time)"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "scikit-build-core>=1.0" "nanobind>=3.0" \
    "nanobind-backend>=1.0" "simplejson>=3.17" "$@"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps \
    --force-reinstall .
  echo "$inputs" >.venv/kachery-inputs
}
