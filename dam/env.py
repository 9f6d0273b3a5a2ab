"""Where the settings come from: the environment, an optional .env file, and the data directory."""

import secrets
import socket
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

BASE_DIR = Path(__file__).resolve().parent.parent


class _Values(FileAwareMapping):
    """NAME_FILE=/run/secrets/name is read for any NAME; the line end of such a file is no part of what it says."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name).rstrip("\r\n")


class _Env(environ.FileAwareEnv):
    ENVIRON = _Values()

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        try:
            return super().get_value(var, *args, **options)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from None


env = _Env()
env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DAM_DATA_DIR", default=str(BASE_DIR / ".dam"))).expanduser().resolve()


def running_encoder() -> str:
    """Return the address of the encoder that ``manage.py up`` runs over this data directory, or nothing."""
    path = DATA_DIR / "encoder.sock"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:  # it is not there, nobody listens, or the path is too long for a socket
            return ""
    return f"unix:{path}"


def private_text(name: str, length: int = 48) -> str:
    """Return the secret kept in the data directory as ``name``, making it (mode 0600) on first use.

    It is random, of ``length`` bytes.
    """
    path = DATA_DIR / name
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(length))
        try:
            path.hardlink_to(draft)  # fails where another process was first: then its text counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
