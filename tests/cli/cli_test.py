#!/usr/bin/env python3
"""The command line as people and scripts meet it: exit codes, one-line errors, nothing changed by bad input."""

import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import unittest

from one_line import CANNOT_REACH, DONE, FAILED, KEYS, LEEWARD, SPEC, USAGE, OneLine

MIB = 1024 * 1024


class Silent:
    """An address that takes connections and never says a word."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.held = []
        self.thread = threading.Thread(target=self.hold, daemon=True)
        self.thread.start()
        return "http://127.0.0.1:%d" % self.socket.getsockname()[1]

    def hold(self):
        try:
            while True:
                self.held.append(self.socket.accept()[0])
        except OSError:
            pass

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.held:
            connection.close()


def crc32c(data):
    """Castagnoli's, bit by bit."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def journal_of(events):
    """A journal's bytes, as docs/formats/journal.md says that it is written, and the hash at its beginning and after each record."""
    data = b"LEEWARDJ" + struct.pack("<II", 1, 0)
    heads = [hashlib.sha256(data).hexdigest()]
    for number, event in enumerate(events, 1):
        payload = json.dumps({"seq": number, **event}, separators=(",", ":")).encode()
        head = struct.pack("<I", len(payload)) + bytes.fromhex(heads[-1])
        record = head + struct.pack("<II", crc32c(head), crc32c(payload)) + payload
        heads.append(hashlib.sha256(record).hexdigest())
        data += record
    return data, heads


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def shop():
    with open(SPEC, encoding="utf-8") as file:
        return file.read()


class UsageTest(OneLine):
    def test_help_and_version_are_answered(self):
        helped = self.leeward("--help")
        self.assertEqual(helped.returncode, DONE)
        for command in ("validate", "plan", "protect", "failover", "switchover", "failback", "status", "drill", "report"):
            self.assertIn(command, helped.stdout)
        self.assertIn("Exit codes", helped.stdout)
        self.assertRegex(self.leeward("version").stdout, r"^leeward \d+\.\d+\.\d+$")

    def test_an_answer_that_standard_output_does_not_take_is_no_success(self):
        self.assertTrue(os.path.exists("/dev/full"))
        for arguments in (["schema"], ["version"], ["--help"], ["plan", "failover", SPEC, "--state", self.state]):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([LEEWARD, *arguments], env={"HOME": self.folder}, stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, CANNOT_REACH, done.stderr)
                self.assertRegex(done.stderr, r"^leeward: standard output .*\n$")

    def test_watching_ends_with_its_reader(self):
        nobody = "http://127.0.0.1:%d" % closed_port()
        with subprocess.Popen([LEEWARD, "status", SPEC, "--watch", "--json", "--state", self.state], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={"HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": nobody,
                                   **KEYS}) as watching:
            try:
                self.assertIn("schema", json.loads(watching.stdout.readline()))
                watching.stdout.close()
                self.assertEqual(watching.wait(timeout=60), CANNOT_REACH)
            finally:
                watching.kill()

    def test_bad_usage_is_code_2_and_one_line(self):
        for arguments in ([], ["nosuch"], ["plan", "explode", SPEC], ["failover"], ["failover", SPEC, "--nosuch"],
                          ["failover", SPEC, "--accept-loss", "30"], ["drill", SPEC, "--rate", "0"]):
            with self.subTest(arguments=arguments):
                self.refuses(USAGE, (), *arguments)

    def test_an_override_without_a_name_or_a_reason_is_bad_usage(self):
        for override in ("yes", "ann", "ann:", ": it is off"):
            with self.subTest(override=override):
                self.refuses(USAGE, ["--override-fence", "NAME: REASON"], "failover", SPEC, "--yes", "--override-fence", override,
                             "--state", self.state)

    def test_a_drill_outside_a_lab_is_refused_by_name(self):
        self.refuses(USAGE, ["--lab"], "drill", SPEC, "--state", self.state)


class SpecTest(OneLine):
    # Every command that reads a spec.
    COMMANDS = (["validate"], ["plan", "failover"], ["protect", "--yes"], ["failover", "--yes"], ["switchover", "--yes"],
                ["failback", "--yes"], ["status"], ["stage"], ["drill", "--lab"], ["report"], ["journal", "verify"])

    def refused_by_all(self, path, words, lines=1):
        for command in self.COMMANDS:
            with self.subTest(command=command):
                state = [] if command[0] in ("validate", "stage") else ["--state", self.state]
                self.refuses(USAGE, words, *command, path, *state, lines=lines, **KEYS)

    def test_the_shop_is_good(self):
        done = self.leeward("validate", SPEC)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn("shop with 3 components", done.stdout)

    def test_a_spec_is_checked_where_no_state_can_be_kept(self):
        done = self.leeward("validate", SPEC, HOME="", XDG_STATE_HOME="")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))

    def test_schema_is_json(self):
        schema = json.loads(self.leeward("schema").stdout)
        self.assertIn("components", schema["properties"])

    def test_five_mistakes_are_all_named_one_a_line(self):
        text = shop()
        for right, wrong in (("instance: orders", "instnace: orders"), ("rpo: 5s", "rpo: 5"), ("quorum: 2", "quorum: 0"),
                             ("witness: eu-west-1", "witness: us-east-1"), ("pattern: warm-standby", "pattern: lukewarm")):
            self.assertIn(right, text)
            text = text.replace(right, wrong)
        path = self.write("bad.yaml", text)
        self.refused_by_all(path, ["instance", "rpo", "quorum", "witness", "lukewarm"], lines=5)
        for line in self.leeward("validate", path).stderr.splitlines():
            self.assertRegex(line, r"^leeward: .*bad\.yaml:\d+:\d+: .+; .+")

    def test_an_empty_file(self):
        self.refused_by_all(self.write("empty.yaml", ""), ["empty.yaml", "is empty", "write apiVersion"])

    def test_50_mib(self):
        self.refused_by_all(self.write("large.yaml", b"a: b\n" * (50 * MIB // 5)), ["large.yaml", "larger than", "name a spec"])

    def test_a_directory(self):
        os.mkdir(os.path.join(self.folder, "specs.yaml"))
        self.refused_by_all(os.path.join(self.folder, "specs.yaml"), ["specs.yaml", "is a directory", "name a spec"])

    def test_binary_junk(self):
        self.refused_by_all(self.write("junk.yaml", bytes(range(256)) * 40), ["junk.yaml", "UTF-8", "right file?"])
        self.refused_by_all(self.write("nul.yaml", b"\0" * 4096), ["nul.yaml"])

    def test_a_file_that_is_not_there(self):
        self.refused_by_all(os.path.join(self.folder, "none.yaml"), ["none.yaml", "No such file", "name a spec"])

    def test_equal_regions(self):
        path = self.write("equal.yaml", shop().replace("recovery: us-west-2", "recovery: us-east-1"))
        self.refused_by_all(path, ["equal.yaml:3:", "us-east-1", "another Region"])


class PlanTest(OneLine):
    def test_a_plan_is_shown_in_three_forms_and_needs_nobody(self):
        text = self.leeward("plan", "failover", SPEC, "--state", self.state)
        self.assertEqual(text.returncode, DONE, text.stderr)
        self.assertIn("rds.promote/orders", text.stdout)
        plan = json.loads(self.leeward("plan", "failover", SPEC, "--state", self.state, "--format", "json").stdout)
        self.assertEqual(plan["to"], "us-west-2")
        self.assertTrue(self.leeward("plan", "failover", SPEC, "--state", self.state, "--format", "dot").stdout
                        .startswith("digraph"))
        self.assertFalse(os.path.exists(self.state))


class OutsideTest(OneLine):
    # Every command that calls AWS, so that it needs something there.
    COMMANDS = (["protect", "--yes"], ["protect", "--yes", "--json"], ["status"], ["stage"])

    def with_state(self, command):
        return [*command, SPEC] if command == ["stage"] else [*command, SPEC, "--state", self.state]

    def test_no_credentials(self):
        for command in (*self.COMMANDS, ["failover", "--yes"], ["switchover", "--yes"], ["failback", "--yes"]):
            with self.subTest(command=command):
                self.refuses(CANNOT_REACH, ["no AWS credentials", "set AWS_ACCESS_KEY_ID"], *self.with_state(command),
                             AWS_ENDPOINT_URL="http://127.0.0.1:%d" % closed_port())

    def test_an_endpoint_that_refuses(self):
        endpoint = "http://127.0.0.1:%d" % closed_port()
        for command in self.COMMANDS:
            with self.subTest(command=command):
                self.refuses(CANNOT_REACH, ["us-east-1", endpoint, "check AWS_ENDPOINT_URL"], *self.with_state(command),
                             AWS_ENDPOINT_URL=endpoint, **KEYS)

    def test_an_endpoint_that_hangs(self):
        with Silent() as endpoint:
            for command in self.COMMANDS:
                with self.subTest(command=command):
                    self.refuses(CANNOT_REACH, ["us-east-1", endpoint, "check AWS_ENDPOINT_URL"],
                                 *self.with_state(command), AWS_ENDPOINT_URL=endpoint, timeout=120, **KEYS)

    def test_an_endpoint_that_is_none(self):
        for command in self.COMMANDS[:2]:
            self.refuses(USAGE, ["nonsense", "http"], *self.with_state(command), AWS_ENDPOINT_URL="nonsense", **KEYS)

    def test_a_password_that_is_not_there(self):
        keys = {name: value for name, value in KEYS.items() if name != "SHOP_DB_PASSWORD"}
        with Silent() as endpoint:
            for command in (["protect", "--yes"], ["failover", "--yes"], ["stage"]):
                self.refuses(USAGE, ["SHOP_DB_PASSWORD is not set", "orders", "export"], *self.with_state(command),
                             AWS_ENDPOINT_URL=endpoint, **keys)

    def test_what_was_never_protected_cannot_be_moved(self):
        for action in ("failover", "switchover", "failback"):
            self.refuses(CANNOT_REACH, [action, "inventory.json", "leeward protect", "--state"],
                         *self.with_state([action, "--yes"]), AWS_ENDPOINT_URL="http://127.0.0.1:9", **KEYS)


class DrillTest(OneLine):
    """A drill by a program that stands beside a lab's which comes up as said, where nothing answers, and does not come down."""

    def test_a_lab_that_does_not_come_down_costs_no_report(self):
        program = os.path.join(self.folder, "bin", "leeward")
        os.mkdir(os.path.dirname(program))
        shutil.copy(LEEWARD, program)
        up = {"gateway": "http://127.0.0.1:%d" % closed_port(), "dns": "127.0.0.1:%d" % closed_port(),
              "regions": {name: {"network": "127.77.0.0/16"} for name in ("us-east-1", "us-west-2", "eu-west-1")}}
        lab = self.write("bin/leeward-lab", "#!/bin/sh\nif [ \"$1\" = up ]; then echo '%s'; exit 0; fi\n"
                                            "echo 'something is stuck' >&2\nexit 1\n" % json.dumps(up))
        os.chmod(lab, 0o755)
        page = os.path.join(self.folder, "drill.html")
        done = self.run_program(program, "drill", SPEC, "--lab", "--lab-state", os.path.join(self.folder, "lab"), "--state",
                                self.state, "--json", "--report", page)
        self.is_one_line(done, CANNOT_REACH, "stage")
        told = "leeward-lab down: something is stuck"
        self.assertEqual(sum(told in problem for problem in json.loads(done.stdout)["problems"]), 1, done.stdout)
        with open(page, encoding="utf-8") as file:
            self.assertIn(told, file.read())


class ServeTest(OneLine):
    def test_a_daemon_whose_port_is_taken_has_acted_on_nothing(self):
        spec = self.write("shop.yaml", shop().replace("lease: 2s }", "lease: 2s, store: \"sqlite:store.db\" }"))
        os.mkdir(self.state)
        fact = {"component": "orders", "region": "us-east-1", "name": "endpoint.address", "value": "127.0.0.1"}
        self.write("state/inventory.json", json.dumps(
            {"schema": "leeward/inventory/v1", "refreshed": "2026-11-23T08:20:53.123Z", "facts": [fact]}))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refuses(FAILED, [listen], "serve", spec, "--state", self.state, "--listen", listen,
                         AWS_ENDPOINT_URL="http://127.0.0.1:%d" % closed_port(), **KEYS)


class JournalTest(OneLine):
    def test_nothing_to_abandon(self):
        self.refuses(USAGE, ["NAME: REASON"], "abandon", SPEC, "--state", self.state, "--by", "somebody")
        self.refuses(FAILED, ["nothing to give up"], "abandon", SPEC, "--state", self.state, "--by", "ana: a mistake")
        self.assertFalse(os.path.exists(self.state))

    def test_a_journal_that_is_missing_or_no_journal(self):
        self.refuses(CANNOT_REACH, ["none.lwj"], "journal", "verify", os.path.join(self.folder, "none.lwj"))
        path = self.write("x.lwj", b"\x00\x01junk" * 20)
        self.refuses(CANNOT_REACH, ["x.lwj"], "journal", "verify", path)
        self.refuses(CANNOT_REACH, ["no journal"], "report", SPEC, "--state", self.state)


class GoingOnTest(OneLine):
    """A failover was begun, and has not ended."""

    def setUp(self):
        super().setUp()
        plan = self.leeward("plan", "failover", SPEC, "--state", self.state, "--format", "json").stdout
        begun = {"at": "1970-01-01T00:00:01.000Z", "at_ns": 1000000000, "kind": "execution-started", "execution": "e1",
                 "fields": {"action": "failover", "from": "us-east-1", "to": "us-west-2", "application": "shop", "actor": "cli:ann",
                            "reason": "asked for", "plan": plan}}
        os.makedirs(os.path.join(self.state, "journal"))
        with open(os.path.join(self.state, "journal", "journal.lwj"), "wb") as file:
            file.write(journal_of([begun])[0])

    def dry_run(self, *arguments):
        return self.leeward("failover", SPEC, "--state", self.state, "--dry-run", *arguments,
                            AWS_ENDPOINT_URL="http://127.0.0.1:%d" % closed_port(), **KEYS)

    def test_it_goes_where_somebody_says_or_not_at_all(self):
        elsewhere = ["would go to us-west-2, not us-east-1", "was begun and has not ended"]
        self.is_one_line(self.dry_run("--to", "us-east-1"), FAILED, *elsewhere)
        self.refuses(FAILED, elsewhere, "failover", SPEC, "--yes", "--state", self.state, "--to", "us-east-1",
                     AWS_ENDPOINT_URL="http://127.0.0.1:%d" % closed_port(), **KEYS)
        self.assertNotIn("would go to", self.dry_run("--to", "us-west-2").stderr)

    def test_its_fence_is_vouched_for_by_whoever_does_so_later(self):
        def proof(*arguments):
            steps = json.loads(self.dry_run("--json", *arguments).stdout)["steps"]
            return [step["would"] for step in steps if step["id"] == "gate.fence-proof"]
        self.assertEqual(proof(), ["stop"])
        self.assertEqual(proof("--override-fence", "ann: it is off"), ["pass"])


class LateWritesTest(OneLine):
    def test_a_store_that_cannot_be_compared_does_not_hide_the_others(self):
        events = [{"kind": "execution-started", "execution": "f1", "fields": {"action": "failover", "from": "us-east-1"}},
                  {"kind": "step-done", "execution": "f1", "step": "rds.drain/orders", "fields": {"out.parted": "7:9"}},
                  {"kind": "step-done", "execution": "f1", "step": "dynamodb.ready/carts",
                   "fields": {"out.parted": "2026-11-23T08:20:53.123Z"}}]
        os.makedirs(os.path.join(self.state, "journal"))
        with open(os.path.join(self.state, "journal", "journal.lwj"), "wb") as file:
            file.write(journal_of([{"at": "1970-01-01T00:00:01.000Z", "at_ns": 1000000000, **each} for each in events])[0])
        done = self.leeward("late-writes", os.path.join(os.path.dirname(SPEC), "shop.yaml"), "--json", "--state", self.state,
                            AWS_ENDPOINT_URL="http://127.0.0.1:%d" % closed_port(), **KEYS)
        self.is_one_line(done, CANNOT_REACH, "carts")
        stores = json.loads(done.stdout)["stores"]
        self.assertEqual([store["component"] for store in stores], ["carts", "orders"])
        for store in stores:
            self.assertTrue(store["failure"])


class QuotedHashTest(OneLine):
    """A journal of three records, as docs/formats/journal.md says that it is written."""

    def setUp(self):
        super().setUp()
        notes = [{"at": "1970-01-01T00:00:01.000Z", "at_ns": 1000000000, "kind": "note", "fields": {"text": "hello"}}] * 3
        data, self.heads = journal_of(notes)
        self.journal = self.write("journal.lwj", data)

    def verify(self, *arguments):
        done = self.leeward("journal", "verify", self.journal, *arguments)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), done.stdout)
        return done.stdout

    def test_the_hash_is_the_last_an_earlier_or_none(self):
        self.assertEqual(self.heads[1], "716ea55d0e5e3601684225e902b8200b3f7c8dfeb2a905612028eca3e92bfd9a",
                         "the worked example's")
        self.assertIn("whole. 3 records", self.verify())
        self.assertIn("is its last record's: nothing was added since", self.verify("--hash", self.heads[3]))
        self.assertIn("is record 1's: the history up to there is the same, 2 records came after",
                      self.verify("--hash", self.heads[1].upper()))
        self.assertIn("1 record came after", self.verify("--hash", self.heads[2]))
        done = self.leeward("journal", "verify", self.journal, "--hash", "0" * 64)
        self.is_one_line(done, FAILED, "is whole", "no record of it has the hash " + "0" * 64)

    def test_a_report_quotes_it(self):
        for name, text in (("report.json", '{"journal": {"last_hash": "%s"}}' % self.heads[3]),
                           ("report.html", "<p><code>%s</code></p>" % self.heads[3]),
                           ("report.txt", " journal: 3 records, last hash %s\n" % self.heads[3])):
            self.assertIn("is its last record's", self.verify("--report", self.write(name, text)), name)
        self.refuses(USAGE, ["empty.html", "quotes no journal's hash"], "journal", "verify", self.journal, "--report",
                     self.write("empty.html", "<html></html>"))
        self.refuses(CANNOT_REACH, ["gone.html"], "journal", "verify", self.journal, "--report",
                     os.path.join(self.folder, "gone.html"))

    def test_what_is_no_hash_is_bad_usage(self):
        for wrong in ("x", "0" * 63, "0" * 65, "g" * 64):
            self.refuses(USAGE, ["--hash", "64 hex digits"], "journal", "verify", self.journal, "--hash", wrong)
        both = self.leeward("journal", "verify", self.journal, "--hash", "0" * 64, "--report", self.journal)
        self.assertEqual(both.returncode, USAGE, both.stdout)


class ForecastTest(OneLine):
    STEPS = {"rds.measure/orders": "decide", "gate.loss": "decide", "gate.fence-proof": "fence",
             "rds.drain/orders": "promote", "gate.final-loss": "promote", "rds.promote/orders": "promote", "ecs.scale/web": "scale",
             "ecs.ready/web": "scale", "route53.shift/traffic": "traffic", "route53.confirm/traffic": "traffic",
             "ecs.settle/web": "verify", "app.verify": "verify"}

    def drilled(self, name, lost=0.02, without=()):
        """A document as `leeward drill --json` prints it, with what a forecast reads of it."""
        report = {
            "leeward_report": 1, "application": "shop",
            "fault": {"name": "region-loss", "region": "us-east-1", "at": "2026-11-23T21:46:26.250Z"},
            "rto": {"total_s": 2.9, "detect_s": 1.73, "decide_s": 0.03, "client_tail_s": 0.9},
            "rpo": {"acknowledged": 900, "lost": 4, "lost_s": lost, "bound_s": 1.9},
            "executions": [{"execution": "b", "action": "failover", "outcome": "done", "began": "2026-11-23T21:46:28.000Z"}],
            "timeline": [{"execution": "b", "step": step, "phase": phase, "took_s": 0.01, "state": "done"}
                         for step, phase in self.STEPS.items() if step not in without]}
        return self.write(name, json.dumps(report))

    def forecast(self, *arguments, code=DONE):
        done = self.leeward("forecast", SPEC, "--state", self.state, "--runs", "60", "--json", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_nothing_measured_is_refused_with_the_drill_to_run(self):
        self.refuses(USAGE, ["was measured", "leeward drill", "--lab --json"], "forecast", SPEC, "--state", self.state)
        junk = self.write("junk.json", "{")
        self.refuses(USAGE, ["was measured", "junk.json: it is not JSON"], "forecast", SPEC, "--from", junk)
        self.refuses(USAGE, ["--runs"], "forecast", SPEC, "--runs", "0", "--from", junk)

    def test_a_step_that_no_drill_measured_is_not_made_up(self):
        drill = self.drilled("drill.json", without=["rds.promote/orders"])
        self.refuses(USAGE, ["drill.json: the step rds.promote/orders", "was not measured; drill again"], "forecast", SPEC, "--from",
                     drill)

    def test_drills_from_before_a_step_was_in_the_plan_are_left_out(self):
        old, new = self.drilled("old.json", without=["rds.promote/orders"]), self.drilled("new.json")
        basis = json.loads(self.forecast("--from", old, new))["measurements"]
        self.assertEqual((basis["count"], len(basis["skipped"])), (1, 1))
        self.assertIn("rds.promote/orders", basis["skipped"][0])

    def test_the_same_input_gives_the_same_bands_and_few_drills_a_warning(self):
        drills = [self.drilled(f"drill{i}.json") for i in range(2)] + [self.write("other.json", "{}")]
        one = self.forecast("--from", *drills)
        self.assertEqual(one, self.forecast("--from", *drills))
        self.assertNotEqual(one, self.forecast("--seed", "900", "--from", *drills))
        told = json.loads(one)
        self.assertEqual((told["schema"], told["runs"], told["refused"]["share"]), ("leeward/forecast/v1", 60, 0))
        self.assertEqual((told["measurements"]["count"], told["measurements"]["few"]), (2, True))
        self.assertIn("other.json", told["measurements"]["skipped"][0])
        # The client asks 0.9 s after each full second; the traffic has moved 1.5 to 2.1 s after the fault.
        self.assertEqual({told["rto"]["p5_s"], told["rto"]["max_s"]} - {1.9, 2.9}, set())
        self.assertIn("warning: fewer than 5", self.leeward("forecast", SPEC, "--runs", "50", "--from", *drills).stdout)

    def test_a_lag_over_the_rpo_is_refused_by_the_gate(self):
        told = json.loads(self.forecast("--from", self.drilled("drill.json", lost=9)))
        self.assertEqual((told["refused"]["share"], told["refused"]["gates"], told["rto"]), (1, {"gate.loss": 60}, None))
        self.assertEqual((told["rto_within"]["share"], told["rpo_within"]["share"]), (0, 0))


if __name__ == "__main__":
    if not os.path.exists(LEEWARD):
        sys.exit("cli_test: %s is not built; run cmake --build build --target leeward" % LEEWARD)
    unittest.main(verbosity=1)
