"""Runs one program at a time, and again when others needed the processors meanwhile."""
import json
import os
import resource
import subprocess
import time

from building import say

FOREIGN_LIMIT = 0.12  # of one processor
ATTEMPTS = 5
PINNED_TO = min(os.sched_getaffinity(0))  # the first one, for client and servers alike


def busy_seconds():
    """Of all processors together, without idling and waiting for disks."""
    with open("/proc/stat", encoding="utf-8") as stat:
        times = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


class Runner:
    def __init__(self, servers, patience=300):
        self.servers = servers
        # How many seconds may be spent on waiting for a quieter machine.
        self.patience = patience
        self.runs = self.repeated = self.disturbed = 0

    def own_seconds(self):
        own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        return own + sum(server.processor_seconds() for server in self.servers)

    def pin(self, is_pinned):
        processors = {PINNED_TO} if is_pinned else set(os.sched_getaffinity(0))
        for server in self.servers:
            server.pin(processors)

    def run(self, command, is_pinned=False, beside=None):
        """The JSON that the program prints last. `beside` is started with it, and has to end by itself."""
        if is_pinned:
            command = ["taskset", "-c", str(PINNED_TO), *command]
        for attempt in range(ATTEMPTS):
            busy, own, begin = busy_seconds(), self.own_seconds(), time.monotonic()
            result, companion = self.run_once(command, beside, is_pinned)
            elapsed = time.monotonic() - begin
            foreign = (busy_seconds() - busy - (self.own_seconds() - own)) / elapsed
            if foreign < FOREIGN_LIMIT or attempt == ATTEMPTS - 1 or self.patience <= 0:
                break
            self.repeated += 1
            self.patience -= 2 + elapsed
            time.sleep(2)
        self.runs += 1
        self.disturbed += foreign >= FOREIGN_LIMIT
        return result | companion | {"foreign": round(max(foreign, 0), 3)}

    def run_once(self, command, beside, is_pinned):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            companion = {}
            if beside is not None:
                time.sleep(0.3)
                beside = ["taskset", "-c", str(PINNED_TO), *beside] if is_pinned else beside
                companion = self.answer_of(beside, *self.finish(subprocess.Popen(
                    beside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
            return self.answer_of(command, *self.finish(process)), companion

    @staticmethod
    def finish(process):
        try:
            output, errors = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        return process.returncode, output, errors

    @staticmethod
    def answer_of(command, status, output, errors):
        if status != 0 or not output.strip():
            raise SystemExit(f"{' '.join(command)}: exit status {status}\n{output}{errors}")
        answer = json.loads(output.strip().splitlines()[-1])
        if answer.get("errors"):
            say(f"{' '.join(command)}: {answer['errors']} wrong answers {errors}")
        return answer

    def remark(self):
        return {"runs": self.runs, "repeated": self.repeated, "disturbed": self.disturbed}
