//! What a real etcd is started with: its settings, its command line and its environment.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use crate::certificates::TlsFiles;
use crate::etcd_server::{EtcdServer, StartFailure};
use crate::laboratory::Host;
use crate::ports::ReservedPort;
use crate::private_dir::PrivateDir;

/// Starts that may fail because somebody else took a port, before the test gives up.
pub(crate) const START_ATTEMPTS: usize = 5;

/// A member alone elects itself after one election timeout: with the shortest one, a start takes a tenth of a second.
const TIMERS_ALONE: [&str; 2] = ["--heartbeat-interval=10", "--election-timeout=100"];

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct EtcdServerBuilder {
    name: String,
    enable_v2: bool,
    extra_args: Vec<String>,
    /// How the members speak TLS with each other, as flags.
    peer_tls: Vec<String>,
    pub(crate) tls: Option<TlsSetup>,
    also_listening: Vec<String>,
    pub(crate) credentials: Option<(&'static str, &'static str)>,
    /// None on loopback.
    pub(crate) host: Option<Arc<Host>>,
}

/// How a server speaks TLS with its clients.
#[derive(Clone, Debug)]
pub(crate) struct TlsSetup {
    pub(crate) files: Arc<TlsFiles>,
    pub(crate) client_cert_auth: bool,
}

impl EtcdServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            name: "n0".into(),
            enable_v2: true,
            extra_args: Vec::new(),
            tls: None,
            credentials: None,
            also_listening: Vec::new(),
            peer_tls: Vec::new(),
            host: None,
        }
    }

    /// Serves clients over TLS only.
    pub fn tls(mut self, files: &Arc<TlsFiles>) -> Self {
        self.tls = Some(TlsSetup { files: Arc::clone(files), client_cert_auth: false });
        self
    }

    /// Serves clients over TLS only, and only those with a certificate.
    pub fn client_cert_auth(self, files: &Arc<TlsFiles>) -> Self {
        let mut builder = self.tls(files);
        builder.tls.as_mut().expect("just set").client_cert_auth = true;
        builder
    }

    /// Plain HTTP, whatever the rest of the tests use.
    pub fn plain(mut self) -> Self {
        (self.tls, self.credentials) = (None, None);
        self
    }

    /// Auth is off, whatever the rest of the tests use.
    pub fn without_auth(mut self) -> Self {
        self.credentials = None;
        self
    }

    /// Listens for clients at this URL too.
    pub fn also_listening(mut self, url: &str) -> Self {
        self.also_listening.push(url.into());
        self
    }

    /// Makes a root user with that password after the start, and switches auth on.
    pub fn auth(mut self, user: &'static str, password: &'static str) -> Self {
        self.credentials = Some((user, password));
        self
    }

    /// The member's name (`n0` by default).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether the server serves the v2 API (it does by default).
    pub fn enable_v2(mut self, enable: bool) -> Self {
        self.enable_v2 = enable;
        self
    }

    /// The members speak TLS with each other, with certificates that they make themselves.
    pub fn peer_auto_tls(mut self) -> Self {
        self.peer_tls = vec!["--peer-auto-tls".into()];
        self
    }

    /// The members speak TLS with each other, with these certificates.
    pub fn peer_tls(mut self, files: &TlsFiles) -> Self {
        let (certificate, key) = files.server_paths();
        let flags = [("cert", certificate), ("key", key), ("trusted-ca", files.ca_path())];
        self.peer_tls = flags.map(|(flag, path)| format!("--peer-{flag}-file={path}")).into();
        self
    }

    /// More command-line arguments, after all others.
    pub fn extra_args<I: IntoIterator<Item: Into<String>>>(mut self, arguments: I) -> Self {
        self.extra_args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Starts one healthy server; takes new ports when somebody else was faster.
    pub fn start(self) -> EtcdServer {
        let builder = self.first_args(TIMERS_ALONE);
        for _ in 0..START_ATTEMPTS {
            let (client_port, peer_port) = (builder.reserve_port(), builder.reserve_port());
            let cluster = format!("{}={}", builder.name, builder.peer_url(&peer_port));
            let server = EtcdServer::launch(&builder, client_port, peer_port, &cluster);
            match server.try_wait_healthy() {
                Ok(()) => {
                    server.switch_auth_on();
                    return server;
                }
                Err(StartFailure::PortTaken) => (),
                Err(StartFailure::Other(why)) => panic!("{why}"),
            }
        }
        panic!("each of {START_ATTEMPTS} starts of etcd found its ports taken");
    }

    /// Runs on that machine of a laboratory in place of this one.
    pub(crate) fn on(mut self, host: Option<Arc<Host>>) -> Self {
        self.host = host;
        self
    }

    /// A port of the address that the server will listen on.
    pub(crate) fn reserve_port(&self) -> ReservedPort {
        match &self.host {
            Some(host) => host.enter(|| ReservedPort::on(host.address())),
            None => ReservedPort::new(),
        }
    }

    /// A port for the questions about health, which come from the server's own machine.
    pub(crate) fn reserve_metrics_port(&self) -> ReservedPort {
        match &self.host {
            Some(host) => host.enter(ReservedPort::new),
            None => ReservedPort::new(),
        }
    }

    /// Where the server keeps its data.
    pub(crate) fn data_directory(&self, dir: &PrivateDir) -> PathBuf {
        let parent = self.host.as_ref().map_or_else(|| dir.path().to_owned(), |host| host.disk().path());
        parent.join("data")
    }

    /// Arguments that [`EtcdServerBuilder::extra_args`] may override: of two equal flags, etcd takes the last.
    pub(crate) fn first_args<I: IntoIterator<Item: Into<String>>>(mut self, arguments: I) -> Self {
        self.extra_args.splice(0..0, arguments.into_iter().map(Into::into));
        self
    }

    /// Without v2 there are no users of v2 either.
    pub(crate) fn serves_v2(&self) -> bool {
        self.enable_v2
    }

    pub(crate) fn base_name(&self) -> &str {
        &self.name
    }

    /// The whole command line of a member with that directory and those ports.
    pub(crate) fn arguments(
        &self,
        dir: &PrivateDir,
        client: &ReservedPort,
        peer: &ReservedPort,
        metrics: &ReservedPort,
        cluster: &str,
    ) -> Vec<String> {
        let data = self.data_directory(dir).display().to_string();
        let (client, peer) = (self.endpoint_on(client), self.peer_url(peer));
        let listen = [std::slice::from_ref(&client), &self.also_listening].concat().join(",");
        let flags = [
            ("name", self.name.as_str()),
            ("data-dir", &data),
            ("listen-client-urls", &listen),
            ("advertise-client-urls", &client),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("initial-cluster", cluster),
        ];
        let mut arguments: Vec<String> = flags.iter().map(|(flag, value)| format!("--{flag}={value}")).collect();
        if knows_enable_v2() {
            arguments.push(format!("--enable-v2={}", self.enable_v2));
        } else {
            assert!(
                !self.enable_v2,
                "this etcd has no --enable-v2: it is 3.6 or newer; set ETCD_BINARY to an older one"
            );
        }
        arguments.extend(self.peer_tls.iter().cloned());
        if let Some(TlsSetup { files, client_cert_auth }) = &self.tls {
            let (certificate, key) = files.server_paths();
            arguments.push(format!("--cert-file={certificate}"));
            arguments.push(format!("--key-file={key}"));
            if *client_cert_auth {
                // The first alone makes etcd demand certificates too.
                arguments.push(format!("--trusted-ca-file={}", files.ca_path()));
                arguments.push("--client-cert-auth=true".into());
            }
            // Health is asked for without certificates.
            arguments.push(format!("--listen-metrics-urls={}", metrics.endpoint()));
        }
        arguments.extend(self.extra_args.iter().cloned());
        arguments
    }

    /// The URL at which the other members find the one on that port.
    pub(crate) fn peer_url(&self, peer: &ReservedPort) -> String {
        let plain = peer.endpoint();
        if self.peer_tls.is_empty() { plain } else { plain.replace("http://", "https://") }
    }

    /// The client URL on that port.
    pub(crate) fn endpoint_on(&self, client: &ReservedPort) -> String {
        let plain = client.endpoint();
        if self.tls.is_some() { plain.replace("http://", "https://") } else { plain }
    }
}

/// A command that runs etcd without the `ETCD_*` variables, which etcd would take for flags.
pub(crate) fn etcd_command() -> Command {
    let binary = std::env::var_os("ETCD_BINARY").unwrap_or_else(|| "etcd".into());
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    command
}

/// Whether the binary still has the flag; etcd 3.6 dropped it together with the v2 API.
fn knows_enable_v2() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let help = etcd_command().arg("--help").output().unwrap_or_else(|error| missing_etcd(&error));
        [help.stdout, help.stderr].iter().any(|text| String::from_utf8_lossy(text).contains("--enable-v2"))
    })
}

/// Says how to get an etcd.
pub(crate) fn missing_etcd(error: &io::Error) -> ! {
    panic!(
        "cannot run etcd ({error}). These tests need a real one: `apt-get install etcd-server` puts it in PATH, \
         or set ETCD_BINARY to the path of an etcd 3.3 to 3.5."
    )
}
