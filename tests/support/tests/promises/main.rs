//! The support crate's own promises: what the tests of the library rely on.

mod etcd_cluster;
mod etcd_server;
mod gate;
mod laboratory;
mod laboratory_machines;
mod ports;
mod private_dir;
mod recording_proxy;
mod scripted_answers;
mod scripted_connections;
mod scripted_faults;
mod scripted_records;
mod stage;
mod wire;
