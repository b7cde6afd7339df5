//! A cable that is longer: every frame arrives later, in both directions.
//!
//! Not every kernel has netem, so the frames go through this process: the port of the member moves to a bridge of its
//! own, and a thread carries frames between that bridge and the switch's, each after its time. Connections survive.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use super::network::{BRIDGE, Network};
use super::{Fault, Laboratory, Skipped};
use crate::gate::{Gate, wait_for_any};

/// How the devices begin that stand for the switch on the bridge of a delay line.
pub(super) const NEAR: &str = "near";

/// More than any frame of an Ethernet without offloads.
const LONGEST_FRAME: usize = 2048;

/// Frames on their way in one direction; a cable that holds more drops them.
const MOST_FRAMES: usize = 10_000;

impl Laboratory {
    /// Makes each frame to and from a member arrive so much later.
    pub fn delay(&self, number: usize, each_way: Duration) -> Result<Fault<'_>, Skipped> {
        let what = format!("the cable of member {number} delays by {each_way:?} each way");
        let network = self.network(&what)?;
        let name = |kind: &str| format!("{kind}{}", network.fault_number());
        let (near, far) = (name(NEAR), name("far"));
        let tap = |name: &str| network.switch().enter(|| open_tap(name));
        let (to_member, to_switch) = match (tap(&near), tap(&far)) {
            (Ok(near), Ok(far)) => (near, far),
            (Err(error), _) | (_, Err(error)) => {
                return Err(Skipped::because(&what, &format!("no tap device can be made: {error}")));
            }
        };
        let bridge = name("delay");
        insert(network, number, &bridge, [&near, &far]);
        let shutdown = Gate::new();
        let gate = shutdown.clone();
        let carrier = thread::Builder::new().name("delay-line".into());
        let carrier = carrier.spawn(move || carry(&to_member, &to_switch, each_way, &gate)).expect("start a thread");
        Ok(Fault::new(what, move || {
            let port = &network.host(number).port;
            let back = [format!("link set {port} master {BRIDGE}"), format!("link del {bridge}")];
            network.switch().ip(&back).expect("take the delay line out");
            shutdown.open();
            carrier.join().expect("the thread of the delay line");
        }))
    }
}

/// Puts a second bridge between a member's port and the switch, with the tap devices in the gap.
fn insert(network: &Network, number: usize, bridge: &str, [near, far]: [&str; 2]) {
    let port = &network.host(number).port;
    let lines = [
        format!("link add {bridge} type bridge"),
        format!("link set {near} master {bridge}"),
        format!("link set {far} master {BRIDGE}"),
        format!("link set {bridge} up"),
        format!("link set {near} up"),
        format!("link set {far} up"),
        format!("link set {port} master {bridge}"),
    ];
    network.switch().ip(&lines).expect("put a delay line in");
}

/// Makes a tap device in the network namespace of this thread, which goes when the file is closed.
fn open_tap(name: &str) -> io::Result<File> {
    let file = File::options().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: ifreq is plain data for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = libc::c_char::try_from(byte).expect("an ASCII name");
    }
    // Frames as they are, without a header before each.
    let flags = libc::IFF_TAP | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).expect("low flags");
    // SAFETY: the request is valid for reads and writes for the whole call.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fcntl touches no memory with these arguments.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

/// Frames that wait for their time, and where they go.
struct Direction<'ends> {
    from: &'ends File,
    to: &'ends File,
    frames: VecDeque<(Instant, Vec<u8>)>,
}

/// Carries frames until the gate opens.
fn carry(member: &File, switch: &File, delay: Duration, gate: &Gate) {
    let mut directions =
        [(member, switch), (switch, member)].map(|(from, to)| Direction { from, to, frames: VecDeque::new() });
    while !gate.is_open() {
        let next = directions.iter().filter_map(|direction| direction.frames.front()).map(|(due, _)| *due).min();
        let limit = next.map(|due| due.saturating_duration_since(Instant::now()));
        let ends = [(gate.as_fd(), 0), (member.as_fd(), libc::POLLIN), (switch.as_fd(), libc::POLLIN)];
        wait_for_any(&ends, limit);
        for direction in &mut directions {
            direction.take_in(delay);
            direction.let_out();
        }
    }
}

impl Direction<'_> {
    /// Takes what has come.
    fn take_in(&mut self, delay: Duration) {
        let mut frame = [0; LONGEST_FRAME];
        loop {
            match self.from.read(&mut frame) {
                Ok(length) if self.frames.len() < MOST_FRAMES => {
                    self.frames.push_back((Instant::now() + delay, frame[..length].to_vec()));
                }
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                // Nothing more, or the device is down while the line is put in or taken out.
                Err(_) => return,
            }
        }
    }

    /// Passes on what is due. What the device does not take is lost, as on any cable.
    fn let_out(&mut self) {
        let now = Instant::now();
        while self.frames.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, frame)) = self.frames.pop_front() else { return };
            let _ = self.to.write(&frame);
        }
    }
}
