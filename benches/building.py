"""Builds the programs that are measured into target/bench, and says which there are."""
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
REPOSITORY = BENCHES.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
LIBRARY = TARGET / "release" / "libetcd_client.so"
PROGRAMS = TARGET / "bench"


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(*command, **settings):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **settings).stdout.strip()


def compile_program(name, *flags):
    """Compiles a file of benches; it finds our library as it is in target/release when it runs."""
    command = [os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    command += [f"-I{REPOSITORY / 'include'}", str(BENCHES / f"{name}.c"), "-o", str(PROGRAMS / name), *flags]
    subprocess.run(command, check=True)
    return str(PROGRAMS / name)


def has_package(name):
    return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0


def build_ours():
    """The library and the programs around it, which everything here needs."""
    # As the Makefile does it: with link-time optimisation.
    command = ["cargo", "rustc", "--release", "--quiet", "--lib", "--crate-type", "cdylib,staticlib"]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    libraries = PROGRAMS / "library"
    libraries.mkdir(parents=True, exist_ok=True)
    # The name which the loader looks for is not the name of cargo's file.
    link = libraries / "libetcd_client.so.0"
    link.unlink(missing_ok=True)
    link.symlink_to(LIBRARY)
    ours = [f"-L{LIBRARY.parent}", "-letcd_client", f"-Wl,-rpath,{libraries}"]
    built = {name: compile_program(name) for name in ("null_server", "raw_socket")}
    built |= {name: compile_program(name, *ours) for name in ("etcd_client", "etcd_client_async", "watches")}
    return built


def build_libcurl():
    if not (has_package("libcurl") and has_package("json-c")):
        say("SKIPPED: libcurl, because its headers or those of json-c are not here (libcurl4-openssl-dev, libjson-c-dev).")
        return {}
    flags = shlex.split(output_of("pkg-config", "--cflags", "--libs", "libcurl", "json-c"))
    return {"libcurl": compile_program("libcurl", *flags)}


def build_cetcd():
    """CETCD is the directory of its headers and its library, where it was built by hand and is not installed."""
    place = os.environ.get("CETCD")
    flags = [f"-I{place}", f"-L{place}", f"-Wl,-rpath,{place}"] if place else []
    look = [os.environ.get("CC", "gcc"), *flags, "-E", "-include", "cetcd.h", "-x", "c", "/dev/null"]
    if subprocess.run(look, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        say("SKIPPED: cetcd, because there is no cetcd.h here; CETCD names the directory in which it was built.")
        return {}
    return {"cetcd": compile_program("cetcd", *flags, "-lcetcd", "-lcurl")}


def go_command():
    """As tests/support/src/go_program.rs looks for it: GO names another one."""
    for candidate in [os.environ["GO"]] if "GO" in os.environ else ["go", "/usr/local/go/bin/go"]:
        if shutil.which(candidate):
            return candidate
    return None


def build_go():
    go = go_command()
    if go is None:
        say("SKIPPED: the Go client, because there is no Go here (neither in PATH nor in /usr/local/go/bin, nor by GO).")
        return {}
    sources = BENCHES / "go"
    fetched = subprocess.run([go, "mod", "download"], cwd=sources, check=False, capture_output=True, text=True)
    if fetched.returncode != 0:
        say(f"SKIPPED: the Go client, because its modules cannot be fetched: {fetched.stderr.strip()}")
        return {}
    program = str(PROGRAMS / "go_client")
    subprocess.run([go, "build", "-buildvcs=false", "-mod=readonly", "-o", program, "."], cwd=sources, check=True)
    return {"go": program}


def build_all():
    built = build_ours()
    built |= {name: compile_program(name) for name in ("burst_writer", "first_answer")}
    built |= {"start": compile_program("start", "-ldl")}
    return built | build_libcurl() | build_cetcd() | build_go()
