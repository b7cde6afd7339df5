//! One real etcd of a test's own, which can be killed, frozen and started again.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::certificates::TlsFiles;
use crate::child_process::{self, Change};
pub use crate::etcd_builder::EtcdServerBuilder;
use crate::etcd_builder::{etcd_command, missing_etcd};
use crate::laboratory::Host;
use crate::oracle::Oracle;
use crate::peer_proposal;
use crate::plain_http;
use crate::ports::ReservedPort;
use crate::private_dir::PrivateDir;
use crate::transport;
use crate::waiting::{CEILING, wait_until};

/// Pause between two looks at `/health`.
const HEALTH_TICK: Duration = Duration::from_millis(20);

/// A private etcd on free ports of 127.0.0.1, with its data in a directory of its own.
///
/// Every method takes `&self`, so a second thread may kill the server while the first one is in a call to it. The
/// process dies with this object and with the test process.
#[derive(Debug)]
pub struct EtcdServer {
    name: String,
    client_port: ReservedPort,
    metrics_port: ReservedPort,
    endpoint: String,
    tls: Option<Arc<TlsFiles>>,
    credentials: Option<(&'static str, &'static str)>,
    dir: PrivateDir,
    data: PathBuf,
    /// The machine of a laboratory that it runs on; None on loopback.
    host: Option<Arc<Host>>,
    arguments: Vec<String>,
    process: Mutex<Process>,
    peer_url: String,
    /// Kept for the restarts.
    _peer_port: ReservedPort,
}

#[derive(Debug, Default)]
struct Process {
    /// None while it is dead.
    child: Option<Child>,
    /// Whether SIGSTOP was the last of SIGSTOP and SIGCONT.
    frozen: bool,
}

/// Why a server did not become healthy.
pub(crate) enum StartFailure {
    /// Somebody else listens on one of the ports: new ports may help.
    PortTaken,
    /// Anything else, in words.
    Other(String),
}

impl EtcdServer {
    /// Starts one healthy server that serves the v2 API.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// What can be chosen before the start.
    pub fn builder() -> EtcdServerBuilder {
        transport::apply(EtcdServerBuilder::new())
    }

    /// The client address: `http://127.0.0.1:PORT`, or https, the same over all restarts.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// An independent look at it, with all that it demands of its clients.
    ///
    /// In a laboratory it looks from the server's own machine, so that no fault of the network is in its way.
    pub fn oracle(&self) -> Oracle {
        self.inside(|| self.oracle_from_here())
    }

    /// The same from the network namespace of this thread.
    pub(crate) fn oracle_from_here(&self) -> Oracle {
        let oracle = match &self.tls {
            Some(files) => Oracle::with_tls(&self.endpoint, files),
            None => Oracle::new(&self.endpoint),
        };
        match self.credentials {
            Some((user, password)) => oracle.as_user(user, password),
            None => oracle,
        }
    }

    /// Makes the root user that the builder was told of, and switches auth on.
    pub(crate) fn switch_auth_on(&self) {
        let Some((user, password)) = self.credentials else { return };
        assert_eq!(user, "root", "nobody else can do everything");
        let oracle = self.oracle();
        let cluster_id = oracle.get("/v2/keys/").header("x-etcd-cluster-id").expect("the cluster's id").to_owned();
        wait_until("the root user is there, and auth is on", || {
            if self.peer_url.starts_with("http://") {
                self.inside(|| peer_proposal::root_user(&self.peer_url, &cluster_id, password));
            } else {
                oracle.request_json("PUT", "/v2/auth/users/root", &json!({ "user": user, "password": password }));
            }
            let enabled = oracle.request("PUT", "/v2/auth/enable", &[]);
            assert!(matches!(enabled.status, 200 | 409), "cannot switch auth on: {enabled:?}");
            // 409: the user has not arrived.
            enabled.status == 200
        });
    }

    /// The body of a GET, if the server answers it with 200 and JSON.
    pub(crate) fn ask(&self, target: &str) -> Option<Value> {
        if self.tls.is_none() && self.credentials.is_none() {
            return self.inside(|| plain_http::get_json(&self.endpoint, target));
        }
        self.oracle().try_get(target).filter(|answer| answer.status == 200).map(|answer| answer.json())
    }

    /// The client port.
    pub fn port(&self) -> u16 {
        self.client_port.port()
    }

    /// Where the other members find it.
    pub fn peer_url(&self) -> &str {
        &self.peer_url
    }

    /// The member's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the process exists and is not frozen.
    pub fn is_running(&self) -> bool {
        let process = self.process();
        process.child.is_some() && !process.frozen
    }

    /// The process's id, while it exists.
    pub fn pid(&self) -> Option<u32> {
        self.process().child.as_ref().map(Child::id)
    }

    /// Kills the process with SIGKILL and waits for its end; from then on connections are refused.
    pub fn kill(&self) {
        let mut process = self.process();
        if let Some(mut child) = process.child.take() {
            child.kill().expect("kill etcd");
            child.wait().expect("collect the killed etcd");
        }
        process.frozen = false;
    }

    /// Freezes the process with SIGSTOP and waits until all its threads have stopped.
    ///
    /// The kernel still accepts connections for it, but no byte ever comes back.
    pub fn stop_process(&self) {
        let mut process = self.process();
        let child = process.child.as_ref().expect("only a living etcd can be stopped");
        child_process::signal(child, libc::SIGSTOP);
        child_process::wait_for_change(child, Change::Stop);
        process.frozen = true;
    }

    /// Lets a frozen process go on with SIGCONT.
    pub fn continue_process(&self) {
        let mut process = self.process();
        let child = process.child.as_ref().expect("only a living etcd can be continued");
        if process.frozen {
            child_process::signal(child, libc::SIGCONT);
            child_process::wait_for_change(child, Change::Continue);
            process.frozen = false;
        }
    }

    /// Kills the process if it lives, starts it again on the same ports and data, and waits until it is healthy.
    ///
    /// A member of a cluster becomes healthy only with a majority: see [`EtcdServer::start_again`].
    pub fn restart(&self) {
        self.start_again();
        self.wait_healthy();
    }

    /// Kills the process, throws its data away and starts it again, as happens to a container without a volume: the same
    /// cluster by name and id, whose indexes begin anew.
    pub fn start_anew(&self) {
        self.forget_data();
        self.restart();
    }

    /// Kills the process if it lives, and throws its data away.
    pub(crate) fn forget_data(&self) {
        self.kill();
        std::fs::remove_dir_all(&self.data).expect("throw the data away");
    }

    /// Kills the process if it lives and starts it again on the same ports and data, without waiting for health.
    pub fn start_again(&self) {
        self.start_again_with(&[]);
    }

    /// The same with more arguments, for this start alone.
    pub fn start_again_with(&self, more: &[&str]) {
        self.kill();
        self.process().child = Some(self.spawn(more));
    }

    /// Whether `/health` says that the server has a leader and can commit.
    pub fn is_healthy(&self) -> bool {
        let answer = self.inside(|| plain_http::get_json(&self.health_endpoint(), "/health"));
        let health = answer.map(|answer| answer["health"].clone());
        health.is_some_and(|health| health == "true" || health == true)
    }

    /// Where health is told in plain text.
    fn health_endpoint(&self) -> String {
        if self.tls.is_some() { self.metrics_port.endpoint() } else { self.endpoint.clone() }
    }

    /// Waits until [`EtcdServer::is_healthy`]; panics with the server's log after 30 seconds or when it has ended.
    pub fn wait_healthy(&self) {
        match self.try_wait_healthy() {
            Ok(()) => (),
            Err(StartFailure::PortTaken) => panic!("{}: somebody took its port:\n{}", self.name, self.log()),
            Err(StartFailure::Other(why)) => panic!("{why}"),
        }
    }

    /// All that the server has written to its standard output and error since its first start.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts the process of a member whose ports are known; `cluster` is the value of `--initial-cluster`.
    pub(crate) fn launch(
        builder: &EtcdServerBuilder,
        client_port: ReservedPort,
        peer_port: ReservedPort,
        cluster: &str,
    ) -> Self {
        let dir = PrivateDir::in_memory();
        let metrics_port = builder.reserve_metrics_port();
        let arguments = builder.arguments(&dir, &client_port, &peer_port, &metrics_port, cluster);
        let server = Self {
            name: builder.base_name().into(),
            endpoint: builder.endpoint_on(&client_port),
            client_port,
            metrics_port,
            tls: builder.tls.as_ref().map(|setup| Arc::clone(&setup.files)),
            credentials: builder.credentials.filter(|_| builder.serves_v2()),
            data: builder.data_directory(&dir),
            host: builder.host.clone(),
            dir,
            arguments,
            process: Mutex::default(),
            peer_url: builder.peer_url(&peer_port),
            _peer_port: peer_port,
        };
        server.process().child = Some(server.spawn(&[]));
        server
    }

    pub(crate) fn try_wait_healthy(&self) -> Result<(), StartFailure> {
        let start = Instant::now();
        while !self.is_healthy() {
            if self.has_ended() {
                let log = self.log();
                let taken = log.contains("address already in use");
                let why = format!("{} is dead, so it will not become healthy; its log:\n{log}", self.name);
                return Err(if taken { StartFailure::PortTaken } else { StartFailure::Other(why) });
            }
            if start.elapsed() > CEILING {
                let why = format!("{} is not healthy after {CEILING:?}; its log:\n{}", self.name, self.log());
                return Err(StartFailure::Other(why));
            }
            thread::sleep(HEALTH_TICK);
        }
        Ok(())
    }

    /// Whether the process is dead, killed by the test or by itself.
    pub fn has_ended(&self) -> bool {
        let mut process = self.process();
        let Some(child) = &mut process.child else { return true };
        let ended = child.try_wait().expect("look at the etcd process").is_some();
        if ended {
            *process = Process::default();
        }
        ended
    }

    fn spawn(&self, more: &[&str]) -> Child {
        let mut command = etcd_command();
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).expect("open the log");
        command.args(&self.arguments).args(more).stdout(log.try_clone().expect("share the log")).stderr(log);
        if let Some(host) = &self.host {
            host.confine(&mut command);
        }
        child_process::spawn_for_life(command).unwrap_or_else(|error| missing_etcd(&error))
    }

    /// Runs `work` on the server's machine.
    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.host {
            Some(host) => host.enter(work),
            None => work(),
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.kill();
    }
}
