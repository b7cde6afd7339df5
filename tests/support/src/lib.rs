//! What the integration tests share.
//!
//! Real servers ([`EtcdServer`], [`EtcdCluster`]), machines and cables that break on demand ([`Laboratory`]), an
//! independent look at what is on the servers ([`Oracle`]), a server that misbehaves on demand ([`ScriptedServer`]),
//! addresses on which nobody answers ([`ports`]) and the way from a C source to the output of the program ([`stage`]).
//!
//! It is test code: whatever goes wrong is a panic with a message that says what was expected. Everything is safe to
//! use from tests that run in parallel, in one process or in many: ports come from the kernel, directories are
//! private, and child processes die with the process that started them.

pub mod certificates;
pub mod child_process;
pub mod dns_server;
mod etcd_builder;
pub mod etcd_cluster;
pub mod etcd_server;
pub mod gate;
pub mod go_program;
pub mod laboratory;
pub mod oracle;
mod peer_proposal;
mod plain_http;
pub mod ports;
pub mod private_dir;
pub mod recording_proxy;
pub mod scripted_server;
pub mod stage;
pub mod tls_server;
pub mod transport;
pub mod waiting;

pub use certificates::{Authority, Identity, TlsFiles};
pub use dns_server::{DnsReply, DnsServer};
pub use etcd_cluster::EtcdCluster;
pub use etcd_server::{EtcdServer, EtcdServerBuilder};
pub use gate::Gate;
pub use laboratory::{Fault, Laboratory, Node, Skipped};
pub use oracle::{Answer, Oracle};
pub use ports::{HangingListener, RefusedEndpoint, ReservedPort, free_port, refused_endpoint};
pub use private_dir::PrivateDir;
pub use recording_proxy::RecordingProxy;
pub use scripted_server::{Cut, Place, Reply, Request, ScriptedServer, Welcome};
pub use tls_server::{ConnectProxy, RawServer};
pub use waiting::{wait_for, wait_until};
