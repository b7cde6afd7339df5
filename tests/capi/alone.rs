//! Tests that look at the whole process run in one of their own.

use std::time::Duration;

use etcd_test_support::stage;

/// Set in the process in which the body is to run.
const ALONE: &str = "ETCD_CLIENT_TEST_ALONE";

/// Runs `body` in a process of its own, which is this program once more, asked for the one test `name`.
pub(crate) fn in_a_process_of_its_own(name: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("the path of this program");
    let arguments = [name, "--exact", "--test-threads=1", "--nocapture"];
    // Without its caches for each thread, glibc counts as allocated what is allocated, and nothing else.
    let environment = [(ALONE, "1"), ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")];
    let output = stage::run(program, &arguments, &environment, Duration::from_secs(60));
    let text = stage::text_of(&output);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The names of all threads of this process, by their ids.
pub(crate) fn threads() -> Vec<(String, String)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads");
    let mut threads: Vec<_> = tasks
        .flatten()
        .filter_map(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            Some((task.file_name().to_string_lossy().into_owned(), name.trim_end().to_owned()))
        })
        .collect();
    threads.sort();
    threads
}

/// How many descriptors this process has open, the one for looking included.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the descriptors").count()
}

/// How many bytes this process has allocated.
pub(crate) fn allocated() -> usize {
    // SAFETY: it only reads the allocator's own books.
    let books = unsafe { libc::mallinfo2() };
    books.uordblks + books.hblkhd
}
