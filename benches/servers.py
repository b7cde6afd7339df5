"""The servers that are asked: the null server, and etcds with their data in memory. All end with this process."""
import atexit
import http.client
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from building import say

VALUE, LARGE, DIRECTORY_CHILDREN = "v" * 100, "v" * 10240, 1000
HISTORY_EVENTS = 900  # etcd keeps 1000


def free_port():
    """A loopback port where nobody listens, below the range from which the kernel takes its own."""
    import socket

    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) != 0:
                return port


def die_with_parent():
    """In a child: the kernel ends it when this process ends, however that comes about."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Server:
    def __init__(self, process, url, authority=None, is_null=False):
        self.process, self.url, self.authority, self.is_null = process, url, authority, is_null

    def processor_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pin(self, processors):
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(task), processors)

    def connection(self):
        address = self.url.split("://")[1]
        if self.authority is None:
            return http.client.HTTPConnection(address, timeout=5)
        return http.client.HTTPSConnection(address, timeout=5, context=ssl.create_default_context(cafile=self.authority))

    def index(self):
        """That of the last change; of the null server, that of the last event of its key `emitted`."""
        connection = self.connection()
        connection.request("GET", "/emit/0" if self.is_null else "/v2/keys/")
        return int(connection.getresponse().headers["X-Etcd-Index"])

    def stop(self):
        self.process.kill()
        self.process.wait()


def start_null_server(program):
    for _ in range(5):
        port = free_port()
        process = subprocess.Popen([program, str(port)], preexec_fn=die_with_parent)
        server = Server(process, f"http://127.0.0.1:{port}", is_null=True)
        if is_up(server, "/v2/keys/bench/value"):
            return server
    raise SystemExit("the null server did not start")


def is_up(server, path):
    for _ in range(600):
        if server.process.poll() is not None:
            return False
        try:
            connection = server.connection()
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return True
        except OSError:
            pass
        time.sleep(0.05)
    server.stop()
    return False


class Etcds:
    """A maker of etcds with a directory in memory, so that no disk is waited for."""

    def __init__(self):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        if memory is None:
            say("There is no /dev/shm: etcd's data is on a disk, and so are the figures of put.")
        self.directory = Path(tempfile.mkdtemp(prefix="etcd-bench.", dir=memory))
        atexit.register(self.remove)
        self.count = 0

    def start(self, tls=False):
        """As scripts/with-etcd starts one."""
        scheme, flags, authority = "http", [], None
        if tls:
            scheme, authority = "https", self.certificate()
            flags = ["--cert-file", authority, "--key-file", str(self.directory / "key.pem")]
        # etcd takes every ETCD_* variable for a flag.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        for _ in range(5):
            self.count += 1
            client, peer = (f"{kind}://127.0.0.1:{free_port()}" for kind in (scheme, "http"))
            command = ["etcd", "--name", "bench", "--data-dir", str(self.directory / str(self.count)), "--enable-v2=true"]
            command += ["--log-level", "error", "--logger", "zap", "--listen-client-urls", client, "--advertise-client-urls", client]
            command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"bench={peer}"]
            # Without snapshots and compaction in the middle of a measurement.
            command += ["--snapshot-count", "100000000", *flags]
            with open(self.directory / f"{self.count}.log", "w", encoding="utf-8") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=die_with_parent)
            server = Server(process, client, authority)
            if is_up(server, "/health"):
                return server
        raise SystemExit(f"etcd did not start:\n{(self.directory / f'{self.count}.log').read_text()}")

    def certificate(self):
        """One that signs itself is its own authority."""
        certificate, key = self.directory / "certificate.pem", self.directory / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        command += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]
        # Without this rustls takes it for an authority only, and refuses it as the certificate of a server.
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(command, check=True, capture_output=True)
        return str(certificate)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def put(connection, key, value):
    body = urllib.parse.urlencode({"value": value})
    connection.request("PUT", f"/v2/keys{key}", body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status not in (200, 201):
        raise SystemExit(f"PUT {key}: {content}")
    return content["node"]["modifiedIndex"]


def preload(server):
    """The keys of benches/workload.h."""
    connection = server.connection()
    put(connection, "/bench/value", VALUE)
    put(connection, "/bench/large", LARGE)
    for child in range(DIRECTORY_CHILDREN):
        put(connection, f"/bench/directory/child-{child:06}", f"value-{child:06}-0123456789abcdef012345")


def preload_history(server):
    """Events for the workload watch, on an etcd to which nobody else writes; returns the index of the first one."""
    connection = server.connection()
    indexes = [put(connection, "/bench/watch", f"event-{event:020}") for event in range(HISTORY_EVENTS)]
    if indexes != list(range(indexes[0], indexes[0] + HISTORY_EVENTS)):
        raise SystemExit("the events of the history are not one behind the other")
    return indexes[0]
