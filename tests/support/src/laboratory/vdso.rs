//! The piece of the kernel in every process that tells the time, and a changed copy of it in one process.
//!
//! A Go program asks no system call for the time, and loads no library that could be put in front of it. It calls
//! `__vdso_clock_gettime`, a page of code that each process has, and that a debugger may write to.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// In place of the kernel's function: the system call, then the seconds are added if the wall clock was asked for.
const CODE_BEFORE_SECONDS: [u8; 13] = [
    0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, SYS_clock_gettime
    0x0f, 0x05, // syscall
    0x85, 0xff, // test edi, edi: CLOCK_REALTIME is 0
    0x75, 0x0d, // jne to the ret
    0x48, 0xb9, // mov rcx, the seconds
];
const CODE_AFTER_SECONDS: [u8; 4] = [
    0x48, 0x01, 0x0e, // add [rsi], rcx
    0xc3, // ret
];

/// A process whose clock function can be replaced while it is stopped.
#[derive(Debug)]
pub(super) struct ClockFunction {
    pid: u32,
    vdso: Range<u64>,
    /// Where the function begins.
    start: u64,
}

impl ClockFunction {
    /// That of a process on this machine.
    pub(super) fn of(pid: u32) -> Result<Self, String> {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Err("the code that adds to the clock is written for x86-64 alone".into());
        }
        let vdso = vdso_of(&pid.to_string()).ok_or("the process has no vDSO")?;
        let own = vdso_of("self").ok_or("this process has no vDSO")?;
        let function = own_clock_function().ok_or("the vDSO has no __vdso_clock_gettime")?;
        let offset = function.checked_sub(own.start).ok_or("__vdso_clock_gettime is not in the vDSO")?;
        Ok(Self { pid, start: vdso.start + offset, vdso })
    }

    /// The bytes that make the wall clock so much later or earlier.
    pub(super) fn with_offset(seconds: i64) -> Vec<u8> {
        [&CODE_BEFORE_SECONDS[..], &seconds.to_le_bytes(), &CODE_AFTER_SECONDS].concat()
    }

    /// Puts other bytes in the function's place, and returns those that were there.
    pub(super) fn replace(&self, code: &[u8]) -> io::Result<Vec<u8>> {
        let memory = File::options().read(true).write(true).open(format!("/proc/{}/mem", self.pid))?;
        let mut old = vec![0; code.len()];
        memory.read_exact_at(&mut old, self.start)?;
        memory.write_all_at(code, self.start)?;
        Ok(old)
    }

    /// Whether no thread of the stopped process is on its way through the vDSO; None while one of them still runs.
    pub(super) fn is_unused(&self) -> Option<bool> {
        let mut unused = true;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?.flatten() {
            let Ok(state) = fs::read_to_string(thread.path().join("syscall")) else { continue };
            // The last word is where the thread goes on; `running` stands alone.
            let at = state.split_whitespace().last()?.strip_prefix("0x")?;
            unused &= !self.vdso.contains(&u64::from_str_radix(at, 16).ok()?);
        }
        Some(unused)
    }
}

/// Where the vDSO of a process lies.
fn vdso_of(pid: &str) -> Option<Range<u64>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let line = maps.lines().find(|line| line.ends_with("[vdso]"))?;
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

/// Where the function lies in this process: the vDSO is the same in all of them, at different places.
fn own_clock_function() -> Option<u64> {
    // SAFETY: the names end with a NUL, and the vDSO is loaded already, so no code runs and nothing is to be closed.
    let function = unsafe {
        let vdso = libc::dlopen(c"linux-vdso.so.1".as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY);
        if vdso.is_null() { vdso } else { libc::dlsym(vdso, c"__vdso_clock_gettime".as_ptr()) }
    };
    if function.is_null() { None } else { u64::try_from(function.addr()).ok() }
}
