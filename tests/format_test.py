#!/usr/bin/env python3
"""Every C++ file is as clang-format 14 writes it (`make format`). Skipped, with one line, where that version is not."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VERSION = "version 14."  # others break lines elsewhere
SKIPPED = 77
FILES_AT_ONCE = 50


def formatter():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and VERSION in subprocess.run([path, "--version"], capture_output=True, text=True).stdout:
            return path
    return None


def complaints(program, files):
    ran = subprocess.run([program, "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True, text=True)
    return [line for line in ran.stderr.splitlines() if ": error: " in line] or ([ran.stderr] if ran.returncode else [])


def main():
    program = formatter()
    if program is None:
        print("format: not checked: there is no clang-format 14")
        return SKIPPED
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.cc", "*.h"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    files = [path for path in listed if os.path.exists(os.path.join(ROOT, path))]
    if len(files) < 100:
        print(f"format: {len(files)} files of C++ were found, which cannot be all")
        return 1
    parts = [files[begin:begin + FILES_AT_ONCE] for begin in range(0, len(files), FILES_AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [line for lines in pool.map(lambda part: complaints(program, part), parts) for line in lines]
    for line in wrong:
        print(line)
    if wrong:
        print(f"format: {len(wrong)} places are formatted in another way; `make format` mends them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
