"""The two storages on the real S3 server, for one test session."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.conftest import place
from tests.support.swift import SwiftServer


@pytest.fixture(scope="session")
def swift() -> Iterator[SwiftServer]:
    with SwiftServer() as server:
        yield server


@pytest.fixture
def s3(swift: SwiftServer, settings: Any, monkeypatch: Any, request: Any) -> Any:
    """Put both storages into a bucket of the test's own, by the settings that a user would set; return the bucket."""
    from dam import settings as ours

    name = f"test-{abs(hash(request.node.nodeid)):x}"
    environment = {
        "AWS_S3_ENDPOINT_URL": swift.endpoint_url,
        "AWS_S3_REGION_NAME": swift.region,
        "AWS_ACCESS_KEY_ID": swift.access_key,
        "AWS_SECRET_ACCESS_KEY": swift.secret_key,
        "AWS_S3_ADDRESSING_STYLE": "path",
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(ours, "DAM_S3_BUCKET", name)
    resource = boto3.resource(
        "s3",
        endpoint_url=swift.endpoint_url,
        region_name=swift.region,
        aws_access_key_id=swift.access_key,
        aws_secret_access_key=swift.secret_key,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    bucket = resource.create_bucket(Bucket=name)
    place(settings, {kind: ours._storage(kind) for kind in ("originals", "renditions")})
    return bucket


@pytest.fixture(params=["files", "s3"])
def either_storage(request: Any) -> str:
    """Run the test twice: on the file system and on S3."""
    if request.param == "s3":
        request.getfixturevalue("s3")
    return request.param
