"""A command at a real pseudo terminal, as a person has it: what it shows, what she types, Ctrl-C."""

import os
import re
import select
import subprocess
import time

import psutil
import pytest

from tests.waiting import until

SECONDS = 60
INTERRUPT = "\x03"
HEEDING_INTERRUPTS = ("env", "--default-signal=INT")
"""Shells make what they start in the background ignore Ctrl-C, and all inherit that: CI starts its tests so."""


class Terminal:
    """One command; what it has shown so far is in `shown`."""

    def __init__(self, command, *, env, cwd):
        """Start it. The terminal is its controlling one, so that Ctrl-C is a signal."""
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [*HEEDING_INTERRUPTS, "setsid", "--ctty", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=cwd,
        )
        os.close(theirs)
        self.shown = ""
        self._seen = 0

    def expect(self, pattern):
        """Wait until it shows something new that fits."""
        deadline = time.monotonic() + SECONDS
        while not (found := re.compile(pattern).search(self.shown, self._seen)):
            if not self._read(deadline - time.monotonic()):
                pytest.fail(f"{pattern!r} was not shown, but: {self.shown[self._seen :]}")
        self._seen = found.end()
        return found

    def answer(self, pattern, text=""):
        """Wait for a question, and answer it with a line as soon as it is listened for."""
        self.expect(pattern)
        self.expect(r": \Z")  # the last space comes after the echo is off
        self.type(f"{text}\n")

    def answer_all(self, answers):
        """Answer each question that fits one of these patterns, and the others with Enter; return the exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline - time.monotonic()):
            if self.shown.endswith(": "):
                asked, self._seen = self.shown[self._seen :], len(self.shown)
                fits = [text for pattern, text in answers.items() if re.search(pattern, asked)]
                self.type(f"{''.join(fits[:1])}\n")
        return self._process.wait(timeout=SECONDS)

    def interrupt(self, pattern):
        """Wait for a question, and press Ctrl-C at it.

        Python loses a signal that comes after it has asked and before it sleeps in its read; a person presses again.
        """
        self.expect(pattern)
        self.expect(r": \Z")
        self._wait_until_it_sleeps()
        self.type(INTERRUPT)

    def type(self, text):
        """Press these keys."""
        os.write(self._ours, text.encode())

    def end(self):
        """Wait until it is over; return its exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(timeout=SECONDS)

    def close(self):
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait(timeout=SECONDS)
        os.close(self._ours)

    def _wait_until_it_sleeps(self):
        process = psutil.Process(self._process.pid)
        if not until(lambda: process.status() == psutil.STATUS_SLEEPING, SECONDS):
            pytest.fail("it asks, and does not wait for an answer")

    def _read(self, seconds):
        """Take what is shown; False where nothing comes in time, or any more."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # Linux says so when the last process has closed the other end
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
