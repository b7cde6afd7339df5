//! The table in Markdown, and what its words mean.

use std::fmt::Write;
use std::fs;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::judgement::Judgement;

const HEAD: &str = "\
| the asked and watched member: | calls lost | Go | undecided | Go | recovers in | Go | events lost | Go | latest event | Go |
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
    |judged| judged.recovered.map_or("never".into(), seconds),
    |judged| judged.events_lost.len().to_string(),
    |judged| seconds(judged.latest_event),
];

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
        "# Faults, beside the Go client\n\n`make faults` has written this on {}: {}, etcd {etcd} (three members), {ours}, and Go: {go}.\n\n{}\n\
         Both clients run at once, under the very same fault of {} s, at whose beginning both ask and watch the member that it strikes.\n\
         {least} to {most} calls per client and fault, by 4 threads with 5 s for each call: set, quorum get, create, get, delete and\n\
         compare-and-swap in turn. A watcher of a client of its own, and a writer that is neither of them, ten times a second, at members\n\
         that no fault is at. Ours has the settings that it has by itself, Go's `HeaderTimeoutPerRequest` of 1 s, as its README recommends.\n\n{WORDS}",
        date(),
        machine(),
        table(rows),
        length.as_secs(),
    )
}

const WORDS: &str = "\
- **lost**: calls that returned an error, although a majority of the members was alive and could be reached all the time.
- **undecided**: creates, deletes and compare-and-swaps that the failing member had in its hands, and that returned an error which is not
  a refusal: at most one of a thread each time that a member is struck, or comes back; further ones are lost. Ours says of them
  `ETCD_MAYBE_APPLIED`; of Go's, nobody is told whether they happened.
- **recovers in**: from the fault to the end of the first call that began after it and succeeded, of the slowest of the threads. Plain
  gets are left out, for an isolated member answers them too. Where a thread has an undecided write, this is its deadline of 5 s and the next call.
- **events lost**: acknowledged writes that the watcher has not seen 15 s after the end of the fault.
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
