# Sourced by .ci/run and .ci/check: runs suites one after the other, goes on after a failure,
# and reports at the end.

passed=0
failed=()
skipped=() # in whole or in part; they count as passed
logs=$(mktemp -d)

# suite NAME COMMAND… runs a command and prints a line with its result and its
# time, and the figures that it tells (internal/figures). Of one that fails it
# prints the output, too, what says why first; of others the lines that say
# SKIPPED: what was not checked is not passed over in silence.
suite() {
	local name=$1 start=$SECONDS result=ok
	local log=$logs/$((passed + ${#failed[@]}))
	shift
	if SECRETS_TEST_FIGURES=$log.figures "$@" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
	else
		result=FAIL
		failed+=("$name")
	fi
	printf '%-4s %4d s  %s\n' "$result" $((SECONDS - start)) "$name"
	if [ -e "$log.figures" ]; then
		sort "$log.figures" | sed 's/^/             /'
	fi
	if [ "$result" = FAIL ]; then
		why "$log" | sed 's/^/    > /'
		tail -n 400 "$log" | sed 's/^/    | /'
	elif grep -q '^SKIPPED ' "$log"; then
		grep '^SKIPPED ' "$log" | sed 's/^/             /'
		skipped+=("$name")
	fi
}

# why prints the failures in the output of go test, a dozen lines of each.
why() {
	grep -E -A 12 -e '^ *--- FAIL|^panic: |^fatal error: |^WARNING: DATA RACE|^FAIL[[:space:]]' "$1" | head -n 120 || true
}

# report prints the count of suites, and fails if one of them did.
report() {
	rm -rf "$logs"
	printf '\n%d s in all\n' "$SECONDS"
	if [ ${#failed[@]} -gt 0 ]; then
		printf 'failed: %s\n' "${failed[@]}"
	fi
	if [ ${#skipped[@]} -gt 0 ]; then
		printf 'skipped in part or whole: %s\n' "${skipped[@]}"
	fi
	printf '%d passed, %d failed\n' "$passed" ${#failed[@]}
	[ ${#failed[@]} -eq 0 ]
}
