# Sourced by the scripts here: goes to the repository's top, and tells of its
# modules.

shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"

# files PATTERN… prints our files of these names. It fails where Git can't tell
# (an archive), or there is none: a check of nothing must not pass.
files() {
	local found
	found=$(git ls-files --cached --others --exclude-standard -- "$@")
	[ -n "$found" ] || {
		echo "Git knows no file of $* here, so nothing can be checked" >&2
		return 1
	}
	printf '%s\n' "$found"
}

# modules prints the folders of our modules. The Vault server's is none: it
# holds nothing of ours.
modules() {
	local found
	found=$(files go.mod '*/go.mod')
	grep -vE '^(integration/vaultserver|bench/vals)/' <<<"$found" | xargs -n 1 dirname
}

# in_modules COMMAND… runs a command in every module, also after a failure.
in_modules() {
	local result=0 all module
	all=$(modules) # not in the loop's head, where its failure would be passed over
	for module in $all; do
		(cd "$module" && "$@") || result=1
	done
	return $result
}
