#!/usr/bin/env python3
"""Writes the measured part of docs/performance.md, its plots, and the table of the README from docs/performance-data/*.json.

    benches/page.py              writes them
    benches/page.py DIRECTORY    prints the tables of the data there, and puts the plots there
"""
import json
import re
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import plots  # noqa: E402
from running import FOREIGN_LIMIT  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "performance.md"
README = REPOSITORY / "README.md"
DATA = REPOSITORY / "docs" / "performance-data"
BEGIN, END = "<!-- Written by benches/page.py: -->", "<!-- The end of what it writes. -->"
NAMES = {
    "raw_socket": "raw socket",
    "libcurl": "libcurl + json-c",
    "cetcd": "cetcd",
    "go": "Go",
    "go_wide": "Go, wide",
    "etcd_client": "libetcd_client",
    "etcd_client_polling": "its polling watch",
    "etcd_client_async": "its futures",
}
BASE = "go"


def place_of(name):
    return list(NAMES).index(name)


class Data:
    """The cells of one subject."""

    def __init__(self, directory, subject):
        content = json.loads((directory / f"{subject}.json").read_text(encoding="utf-8"))
        self.cells = content.pop("cells")
        self.head = content

    def groups(self, *names):
        """The values that these columns have together, in the order of the cells."""
        return list(dict.fromkeys(tuple(cell[name] for name in names) for cell in self.cells))

    def find(self, **wanted):
        return [cell for cell in self.cells if all(cell[name] == value for name, value in wanted.items())]

    def programs(self, **wanted):
        return sorted({cell["program"] for cell in self.find(**wanted)}, key=place_of)


def median(cell, column):
    return statistics.median(cell[column])


def ratio(cell, base, column):
    """(median, lowest, highest) of what came of the same repeat."""
    pairs = [mine / other for mine, other in zip(cell[column], base[column]) if other]
    return (statistics.median(pairs), min(pairs), max(pairs)) if pairs else (1, 1, 1)


def spread(cell, column):
    return median(cell, column), min(cell[column]), max(cell[column])


def short(number):
    if number >= 100000:
        return f"{number / 1000:.0f}k"
    if number >= 10000:
        return f"{number / 1000:.1f}k"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def table(heads, rows):
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(row) + " |" for row in rows), ""]


def by_program(data, words_of, label_of, **wanted):
    """A table with a row for each cell and a column for each program."""
    programs = data.programs(**wanted)
    rows = []
    for workload, at_once in dict.fromkeys((cell["workload"], cell["at_once"]) for cell in data.find(**wanted)):
        found = {cell["program"]: cell for cell in data.find(workload=workload, at_once=at_once, **wanted)}
        rows.append([label_of(workload, at_once), *(words_of(found[name], found) if name in found else "" for name in programs)])
    return table(["", *(NAMES[name] for name in programs)], rows)


def speed(cell, found):
    words = short(median(cell, "calls_per_second"))
    if BASE in found and cell["program"] != BASE:
        middle, low, high = ratio(cell, found[BASE], "calls_per_second")
        words += f" **{middle:.2f}** ({low:.2f}-{high:.2f})"
    return words


def workload_and_threads(workload, at_once):
    return f"{workload}, {at_once}"


def calls_per_second(data):
    lines = []
    for server, view in data.groups("server", "view"):
        lines += [f"#### {server.capitalize()}, {view}: calls (or events) per second, **ratio to Go** (lowest-highest)", ""]
        lines += by_program(data, speed, workload_and_threads, server=server, view=view)
    return lines


def folded(summary, lines):
    return [f"<details><summary>{summary}</summary>", "", *lines, "</details>", ""]


def details(data):
    shapes = [
        ("Processor time per call, microseconds", lambda cell, _: short(median(cell, "cpu_us"))),
        ("p50 / p99, microseconds", lambda cell, _: f"{short(median(cell, 'p50_us'))} / {short(median(cell, 'p99_us'))}"),
        ("Peak memory in MB, threads, descriptors", lambda cell, _: f"{median(cell, 'peak_kb') / 1024:.1f}, "
            f"{median(cell, 'threads'):.0f}, {median(cell, 'descriptors'):.0f}"),
    ]
    lines = []
    for title, words_of in shapes:
        inner = []
        for server, view in data.groups("server", "view"):
            inner += [f"{server.capitalize()}, {view}:", ""]
            inner += by_program(data, words_of, workload_and_threads, server=server, view=view)
        lines += folded(title, inner)
    return lines


def calls(data):
    return calls_per_second(data) + details(data)


def watches(data):
    lines = []
    idle = data.find(workload="idle")
    if idle:
        lines += [f"**{median(idle[0], 'watches'):.0f} watches that hear nothing**, of one client:", ""]
        lines += table(["", "memory of the process, MB", "KB per watch", "threads", "descriptors"], [
            [NAMES[cell["program"]], f"{median(cell, 'resident_kb') / 1024:.0f}", f"{median(cell, 'kb_per_watch'):.1f}",
             f"{median(cell, 'threads'):.0f}", f"{median(cell, 'descriptors'):.0f}"] for cell in idle])

    def followed(cell, found):
        words = f"{short(median(cell, 'events_per_second'))}, {median(cell, 'cpu_us'):.1f} us"
        if BASE in found and cell["program"] != BASE:
            words += f" **{ratio(cell, found[BASE], 'events_per_second')[0]:.1f}**"
        return words

    def fanned_out(cell, found):
        words = f"{median(cell, 'p50_us') / 1000:.1f} ms, {median(cell, 'cpu_us_per_event') / 1000:.1f} ms, "
        words += f"{median(cell, 'peak_kb') / 1024:.0f} MB"
        if BASE in found and cell["program"] != BASE:
            words += f" **{1 / ratio(cell, found[BASE], 'p50_us')[0]:.1f}**"
        return words

    for workload, title, words_of in (
        ("follow", "**One watch follows a burst**: events per second, processor time per event, **ratio to Go**", followed),
        ("fan-out", "**One event for 1000 watches**: until the last one has heard it, processor time, peak memory, "
                    "**how many times faster than Go**", fanned_out)):
        rows = []
        programs = data.programs(workload=workload)
        for server, view in dict.fromkeys((cell["server"], cell["view"]) for cell in data.find(workload=workload)):
            found = {cell["program"]: cell for cell in data.find(workload=workload, server=server, view=view)}
            rows.append([f"{server}, {view}", *(words_of(found[name], found) for name in programs)])
        if rows:
            lines += [f"{title}:", "", *table(["", *(NAMES[name] for name in programs)], rows)]
    written = [cell["sets_per_second"] for cell in data.find(workload="follow", server="etcd") if "sets_per_second" in cell]
    if written:
        slowest, fastest = short(min(map(min, written))), short(max(map(max, written)))
        lines += [f"(On etcd the burst is written at {slowest} to {fastest} sets a second while it is followed, which no watch can "
                  "outrun.)", ""]
    return lines


def asynchronous(data):
    lines = ["Gets per second with that many in flight: threads of a blocking client, goroutines, or futures and one thread with "
             "a queue. **Ratio to Go** (lowest-highest), processor time per call, p99, peak memory, threads:", ""]

    def words_of(cell, found):
        return f"{speed(cell, found)}, {median(cell, 'cpu_us'):.1f} us, {median(cell, 'p99_us') / 1000:.1f} ms, " \
               f"{median(cell, 'peak_kb') / 1024:.0f} MB, {median(cell, 'threads'):.0f}"

    for server, view in data.groups("server", "view"):
        lines += [f"{server.capitalize()}, {view}:", ""]
        lines += by_program(data, words_of, lambda _, at_once: f"{at_once} in flight", server=server, view=view)
    return lines


def tls(data):
    rows = []
    programs = data.programs()
    for view, at_once in data.groups("view", "at_once"):
        row = [f"{view}, {at_once}"]
        for name in programs:
            plain, encrypted = (data.find(view=view, at_once=at_once, program=name, server=server)[0]
                                for server in ("etcd", "etcd over TLS"))
            row.append(f"{short(median(encrypted, 'calls_per_second'))} ({ratio(encrypted, plain, 'calls_per_second')[0]:.2f}), "
                       f"{median(encrypted, 'cpu_us') - median(plain, 'cpu_us'):+.1f} us")
        rows.append(row)
    return ["Gets per second from etcd over TLS, (ratio to plain), processor time per call above plain:", "",
            *table(["threads", *(NAMES[name] for name in programs)], rows)]


def start(data):
    lines = ["From the start of a process to its first answer, milliseconds (lowest-highest):", ""]

    def words_of(cell):
        middle, low, high = spread(cell, "us")
        return f"{middle / 1000:.2f} ({low / 1000:.2f}-{high / 1000:.2f})"

    rows = []
    for (view,) in data.groups("view"):
        cells = sorted(data.find(view=view), key=lambda cell: place_of(cell["program"]))
        rows.append([view, *map(words_of, cells)])
    return lines + table(["", *(NAMES[name] for name in data.programs())], rows)


def size(data):
    cell = data.cells[0]
    rows = [
        ["the shared library, stripped", f"{median(cell, 'stripped_bytes') / 1e6:.2f} MB"],
        ["`dlopen`", f"{median(cell, 'load_us'):.0f} us"],
        ["`etcd_client_new`, the first one of the process", f"{median(cell, 'client_us'):.1f} us"],
        ["`etcd_client_new`, the second one", f"{median(cell, 'second_client_us'):.1f} us"],
        ["the first answer, connecting included", f"{median(cell, 'first_answer_us'):.0f} us"],
    ]
    for name, words in (("loaded", "the library loaded"), ("client", "and a client made"), ("answered", "and the first answer")):
        resident, own = (median(cell, f"{name}_{kind}_kb") - median(cell, f"empty_{kind}_kb") for kind in ("resident", "own"))
        rows.append([f"the process above an empty one: {words}",
                     f"{own:.0f} KB that it has written to, {resident:.0f} KB with pages of the library's file"])
    return table(["", ""], rows)


def listing(data):
    return ["A listing of 100 000 children (13 MB of JSON), three times: peak memory of the process:", "",
            *table([NAMES[name] for name in data.programs()], [[f"{median(cell, 'peak_kb') / 1024:.0f} MB" for cell in
                sorted(data.cells, key=lambda cell: place_of(cell["program"]))]])]


TITLES = {
    "calls": "Calls", "watches": "Watches", "asynchronous": "Without blocking", "tls": "TLS", "start": "Start", "size": "Size",
    "listing": "A large directory",
}
WRITERS = {
    "calls": calls, "watches": watches, "asynchronous": asynchronous, "tls": tls, "start": start, "size": size, "listing": listing,
}


def where_and_when(head):
    measured = head["measured"]
    versions = ", ".join(f"{name} {version.removeprefix(name + ' ')}" for name, version in measured["versions"].items())
    disturbed = f"; {head['disturbed']} of {head['runs']} runs were kept although others used more than " \
                f"{FOREIGN_LIMIT * 100:.0f} % of a processor meanwhile" if head["disturbed"] else ""
    return (f"{measured['date']}: {measured['processors']} x {measured['processor']}, Linux {measured['kernel']}, "
            f"virtualisation: {measured['virtualisation']}; {versions}. Medians of {head['repeats']} repeats of "
            f"{head['seconds']} s{disturbed}.")


def there(directory, subjects):
    return [subject for subject in subjects if (directory / f"{subject}.json").exists()]


def tables(directory, subjects, image=None):
    lines = []
    for subject in there(directory, subjects):
        data = Data(directory, subject)
        lines += [f"### {TITLES[subject]}", "", where_and_when(data.head), ""]
        if image is not None and subject == "calls":
            for server, view in data.groups("server", "view"):
                lines += [f"![{server}, {view}]({image}/{server}-{view}.svg)", ""]
            lines += [f"![processor time]({image}/processor-time.svg)", ""]
        lines += WRITERS[subject](data)
    return lines


def ratio_cells(data, row_of, column_of, **wanted):
    cells = {}
    for cell in data.find(**wanted):
        base = data.find(program=BASE, **{name: cell[name] for name in ("view", "server", "workload", "at_once")})
        if base and cell["program"] != BASE:
            cells[(row_of(cell), column_of(cell), cell["program"])] = ratio(cell, base[0], "calls_per_second")
    return cells


def draw(directory):
    data = Data(directory, "calls")
    workloads = [workload for (workload,) in data.groups("workload")]

    def threads_of(cell):
        return f"{cell['at_once']} thread{'s' if cell['at_once'] > 1 else ''}"

    for server, view in data.groups("server", "view"):
        cells = ratio_cells(data, lambda cell: cell["workload"], threads_of, server=server, view=view)
        if cells:
            in_order = sorted(data.find(server=server, view=view), key=lambda cell: cell["at_once"])
            columns = list(dict.fromkeys(threads_of(cell) for cell in in_order))
            title = f"Calls per second beside Go: {'null server' if server == 'null' else server}, {view}"
            drawn = plots.ratios(title, workloads, columns, NAMES, cells, "the Go client")
            (directory / f"{server}-{view}.svg").write_text(drawn, encoding="utf-8")
    alone = data.find(view="pinned", server="null", at_once=1)
    if alone:
        cells = {(cell["workload"], cell["program"]): spread(cell, "cpu_us") for cell in alone}
        drawn = plots.amounts("Processor time of a call (null server, one thread, pinned)", workloads, NAMES, cells, "us")
        (directory / "processor-time.svg").write_text(drawn, encoding="utf-8")
    cells = ratio_cells(data, lambda cell: cell["workload"], lambda cell: cell["view"], server="etcd", at_once=16)
    cells = {key: value for key, value in cells.items() if key[2] not in ("go_wide", "etcd_client_polling")}
    if cells:
        columns = [view for view in ("unpinned", "pinned") if any(column == view for _, column, _ in cells)]
        drawn = plots.ratios("Calls per second beside Go: etcd, 16 threads", workloads, columns, NAMES, cells, "the Go client")
        (directory / "summary.svg").write_text(drawn, encoding="utf-8")


def summary():
    """The table and the plot of the README."""
    data = Data(DATA, "calls")
    programs = [name for name in data.programs() if name not in (BASE, "go_wide", "etcd_client_polling")]
    rows = []
    for (workload,) in data.groups("workload"):
        row = [workload]
        for view in ("unpinned", "pinned"):
            found = {cell["program"]: cell for cell in data.find(server="etcd", view=view, workload=workload, at_once=16)}
            row += [f"{ratio(found[name], found[BASE], 'calls_per_second')[0]:.2f}" if name in found and BASE in found else ""
                    for name in programs]
        rows.append(row)
    heads = ["", *(f"{NAMES[name]}, {view}" for view in ("unpinned", "pinned") for name in programs)]
    return [*table(heads, rows), "![Calls per second beside Go](docs/performance-data/summary.svg)", ""]


def replace_part(file, lines):
    content = file.read_text(encoding="utf-8")
    if BEGIN not in content:
        return
    part = "\n".join([BEGIN, "", *lines, END])
    file.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: part, content, flags=re.S), encoding="utf-8")


def write():
    if not (DATA / "calls.json").exists():
        raise SystemExit("docs/performance-data has no calls.json: run make bench")
    draw(DATA)
    replace_part(PAGE, tables(DATA, TITLES, "performance-data"))
    replace_part(README, summary())


def main():
    if len(sys.argv) == 1:
        write()
        return
    directory = Path(sys.argv[1])
    print("\n".join(tables(directory, TITLES)))
    if (directory / "calls.json").exists():
        draw(directory)


if __name__ == "__main__":
    main()
