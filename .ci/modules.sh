# Sourced by the scripts here: goes to the repository's top, and tells of its
# modules.

shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"

# modules prints the folders of our modules. The Vault server's is none: it
# holds nothing of ours.
modules() {
	git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' |
		grep -vE '^(integration/vaultserver|bench/vals)/' | xargs -n 1 dirname
}

# in_modules COMMAND… runs a command in every module, also after a failure.
in_modules() {
	local result=0 module
	for module in $(modules); do
		(cd "$module" && "$@") || result=1
	done
	return $result
}
