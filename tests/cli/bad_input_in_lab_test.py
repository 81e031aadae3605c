#!/usr/bin/env python3
"""Bad input that takes a lab to meet: what is not there, wrong keys, ports and labs in the way, a full disk, a damaged journal."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import signed  # noqa: E402
from one_line import CANNOT_REACH, DONE, KEYS, LAB, LEEWARD, SPEC, USAGE, OneLine, contents  # noqa: E402

HOME, RECOVERY = "us-east-1", "us-west-2"
ASKED = (("rds", "DescribeDBInstances", "2014-10-31"), ("ec2", "DescribeSecurityGroups", "2016-11-15"),
         ("elbv2", "DescribeTargetGroups", "2015-12-01"))


class LabCase(OneLine):
    def setUp(self):
        super().setUp()
        self.lab_state = os.path.join(self.folder, "lab")
        self.addCleanup(self.lab, "down", "--state", self.lab_state)
        up = self.up(self.lab_state)
        self.assertEqual(up.returncode, DONE, up.stderr)
        info = json.loads(up.stdout)
        self.gateway, self.dns = info["gateway"], info["dns"]
        self.variables = {**KEYS, "AWS_ENDPOINT_URL": self.gateway, "LEEWARD_RESOLVER": self.dns}

    def lab(self, *arguments):
        return self.run_program(LAB, *arguments, timeout=120)

    def up(self, state, gateway="127.0.0.1:0", dns="127.0.0.1:0"):
        return self.lab("up", "--json", "--state", state, "--gateway", gateway, "--dns", dns)

    def resources(self):
        """What the lab has, as its answers and its addresses show it."""
        answers = {}
        for region in (HOME, RECOVERY):
            for service, action, version in ASKED:
                name = "elasticloadbalancing" if service == "elbv2" else service
                status, body = signed.call(self.gateway, region, action, service=name, version=version)
                self.assertEqual(status, 200, body)
                # Backups begin and end by themselves.
                answers[region, action] = re.sub(r"(?i)<(requestid|dbinstancestatus|latestrestorabletime)>.*?</\1>", "", body)
        status = json.loads(self.lab("status", "--json", "--state", self.lab_state).stdout)
        del status["connections"]  # replication comes and goes by itself
        answers["addresses"] = json.dumps(status, sort_keys=True)
        return answers

    def refuses_in_lab(self, code, words, *arguments, watched=None, before=None, **variables):
        """As `refuses`, and the lab has what it had."""
        watched = watched or self.state
        resources = self.resources()
        done = self.refuses(code, words, *arguments, watched=watched, before=before, timeout=120,
                            **{**self.variables, **variables})
        self.assertEqual(self.resources(), resources, "nothing may be changed in the lab")
        return done

    def succeeds(self, *arguments):
        done = self.leeward(*arguments, timeout=180, **self.variables)
        self.assertEqual(done.returncode, DONE, done.stderr + done.stdout)


class EmptyLabTest(LabCase):
    def test_an_instance_that_does_not_exist(self):
        self.refuses_in_lab(CANNOT_REACH, ["there is no RDS instance 'orders' in us-east-1", SPEC], "protect", SPEC, "--yes",
                            "--state", self.state)
        self.assertFalse(os.path.exists(self.state))

    def test_wrong_credentials(self):
        for wrong, word in (({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "InvalidClientTokenId"),
                            ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch")):
            for command in (["protect", "--yes"], ["status"]):
                with self.subTest(wrong=wrong, command=command):
                    self.refuses_in_lab(CANNOT_REACH, ["us-east-1", word, "check AWS_ACCESS_KEY_ID"], *command, SPEC,
                                        "--state", self.state, **wrong)
            with self.subTest(wrong=wrong, command="stage"):
                self.refuses_in_lab(CANNOT_REACH, ["stage-orders-only.yaml:", "us-east-1", "AuthFailure", "check AWS_ACCESS_KEY_ID"],
                                    "stage", SPEC, **wrong)

    def test_a_lab_that_is_already_running(self):
        resources = self.resources()
        again = self.up(self.lab_state)
        self.is_one_line(again, USAGE, "already running", self.lab_state, "leeward-lab down", program="leeward-lab")
        self.assertEqual(self.resources(), resources)

    def test_a_port_that_is_taken(self):
        resources = self.resources()
        other = os.path.join(self.folder, "other")
        gateway = self.gateway.removeprefix("http://")
        for taken, option in (({"gateway": gateway}, "--gateway"), ({"dns": self.dns}, "--dns")):
            with self.subTest(taken=taken):
                done = self.up(other, **taken)
                self.is_one_line(done, CANNOT_REACH, *taken.values(), option, "in use", program="leeward-lab")
                self.assertFalse(os.path.exists(other), "nothing of the attempt stays")
        self.assertEqual(self.resources(), resources)

    def test_no_lab(self):
        nowhere = os.path.join(self.folder, "nowhere")
        for command in (["status"], ["kill", HOME], ["heal"], ["env"], ["logs"]):
            done = self.lab(*command, "--state", nowhere)
            self.is_one_line(done, CANNOT_REACH, nowhere, "leeward-lab up", program="leeward-lab")
        self.assertFalse(os.path.exists(nowhere))


class FullDisk:
    """A folder on a file system of 64 KiB of its own, where this machine lets us mount one."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        os.mkdir(self.place)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", self.place], capture_output=True, check=False)
        self.mounted = done.returncode == 0
        return self

    def fill(self):
        with open(os.path.join(self.place, "ballast"), "wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", self.place], check=True)


class JournalInLabTest(LabCase):
    """Protected once; then the journal cannot be written or read."""

    def setUp(self):
        super().setUp()
        self.succeeds("stage", SPEC)
        self.succeeds("protect", SPEC, "--yes", "--state", self.state)
        self.journal = os.path.join(self.state, "journal", "journal.lwj")

    def records(self, journal):
        done = self.leeward("journal", "verify", journal)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return int(re.search(r"(\d+) records", done.stdout).group(1))

    def test_no_room(self):
        self.a_file_that_may_not_grow()
        self.a_full_disk()
        # The same command with room goes through, from the same journal.
        self.succeeds("protect", SPEC, "--yes", "--state", self.state)

    def a_file_that_may_not_grow(self):
        limit = os.path.getsize(self.journal)

        def before():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        if "ThreadSanitizer" in self.leeward("version", before=before).stderr:
            print("a file that may not grow: not tried, ThreadSanitizer itself needs files to grow")
            return
        records = self.records(self.journal)
        with open(self.journal, "rb") as file:
            held = file.read()
        resources = self.resources()
        done = self.leeward("switchover", SPEC, "--yes", "--state", self.state, before=before, **self.variables)
        self.is_one_line(done, CANNOT_REACH, "journal.lwj", "File too large", "make room")
        with open(self.journal, "rb") as file:
            self.assertEqual(file.read(), held, "not a byte may stay of what had no room")
        self.assertEqual(self.records(self.journal), records)
        self.assertEqual(self.resources(), resources)

    def a_full_disk(self):
        with FullDisk(os.path.join(self.folder, "small")) as disk:
            if not disk.mounted:
                print("this user cannot mount a small disk: a full one was not tried, a file limit was", file=sys.stderr)
                return
            state = os.path.join(disk.place, "state")
            shutil.copytree(self.state, state)
            disk.fill()
            resources = self.resources()
            journal = os.path.join(state, "journal", "journal.lwj")
            with open(journal, "rb") as file:
                held = file.read()
            # The last page of the journal's file has some room left; a plan does not fit into it.
            done = self.leeward("switchover", SPEC, "--yes", "--state", state, **self.variables)
            self.is_one_line(done, CANNOT_REACH, "journal.lwj", "No space left on device", "make room")
            with open(journal, "rb") as file:
                self.assertEqual(file.read(), held)
            self.assertEqual(self.resources(), resources)
            fresh = os.path.join(disk.place, "fresh")
            done = self.leeward("protect", SPEC, "--yes", "--state", fresh, **self.variables)
            self.is_one_line(done, CANNOT_REACH, "No space left on device", "make room")
            self.assertEqual(self.resources(), resources)

    def test_a_flipped_byte_is_named_and_nothing_goes_on(self):
        with open(self.journal, "rb") as file:
            whole = file.read()
        begins = [16]  # offsets of the records
        while begins[-1] < len(whole):
            begins.append(begins[-1] + 44 + int.from_bytes(whole[begins[-1]:begins[-1] + 4], "little"))
        self.assertEqual(begins[-1], len(whole), "docs/formats/journal.md says where records begin")
        middle = (len(begins) - 1) // 2
        for what, offset, record in (("its first record", begins[0] + 60, 1), ("its middle", begins[middle] + 60, middle + 1),
                                     ("its last record", begins[-2] + 60, len(begins) - 1)):
            with self.subTest(what=what):
                damaged = bytearray(whole)
                damaged[offset] ^= 1
                with open(self.journal, "wb") as file:
                    file.write(damaged)
                self.is_refused_everywhere(["journal.lwj", "record %d at offset %d:" % (record, begins[record - 1])])
        with open(self.journal, "wb") as file:
            file.write(whole)
        self.assertEqual(self.records(self.journal), len(begins) - 1)

    def is_refused_everywhere(self, words):
        resources = self.resources()
        for command in (["failover", "--yes"], ["switchover", "--yes"], ["protect", "--yes"], ["status"], ["report"],
                        ["journal", "verify"]):
            with self.subTest(command=command):
                self.refuses(CANNOT_REACH, [*words, "nothing was changed", "restore it"], *command, SPEC,
                             "--state", self.state, watched=self.state, **self.variables)
        self.assertEqual(self.resources(), resources)


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("bad_input_in_lab_test: %s is not built; run cmake --build build" % LEEWARD)
    unittest.main(verbosity=1)
