"""Fault runs: short ones in ``make test``; ``make faults`` (FAULTS=long) kills more, waits longer and prints times."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from tests.faults import proxy
from tests.faults.library import Library
from tests.support.library import own_directory
from tests.support.swift import SwiftServer

BUCKET = "faults"
LONG = os.environ.get("FAULTS") == "long"


HURRIED = {
    "DAM_LEASE_SECONDS": "4",
    "DAM_SWEEP_SECONDS": "2",
    "DAM_DECODER_CPU_SECONDS": "1",
    "DAM_DECODER_WALL_SECONDS": "2",
    "DAM_SMART_COLLECTION_SECONDS": "2",
    "DAM_ENCODER_SECONDS": "3",
    "FAULTS_HURRY": "1",
}


@pytest.fixture(scope="session")
def broker_in_the_test_database() -> None:
    """These tests run on a library of their own, not on the test database."""


@pytest.fixture
def files() -> None:
    """The same."""


class Stored:
    """A library on a real S3 server, with a proxy between the two."""

    def __init__(self, swift: SwiftServer, directory: Path) -> None:
        address = urlsplit(swift.endpoint_url)
        self.way = proxy.to_port(address.hostname, address.port)
        self.environment = {
            "DAM_S3_BUCKET": BUCKET,
            "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.way.address[1]}",
            "AWS_S3_REGION_NAME": swift.region,
            "AWS_ACCESS_KEY_ID": swift.access_key,
            "AWS_SECRET_ACCESS_KEY": swift.secret_key,
            "AWS_S3_ADDRESSING_STYLE": "path",
        }
        self.bucket = boto3.resource(
            "s3",
            endpoint_url=swift.endpoint_url,
            region_name=swift.region,
            aws_access_key_id=swift.access_key,
            aws_secret_access_key=swift.secret_key,
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        ).create_bucket(Bucket=BUCKET)
        self.library = Library(directory, **({} if LONG else HURRIED), **self.environment)
        self.library.objects = self.objects  # type: ignore[method-assign]

    def objects(self) -> dict[str, bytes]:
        return {item.key: item.get()["Body"].read() for item in self.bucket.objects.all()}


@pytest.fixture(scope="session")
def stored(swift: SwiftServer) -> Iterator[Stored]:
    """A library on S3."""
    with own_directory() as directory:
        stored = Stored(swift, directory)
        with stored.library.up():
            yield stored


@pytest.fixture(scope="session")
def library(request: Any) -> Iterator[Library]:
    """A library on the file system; in the short runs the one on S3, because a start takes long."""
    if not LONG:
        yield request.getfixturevalue("stored").library
        return
    with own_directory() as directory, Library(directory).up() as library:
        yield library


def print_table(title: str, rows: list[tuple[str, Any]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<52} {value}")


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many per cent are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")
