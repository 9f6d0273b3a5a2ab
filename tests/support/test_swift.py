"""The S3 server of the test suite behaves like S3 where the suite relies on it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.swift import SwiftServer

BUCKET = "pictures"


def s3_client(server: SwiftServer, secret_key: str | None = None) -> Any:
    """Return a boto3 client for the server, by default with the right secret."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=secret_key or server.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def get_status(url: str) -> int:
    """Return the HTTP status of a GET without credentials."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture(scope="module")
def server() -> Iterator[SwiftServer]:
    with SwiftServer() as running:
        s3_client(running).create_bucket(Bucket=BUCKET)
        yield running


def test_an_object_comes_back_as_it_was_put_and_is_gone_once_deleted(server: SwiftServer) -> None:
    client = s3_client(server)
    client.put_object(Bucket=BUCKET, Key="été/cat.jpg", Body=b"\xff\xd8 picture", ContentType="image/jpeg")

    got = client.get_object(Bucket=BUCKET, Key="été/cat.jpg")
    assert (got["Body"].read(), got["ContentType"]) == (b"\xff\xd8 picture", "image/jpeg")
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="été/")
    assert [each["Key"] for each in listed["Contents"]] == ["été/cat.jpg"]

    client.delete_object(Bucket=BUCKET, Key="été/cat.jpg")
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=BUCKET, Key="été/cat.jpg")


def test_a_range_request_returns_only_the_bytes_asked_for(server: SwiftServer) -> None:
    client = s3_client(server)
    client.put_object(Bucket=BUCKET, Key="range", Body=b"0123456789")

    part = client.get_object(Bucket=BUCKET, Key="range", Range="bytes=2-5")

    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (part["Body"].read(), part["ContentRange"]) == (b"2345", "bytes 2-5/10")


def test_a_presigned_link_opens_without_credentials_until_it_expires(server: SwiftServer) -> None:
    client = s3_client(server)
    client.put_object(Bucket=BUCKET, Key="link", Body=b"shared")
    where = {"Bucket": BUCKET, "Key": "link"}

    lasting = client.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    assert get_status(lasting) == 200
    assert get_status(lasting.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")) == 403

    brief = client.generate_presigned_url("get_object", Params=where, ExpiresIn=1)
    deadline = time.monotonic() + 15
    while (status := get_status(brief)) == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status == 403, server.log_tail()


def test_a_wrong_secret_is_refused(server: SwiftServer) -> None:
    client = s3_client(server, secret_key="0" * len(server.secret_key))

    with pytest.raises(ClientError) as refusal:
        client.put_object(Bucket=BUCKET, Key="intruder", Body=b"x")

    assert refusal.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
