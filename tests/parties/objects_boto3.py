"""S3 in two Regions, with boto3, against a running lab: buckets, objects, versions, copies in the other Region, refusals."""

import datetime
import io
import json
import os
import pathlib
import subprocess
import sys
import unittest

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from article_boto3 import AWAY, HOME, Case
from tools import until

STATE = pathlib.Path(os.environ["LAB_FOLDER"]) / "lab"
LIMIT = 30  # seconds that anything may take


def lab(*arguments):
    subprocess.run([os.environ["LEEWARD_LAB"], *arguments, "--state", str(STATE)], check=True, capture_output=True, timeout=90)


def client(region=HOME):
    endpoint = None if "AWS_ENDPOINT_URL" in os.environ else os.environ["LAB_ENDPOINT"]
    return boto3.client("s3", region_name=region, endpoint_url=endpoint,
                        config=Config(read_timeout=20, s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


def control(region=HOME):
    endpoint = None if "AWS_ENDPOINT_URL" in os.environ else os.environ["LAB_ENDPOINT"]
    # boto3 sets the account before the host, whatever it is told (inject_host_prefix), and nothing can stand before an address.
    jobs = boto3.client("s3control", region_name=region, endpoint_url=endpoint,
                        config=Config(read_timeout=20, retries={"max_attempts": 1}))

    def without_account(request, **_):
        request.url = request.url.replace("//123456789012.", "//").replace("//999999999999.", "//")
    jobs.meta.events.register("before-sign.s3-control", without_account)
    return jobs


class Objects(Case):
    # S3 does not say whose fault an error is, and answers to HEAD have no body to say what it is.
    def refused(self, code, call, status=400, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            answer = error.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
            return answer
        return self.fail(f"not refused with {code}: {arguments}")

    def make(self, region, name, versions=True):
        s3 = client(region)
        where = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **where)
        if versions:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return s3

    def test_buckets_have_one_list_of_names(self):
        s3 = self.make(HOME, "names-home", versions=False)
        away = self.make(AWAY, "names-away")
        self.assertIsNone(s3.get_bucket_location(Bucket="names-home")["LocationConstraint"])
        self.assertEqual(away.get_bucket_location(Bucket="names-away")["LocationConstraint"], AWAY)
        headers = away.head_bucket(Bucket="names-away")["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["x-amz-bucket-region"], AWAY)
        names = {bucket["Name"] for bucket in away.list_buckets()["Buckets"]}
        self.assertLessEqual({"names-home", "names-away"}, names)

        s3.create_bucket(Bucket="names-home")  # as us-east-1 has always answered
        self.refused("BucketAlreadyOwnedByYou", away.create_bucket, 409, Bucket="names-home",
                     CreateBucketConfiguration={"LocationConstraint": AWAY})
        self.refused("IllegalLocationConstraintException", away.create_bucket, Bucket="names-other")
        self.refused("InvalidBucketName", s3.create_bucket, Bucket="names..bad")
        self.refused("NoSuchBucket", s3.list_objects_v2, 404, Bucket="names-nowhere")
        self.refused("404", s3.head_bucket, 404, Bucket="names-nowhere")
        s3.delete_bucket(Bucket="names-home")
        away.create_bucket(Bucket="names-home", CreateBucketConfiguration={"LocationConstraint": AWAY})

    def test_a_bucket_of_another_region_is_found_where_it_is(self):
        self.make(AWAY, "redirect-away").put_object(Bucket="redirect-away", Key="k", Body=b"there")
        # boto3 signs again for the Region that it is told.
        self.assertEqual(client(HOME).get_object(Bucket="redirect-away", Key="k")["Body"].read(), b"there")

    def test_objects_come_back_as_they_were_put(self):
        s3 = self.make(HOME, "whole", versions=False)
        body = bytes(range(256)) * 40
        put = s3.put_object(Bucket="whole", Key="a folder/key +&ü", Body=body, ContentType="text/plain", CacheControl="no-cache",
                            Metadata={"Colour": "blue"})
        self.assertNotIn("VersionId", put)
        got = s3.get_object(Bucket="whole", Key="a folder/key +&ü")
        self.assertEqual(got["Body"].read(), body)
        self.assertEqual((got["ETag"], got["ContentType"], got["CacheControl"], got["Metadata"], got["ContentLength"]),
                         (put["ETag"], "text/plain", "no-cache", {"colour": "blue"}, len(body)))
        head = s3.head_object(Bucket="whole", Key="a folder/key +&ü")
        self.assertEqual((head["ETag"], head["ContentLength"], head["Metadata"]), (put["ETag"], len(body), {"colour": "blue"}))
        files = [path for path in (STATE / "regions" / HOME / "s3" / "buckets" / "whole").rglob("*.data")]
        self.assertEqual([path.read_bytes() for path in files], [body])

        part = s3.get_object(Bucket="whole", Key="a folder/key +&ü", Range="bytes=10-19")
        self.assertEqual((part["Body"].read(), part["ContentRange"], part["ResponseMetadata"]["HTTPStatusCode"]),
                         (body[10:20], f"bytes 10-19/{len(body)}", 206))
        self.assertEqual(s3.get_object(Bucket="whole", Key="a folder/key +&ü", Range="bytes=-3")["Body"].read(), body[-3:])
        self.refused("InvalidRange", s3.get_object, 416, Bucket="whole", Key="a folder/key +&ü", Range="bytes=99999-")
        self.conditions(s3, put["ETag"])
        copied = s3.copy_object(Bucket="whole", Key="copy", CopySource={"Bucket": "whole", "Key": "a folder/key +&ü"})
        self.assertEqual(copied["CopyObjectResult"]["ETag"], put["ETag"])
        self.assertEqual(s3.get_object(Bucket="whole", Key="copy")["Metadata"], {"colour": "blue"})
        s3.delete_object(Bucket="whole", Key="copy")
        self.refused("NoSuchKey", s3.get_object, 404, Bucket="whole", Key="copy")

    def conditions(self, s3, etag):
        key = {"Bucket": "whole", "Key": "a folder/key +&ü"}
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        self.refused("304", s3.get_object, 304, IfNoneMatch=etag, **key)
        self.refused("304", s3.get_object, 304, IfModifiedSince=later, **key)
        self.refused("PreconditionFailed", s3.get_object, 412, IfMatch='"other"', **key)
        self.refused("412", s3.head_object, 412, IfUnmodifiedSince=later - datetime.timedelta(days=1), **key)
        s3.get_object(IfMatch=etag, IfUnmodifiedSince=later - datetime.timedelta(days=1), **key)

    def test_lists_are_cut_and_rolled_up(self):
        s3 = self.make(HOME, "lists", versions=False)
        keys = [f"{folder}/{number}" for folder in "abc" for number in range(3)] + ["top"]
        for key in keys:
            s3.put_object(Bucket="lists", Key=key, Body=key.encode())
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="lists", PaginationConfig={"PageSize": 2})
        self.assertEqual([item["Key"] for page in pages for item in page.get("Contents", [])], keys)
        rolled = s3.list_objects_v2(Bucket="lists", Delimiter="/", MaxKeys=2)
        self.assertEqual([each["Prefix"] for each in rolled["CommonPrefixes"]], ["a/", "b/"])
        rest = s3.list_objects_v2(Bucket="lists", Delimiter="/", ContinuationToken=rolled["NextContinuationToken"])
        self.assertEqual(([each["Prefix"] for each in rest["CommonPrefixes"]], [each["Key"] for each in rest["Contents"]]),
                         (["c/"], ["top"]))
        inner = s3.list_objects_v2(Bucket="lists", Prefix="b/", StartAfter="b/0")
        self.assertEqual(([each["Key"] for each in inner["Contents"]], inner["KeyCount"]), (["b/1", "b/2"], 2))
        gone = s3.delete_objects(Bucket="lists", Delete={"Objects": [{"Key": key} for key in keys]})
        self.assertEqual(sorted(each["Key"] for each in gone["Deleted"]), sorted(keys))
        s3.delete_bucket(Bucket="lists")

    def test_versions_are_kept_and_deleted_by_name(self):
        s3 = self.make(HOME, "kept")
        first = s3.put_object(Bucket="kept", Key="k", Body=b"first")["VersionId"]
        second = s3.put_object(Bucket="kept", Key="k", Body=b"second")["VersionId"]
        marker = s3.delete_object(Bucket="kept", Key="k")
        self.assertTrue(marker["DeleteMarker"])
        self.refused("NoSuchKey", s3.get_object, 404, Bucket="kept", Key="k")
        self.refused("MethodNotAllowed", s3.get_object, 405, Bucket="kept", Key="k", VersionId=marker["VersionId"])
        self.assertEqual(s3.get_object(Bucket="kept", Key="k", VersionId=first)["Body"].read(), b"first")
        listed = s3.list_object_versions(Bucket="kept")
        self.assertEqual([each["VersionId"] for each in listed["Versions"]], [second, first])
        self.assertEqual([(each["VersionId"], each["IsLatest"]) for each in listed["DeleteMarkers"]], [(marker["VersionId"], True)])
        s3.delete_object(Bucket="kept", Key="k", VersionId=marker["VersionId"])
        self.assertEqual(s3.get_object(Bucket="kept", Key="k")["Body"].read(), b"second")
        self.refused("BucketNotEmpty", s3.delete_bucket, 409, Bucket="kept")
        for version in (first, second):
            s3.delete_object(Bucket="kept", Key="k", VersionId=version)
        self.refused("NoSuchVersion", s3.get_object, 404, Bucket="kept", Key="k", VersionId=first)
        s3.delete_bucket(Bucket="kept")

    def test_large_files_go_up_in_parts(self):
        s3 = self.make(HOME, "parts")
        body = os.urandom(9 << 20)
        s3.upload_fileobj(io.BytesIO(body), "parts", "large", ExtraArgs={"Metadata": {"kind": "film"}},
                          Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
        got = s3.get_object(Bucket="parts", Key="large")
        self.assertEqual((got["Body"].read() == body, got["Metadata"]), (True, {"kind": "film"}))
        self.assertRegex(got["ETag"], '^"[0-9a-f]{32}-2"$')
        left = s3.create_multipart_upload(Bucket="parts", Key="left")["UploadId"]
        s3.upload_part(Bucket="parts", Key="left", UploadId=left, PartNumber=1, Body=b"x")
        self.assertEqual([each["UploadId"] for each in s3.list_multipart_uploads(Bucket="parts")["Uploads"]], [left])
        s3.abort_multipart_upload(Bucket="parts", Key="left", UploadId=left)
        self.refused("NoSuchUpload", s3.list_parts, 404, Bucket="parts", Key="left", UploadId=left)

    def rule(self, bucket, **members):
        destination = {"Bucket": "arn:aws:s3:::" + bucket, "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                       "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}}}
        return {"ID": "all", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""},
                "DeleteMarkerReplication": {"Status": "Enabled"}, "Destination": destination, **members}

    def replicate(self, s3, source, rule):
        role = "arn:aws:iam::123456789012:role/copies"
        s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule]})

    def status(self, s3, key, bucket="copies-from"):
        return s3.head_object(Bucket=bucket, Key=key).get("ReplicationStatus")

    def metric(self, name):
        """Its newest value in the Region that the copies go to."""
        now = datetime.datetime.now(datetime.timezone.utc)
        dimensions = {"SourceBucket": "copies-from", "DestinationBucket": "copies-to", "RuleId": "all"}
        endpoint = None if "AWS_ENDPOINT_URL" in os.environ else os.environ["LAB_ENDPOINT"]
        found = boto3.client("cloudwatch", region_name=AWAY, endpoint_url=endpoint).get_metric_statistics(
            Namespace="AWS/S3", MetricName=name, Period=60, Statistics=["Maximum"], EndTime=now + datetime.timedelta(minutes=1),
            StartTime=now - datetime.timedelta(minutes=5), Dimensions=[{"Name": key, "Value": dimensions[key]} for key in dimensions])
        return max((point["Maximum"] for point in found["Datapoints"]), default=None)

    def test_what_is_written_is_copied_through_cuts_and_kills(self):
        s3, away = self.make(HOME, "copies-from"), self.make(AWAY, "copies-to")
        s3.put_object(Bucket="copies-from", Key="early", Body=b"before the rule")
        self.replicate(s3, "copies-from", self.rule("copies-to"))
        large = bytes(range(256)) * (40 << 10)  # ten megabytes
        version = s3.put_object(Bucket="copies-from", Key="large", Body=large, Metadata={"kind": "order"})["VersionId"]
        until(lambda: self.status(s3, "large") == "COMPLETED", LIMIT, "a copy")
        there = away.get_object(Bucket="copies-to", Key="large")
        self.assertEqual((there["VersionId"], there["ReplicationStatus"], there["Metadata"]), (version, "REPLICA", {"kind": "order"}))
        self.assertEqual(there["Body"].read(), large)
        self.refused("404", away.head_object, 404, Bucket="copies-to", Key="early")

        lab("isolate", HOME, AWAY)
        keys = [f"cut/{number}" for number in range(20)]
        written = {key: s3.put_object(Bucket="copies-from", Key=key, Body=key.encode())["VersionId"] for key in keys}
        self.assertEqual({self.status(s3, key) for key in keys}, {"PENDING"})
        s3.delete_object(Bucket="copies-from", Key="large")
        self.assertEqual(away.list_objects_v2(Bucket="copies-to")["KeyCount"], 1)
        lab("kill", HOME)
        self.assertEqual(away.get_object(Bucket="copies-to", Key="large")["VersionId"], version)
        away.put_object(Bucket="copies-to", Key="of-away", Body=b"while home is gone")
        self.refused("ServiceUnavailable", away.delete_bucket_replication, 503, Bucket="copies-to")
        lab("heal", HOME)
        lab("heal")
        for key in keys:
            until(lambda key=key: self.status(s3, key) == "COMPLETED", LIMIT, "what was written before the kill: " + key)
        listed = away.list_object_versions(Bucket="copies-to", Prefix="cut/")["Versions"]
        self.assertEqual({each["Key"]: each["VersionId"] for each in listed}, written)
        until(lambda: away.list_object_versions(Bucket="copies-to", Prefix="large").get("DeleteMarkers"), LIMIT, "the delete marker")
        for name in ("BytesPendingReplication", "OperationsPendingReplication", "ReplicationLatency"):
            until(lambda name=name: self.metric(name) is not None, LIMIT, name)

    def test_what_was_there_before_the_rule_is_copied_by_a_job(self):
        s3 = self.make(HOME, "batch-from")
        away = self.make(AWAY, "batch-to")
        before = [s3.put_object(Bucket="batch-from", Key=f"k{number}", Body=b"before")["VersionId"] for number in range(3)]
        role = "arn:aws:iam::123456789012:role/copies"
        rules = {"Role": role, "Rules": [self.rule("batch-to")]}
        s3.put_bucket_replication(Bucket="batch-from", ReplicationConfiguration=rules)
        lists = {"SourceBucket": "arn:aws:s3:::batch-from", "EnableManifestOutput": False,
                 "Filter": {"EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE", "FAILED"]}}
        job = {"AccountId": "123456789012", "Operation": {"S3ReplicateObject": {}}, "Report": {"Enabled": False}, "Priority": 1,
               "RoleArn": role, "ConfirmationRequired": False, "ClientRequestToken": "once",
               "ManifestGenerator": {"S3JobManifestGenerator": lists}}
        jobs = control()

        def told(job_id):
            return jobs.describe_job(AccountId="123456789012", JobId=job_id)["Job"]
        started = jobs.create_job(**job)["JobId"]
        self.assertEqual(jobs.create_job(**job)["JobId"], started)
        until(lambda: told(started)["Status"] == "Complete", LIMIT, "the job")
        self.assertLessEqual({"TotalNumberOfTasks": 3, "NumberOfTasksSucceeded": 3, "NumberOfTasksFailed": 0}.items(),
                             told(started)["ProgressSummary"].items())
        listed = away.list_object_versions(Bucket="batch-to")["Versions"]
        self.assertEqual([each["VersionId"] for each in listed], before)
        self.assertEqual(self.status(s3, "k0", bucket="batch-from"), "COMPLETED")

        waiting = jobs.create_job(**{**job, "ClientRequestToken": "again", "ConfirmationRequired": True})["JobId"]
        until(lambda: told(waiting)["Status"] == "Failed", LIMIT, "a job without work")
        self.assertIn("no keys", told(waiting)["FailureReasons"][0]["FailureReason"])
        names = [each["JobId"] for each in jobs.list_jobs(AccountId="123456789012", JobStatuses=["Complete"])["Jobs"]]
        self.assertEqual(names, [started])
        self.refused("JobStatusException", jobs.update_job_status, AccountId="123456789012", JobId=started,
                     RequestedJobStatus="Cancelled")
        self.refused("IdempotencyException", jobs.create_job, **{**job, "Priority": 2})
        self.refused("NotImplemented", jobs.create_job, 501, **{**job, "Report": {"Enabled": True}})
        self.refused("AccessDenied", jobs.list_jobs, 403, AccountId="999999999999")
        self.refused("NotImplemented", jobs.list_access_points, 501, AccountId="123456789012")
        self.refused("NoSuchJobException", jobs.describe_job, 404, AccountId="123456789012", JobId="none-such")

    def test_rules_are_refused_as_s3_does(self):
        s3 = self.make(HOME, "rules")
        self.make(AWAY, "rules-plain", versions=False)
        self.refused("ReplicationConfigurationNotFoundError", s3.get_bucket_replication, 404, Bucket="rules")
        role = "arn:aws:iam::123456789012:role/copies"

        def put(rule):
            return {"Bucket": "rules", "ReplicationConfiguration": {"Role": role, "Rules": [rule]}}
        self.refused("InvalidRequest", s3.put_bucket_replication, **put(self.rule("rules-nowhere")))
        self.refused("InvalidRequest", s3.put_bucket_replication, **put(self.rule("rules-plain")))
        tagged = self.rule("rules-plain", Filter={"Tag": {"Key": "a", "Value": "b"}})
        self.refused("NotImplemented", s3.put_bucket_replication, 501, **put(tagged))

    def test_a_policy_closes_a_bucket_to_writers(self):
        s3 = self.make(HOME, "fenced")
        s3.put_object(Bucket="fenced", Key="k", Body=b"x")
        deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject", "s3:DeleteObject*"], "Resource": "arn:aws:s3:::fenced/*"}
        s3.put_bucket_policy(Bucket="fenced", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
        self.assertEqual(json.loads(s3.get_bucket_policy(Bucket="fenced")["Policy"])["Statement"], [deny])
        self.refused("AccessDenied", s3.put_object, 403, Bucket="fenced", Key="k", Body=b"y")
        self.assertEqual(s3.delete_objects(Bucket="fenced", Delete={"Objects": [{"Key": "k"}]})["Errors"][0]["Code"], "AccessDenied")
        self.assertEqual(s3.get_object(Bucket="fenced", Key="k")["Body"].read(), b"x")
        s3.delete_bucket_policy(Bucket="fenced")
        s3.put_object(Bucket="fenced", Key="k", Body=b"y")
        self.refused("NoSuchBucketPolicy", s3.get_bucket_policy, 404, Bucket="fenced")

    def test_what_is_not_served_is_refused_by_name(self):
        s3 = self.make(HOME, "refusals")
        put = {"Bucket": "refusals", "Key": "k", "Body": b"x"}
        for member, value in {"ServerSideEncryption": "aws:kms", "StorageClass": "GLACIER", "WebsiteRedirectLocation": "/x"}.items():
            self.refused("NotImplemented", s3.put_object, 501, **put, **{member: value})
        self.refused("AccessControlListNotSupported", s3.put_object, ACL="public-read", **put)
        self.refused("NotImplemented", s3.get_bucket_lifecycle_configuration, 501, Bucket="refusals")
        self.refused("AccessDenied", s3.put_object, 403, ExpectedBucketOwner="999999999999", **put)
        self.assertEqual(s3.list_objects_v2(Bucket="refusals")["KeyCount"], 0)


if __name__ == "__main__":
    print(f"boto3 {boto3.__version__} of {sys.executable}", flush=True)
    unittest.main(verbosity=2, warnings="ignore")
