"""Which units for bfloat16 this CPU has, as Linux names them."""

from pathlib import Path


def units() -> list[str]:
    cpu = Path("/proc/cpuinfo")
    flags = set(cpu.read_text().split()) if cpu.exists() else set()
    return sorted(flags & {"amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16"})
