#!/usr/bin/env python3
"""Buckets of a lab that are copied both ways: what arrives, what a lost home costs, what is refused, and what is named because no
waiting brings it over."""

import base64
import datetime
import hashlib
import http.client
import json
import re
import unittest
import urllib.parse

from files_lab import HOME, LAB, RECOVERY, FilesLab, wait
from one_line import CANNOT_REACH, FAILED

import signed

BUCKETS = {HOME: "shop-pictures-east", RECOVERY: "shop-pictures-west"}
ROLE = "arn:aws:iam::000000000000:role/copier"
BATCH_ROLE = "arn:aws:iam::123456789012:role/batch"  # of the lab's account, which S3 Control is asked for
SPEC = f"""apiVersion: leeward/v1
application: shop
regions: {{ home: us-east-1, recovery: us-west-2 }}
objectives: {{ rto: 15m, rpo: 15m }}
components:
  pictures: {{ kind: s3, home-bucket: {BUCKETS[HOME]}, recovery-bucket: {BUCKETS[RECOVERY]}, role: "{ROLE}" }}
  writer: {{ kind: ecs, cluster: shop, service: writer, standby: 1, active: 1, needs: [pictures], environment: {{ PICTURES: pictures }} }}
"""
RULE = "leeward-shop-pictures"
AWAY = ("--to", RECOVERY)
FOREIGN = """<ReplicationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Role>{role}</Role><Rule><ID>everything</ID>
<Priority>1</Priority><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::{to}</Bucket>
</Destination><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule></ReplicationConfiguration>"""


class BucketsLab(FilesLab):
    SPEC = SPEC

    # --- S3, by a client that shares no code with the lab ---

    def s3(self, region, method, key="", query="", body="", codes=(200, 204), **headers):
        host = urllib.parse.urlparse(self.gateway).netloc
        path = "/" + BUCKETS[region] + ("/" + urllib.parse.quote(key) if key else "")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body.encode()).hexdigest()
        if query and body:  # settings of a bucket are held to a sum
            headers["content-md5"] = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
        named = sorted({"host": host, "x-amz-date": now, "x-amz-content-sha256": digest, **headers}.items())
        names = ";".join(name for name, _ in named)
        canonical = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in named), "", names, digest])
        scope = f"{now[:8]}/{region}/s3/aws4_request"
        secret = b"AWS4test"
        for part in scope.split("/"):
            secret = signed._sign(secret, part)  # pylint: disable=protected-access
        signature = signed._sign(secret, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}").hex()
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request(method, path + ("?" + query if query else ""), body, {
                **dict(named),
                "Authorization": f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={names}, Signature={signature}"})
            answer = connection.getresponse()
            told = answer.read().decode()
            self.assertIn(answer.status, codes, told)
            return answer.status, told, dict(answer.getheaders())
        finally:
            connection.close()

    def make_bucket(self, region):
        place = "" if region == HOME else f"<LocationConstraint>{region}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>" if place else ""
        self.s3(region, "PUT", body=body)

    def put(self, region, key, text="picture"):
        self.s3(region, "PUT", key, body=text)

    def has(self, region, key):
        return self.s3(region, "GET", key, codes=(200, 404))[0] == 200

    def keys(self, region):
        told = self.s3(region, "GET", query="list-type=2")[1]
        return {key for key in re.findall("<Key>(.*?)</Key>", told) if not key.startswith(".leeward/")}

    def status(self, region, key):
        return self.s3(region, "HEAD", key)[2].get("x-amz-replication-status")

    def deny_replicas(self, region):
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:ReplicateObject", "Resource": f"arn:aws:s3:::{BUCKETS[region]}/refused*"}
        self.s3(region, "PUT", query="policy=", body=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    def replication(self, region):
        return self.s3(region, "GET", query="replication=", codes=(200, 404))[1]

    def make_home(self):
        for region in BUCKETS:
            self.make_bucket(region)
        self.make_service()

    def make_service(self):
        self.make_writer()
        definition = self.ecs(HOME, "RegisterTaskDefinition", {
            "family": "writer", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "writer", "image": "writer:1", "command": ["/bin/sleep", "1000"],
                                      "environment": [{"name": "PICTURES", "value": BUCKETS[HOME]}]}]})
        self.ecs(HOME, "UpdateService", {"cluster": "shop", "service": "writer", "desiredCount": 1,
                                         "taskDefinition": definition["taskDefinition"]["taskDefinitionArn"]})

    def told_bucket(self, region):
        service = self.ecs(region, "DescribeServices", {"cluster": "shop", "services": ["writer"]})["services"][0]
        told = self.ecs(region, "DescribeTaskDefinition", {"taskDefinition": service["taskDefinition"]})["taskDefinition"]
        return {one["name"]: one["value"] for one in told["containerDefinitions"][0]["environment"]}["PICTURES"]


class BucketsTest(BucketsLab):
    def test_a_planned_move_and_the_way_home_lose_no_object(self):
        self.make_home()
        self.act("protect")
        for region in BUCKETS:
            self.assertIn(f"<ID>{RULE}</ID>", self.replication(region))
        self.act("protect")
        self.assertEqual(self.told_bucket(RECOVERY), BUCKETS[RECOVERY])
        store = self.stores()[RECOVERY]
        self.assertEqual(store["role"], "peer")
        self.assertLess(store["newest_canary_age_s"], 60)

        pictures = {f"a/{number}.png" for number in range(20)}
        for key in sorted(pictures):
            self.put(HOME, key)
        self.act("switchover", *AWAY)
        self.assertEqual(self.keys(RECOVERY), pictures)
        self.put(RECOVERY, "away.png")
        self.s3(RECOVERY, "DELETE", "a/0.png")
        self.act("failback")
        # Objects are there when the failback ends; of a delete marker no API says whether it has been copied.
        self.assertLessEqual(pictures - {"a/0.png"} | {"away.png"}, self.keys(HOME))
        wait(lambda: self.keys(HOME) == pictures - {"a/0.png"} | {"away.png"}, "the delete marker")

    def test_a_lost_home_is_left_without_it_and_what_was_written_away_comes_home(self):
        self.make_home()
        self.act("protect")
        self.put(HOME, "first.png")
        wait(lambda: self.has(RECOVERY, "first.png"), "a copy")
        self.run_program(LAB, "kill", HOME, "--state", self.lab_state)
        told = self.act("failover", *AWAY, "--override-fence", "ANA: this test killed it")
        self.assertRegex(told, r"pictures may lose up to ([0-9]+ min )?[0-9.]+ (ms|s), within the RPO")
        self.put(RECOVERY, "away.png")
        self.run_program(LAB, "heal", HOME, "--state", self.lab_state, timeout=120)
        told = self.act("failback")
        for bucket, region in ((BUCKETS[HOME], RECOVERY), (BUCKETS[RECOVERY], HOME)):
            self.assertRegex(told, f"every object of {bucket} in [a-z0-9-]+ is copied to {region}")
        self.assertEqual(self.keys(HOME), {"first.png", "away.png"})

    def test_what_was_there_before_the_rule_is_named_and_stops_a_planned_move(self):
        self.make_home()
        self.put(HOME, "old.png")
        self.assertIn("old.png (no rule)", self.act("protect"))
        self.assertIn("S3 Batch Replication", self.act("switchover", *AWAY, code=FAILED))
        self.assertFalse(self.has(RECOVERY, "old.png"))
        service = self.ecs(HOME, "DescribeServices", {"cluster": "shop", "services": ["writer"]})["services"][0]
        self.assertEqual(service["desiredCount"], 1, "nobody was ended for it")

    def test_what_was_there_before_the_rule_or_failed_is_copied_where_a_role_is_given_for_it(self):
        self.spec = self.write("shop.yaml", SPEC.replace("home-bucket:", f'batch-role: "{BATCH_ROLE}", home-bucket:'))
        self.make_home()
        old = {f"old/{number}.png" for number in range(3)}
        for key in sorted(old):
            self.put(HOME, key)
        told = self.act("protect")
        self.assertRegex(told, "job [0-9a-f-]+ of S3 Batch Replication in us-east-1 copied 3 of 3 objects")
        self.assertEqual(self.keys(RECOVERY), old)
        self.assertIn("no job of S3 Batch Replication is needed", self.act("protect"))

        self.act("switchover", *AWAY)
        self.deny_replicas(HOME)
        self.put(RECOVERY, "refused.png")
        wait(lambda: self.status(RECOVERY, "refused.png") == "FAILED", "a copy to be refused")
        self.s3(HOME, "DELETE", query="policy=")
        self.assertRegex(self.act("failback"), "S3 Batch Replication in us-west-2 copied 1 of 1 objects")
        self.assertEqual(self.keys(HOME), old | {"refused.png"})

    def test_what_is_in_the_way_is_refused_by_name_and_nothing_is_changed(self):
        self.make_bucket(HOME)
        self.make_service()
        self.assertIn("S3 bucket 'shop-pictures-west' in us-west-2", self.act("protect", code=CANNOT_REACH))
        self.make_bucket(RECOVERY)
        versioned = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
        for region in BUCKETS:
            self.s3(region, "PUT", query="versioning=", body=versioned)
        self.s3(HOME, "PUT", query="replication=", body=FOREIGN.format(role=ROLE, to=BUCKETS[RECOVERY]))
        before = self.replication(HOME)
        self.assertIn("replication rule 'everything' of bucket shop-pictures-east", self.act("protect", code=FAILED))
        self.assertEqual(self.replication(HOME), before)
        self.assertNotIn(RULE, self.replication(RECOVERY))
        other = FOREIGN.format(role=ROLE, to="archive").replace("<Status>Enabled", "<Status>Disabled", 1)
        self.s3(HOME, "PUT", query="replication=", body=other.replace("archive", BUCKETS[RECOVERY]))
        self.act("protect")
        self.assertEqual(json.dumps(re.findall("<ID>(.*?)</ID>", self.replication(HOME))), json.dumps(["everything", RULE]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
