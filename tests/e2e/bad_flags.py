#!/usr/bin/env python3
"""Every option of every command refuses bad values: one line that names the option, the value and
what is allowed, exit status 2, nothing on standard output, nothing made."""

import os
import re
import subprocess

from nodes import KITH, case, check, finish, run_kith

DHT_CLI = os.path.join(os.path.dirname(KITH), "dht-cli")
COMMANDS = ["node", "up", "up status", "up stop", "sim", "sim swarm", "sim replay", "key new", "key show", "bench train",
            "bench wire"]
# Values that no option of this kind takes; texts without a rule of their own take any but "".
BAD = {
    "PORT": ["abc", "0", "65536", "-1", "80 80", "9" * 30],
    "IP": ["localhost", "1.2.3", "::g", "127.0.0.1:80"],
    "IP:PORT": ["127.0.0.1", "127.0.0.1:0", "0.0.0.0:80", "name:80", "[::1]"],
    "HOST:PORT": ["host", "host:", ":80", "host:0", "host:65536", "ho st:80", "[::1]:x", "-:-"],
    "ID": [""],
    "LAYERS": ["784", "784-0-10", "784-256-", "mlp:0", "mlp:1,2,3,4,5,6,7,8,9", "cnn:3"],
    "I/N": ["1", "1/1", "2/1", "-1/2", "0/0", "a/b", "0/70000", "1/2/3"],
    "SPLIT": ["even", "dirichlet", "dirichlet:0", "dirichlet:nan", "shards:0", "shards:1001"],
    "SET": ["5-1", "a", "1,,2", "300", "1-"],
    "WHAT": ["all", "weights,labels"],
    "FORM": ["xml", "fp8"],
    "CHECK": ["alive", "1"],
    "{...}": ["1", "[]", "{", "{no-such-key: 1}"],
    "WHICH": ["fast"],
    "LEVEL": ["verbose", "2"],
    "RATE": ["0", "-1", "11", "nan", "inf", "0x1", "1e"],
    "M": ["1", "-0.1", "x"],
    "SHARE": ["-0.1", "2", "nan"],
    "MS": ["x", "1.5.2", "99999999999999999999999999"],
    "FILE": [""],
    "DIR": [""],
    "NAME": [""],
    "ARCH/BATCH": [""],
    "S,S,...": ["", "a", "1,", ",1", "2,1", "1,1", "1,2,3,4,5,6,7,8,9", "-1", "1e3", "nan", "1.", "1 2"],
}
NUMBER = ["x", "-1", "1.5.2", "99999999999999999999999999"]


def options_of(program, *command):
    """Name and argument of each, as --help shows them."""
    done = subprocess.run([program, *command, "--help"], capture_output=True, text=True, timeout=20)
    check(done.returncode == 0 and not done.stderr, f"{command} --help fails")
    found = re.findall(r"^  --([a-z-]+)(?: ([A-Z][A-Z:/,.]*|{\.\.\.}))?(?:\s|$)", done.stdout, re.MULTILINE)
    check(len(found) > 1, f"{command} --help shows no options")
    return [each for each in found if each[0] != "help"]


def refuses(program, command, words, *named):
    """One line on standard error that has all of `named`, exit status 2."""
    done = subprocess.run([program, *command, *words], capture_output=True, text=True, timeout=20)
    lines = done.stderr.splitlines()
    good = done.returncode == 2 and not done.stdout and len(lines) == 1
    good = good and lines[0].startswith(" ".join([os.path.basename(program), *command]) + ": ")
    good = good and all(word in lines[0] for word in named)
    check(good, f"{command} {words}: status {done.returncode}, {done.stdout!r}, {done.stderr!r}")


def each_option(program, command):
    count = 0
    for name, argument in options_of(program, *command):
        flag = f"--{name}"
        if not argument:
            refuses(program, command, [f"{flag}=1"], flag, "takes no value")
            refuses(program, command, [flag, flag], flag, "more than once")
            count += 2
            continue
        refuses(program, command, [flag], flag, "a value is missing")
        for value in BAD.get(argument, NUMBER):
            # What is wrong within a list of keys, its parser says.
            why = [] if argument == "{...}" else [f'"{value}"', "is not"]
            refuses(program, command, [f"{flag}={value}"], flag, *why)
            count += 1
            if value and not value.startswith("--"):
                refuses(program, command, [flag, value], flag, *why)
                count += 1
        refuses(program, command, [flag[:-1] + "_"], flag[:-1] + "_", "no such option")
    return f"{count} values"


def options_of_kith():
    return "; ".join(each_option(KITH, command.split()) for command in COMMANDS)


def options_of_dht_cli():
    each_option(DHT_CLI, ["peers"])
    refuses(DHT_CLI, ["whois"], [], "HOTKEY")
    refuses(DHT_CLI, ["whois"], ["5abc"], '"5abc"', "SS58")
    refuses(DHT_CLI, [], ["pers"], '"pers"', "dht-cli peers")
    refuses(DHT_CLI, [], ["--bootstrap", "127.0.0.1:1"], "a command is missing")


def commands():
    refuses(KITH, [], [], "a command is missing")
    refuses(KITH, [], ["nod"], '"nod"', "kith node")
    refuses(KITH, [], ["key", "nwe"], '"key nwe"', "kith key new")
    refuses(KITH, [], ["--versoin"], "--versoin", "--version")
    refuses(KITH, ["swarm", "show"], ["a", "b"], '"b"')
    refuses(KITH, ["node"], ["now"], '"now"')


def options_that_do_not_go_together():
    refuses(KITH, ["node"], ["--synthetic", "--data", "/tmp"], "--synthetic", "--data")
    refuses(KITH, ["node"], ["--synthetic", "--swarm", "x"], "--synthetic", "--swarm")
    refuses(KITH, ["node"], ["--model", "100-5-10"], "--model", '"100-5-10"', "784 inputs")
    refuses(KITH, ["key", "new"], ["--out", "a", "--state", "b"], "--out", "--state")
    refuses(KITH, ["node"], ["--model", "784-8192-8192-10"], "--model", "parameters")


def nothing_but_printable_text_in_an_error():
    for text in ["a\nb", "\033[2J", "x" * 100000]:
        status, out, err = run_kith("node", "--port", text)
        check(status == 2 and not out and len(err) < 500 and err.count("\n") == 1, repr(err[:200]))
        check(err[:-1].isprintable(), repr(err))


def first_words_of_commands():
    """kith bench alone is no command; its --help names those that begin so."""
    for word, second in (("bench", "sim"), ("key", "new"), ("swarm", "show")):
        status, out, err = run_kith(word, "--help")
        check(status == 0 and f"kith {word} {second}\n" in out and not err, f"{word}: {out} {err}")
        status, out, err = run_kith(word)
        check(status == 2 and not out and err.count("\n") == 1, f"{word}: {status} {out} {err}")
    refuses(KITH, ["sim", "replay"], ["--nodes", "8", "--node", "8"], "--node", "8", "0 to 7")
    refuses(KITH, ["sim", "replay"], ["--from", "5", "--until", "4"], "--from", "5", "--until")


def version_and_help():
    for words in (["--version"], ["--help"], ["node", "--help"], ["node", "-h"]):
        status, out, err = run_kith(*words)
        check(status == 0 and out and not err, f"{words}: {status} {err}")


def main():
    for test in (options_of_kith, options_of_dht_cli, commands, options_that_do_not_go_together,
                 nothing_but_printable_text_in_an_error, first_words_of_commands, version_and_help):
        case(test)
    finish()


if __name__ == "__main__":
    main()
