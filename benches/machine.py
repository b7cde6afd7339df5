"""What was measured, where and when."""
import datetime
import os
import platform
import re
import shutil
import subprocess

from building import BENCHES, REPOSITORY, go_command, has_package, output_of


def first_line(*command, **settings):
    try:
        return output_of(*command, stderr=subprocess.STDOUT, **settings).splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = re.findall(r"model name\s*: (.*)", info.read())
    return names[0].strip() if names else platform.machine()


def virtualisation():
    if shutil.which("systemd-detect-virt"):
        # "none" comes with a failure.
        answer = subprocess.run(["systemd-detect-virt", "--vm"], check=False, capture_output=True, text=True).stdout.strip()
        return "none" if answer in ("", "none") else answer
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        return "some hypervisor" if " hypervisor" in info.read() else "none"


def libc_version():
    return first_line("ldd", "--version").rsplit(" ", 1)[-1]


def versions():
    found = {"etcd": first_line("etcd", "--version").removeprefix("etcd Version: "), "rustc": first_line("rustc", "--version")}
    found["libc"] = libc_version()
    for package in ("libcurl", "json-c"):
        if has_package(package):
            found[package] = output_of("pkg-config", "--modversion", package)
    go = go_command()
    if go is not None:
        found["go"] = first_line(go, "env", "GOVERSION")
        found["Go client"] = first_line(go, "list", "-m", "go.etcd.io/etcd/client/v2", cwd=BENCHES / "go")
    manifest = (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8")
    found["libetcd_client"] = re.search(r'^version = "(.*)"', manifest, re.M).group(1)
    commit = first_line("git", "describe", "--always", "--dirty", cwd=REPOSITORY)
    return found | {"commit": commit}


def describe():
    return {
        "date": datetime.date.today().isoformat(),
        "processors": len(os.sched_getaffinity(0)),
        "processor": processor(),
        "kernel": platform.release(),
        "virtualisation": virtualisation(),
        "versions": versions(),
    }
