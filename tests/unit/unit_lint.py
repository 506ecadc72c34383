"""Each rule of tools/lint finds what breaks it, and only that: unit_lint.py LINT."""

import os
import shutil
import subprocess
import sys
import tempfile

CLEAN = {
    "base/one.h": "#ifndef ONE_H\n#define ONE_H\n\nint one(void);\n\n#endif\n",
    "base/one.c": '#include "base/one.h"\n\nint one(void)\n{\n    return 1;\n}\n',
    "base/meson.build": "lib = static_library('base', 'one.c')\n",
}

# rule: what breaks it, as file and text
BREAKS = {
    "layers_hold": ("base/one.c", '#include "node/node.h"\n'),
    "libraries_stay_in_their_place": ("base/one.c", "#include <uv.h>\n"),
    "pure_layers_call_nothing_outside": ("base/one.c", "int one(void)\n{\n    return rand();\n}\n"),
    "pure_layers_have_no_mutable_statics": ("base/one.c", "static int count;\n"),
    "pure_layers_allocate_at_the_start_only": (
        "base/one.c", "void *grow(void)\n{\n    return malloc(1);\n}\n"),
    "files_are_short": ("base/one.c", "\n" * 801),
    "functions_are_short": ("base/one.c", "int one(void)\n{\n" + "    one();\n" * 70 + "}\n"),
    "file_names_are_unique": ("identity/one.h", ""),
    "nothing_is_left_to_do": ("base/one.c", "/* TO" + "DO: more */\n"),
    "every_source_is_built": ("base/two.c", ""),
    "the_table_of_faults_names_tests": (
        "docs/FAULTS.md", "| 1 | a fault | what | `unit_one`: a_case |\n"),
    "the_form_is_clang_formats": ("base/one.c", "int  one( void );\n"),
}


def broken_rules(lint, files):
    """The rules that this tree breaks."""
    root = tempfile.mkdtemp(prefix="kith-lint-")
    try:
        with open(os.path.join(os.path.dirname(lint), "..", ".clang-format"), "rb") as form:
            files = {**files, ".clang-format": form.read().decode()}
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([sys.executable, lint, root], capture_output=True, text=True,
                              check=False, env={**os.environ, "GIT_CEILING_DIRECTORIES": "/"})
        return {line.split(" - ")[1] for line in done.stdout.splitlines()
                if line.startswith("not ok")}
    finally:
        shutil.rmtree(root)


def main():
    lint = os.path.realpath(sys.argv[1])
    has_form = shutil.which("clang-format-14") or shutil.which("clang-format")
    cases = [("a_clean_tree_passes", broken_rules(lint, CLEAN) == set())]
    for rule, (path, text) in BREAKS.items():
        if rule == "the_form_is_clang_formats" and not has_form:
            continue
        found = broken_rules(lint, {**CLEAN, path: CLEAN.get(path, "") + text})
        cases.append((f"{rule}_is_checked", rule in found))
    for number, (name, good) in enumerate(cases, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    print(f"1..{len(cases)}")
    return 0 if all(good for _, good in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
