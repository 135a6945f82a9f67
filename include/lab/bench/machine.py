"""On what the figures were measured."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from include.clock import SystemClock
from include.lab.bench.processes import MIB

CPU_INFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Return what a reader needs to compare figures with those of another machine."""
    return {
        "at": SystemClock().now().isoformat(timespec="seconds"),
        "cpu": cpu_model(CPU_INFO.read_text() if CPU_INFO.exists() else ""),
        "cores": psutil.cpu_count(),
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "airflow": version("apache-airflow-core"),
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def cpu_model(cpu_info: str) -> str:
    """Return the first model name in `/proc/cpuinfo`, or what Python knows."""
    for line in cpu_info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
