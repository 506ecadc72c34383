#!/usr/bin/env python3
"""Two nodes that know five classes each: alone they stay at half, together they learn all ten; and so
do two nodes of different layers that exchange soft labels only."""

from nodes import Node, case, check, finish

ALONE_MAX, TOGETHER_MIN, LABELS_MIN, EPOCHS = 50.0, 75.0, 65.0, 4


def best_of_epochs(node):
    return max(node.wait_test(epoch, 90) for epoch in range(EPOCHS))


def alone_at_most_half():
    results = []
    for classes in ("0-4", "5-9"):
        node = Node("--classes", classes, "--epochs", EPOCHS, "--no-peers")
        results.append(best_of_epochs(node))
    check(max(results) <= ALONE_MAX, f"alone: {results}")
    return "alone " + ", ".join(f"{result:.1f} %" for result in results)


def pair(first_flags, second_flags, least):
    first = Node("--classes", "0-4", "--epochs", EPOCHS, "--stay", *first_flags)
    # Four epochs take seconds: the second must not spend them on a bootstrap that is not up yet.
    first.wait_text("listening on", 30)
    second = Node("--classes", "5-9", "--epochs", EPOCHS, "--stay", "--bootstrap", first.address,
                  *second_flags)
    results = [best_of_epochs(first), best_of_epochs(second)]
    check(min(results) >= least, f"together: {results}")
    return "together " + ", ".join(f"{result:.1f} %" for result in results)


def together_three_quarters():
    return pair([], [], TOGETHER_MIN)


def different_layers_by_labels_alone():
    labels = ["--share", "labels"]
    return pair(labels, [*labels, "--model", "mlp:128"], LABELS_MIN)


case(alone_at_most_half)
case(together_three_quarters)
case(different_layers_by_labels_alone)
finish()
