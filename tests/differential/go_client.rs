//! The driver of the real Go client: built once, and asked by lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use etcd_test_support::child_process::spawn_for_life;
use etcd_test_support::go_program::build;
use serde::Serialize;

use crate::answer::Answer;
use crate::operation::Operation;

/// A process that makes calls with the real Go client; it ends with this object.
pub(crate) struct GoClient {
    process: Child,
    calls: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a client is made with, besides its endpoints.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Settings {
    pub(crate) prefix: Option<String>,
    pub(crate) username: String,
    /// The password of that user; another name than that of a user who is added.
    pub(crate) login: String,
}

#[derive(Serialize)]
struct Call<'a> {
    endpoints: &'a [String],
    #[serde(flatten)]
    settings: &'a Settings,
    #[serde(flatten)]
    operation: &'a Operation,
}

impl GoClient {
    /// Starts it; None where there is no Go, or no network to fetch the client with, which is said on the terminal.
    pub(crate) fn start() -> Option<GoClient> {
        static DRIVER: OnceLock<Option<PathBuf>> = OnceLock::new();
        let driver = DRIVER
            .get_or_init(|| build("tests/differential/go", "go-client-driver").inspect_err(|why| say_loudly(why)).ok());
        let is_required = std::env::var_os("ETCD_DIFFERENTIAL_REQUIRED").is_some();
        assert!(driver.is_some() || !is_required, "no Go client to compare with");
        let mut command = Command::new(driver.as_ref()?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = spawn_for_life(command).expect("start the driver of the Go client");
        let calls = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        Some(GoClient { process, calls, answers })
    }

    /// Makes a call, and waits for what comes of it.
    pub(crate) fn ask(&mut self, endpoints: &[String], operation: &Operation) -> Answer {
        self.ask_with(endpoints, &Settings::default(), operation)
    }

    /// Makes a call with a client of these settings.
    pub(crate) fn ask_with(&mut self, endpoints: &[String], settings: &Settings, operation: &Operation) -> Answer {
        let mut call = serde_json::to_vec(&Call { endpoints, settings, operation }).expect("a call as JSON");
        call.push(b'\n');
        let calls = self.calls.as_mut().expect("the pipe goes only in drop");
        calls.write_all(&call).expect("send a call to the driver");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("read an answer of the driver");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: the driver answered '{answer}'"))
    }
}

impl Drop for GoClient {
    fn drop(&mut self) {
        // The end of its input is what ends it.
        self.calls.take();
        let _ = self.process.wait();
    }
}

/// Past the capture of the tests' output: somebody has to see it.
fn say_loudly(why: &str) {
    let line = format!("\nSKIPPED: nothing is compared with the real Go client: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("write to the terminal");
}
