//! From a C source to the output of the program: the built library, the compiler, and a run with a time limit.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::child_process::{self, Change};
use crate::private_dir::PrivateDir;

/// The library's file name, as the linker looks for it.
const LIBRARY: &str = "libetcd_client.so";

/// Where the header and the shared library are that a C program is built with.
#[derive(Debug)]
pub struct Stage {
    include: PathBuf,
    library: PathBuf,
}

/// A compiled program; its file goes away with this object.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    _dir: PrivateDir,
}

impl AsRef<Path> for Program {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<OsStr> for Program {
    fn as_ref(&self) -> &OsStr {
        self.path.as_os_str()
    }
}

/// The repository's root.
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is in tests/support")
}

/// The directory with the generated header.
pub fn include_dir() -> PathBuf {
    repository().join("include")
}

/// The profile's directory (`target/debug`, `target/release`) in which the running test was built.
pub fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let deps = test.ancestors().find(|directory| directory.ends_with("deps"));
    deps.and_then(Path::parent).unwrap_or_else(|| panic!("{} is not below a deps directory", test.display())).into()
}

/// The shared library that was built together with the running test.
///
/// The one in `deps` comes first: a build of the tests always renews it, and the copy next to it only sometimes.
pub fn library_path() -> PathBuf {
    let profile = profile_dir();
    let places = [profile.join("deps").join(LIBRARY), profile.join(LIBRARY)];
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {LIBRARY} in {}: `cargo build` makes it", profile.display())).clone()
}

/// Compiles a C program against the header and the library of this build: see [`Stage::compile_c`].
pub fn compile_c(source: impl AsRef<Path>, extra_flags: &[&str]) -> Program {
    Stage::of_this_build().compile_c(source, extra_flags)
}

impl Stage {
    /// The repository's header, and the library that was built together with the running test.
    pub fn of_this_build() -> Self {
        Self::of(include_dir(), library_path())
    }

    /// This directory of headers and this file of a library.
    pub fn of(include: impl Into<PathBuf>, library: impl Into<PathBuf>) -> Self {
        Self { include: include.into(), library: library.into() }
    }

    /// Compiles a C11 program with every warning an error, links it with the library, and makes it find that very
    /// file at run time. A relative source is one in the repository. Panics with the compiler's words when it refuses.
    pub fn compile_c(&self, source: impl AsRef<Path>, extra_flags: &[&str]) -> Program {
        let source = repository().join(source);
        let dir = PrivateDir::on_disk();
        let path = dir.path().join(source.file_stem().expect("a source file has a name"));
        self.link_into(dir.path());
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror"]);
        command.arg("-I").arg(&self.include).arg(&source).args(extra_flags);
        command.arg("-L").arg(dir.path()).arg("-letcd_client");
        // An old-style RPATH, because cargo sets LD_LIBRARY_PATH for tests and that would beat the newer kind.
        command.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", dir.path().display())).arg("-o").arg(&path);
        let output = command.output().unwrap_or_else(|error| panic!("cannot run the C compiler: {error}"));
        assert!(output.status.success(), "{command:?} failed:\n{}", text_of(&output));
        Program { path, _dir: dir }
    }

    /// Puts links to the library into a directory, under the name for the linker and the one for the loader.
    fn link_into(&self, dir: &Path) {
        let link = |name: &str| {
            std::os::unix::fs::symlink(&self.library, dir.join(name)).expect("link to the library");
        };
        link(LIBRARY);
        if let Some(soname) = soname(&self.library).filter(|soname| soname != LIBRARY) {
            link(&soname);
        }
    }
}

/// The name under which the loader looks for the library, if it differs from that of the file.
fn soname(library: &Path) -> Option<String> {
    let output = Command::new("readelf").arg("-d").arg(library).output().expect("run readelf, of the binutils");
    let dynamic = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = dynamic.lines().find(|line| line.contains("(SONAME)"))?;
    Some(line.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// Runs a program to its end and returns its status and output.
///
/// The variables in `env` are added to those of the test. When the time is over, the program and all that it started
/// are killed, and the panic shows what it had written.
pub fn run(program: impl AsRef<OsStr>, args: &[&str], env: &[(&str, &str)], limit: Duration) -> Output {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().copied());
    // A group of its own, so that its children can be killed with it.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let words = format!("{command:?}");
    let mut child =
        child_process::spawn_for_life(command).unwrap_or_else(|error| panic!("cannot run {words}: {error}"));
    let stdout = child.stdout.take().map(read_all).expect("its output is a pipe");
    let stderr = child.stderr.take().map(read_all).expect("its error output is a pipe");
    let (report, ended) = mpsc::channel();
    let pid = child.id();
    let waiter = thread::spawn(move || {
        child_process::wait_for_change_of(pid, Change::Exit);
        // The receiver is gone when the time was over.
        let _ = report.send(());
    });
    let in_time = ended.recv_timeout(limit).is_ok();
    child_process::kill_group(&child);
    // The waiter must be done before the child is collected, or its id might be somebody else's.
    waiter.join().expect("wait for the program");
    let status = child.wait().expect("collect the program");
    let stdout = stdout.join().expect("read the output");
    let stderr = stderr.join().expect("read the error output");
    let output = Output { status, stdout, stderr };
    assert!(in_time, "{words} did not end within {limit:?}; it wrote:\n{}", text_of(&output));
    output
}

/// What a program wrote, for a message.
pub fn text_of(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n--- stdout\n{stdout}\n--- stderr\n{stderr}", output.status)
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("read what the program writes");
        bytes
    })
}
