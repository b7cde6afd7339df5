//! The load on the real Go client: a process that runs it by itself and reports it by lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use etcd_test_support::Laboratory;
use etcd_test_support::child_process::spawn_for_life;
use etcd_test_support::go_program;
use serde::Deserialize;

use crate::record::{Call, Event, SharedRecord};
use crate::subject::Plan;

/// The built program.
pub(crate) struct GoProgram {
    path: PathBuf,
    version: String,
}

impl GoProgram {
    /// Builds it; the error says why there can be none here.
    pub(crate) fn build() -> Result<GoProgram, String> {
        let path = go_program::build("tests/fault_table/go", "go-fault-load")?;
        let asked = Command::new(&path).arg("version").output().expect("run the program in Go");
        let version = String::from_utf8(asked.stdout).expect("a version that is text").trim().to_owned();
        Ok(GoProgram { path, version })
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

pub(crate) struct GoRun {
    process: Child,
    reading: JoinHandle<()>,
}

/// What the program says; exactly one of them.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Call(Call),
    Event(Event),
}

impl GoRun {
    /// Starts it on the client's machine.
    pub(crate) fn start(
        program: &GoProgram,
        laboratory: &Laboratory,
        plan: &Plan,
        record: &Arc<SharedRecord>,
    ) -> GoRun {
        let mut command = Command::new(&program.path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        laboratory.confine_to_client(&mut command);
        let mut process = spawn_for_life(command).expect("start the program in Go");
        let mut line = serde_json::to_vec(plan).expect("a plan as JSON");
        line.push(b'\n');
        process.stdin.as_mut().expect("a pipe").write_all(&line).expect("hand over the plan");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let record = Arc::clone(record);
        let reading = thread::spawn(move || {
            for line in lines {
                let line = line.expect("read a line of the program in Go");
                match serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: the program said {line}")) {
                    Line::Call(call) => record.lock().calls.push(call),
                    Line::Event(event) => record.lock().events.push(event),
                }
            }
        });
        GoRun { process, reading }
    }

    pub(crate) fn stop(mut self) {
        // The end of its input is what stops it, and the end of its output says that it has stopped.
        drop(self.process.stdin.take());
        self.reading.join().expect("no panic of the reading thread");
        assert!(self.process.wait().expect("collect the program in Go").success(), "the program in Go failed");
    }
}
