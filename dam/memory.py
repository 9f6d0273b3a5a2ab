"""A worker whose memory has grown too large ends between two tasks; whoever supervises it starts another.

Celery bounds the memory of forked children alone, and ours works in one process.
"""

import logging
import time
from pathlib import Path
from typing import Any

from celery.signals import task_postrun
from django.conf import settings

logger = logging.getLogger(__name__)

# A worker lives at least so many seconds: a supervisor takes one that ends sooner for one that cannot start.
SHORTEST_LIFE = 12
_started = time.monotonic()


def resident_bytes(process: int | str = "self") -> int:
    """Return how much memory this process holds, or another; 0 where the system does not say it as Linux does."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return 0
    return 1024 * int(status.read_text().partition("VmRSS:")[2].split()[0])


@task_postrun.connect(weak=False, dispatch_uid="dam.memory")
def end_when_too_large(**kwargs: Any) -> None:
    held = resident_bytes() / 2**20
    if 0 < settings.DAM_WORKER_MEMORY_MB < held and time.monotonic() - _started > SHORTEST_LIFE:
        logger.warning(
            "This worker holds %.0f MB, over its bound of %d MB (DAM_WORKER_MEMORY_MB): it ends, to be started again.",
            held,
            settings.DAM_WORKER_MEMORY_MB,
        )
        from celery.worker import state  # much code, loaded in workers and nowhere else

        state.should_stop = 0
