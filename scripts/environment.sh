# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this use the variables
# Sourced by the other scripts. Sets paths, and an environment without the user's own settings.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
VENV="$ROOT/.venv"
BUILD="$ROOT/build"
PYTHON_BIN="$VENV/bin/python"

# Real credentials must never reach a test, and ~/.ansible.cfg must not change its result. TENBYTE_TEST_FORKS is a setting of the tests.
while IFS= read -r name; do
  unset "$name"
done < <(compgen -e | grep -E '^(ANSIBLE_|TENBYTE_|PYTHONPATH$|PYTHONHOME$|VIRTUAL_ENV$)' | grep -vx TENBYTE_TEST_FORKS || true)

mkdir -p "$BUILD/ansible"
touch "$BUILD/ansible/ansible.cfg"
export ANSIBLE_CONFIG="$BUILD/ansible/ansible.cfg"
export ANSIBLE_HOME="$BUILD/ansible"
export ANSIBLE_COLLECTIONS_PATH="$VENV/collections"
export ANSIBLE_LOCALHOST_WARNING=false
# Debian installs nginx in sbin, which is not in the PATH of other users than root.
export PATH="$VENV/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
# Ansible refuses to start in a locale that is not UTF-8.
export LC_ALL=C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() {
  printf '==> %s\n' "$*"
}

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Prints the files of the project, committed or not, each followed by NUL.
project_files() {
  local path
  if git -C "$ROOT" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git -C "$ROOT" ls-files --cached --others --exclude-standard -z
  else
    (cd "$ROOT" && find . \( -path ./.venv -o -path ./build -o -path ./.git -o -path ./tests/output -o -name __pycache__ \
      -o -name '.*_cache' -o -name .ansible -o -name .hypothesis \) -prune -o \( -type f -o -type l \) -print0)
  fi | while IFS= read -r -d '' path; do
    # A file that was deleted but not yet committed is still listed.
    if [[ -e "$ROOT/$path" || -L "$ROOT/$path" ]]; then printf '%s\0' "$path"; fi
  done
}
