#!/usr/bin/env python3
"""Scenario files as a C table, so that the program is whole: embed.py OUT FILE..."""
import pathlib
import sys


def main():
    rows = []
    for path in sorted(map(pathlib.Path, sys.argv[2:])):
        lines = path.read_text(encoding="ascii").splitlines()
        quoted = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
        text = "\n".join(f'     "{line}\\n"' for line in quoted)
        rows.append(f'    {{"{path.stem}",\n{text}}},\n')
    pathlib.Path(sys.argv[1]).write_text(
        '#include "sim/scenario_shipped.h"\n\n'
        "const struct kith_shipped kith_shipped[] = {\n" + "".join(rows) + "    {NULL, NULL},\n};\n",
        encoding="ascii")


main()
