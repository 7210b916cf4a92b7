"""Start, watch and stop the demo's processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


class DemoFailed(Exception):
    """A step did not work; the sentence says which, and where its output is."""


@dataclass
class Processes:
    """The demo's servers; each one's output goes to a file of the log folder."""

    environment: Mapping[str, str]
    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us first, and we stop them in order
            )

    def run(self, *arguments: str) -> str:
        """Run one command to its end; its standard output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"{' '.join(arguments[:3])}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def wait_for(self, name: str, url: str) -> None:
        """Until *url* answers; fails at once when the process ends."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check(name)
            if _answers(url):
                return
            time.sleep(0.1)
        raise DemoFailed(f"{name} did not answer at {url}; see {self.logs / name}.log")

    def check(self, name: str) -> None:
        code = self.running[name].poll()
        if code is not None:
            log = self.logs / f"{name}.log"
            tail = log.read_text(errors="replace")[-2000:]
            raise DemoFailed(f"{name} ended with {code}; its last words:\n{tail}")

    def stop(self) -> None:
        """Ask each to end, the last started first; kill whoever does not within ten seconds."""
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
