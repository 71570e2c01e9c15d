"""What requests to S3 ask for.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest

_OF_LISTS = ("prefix", "delimiter")
_OF_ENCRYPTION = ("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm")
_BUCKET_ACTIONS = {
    ("GET", "location"): "GetBucketLocation",
    ("GET", "notification"): "GetBucketNotification",
    ("GET", "object-lock"): "GetBucketObjectLockConfiguration",
    ("GET", "policy"): "GetBucketPolicy",
    ("GET", "tagging"): "GetBucketTagging",
    ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListBucketVersions",
    ("PUT", "notification"): "PutBucketNotification",
    ("PUT", "policy"): "PutBucketPolicy",
    ("DELETE", "policy"): "DeleteBucketPolicy",
}
_OBJECT_PARTS = {"tagging": "Tagging", "acl": "Acl", "retention": "Retention", "legal-hold": "LegalHold"}
_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}
_PLAIN = {"GET", "HEAD", "PUT", "DELETE"}
_OF_A_LIST = {"list-type", "max-keys", "continuation-token", "start-after", "marker", "encoding-type", "fetch-owner"}


def bucket_and_key(request: ApiRequest) -> tuple[str, str]:
    """The bucket and the key that a request is about; empty where it has none."""
    if request.host.endswith(".localhost"):
        return request.host.removesuffix(".localhost"), request.path[1:]
    bucket, _, key = request.path[1:].partition("/")
    return bucket, key


def bucket_arn(bucket: str) -> str:
    """The ARN of a bucket."""
    return f"arn:aws:s3:::{bucket}"


def asks_of_s3(request: ApiRequest) -> Iterator[Ask]:
    """The bucket, the object, or each of several objects; also what is copied."""
    bucket, key = bucket_and_key(request)
    if not bucket:
        yield Ask("s3:ListAllMyBuckets" if request.method == "GET" else f"s3:({request.method} /)")
    elif key:
        yield from _of_object(request, f"{bucket_arn(bucket)}/{key}")
        if source := request.header("x-amz-copy-source"):
            yield _of_source(source)
    elif request.method == "POST" and "delete" in request.query:
        for version, deleted in _deleted_objects(request.body):
            yield Ask(f"s3:DeleteObject{version}", f"{bucket_arn(bucket)}/{deleted}")
    else:
        yield _of_bucket(request, bucket_arn(bucket))


def _of_bucket(request: ApiRequest, arn: str) -> Ask:
    parts = [name for name in request.query if (request.method, name) in _BUCKET_ACTIONS]
    if parts:
        return Ask(f"s3:{_BUCKET_ACTIONS[request.method, parts[0]]}", arn)
    if request.method == "HEAD" or (request.method == "GET" and _is_list(request)):
        return Ask(
            "s3:ListBucket",
            arn,
            tuple((f"s3:{each}", request.query[each]) for each in _OF_LISTS if each in request.query),
        )
    if request.method in {"PUT", "DELETE"} and not request.query:
        return Ask("s3:CreateBucket" if request.method == "PUT" else "s3:DeleteBucket", arn)
    return Ask(f"s3:({request.method} ?{'&'.join(request.query)})", arn)


def _is_list(request: ApiRequest) -> bool:
    own = {name for name in request.query if not name.startswith(("X-Amz-", "x-id"))}
    return own <= {*_OF_LISTS, *_OF_A_LIST}


def _of_object(request: ApiRequest, arn: str) -> Iterator[Ask]:
    method, query = request.method, request.query
    version = "Version" if "versionId" in query else ""
    part = next((name for name in _OBJECT_PARTS if name in query), None)
    if part and method in _PLAIN:
        yield Ask(f"s3:{_VERBS[method]}Object{version}{_OBJECT_PARTS[part]}", arn)
    elif "uploadId" in query and method in {"GET", "DELETE"}:
        yield Ask("s3:ListMultipartUploadParts" if method == "GET" else "s3:AbortMultipartUpload", arn)
    elif method == "PUT" or (method == "POST" and ({"uploads", "uploadId"} & query.keys())):
        encryption = ((f"s3:{each}", request.header(each)) for each in _OF_ENCRYPTION if request.header(each))
        yield Ask("s3:PutObject", arn, tuple(encryption))
        if request.header("x-amz-tagging"):
            yield Ask("s3:PutObjectTagging", arn)
        if request.header("x-amz-acl"):
            yield Ask("s3:PutObjectAcl", arn)
    elif method in _PLAIN:
        yield Ask(f"s3:{_VERBS[method]}Object{version}", arn)
        if "attributes" in query:
            yield Ask(f"s3:GetObject{version}Attributes", arn)
    else:
        yield Ask(f"s3:({method} ?{'&'.join(query)})", arn)


def _of_source(header: str) -> Ask:
    path, _, query = header.partition("?")
    version = "Version" if "versionId" in query else ""
    source = urllib.parse.unquote(path).lstrip("/")
    return Ask(f"s3:GetObject{version}", source if source.startswith("arn:") else f"arn:aws:s3:::{source}")


def _deleted_objects(body: bytes) -> Iterator[tuple[str, str]]:
    """For each, ``Version`` where a version is named, and the key."""
    for element in ET.fromstring(body):  # noqa: S314
        given = {each.tag.rpartition("}")[2]: each.text or "" for each in element}
        if "Key" in given:
            yield "Version" if given.get("VersionId") else "", given["Key"]
