"""The decoder of the fault runs: the product's own, which crashes, loops, sleeps or eats memory over marked files.

No picture is known that crashes the libraries that decode here; what one would do is done to the process instead.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from assets.imaging import decoder


def decode(job: dict[str, Any]) -> Any:
    tail = Path(job["path"]).read_bytes()[-60:]
    if b"FAULT:crash" in tail:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"FAULT:loop" in tail:
        while True:
            pass
    if b"FAULT:sleep" in tail:
        time.sleep(3600)
    if b"FAULT:memory" in tail:
        bytearray(3 * 2**30)
    return theirs(job)


if __name__ == "__main__":
    theirs, decoder.decode = decoder.decode, decode
    decoder.serve(sys.stdin.buffer, sys.stdout.buffer)
