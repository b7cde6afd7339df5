//! Directories that belong to one test and go away with it, even when the test was killed.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the names of finished private directories begin with.
const PREFIX: &str = "libetcd-test-";

/// A directory that is removed with all that it holds when this object is dropped.
///
/// While it lives, its owner holds a lock on it. A process that was killed lets go of the lock, and the first private
/// directory that a later process makes removes what the dead one left: an etcd takes 64 MB at the least.
#[derive(Debug)]
pub struct PrivateDir {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl PrivateDir {
    /// A directory in memory where the machine has `/dev/shm`, else an ordinary temporary one: for data.
    pub fn in_memory() -> Self {
        let shm = Path::new("/dev/shm");
        if shm.is_dir() { Self::below(shm) } else { Self::on_disk() }
    }

    /// A directory in the ordinary place for temporary files: for programs, which `/dev/shm` may refuse to run.
    pub fn on_disk() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn below(parent: &Path) -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(remove_abandoned);
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", process::id());
        let unlocked = parent.join(format!(".new-{name}"));
        let path = parent.join(name);
        fs::create_dir(&unlocked).unwrap_or_else(|error| panic!("cannot make {}: {error}", unlocked.display()));
        let lock = try_lock(&unlocked).expect("nobody else knows of a directory that was just made");
        // Only now does it get a name that others look at: it is never seen without its lock.
        fs::rename(&unlocked, &path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        Self { path, _lock: lock }
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        // A child may still be writing its last file; what is left then goes with the next process's sweep.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the private directories whose owners are dead.
fn remove_abandoned() {
    for parent in [PathBuf::from("/dev/shm"), std::env::temp_dir()] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
            if ours && let Some(_lock) = try_lock(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Locks a directory unless somebody else holds it.
fn try_lock(path: &Path) -> Option<File> {
    let directory = File::open(path).ok()?;
    // SAFETY: the descriptor is open for the whole call, and flock touches no memory of ours.
    let answer = unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    (answer == 0).then_some(directory)
}
