"""Counts the cases of meson's test logs: tally.py STATUS LOG... A test that speaks TAP has as many
cases as it says, any other is one. Ends with "N passed, N failed"."""

import json
import re
import sys

RESULT = re.compile(r"^(not )?ok\b(?P<rest>.*)$", re.MULTILINE)


def cases(test):
    """Passed, failed, skipped."""
    results = list(RESULT.finditer(test.get("stdout", "")))
    skipped = sum("# SKIP" in found["rest"] for found in results)
    failed = sum(found[1] is not None for found in results)
    passed = len(results) - failed - skipped
    good = test["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
    if not results:
        return int(good), int(not good), 0
    if not good and failed == 0:
        failed = 1  # it ended badly after its last case
    return passed, failed, skipped


def main():
    status = int(sys.argv[1])
    total = [0, 0, 0]
    for log in sys.argv[2:]:
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                test = json.loads(line)
                counts = cases(test)
                total = [a + b for a, b in zip(total, counts)]
                if counts[1]:
                    print(f"failed: {log}: {test['name']}")
    if status and not total[1]:
        total[1] = 1
    if total[2]:
        print(f"{total[2]} skipped")
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
