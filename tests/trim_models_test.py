#!/usr/bin/env python3
"""tools/trim_models.py keeps what constrains a request, zero among it; and the models here were made by it as it is."""

import json
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True

import trim_models  # noqa: E402


def shape_of(service, name):
    with open(os.path.join(ROOT, "aws_models", service, "service.json"), encoding="utf-8") as file:
        return json.load(file)["shapes"][name]


class TrimTest(unittest.TestCase):
    def test_a_bound_of_zero_is_kept(self):
        shape = {"type": "integer", "min": 0, "max": 0, "documentation": "text"}
        self.assertEqual(trim_models.trim_shape(shape), {"type": "integer", "min": 0, "max": 0})

    def test_what_is_false_or_missing_is_not(self):
        shape = {"type": "string", "sensitive": False, "pattern": None, "enum": ["a"]}
        self.assertEqual(trim_models.trim_shape(shape), {"type": "string", "enum": ["a"]})

    def test_the_models_have_them(self):
        self.assertEqual(shape_of("route53", "TTL"), {"type": "long", "min": 0, "max": 2147483647})
        self.assertEqual(shape_of("dynamodb", "ScanSegment"), {"type": "integer", "min": 0, "max": 999999})


if __name__ == "__main__":
    unittest.main()
