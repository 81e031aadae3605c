"""The trees of the lab's file systems, which are directories of its state."""

import os
import pathlib

ACCOUNT = "123456789012"
REGIONS = pathlib.Path(os.environ["LAB_FOLDER"]) / "lab" / "regions"


def tree(region, file_system):
    return REGIONS / region / "efs" / file_system / "tree"


def write(region, file_system, name, text):
    path = tree(region, file_system) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def read(region, file_system, name):
    path = tree(region, file_system) / name
    return path.read_text(encoding="utf-8") if path.exists() else None
