"""Ray nodes on this machine as real ones are: processes, addresses and folders of their own, a token between them."""

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
RECALL = """
import sys, ray
from ray.scripts.scripts import main
address, ip, *words = sys.argv[1:]
ray.init(address=address, log_to_driver=False)
(node,) = [one["NodeID"] for one in ray.nodes() if one["Alive"] and one["NodeManagerAddress"] == ip]
print("ready", flush=True)
input()
sys.argv = ["ray", "drain-node", f"--address={address}", f"--node-id={node}", *words]
main()
"""
START_S = 300


class Nodes:
    """A cluster of nodes with one core each; number 1 is its head. All of 127.0.0.0/8 is this machine."""

    def __init__(self, folder: Path, pythonpath: str) -> None:
        self.folder = folder
        self.network = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}"
        self.port = free_port()
        self.address = f"{self.ip(1)}:{self.port}"
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        self.environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_raylet_start_wait_time_s": str(START_S),  # a busy machine needs more than Ray's half minute
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": pythonpath,
        }
        self.environment.pop("RAY_AUTH_TOKEN", None)

    def ip(self, number: int) -> str:
        """The address of a node."""
        return f"{self.network}.{number}"

    def start(self, number: int, pythonpath: str = "", gpus: int = 0) -> None:
        """Start a node, the head first; ``pythonpath`` goes before what all nodes have. GPUs are only said to be there."""
        words = ["--block", f"--node-ip-address={self.ip(number)}", "--num-cpus=1"]
        words += [
            f"--num-gpus={gpus}",
            f"--temp-dir={self.folder / str(number)}",
            f"--object-store-memory={128 << 20}",
        ]
        if number == 1:
            words += ["--head", f"--port={self.port}", "--include-dashboard=false"]
            words += [f"--ray-client-server-port={free_port()}"]
        else:
            words.append(f"--address={self.address}")
        path = os.pathsep.join(text for text in (pythonpath, self.environment["PYTHONPATH"]) if text)
        log = self.folder / f"{number}.log"
        with log.open("wb") as out:
            node = subprocess.Popen(
                [*RAY, "start", *words],
                env=self.environment | {"PYTHONPATH": path},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.running[number] = node
        end = time.monotonic() + START_S
        while b"Ray runtime started" not in log.read_bytes():
            if node.poll() is not None or time.monotonic() > end:
                self.kill(number)
                raise AssertionError(log.read_text())
            time.sleep(0.2)

    def kill(self, number: int) -> None:
        """End every process of a node with kill -9, at once, as when its machine is lost."""
        node = self.running.pop(number)
        if node.poll() is not None:
            return
        processes = psutil.Process(node.pid).children(recursive=True)
        node.kill()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)
        node.wait(30)

    def recaller(self, number: int, deadline_s: int) -> subprocess.Popen[bytes]:
        """A process that announces, when it gets a line, that a node's machine is recalled, as autoscalers do."""
        words = ["--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=recalled"]
        words.append(f"--deadline-remaining-seconds={deadline_s}")
        command = [sys.executable, "-c", RECALL, self.address, self.ip(number), *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def close(self) -> None:
        """End all nodes, the head last."""
        for number in sorted(self.running, reverse=True):
            self.kill(number)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])
