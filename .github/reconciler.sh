#!/usr/bin/env bash
# What the action runs: plan, apply or drift, and what the pull request, the state branch or an issue is told of it.
# It needs bash, git, python3, gh and reconciler on the PATH, and the variables that action.yml sets.
set -euo pipefail

out="$RUNNER_TEMP/reconciler-out"
kept="reconciler-plan-${ENVIRONMENT:-default}"
mkdir -p "$out"
read -r -a more <<< "${ARGUMENTS:-}"
[ -n "${ENVIRONMENT:-}" ] && more+=(--env "$ENVIRONMENT")

tell() { echo "$1" >> "$GITHUB_OUTPUT"; }

# -- the state branch --------------------------------------------------------------------------------------------
take_state() {
    [ -n "${STATE_BRANCH:-}" ] || return 0
    export RECONCILER_STATE_DIR="$RUNNER_TEMP/reconciler-state"
    rm -rf "$RECONCILER_STATE_DIR"
    git worktree prune
    if git fetch --quiet origin "refs/heads/$STATE_BRANCH"; then
        git worktree add --quiet --detach "$RECONCILER_STATE_DIR" FETCH_HEAD
    else # the first time: a branch without history
        empty=$(git -c user.name=reconciler -c user.email=reconciler@localhost \
            commit-tree "$(git hash-object -t tree -w /dev/null)" -m "The state of reconciler")
        git worktree add --quiet --detach "$RECONCILER_STATE_DIR" "$empty"
    fi
}

give_state() { # also when the run was cut off: what was done is in the journal
    [ -n "${STATE_BRANCH:-}" ] || return 0
    git -C "$RECONCILER_STATE_DIR" add --all .
    git -C "$RECONCILER_STATE_DIR" diff --cached --quiet && return 0
    git -C "$RECONCILER_STATE_DIR" -c user.name=reconciler -c user.email=reconciler@localhost \
        commit --quiet -m "State after ${GITHUB_SHA:-a run}"
    git -C "$RECONCILER_STATE_DIR" push --quiet origin "HEAD:refs/heads/$STATE_BRANCH"
}

# -- plan ----------------------------------------------------------------------------------------------------------
annotate() { # findings beside the lines they are about
    reconciler validate "$PROJECT" "${more[@]}" --format json > "$out/validate.json" 2> /dev/null || true
    python3 - "$out/validate.json" <<'END'
import json, sys
try:
    found = json.load(open(sys.argv[1], encoding="utf-8"))["findings"]
except ValueError:
    found = []
for item in found:
    text = f"{item['message']} ({item['advice']})" if item["advice"] else item["message"]
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    place = f" file={item['file']},line={item['line']},col={item['column']}" if item["file"] else ""
    print(f"::{item['severity']}{place}::{text}")
END
    rm -f "$out/validate.json"
}

tested() { # mapping tests; their failures are in the log and in the summary
    local code=0
    reconciler test "$PROJECT" ${ENVIRONMENT:+--env "$ENVIRONMENT"} > "$out/tests.txt" 2>&1 || code=$?
    cat "$out/tests.txt" >&2
    if [ "$code" != 0 ]; then
        { echo "### Mapping tests failed"; echo; sed 's/^/    /' "$out/tests.txt"; echo; } >> "$GITHUB_STEP_SUMMARY"
    fi
    rm -f "$out/tests.txt"
    return "$code"
}

comment() { # one comment for each environment, written over by the next plan
    [ -n "${PULL_REQUEST:-}" ] || return 0
    local mark found
    mark="<!-- reconciler plan ${ENVIRONMENT:-default} -->"
    found=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" \
        --jq ".[] | select(.body | startswith(\"$mark\")) | .id" | head -n 1)
    if [ -n "$found" ]; then
        gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$found" -F "body=@$1" > /dev/null
    else
        gh api --method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" -F "body=@$1" > /dev/null
    fi
}

plan() {
    local code=0 failed=0
    annotate
    tested || failed=1
    reconciler plan "$PROJECT" "${more[@]}" --out "$out/plan.json" --format markdown --detailed-exitcode \
        > "$out/plan.md" 2> "$out/messages.txt" || code=$?
    cat "$out/messages.txt" >&2
    if [ "$code" = 1 ] && [ ! -s "$out/plan.md" ]; then
        {
            echo "<!-- reconciler plan ${ENVIRONMENT:-default} -->"
            echo "### The plan failed"
            echo
            head -c 20000 "$out/messages.txt" | sed 's/^/    /'
        } > "$out/plan.md"
    fi
    rm -f "$out/messages.txt"
    [ -f "$out/plan.json" ] && reconciler show "$out/plan.json" --format html > "$out/plan.html"
    cat "$out/plan.md" >> "$GITHUB_STEP_SUMMARY"
    comment "$out/plan.md"
    tell "changes=$([ "$code" = 2 ] && echo true || echo false)"
    [ "$code" != 1 ] && [ "$failed" = 0 ]
}

# -- apply ---------------------------------------------------------------------------------------------------------
apply() { # the plan that was reviewed, and no other
    local head run
    head=$(gh api "repos/$GITHUB_REPOSITORY/commits/$GITHUB_SHA/pulls" --jq '.[0].head.sha // empty')
    if [ -z "$head" ]; then
        echo "::error::$GITHUB_SHA came by no pull request, so there is no reviewed plan: apply by hand, or by one"
        return 1
    fi
    run=$(gh run list --commit "$head" --workflow "$GITHUB_WORKFLOW" --event pull_request --status success --limit 1 \
        --json databaseId --jq '.[0].databaseId // empty')
    if [ -z "$run" ] || ! gh run download "$run" --name "$kept" --dir "$out"; then
        echo "::error::the plan of $head is not there (any more): plan again on a pull request"
        return 1
    fi
    reconciler apply "$out/plan.json" --auto-approve "${more[@]}" | tee -a "$out/apply.txt"
    { echo '```'; tail -n 100 "$out/apply.txt"; echo '```'; } >> "$GITHUB_STEP_SUMMARY"
}

# -- drift ---------------------------------------------------------------------------------------------------------
drift() { # one issue while there is drift
    local code=0 title found
    title="Drift in ${ENVIRONMENT:-default}"
    reconciler drift "$PROJECT" "${more[@]}" --format markdown > "$out/drift.md" || code=$?
    [ "$code" = 1 ] && return 1
    cat "$out/drift.md" >> "$GITHUB_STEP_SUMMARY"
    tell "changes=$([ "$code" = 2 ] && echo true || echo false)"
    found=$(gh issue list --state open --search "in:title \"$title\"" --json number,title \
        --jq "[.[] | select(.title == \"$title\")][0].number // empty")
    if [ "$code" = 2 ] && [ -n "$found" ]; then
        gh issue edit "$found" --body-file "$out/drift.md" > /dev/null
    elif [ "$code" = 2 ]; then
        gh issue create --title "$title" --body-file "$out/drift.md" > /dev/null
    elif [ -n "$found" ]; then
        gh issue close "$found" --comment "The platform is as it was applied again." > /dev/null
    fi
}

case "$COMMAND" in
plan | drift)
    take_state
    "$COMMAND"
    ;;
apply)
    take_state
    trap give_state EXIT
    apply
    ;;
*)
    echo "::error::command is plan, apply or drift, not '$COMMAND'"
    exit 1
    ;;
esac
