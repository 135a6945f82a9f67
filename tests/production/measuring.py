"""A form of production as the bench measures it: what its containers use."""

from contextlib import suppress

import psutil

from include.lab.bench.product import Product

MIB = 1024**2


class Deployed(Product):
    """A form of production as the bench measures it."""

    def __init__(self, form):
        """Measure this form, which is up."""
        super().__init__(form.stack)
        self._containers = form.deployment.containers

    def cpu_seconds(self):
        """Add up the containers' processes."""
        return {name: cpu_of(one) for name, one in self._containers.items()}


def cpu_of(container):
    """Return the seconds that a container's processes have used, ended ones and health checks too."""
    used = container.health.cpu_seconds
    for process in container.processes():
        with suppress(psutil.NoSuchProcess):  # it has just ended: its parent has its time
            used += sum(process.cpu_times()[:4])
    return used


def pss_of(container):
    """Return the memory of a container's processes in MiB, shared pages divided by those who share them."""
    size = 0
    for process in container.processes():
        with suppress(psutil.NoSuchProcess):
            size += process.memory_full_info().pss
    return size / MIB
