#!/usr/bin/env python3
"""The lab's copies of directory trees beside `rsync -a --delete` and `cp -a`: one machine, one file system, rounds in turn.

  bench/trees.py [--rounds N] [--files N] [--changes N] [--large MB] [--grow FILES,...] [--in FOLDER] [--json FILE]

Prints medians over the rounds: a first copy of many small files, a sync when nothing has changed and after some changes, and the throughput of one
large file. Each turn of a contestant has a new destination, and no small file is removed before the last turn: an ext4 that makes files where others
were removed in the last minutes looks at each inode removed to pass it by, which can take longer than the copy itself, and falls on whoever
the allocator sends there. Before each turn what the last one wrote is synced to the disk, so that nobody pays for another's writing. `held` is ours
with what the lab's EFS has beside it: a channel, and a copy that nobody else may write to. Every copy is compared with its source afterwards, by rsync
(what is held but for permissions): a figure of a copy that differs is not printed.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import BUILD  # noqa: E402

COPY = os.path.join(BUILD, "trees_copy")
FILES_IN_A_DIRECTORY = 100
SMALL = (100, 4000)  # bytes of a small file, from and to
PIECE = os.urandom(1 << 20)
LIMIT = 3600  # seconds of one command
MEGABYTE = 1 << 20


class Ours:
    """trees_copy, which stays between rounds as the lab's process does."""

    def __init__(self, name, options, source, folder):
        self.name, self.options, self.source, self.folder = name, options, source, folder
        self.destination, self.child = os.path.join(folder, "copy"), None

    def first(self):
        """Seconds of the first copy, and everything that was said of it."""
        os.makedirs(self.destination)
        begun = time.monotonic()
        self.child = subprocess.Popen([COPY, self.source, self.destination, os.path.join(self.folder, "work"), "--rounds", "1000000",
                                       *self.options],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.answer()
        return time.monotonic() - begun, said

    def again(self):
        begun = time.monotonic()
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        said = self.answer()
        return time.monotonic() - begun, said

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"trees_copy ended with {self.child.wait()}")
        return json.loads(line)

    def close(self):
        if self.child:
            self.child.stdin.close()
            self.child.wait(LIMIT)
            self.child = None


class Program:
    """A program that is run anew each time."""

    def __init__(self, name, command, source, folder):
        self.name, self.command, self.source = name, command, source
        self.destination = os.path.join(folder, "copy")

    def first(self):
        os.makedirs(self.destination)
        return self.again()

    def again(self):
        begun = time.monotonic()
        subprocess.run([*self.command, self.source + "/.", self.destination + "/"], check=True, timeout=LIMIT)
        return time.monotonic() - begun, {}

    def close(self):
        pass


def contestants(source, yard, without):
    everyone = [Ours("leeward", [], source, os.path.join(yard, "leeward")), Ours("held", ["--held"], source, os.path.join(yard, "held")),
                Program("rsync", ["rsync", "-a", "--delete"], source, os.path.join(yard, "rsync")),
                Program("cp", ["cp", "-a"], source, os.path.join(yard, "cp"))]
    return [one for one in everyone if one.name not in without]


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.sync()


def small_name(number):
    directory = number // FILES_IN_A_DIRECTORY
    return os.path.join(f"{directory // FILES_IN_A_DIRECTORY:04}", f"{directory % FILES_IN_A_DIRECTORY:02}", f"file-{number % FILES_IN_A_DIRECTORY:02}.dat")


def make_small(root, count):
    dice = random.Random(count)
    for number in range(count):
        path = os.path.join(root, small_name(number))
        if number % FILES_IN_A_DIRECTORY == 0:
            os.makedirs(os.path.dirname(path))
        begin = dice.randrange(len(PIECE) - SMALL[1])
        with open(path, "wb") as file:
            file.write(PIECE[begin:begin + dice.randint(*SMALL)])


def make_large(root, megabytes):
    with open(os.path.join(root, "large"), "wb") as file:
        for _ in range(megabytes):
            file.write(PIECE)


def change(root, count, changes, turn):
    """Of the changes 8 in 10 write into a file, one adds a file and one removes what an earlier turn added."""
    dice = random.Random(turn)
    for number in dice.sample(range(count), changes * 8 // 10):
        with open(os.path.join(root, small_name(number)), "ab") as file:
            file.write(b"changed\n")
    for number in range(changes // 10):
        place = os.path.dirname(os.path.join(root, small_name(dice.randrange(count))))
        with open(os.path.join(place, f"new-{turn}-{number}"), "wb") as file:
            file.write(PIECE[:1000])
    doomed = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names if name.startswith(f"new-{turn - 1}-")]
    for path in doomed:
        os.remove(path)


def check(one):
    """Raises when the copy is not its source's equal."""
    permissions = ["--no-perms"] if one.name == "held" else []
    done = subprocess.run(["rsync", "-anH", *permissions, "--delete", "--checksum", "--itemize-changes", one.source + "/", one.destination + "/"],
                          capture_output=True, text=True, errors="replace", check=True, timeout=LIMIT)
    if done.stdout.strip():
        raise RuntimeError(f"{one.name}: the copy differs:\n{done.stdout[:500]}")


def compare_small(yard, arguments):
    """name -> what -> seconds of each round."""
    source = os.path.join(yard, "source")
    empty(source)
    make_small(source, arguments.files)
    figures, said = {}, []
    for turn in range(arguments.rounds):
        turn_yard = os.path.join(yard, f"turn-{turn}")
        everyone = contestants(source, turn_yard, arguments.without)
        everyone = everyone[turn % len(everyone):] + everyone[:turn % len(everyone)]
        for one in everyone:
            empty(os.path.join(turn_yard, one.name))
            seconds, words = one.first()
            note(figures, one.name, "first", seconds)
            said += [words] if words else []
        syncers = [one for one in everyone if one.name != "cp"]
        for one in everyone:
            if one not in syncers:
                check(one)
        for what in ("unchanged", "changed"):
            if what == "changed":
                change(source, arguments.files, arguments.changes, turn)
            os.sync()
            for one in syncers:
                seconds, words = one.again()
                note(figures, one.name, what, seconds)
                said += [words] if words else []
        for one in syncers:
            check(one)
            one.close()
    return figures, said


def compare_large(yard, arguments):
    source = os.path.join(yard, "source")
    empty(source)
    make_large(source, arguments.large)
    figures = {}
    for turn in range(arguments.rounds):
        everyone = contestants(source, yard, arguments.without)
        for one in everyone[turn % len(everyone):] + everyone[:turn % len(everyone)]:
            empty(os.path.join(yard, one.name))
            seconds, _ = one.first()
            note(figures, one.name, "seconds", seconds)
            one.close()
            if turn == 0:
                check(one)
            shutil.rmtree(os.path.join(yard, one.name))
    return figures


def grow(yard, arguments):
    """What our own process needs when there are ever more files."""
    rows = []
    for count in arguments.grow:
        source = os.path.join(yard, "source")
        empty(source)
        make_small(source, count)
        one = Ours("leeward", [], source, os.path.join(yard, "leeward"))
        empty(os.path.join(yard, one.name))
        _, first = one.first()
        change(source, count, arguments.changes, 1)
        _, changed = one.again()
        one.close()
        rows.append({"files": count, "first": first, "changed": changed})
        print(f"{count:>9} files: first copy {first['seconds']:.2f} s, {arguments.changes} changes {changed['seconds']:.3f} s, "
              f"peak {changed['peak_mb']} MB, longest step {max(first['longest_step_ms'], changed['longest_step_ms']):.0f} ms", flush=True)
    return rows


def note(figures, name, what, seconds):
    figures.setdefault(name, {}).setdefault(what, []).append(seconds)


def print_small(figures, arguments):
    print(f"{arguments.files} files of {SMALL[0]}-{SMALL[1]} bytes, {arguments.rounds} rounds, medians in seconds:")
    for name, runs in figures.items():
        print(f"  {name:8}" + "".join(f"  {what} {statistics.median(values):8.3f}" for what, values in runs.items()))
    if {"leeward", "rsync"} <= set(figures):
        for what in ("first", "unchanged", "changed"):
            ratio = statistics.median(figures["rsync"][what]) / statistics.median(figures["leeward"][what])
            print(f"  {what}: {ratio:.2f} times as fast as rsync")


def print_large(figures, arguments):
    print(f"one file of {arguments.large} MB, {arguments.rounds} rounds, medians:")
    for name, runs in figures.items():
        seconds = statistics.median(runs["seconds"])
        print(f"  {name:8} {seconds:8.3f} s, {arguments.large * MEGABYTE / seconds / 1e6:.0f} MB/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=200_000, help="small ones; 0 leaves them out")
    parser.add_argument("--changes", type=int, default=1000, help="between two syncs")
    parser.add_argument("--large", type=int, default=4096, help="MB of the large file; 0 leaves it out")
    parser.add_argument("--grow", default="", help="numbers of files to measure our own process at, such as 10000,1000000")
    parser.add_argument("--without", default="", help="contestants to leave out, by name")
    parser.add_argument("--in", dest="folder", default="/tmp", help="where the trees are made, and removed again")
    parser.add_argument("--json", help="write every figure to this file")
    arguments = parser.parse_args()
    arguments.grow = [int(size) for size in arguments.grow.split(",") if size]
    arguments.without = arguments.without.split(",")
    if not shutil.which("rsync"):
        sys.exit("trees: rsync is missing; apt-get install rsync")
    yard, figures = tempfile.mkdtemp(prefix="lwb-trees-", dir=arguments.folder), {}
    try:
        if arguments.files:
            figures["small"], figures["said"] = compare_small(yard, arguments)
            print_small(figures["small"], arguments)
        if arguments.large:
            figures["large"] = compare_large(yard, arguments)
            print_large(figures["large"], arguments)
        figures["grow"] = grow(yard, arguments)
    finally:
        shutil.rmtree(yard, ignore_errors=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
