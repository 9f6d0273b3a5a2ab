"""What a Swift server needs before it starts: its Python environment, its storage and its configuration."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PINS = """
swift==2.38.3 PyEClib==1.8.0 eventlet==0.41.3 greenlet==3.5.6 dnspython==2.9.2 PasteDeploy==3.1.0 lxml==6.1.3
xattr==1.3.0 cffi==2.1.1 pycparser==3.12 cryptography==50.0.2 requests==2.34.2 urllib3==2.8.0 idna==3.20
certifi==2026.10.18 charset-normalizer==3.5.2
"""
BACKENDS = ("account", "container", "object")
# The generous timeouts keep reads after writes consistent on a busy machine: an object server that gives up on
# updating its container leaves that to a daemon which does not run here.
SERVER_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
bind_timeout = 5
user = {system_user}
swift_dir = {home}
devices = {home}/node
mount_check = false
disable_fallocate = true
workers = 0
log_level = WARNING
conn_timeout = 10
node_timeout = 60
container_update_timeout = 60
"""
BACKEND_CONF = """
[pipeline:main]
pipeline = healthcheck {name}-server
[filter:healthcheck]
use = egg:swift#healthcheck
[app:{name}-server]
use = egg:swift#{name}
"""
PROXY_CONF = """
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
cors_allow_origin = *
cors_expose_headers = ETag
error_suppression_limit = 1000
"""
PROXY_FILTERS = {
    "catch_errors": "",
    "gatekeeper": "",
    "healthcheck": "",
    "listing_formats": "",
    "s3api": "location = {region}\ncors_preflight_allow_origin = *\n",
    "tempauth": "user_{user} = {secret_key} .admin\n",
    "bulk": "",
    "copy": "",
    "slo": "",
    "dlo": "",
    "versioned_writes": "allow_versioned_writes = true\nallow_object_versioning = true\n",
    "symlink": "",
}
MAKE_RINGS = """
import sys
from swift.common.ring import RingBuilder
for name, port in (argument.split("=") for argument in sys.argv[1:]):
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    builder.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=int(port), device="d1", weight=1, meta=""))
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")
"""


class SwiftError(RuntimeError):
    """Swift could not be installed or started; the message ends with the tail of its output."""


def ensure_environment() -> Path:
    """Return the Python of a virtual environment that holds PINS; it is built once and kept in the cache."""
    cache = _cache_directory()
    key = f"{PINS}{sys.version}{sys.base_prefix}"
    home = cache / f"swift-venv-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    python, complete = home / "bin" / "python", home / "complete"
    if complete.exists() and python.exists():
        return python
    with (cache / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another session may be building it: wait, then look again
        if not (complete.exists() and python.exists()):
            shutil.rmtree(home, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(home)])
            _run([str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", *PINS.split()])
            complete.touch()
    return python


def make_storage() -> tempfile.TemporaryDirectory[str]:
    """Make the data directory in the first of the temporary and the cache directory that keeps user attributes."""
    if not hasattr(os, "setxattr"):
        raise SwiftError("Swift needs user extended attributes, which Python offers on Linux only.")
    refusals = []
    for parent in (Path(tempfile.gettempdir()), _cache_directory()):
        directory = tempfile.TemporaryDirectory(prefix="swift-", dir=parent, ignore_cleanup_errors=True)
        try:
            os.setxattr(directory.name, "user.swift.probe", b"x" * 1024)
        except OSError as error:
            directory.cleanup()
            refusals.append(f"{parent} ({error.strerror})")
        else:
            return directory
    advice = "set TMPDIR or DAM_TEST_CACHE to a directory that has them"
    raise SwiftError(f"Swift needs user extended attributes; {advice}. Tried {' and '.join(refusals)}.")


def write_configuration(
    python: Path, home: Path, ports: Mapping[str, int], region: str, access_key: str, secret_key: str
) -> None:
    """Write swift.conf, the rings and one configuration file for each server named in ``ports``."""
    (home / "node" / "d1").mkdir(parents=True)
    policy = "[storage-policy:0]\nname = default\ndefault = yes\n"
    (home / "swift.conf").write_text(f"[swift-hash]\nswift_hash_path_prefix = {secrets.token_hex(8)}\n{policy}")
    user = access_key.replace(":", "_")
    for name, port in ports.items():
        text = SERVER_CONF.format(home=home, port=port, system_user=_system_user())
        if name == "proxy":
            text += PROXY_CONF.format(pipeline=" ".join([*PROXY_FILTERS, "proxy-server"]))
            for filter_name, options in PROXY_FILTERS.items():
                text += f"[filter:{filter_name}]\nuse = egg:swift#{filter_name}\n"
                text += options.format(region=region, user=user, secret_key=secret_key)
        else:
            text += BACKEND_CONF.format(name=name)
        (home / f"{name}.conf").write_text(text)
    _run([str(python), "-I", "-c", MAKE_RINGS, *(f"{name}={ports[name]}" for name in BACKENDS)], cwd=home)


def _cache_directory() -> Path:
    """Return the directory named by DAM_TEST_CACHE, or .cache in the repository, which git is told to ignore."""
    chosen = os.environ.get("DAM_TEST_CACHE")
    cache = Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[2] / ".cache"
    cache.mkdir(parents=True, exist_ok=True)
    if not chosen and not (cache / ".gitignore").exists():
        (cache / ".gitignore").write_text("*\n")
    return cache


def _system_user() -> str:
    """Return the name of the user who runs the tests; Swift looks it up to drop privileges."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise SwiftError(f"Swift needs a passwd entry for the user id {os.geteuid()}.") from None


def _run(command: list[str], cwd: Path | None = None) -> None:
    """Run a command to its end, quietly; raise with the tail of its output when it fails."""
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise SwiftError(f"{' '.join(command[:5])} ... failed ({done.returncode}):\n{tail}")
