#!/usr/bin/env python3
"""Holds the code against the map in src/README.md: rooms, includes, namespaces, sizes and bans."""

import ast
import collections
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PURE_ROOMS = {"spec", "detect", "decide", "plan", "execute", "report", "forecast", "lease", "session"}
MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 70

# What the pure rooms may not touch, and where it belongs instead.
PURE_BANS = [
    (r"#include <(fstream|filesystem|thread|mutex|random|cstdio|unistd\.h|sys/.*|curl/.*|spdlog/.*)>", "the edge rooms"),
    (r"\b(system_clock|steady_clock)::now", "an argument of type base::WallTime"),
    (r"\bgetenv\(", "an argument"),
    (r"\bstd::cout\b|\bstd::cerr\b|\bprintf\(", "a returned value; cli prints"),
]
# What nobody but `os`, the programs and the lab's own processes may do.
EDGE_BANS = [
    (r"\b(system_clock|steady_clock)::now", "ports::Clock"),
    (r"\bgetenv\(", "os::Environment, read once in main"),
    (r"\bsleep_for\(|\busleep\(", "a wait on a condition"),
]
# Runs inside programs that are not ours, so it has none of our rooms to ask.
LOADED_INTO_OTHERS = "lab/source/"
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, check=True,
                         capture_output=True, text=True).stdout
    return [line for line in out.splitlines() if os.path.exists(os.path.join(ROOT, line))]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def rooms_of_map():
    """room -> set of rooms it may include; '*' means all."""
    rooms = {}
    for line in read("src/README.md").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4 or not re.fullmatch(r"`\w+`", cells[1]):
            continue
        allowed = set() if cells[3] in ("–", "-") else {word.strip() for word in cells[3].split(",")}
        rooms[cells[1].strip("`")] = allowed
    return rooms


def includes(text):
    return re.findall(r'^\s*#include "([^"]+)"', text, re.M)


def function_lengths(text):
    """(name, lines) of each function body, found by brace depth from a line that opens one.

    A body starts at a line ending in '{' whose statement has a parameter list; it ends where the depth is back.
    Namespaces, types, enums and initialiser tables are not bodies.
    """
    # Texts and comments in one walk: a text may hold "//", a comment a quote.
    text = re.sub(r'//[^\n]*|"(\\.|[^"\\\n])*"', lambda found: '""' if found[0][0] == '"' else "", text)
    text = re.sub(r"'(\\.|[^'\\\n])'", "''", re.sub(r'R""\(.*?\)"', '""', text, flags=re.S))
    found, stack, statement = [], [], ""
    for number, line in enumerate(text.splitlines(), 1):
        for char in line:
            if char == "{":
                head = statement.strip()
                control = re.match(r"(else\b|do\b|try\b|\}?\s*(if|for|while|switch|catch)\b)", head)
                is_type = re.match(r"(template\s*<.*>\s*)?(class|struct|union|enum|namespace|extern)\b", head)
                body = not is_type and not control and re.search(r"\)\s*(const|noexcept|override|final|&|&&|->.*|:.*|\s)*$", head)
                inside = any(kind == "body" for kind, _, _ in stack)
                stack.append(("body" if body and not inside else "other", number, head))
                statement = ""
            elif char == "}":
                if stack:
                    kind, start, head = stack.pop()
                    if kind == "body":
                        name = re.search(r"([~\w:<>]+)\s*\(", head)
                        found.append((name.group(1) if name else head[:40], number - start + 1))
                statement = ""
            elif char == ";":
                statement = ""
            else:
                statement += char
        statement += " "
    return found


def python_function_lengths(text):
    """(name, lines) of each function and method."""
    return [(node.name, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


class MapTest(unittest.TestCase):
    def test_every_folder_is_on_the_map_and_every_room_has_a_folder(self):
        folders = {path.split("/")[1] for path in tracked("src/*") if path.count("/") >= 2}
        rooms = set(rooms_of_map())
        self.assertGreater(len(rooms), 10, "the table of src/README.md was not understood")
        self.assertEqual(folders - rooms, set(), "folders that src/README.md does not know")

    def test_every_include_is_allowed_by_the_map(self):
        rooms = rooms_of_map()
        wrong = []
        for path in tracked("src/*.cc", "src/*.h"):
            room = path.split("/")[1]
            allowed = rooms.get(room, set())
            for include in includes(read(path)):
                target = include.split("/")[0]
                if target == "lab":
                    wrong.append(f"{path}: includes the lab")
                if target == "sim" and (target not in allowed or include != "sim/rehearse.h"):
                    wrong.append(f"{path}: may not include {include}; forecasts alone use the simulator")
                if target in rooms and target != room and "*" not in allowed and target not in allowed:
                    testing = (path.endswith("_test.cc") or "/testing/" in path) and target in ("ports", "os")
                    if not testing:
                        wrong.append(f"{path}: may not include {include}; src/README.md allows {sorted(allowed)}")
        self.assertEqual(wrong, [])

    def test_the_lab_never_uses_the_client(self):
        allowed = {"base", "model", "ports", "shapes", "os", "lab"}
        rooms = set(rooms_of_map())
        wrong = [f"{path}: includes {include}" for path in tracked("lab/*.cc", "lab/*.h")
                 for include in includes(read(path))
                 if include.split("/")[0] in rooms and include.split("/")[0] not in allowed]
        self.assertEqual(wrong, [])

    def test_the_simulator_reaches_no_world(self):
        allowed = {"base", "model", "ports", "spec", "detect", "decide", "plan", "execute", "journal", "driver", "report",
                   "lease", "forecast", "sim"}
        rules = {"serve/rules.h", "serve/move.h"}  # the daemon's choices, which are pure
        rooms = set(rooms_of_map())
        paths = tracked("sim/*.cc", "sim/*.h")
        wrong = [f"{path}: includes {include}" for path in paths
                 for include in includes(read(path))
                 if include.split("/")[0] in rooms | {"lab"} and include.split("/")[0] not in allowed and include not in rules]
        self.assertEqual(wrong, [])
        self.assertEqual([path for path in paths if path.endswith(".h") and "namespace leeward::sim" not in read(path)], [])

    def test_namespaces_are_the_rooms(self):
        wrong = []
        for path in tracked("src/*.h"):
            room = path.split("/")[1]
            if not re.search(rf"namespace leeward::{room}\b", read(path)):
                wrong.append(f"{path}: not in namespace leeward::{room}")
        self.assertEqual(wrong, [])


class BanTest(unittest.TestCase):
    def check(self, paths, bans):
        wrong = []
        for path in paths:
            for number, line in enumerate(read(path).splitlines(), 1):
                code = re.sub(r"//.*", "", line)
                wrong += [f"{path}:{number}: {ban}: use {instead}" for ban, instead in bans if re.search(ban, code)]
        self.assertEqual(wrong, [])

    def test_pure_rooms_touch_nothing(self):
        self.check([path for path in tracked("src/*.cc", "src/*.h")
                    if path.split("/")[1] in PURE_ROOMS and not path.endswith("_test.cc")], PURE_BANS)

    def test_only_os_asks_the_system(self):
        self.check([path for path in tracked("src/*.cc", "src/*.h", "lab/*.cc", "lab/*.h", "sim/*.cc", "sim/*.h")
                    if not path.startswith(("src/os/", LOADED_INTO_OTHERS)) and not path.endswith("main.cc")],
                   EDGE_BANS)

    def test_no_markers_are_left(self):
        wrong = [path for path in tracked("src/*", "lab/*", "sim/*", "tools/*", "docs/*", "examples/*", "tests/*", "bench/*")
                 if path != "tests/map_test.py" and not path.endswith((".json", ".png")) and MARKERS.search(read(path))]
        self.assertEqual(wrong, [])

    def test_no_path_of_a_machine(self):
        wrong = [path for path in tracked() if path.endswith((".cc", ".h", ".md", ".py", ".txt", ".cmake", ".yaml"))
                 and re.search(r"(?<![\w.])/work/(main|wt|shared)|/root/", read(path)) and path != "tests/map_test.py"]
        self.assertEqual(wrong, [])


class SizeTest(unittest.TestCase):
    def test_files_stay_under_the_wall(self):
        wrong = []
        for path in tracked("*.cc", "*.h", "*.py", "*.mjs", "*.cmake"):
            lines = read(path).count("\n")
            if lines > MAX_FILE_LINES:
                wrong.append(f"{path}: {lines} lines, the wall is {MAX_FILE_LINES}")
        self.assertEqual(wrong, [])

    def test_functions_stay_under_the_wall(self):
        wrong, seen = [], collections.Counter()
        for path in tracked("*.cc", "*.h", "*.py"):
            finder = python_function_lengths if path.endswith(".py") else function_lengths
            for name, lines in finder(read(path)):
                seen[path.split("/")[0], path.endswith(".py")] += 1
                if lines > MAX_FUNCTION_LINES:
                    wrong.append(f"{path}: {name} has {lines} lines, the wall is {MAX_FUNCTION_LINES}")
        self.assertEqual(wrong, [])
        for room in ("src", "lab", "sim", "tests", "fuzz", "bench"):
            self.assertGreater(seen[room, False], 10, f"{room}: the function finder found next to nothing")
        for room in ("tests", "tools", "bench", "examples"):
            self.assertGreater(seen[room, True], 0, f"{room}: no function in Python was found")

    def test_the_function_finder_is_alive(self):
        body = "\n".join(["  x();"] * 80)
        self.assertEqual(function_lengths(f"namespace a {{\nvoid F(int a) {{\n{body}\n}}\n}}\n"), [("F", 82)])
        lines = "\n".join(["        x()"] * 80)
        self.assertEqual(python_function_lengths(f"class A:\n    def f(self):\n{lines}\n"), [("f", 81)])


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(unittest.main(verbosity=1))
