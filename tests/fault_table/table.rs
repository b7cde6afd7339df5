//! The table in Markdown, and what its words mean.

use std::fmt::Write;
use std::fs;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::judgement::Judgement;

const HEAD: &str = "\
| fault (the member: the pinned and watched one) | calls lost | Go | undecided | Go | recovers in | Go | events lost | Go | latest event | Go |
|---|---|---|---|---|---|---|---|---|---|---|
";

/// What came of one fault: of our client first, then of Go's if it ran.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) outcome: Result<Vec<Judgement>, String>,
}

/// Who was compared.
pub(crate) struct Versions {
    pub(crate) etcd: String,
    pub(crate) ours: String,
    /// Or why it did not run.
    pub(crate) go: Result<String, String>,
}

pub(crate) fn table(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |mut table, row| {
        match &row.outcome {
            Ok(judgements) => {
                write!(table, "| {} |", row.name).expect("write to a string");
                for cell in COLUMNS {
                    let go = judgements.get(1).map_or("not run".into(), cell);
                    write!(table, " {} | {go} |", cell(&judgements[0])).expect("write to a string");
                }
                table.push('\n');
            }
            Err(why) => {
                writeln!(table, "| {} | skipped: {why} | | | | | | | | | |", row.name).expect("write to a string")
            }
        }
        table
    })
}

const COLUMNS: [fn(&Judgement) -> String; 5] = [
    |judged| judged.lost.len().to_string(),
    |judged| judged.undecided.len().to_string(),
    recovery,
    |judged| judged.events_lost.len().to_string(),
    |judged| seconds(judged.latest_event),
];

fn recovery(judged: &Judgement) -> String {
    let all = judged.recovered.map_or("never".into(), seconds);
    match judged.others_recovered.map(seconds) {
        Some(others) if others != all => format!("{all} ({others})"),
        _ => all,
    }
}

fn seconds(micros: u64) -> String {
    let seconds = Duration::from_micros(micros).as_secs_f64();
    if seconds < 0.1 { "< 0.1 s".into() } else { format!("{seconds:.1} s") }
}

/// The whole document.
pub(crate) fn document(rows: &[Row], versions: &Versions, length: Duration) -> String {
    let Versions { etcd, ours, go } = versions;
    let go = go.clone().unwrap_or_else(|why| format!("not run: {why}"));
    let calls: Vec<_> =
        rows.iter().filter_map(|row| row.outcome.as_ref().ok()).flatten().map(|judged| judged.calls).collect();
    let (least, most) = (calls.iter().min().unwrap_or(&0), calls.iter().max().unwrap_or(&0));
    format!(
        "# Faults, beside the Go client\n\n\
         Written by `make faults` on {}: {}, etcd {etcd} (three members), {ours}; Go: {go}.\n\n\
         {}\n\
         Both clients run at once, under the very same fault of {} seconds, at whose beginning both ask and watch the member\n\
         that it strikes; {least} to {most} calls each. {LOAD}\n\
         {WORDS}",
        date(),
        machine(),
        table(rows),
        length.as_secs(),
    )
}

const LOAD: &str = "\
4 threads make set, quorum get, create, get, delete and
compare-and-swap in turn, on keys of their own, with 5 seconds for each call. Another client of the same kind watches what a
writer, who is neither of them, sets ten times a second at members that no fault is at. Ours has the settings that it has by
itself; Go's has `HeaderTimeoutPerRequest: time.Second`, as its README recommends.
";

const WORDS: &str = "\
- **calls lost**: those that returned an error, although a majority of the members was alive and could be reached all the time.
- **undecided**: creates, deletes and compare-and-swaps that the failing member had in its hands, and that returned an error which
  is no refusal: at most one of a thread each time that a member is struck or comes back; further ones are lost. Of ours, the
  caller is told (`ETCD_MAYBE_APPLIED`); of Go's, nobody is.
- **recovers in**: from the fault to the end of the first call that began after it and succeeded, of the slowest thread; in
  brackets, of the slowest without an undecided call: ours waits for that until the member is found dead, or until the
  deadline for one that is alive. Go's gives up after its second. Plain gets are left out: an
  isolated member answers them too.
- **events lost**: acknowledged writes that the watcher has not seen 15 s after all members were healthy again.
- **latest event**: the longest time from the acknowledgement of a write to its event at the watcher.
";

fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let seconds = i64::try_from(since.as_secs()).expect("seconds fit");
    time::OffsetDateTime::from_unix_timestamp(seconds).expect("a date").date().to_string()
}

/// The processor, how many there are, and the kernel.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let count = available_parallelism().map_or(0, usize::from);
    format!(
        "{count} x {}, Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
