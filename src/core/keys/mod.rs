//! The keys operations, whatever protocol carries them out.

pub mod path;

use super::error::{Error, Result};
use super::exchange::Effect;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PrevExist {
    #[default]
    Ignore,
    Exist,
    NoExist,
}

/// What a client's keys calls have in common.
#[derive(Debug, Clone)]
pub struct KeysSettings {
    /// Encoded and canonical.
    pub prefix: String,
    /// Whether gets read through the quorum that do not say.
    pub quorum_reads: bool,
    /// Whether plain sets may be sent again that do not say.
    pub resend_sets: bool,
}

impl Default for KeysSettings {
    fn default() -> KeysSettings {
        KeysSettings { prefix: "/v2/keys".into(), quorum_reads: false, resend_sets: true }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct GetOptions {
    pub recursive: bool,
    pub sort: bool,
    /// None leaves it to the client's settings.
    pub quorum: Option<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct SetOptions {
    pub prev_value: Option<String>,
    /// 0 means no comparison, as in Go: etcd's indexes start at 1.
    pub prev_index: u64,
    pub prev_exist: PrevExist,
    pub ttl: Option<Ttl>,
    pub refresh: bool,
    pub dir: bool,
    pub no_value_on_success: bool,
    /// Whether a plain set may be sent again; None leaves it to the client's settings.
    pub resend: Option<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    pub prev_value: Option<String>,
    pub prev_index: u64,
    pub recursive: bool,
    pub dir: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct CreateInOrderOptions {
    pub ttl: Option<Ttl>,
}

/// A time to live in whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(u64);

impl Ttl {
    /// Rounds up: Go rounds down, and a TTL of 500 ms becomes 0, which the server takes as "expires now".
    pub fn from_ms(ms: i64) -> Result<Ttl> {
        // etcd counts nanoseconds since 1970 in 64 bits: an end after the year 2262 overflows, and the key can expire at once.
        const MOST_SECONDS: u64 = 200 * 365 * 24 * 3600;
        match u64::try_from(ms) {
            Ok(ms) if ms > 0 && ms.div_ceil(1000) <= MOST_SECONDS => Ok(Ttl(ms.div_ceil(1000))),
            Ok(ms) if ms > 0 => Err(Error::invalid_argument(
                "ms",
                format_args!(
                    "{ms} is more than the 200 years that etcd can be trusted to count; leave the TTL unset for none"
                ),
            )),
            _ => Err(Error::invalid_argument("ms", format_args!("{ms} is not positive; leave the TTL unset for none"))),
        }
    }

    pub fn seconds(self) -> u64 {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Operation<'a> {
    Get { key: &'a str, options: &'a GetOptions },
    Set { key: &'a str, value: &'a str, options: &'a SetOptions },
    CreateInOrder { dir: &'a str, value: &'a str, options: &'a CreateInOrderOptions },
    Delete { key: &'a str, options: &'a DeleteOptions },
}

impl Operation<'_> {
    pub fn is_write(&self) -> bool {
        !matches!(self, Operation::Get { .. })
    }

    /// Only the plain unconditional set of a value may be sent twice. Go resends compare-and-swap, update
    /// and in-order creates too, and reports false 101s and doubled queue entries.
    pub fn effect(&self, settings: &KeysSettings) -> Effect {
        match self {
            Operation::Get { .. } => Effect::Read,
            Operation::Set { options, .. } if options.is_plain() && options.resend.unwrap_or(settings.resend_sets) => {
                Effect::IdempotentWrite
            }
            Operation::Set { .. } | Operation::CreateInOrder { .. } | Operation::Delete { .. } => Effect::OneShotWrite,
        }
    }
}

impl SetOptions {
    fn is_plain(&self) -> bool {
        let unconditional = self.prev_value.is_none() && self.prev_index == 0 && self.prev_exist == PrevExist::Ignore;
        unconditional && !self.dir && !self.refresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_rounded_up_to_whole_seconds_and_never_zero() {
        for (ms, seconds) in [(1, 1), (500, 1), (1000, 1), (1001, 2), (6_307_200_000_000, 6_307_200_000)] {
            assert_eq!(Ttl::from_ms(ms).expect("positive").seconds(), seconds);
        }
        for ms in [0, -1, i64::MIN, 6_307_200_000_001, i64::MAX] {
            assert!(Ttl::from_ms(ms).is_err());
        }
    }

    #[test]
    fn only_the_plain_set_may_be_sent_twice() {
        let settings = KeysSettings::default();
        let effect = |options: SetOptions| Operation::Set { key: "k", value: "v", options: &options }.effect(&settings);
        let ttl = Ttl::from_ms(1000).ok();
        assert_eq!(
            effect(SetOptions { ttl, no_value_on_success: true, ..SetOptions::default() }),
            Effect::IdempotentWrite
        );
        for one_shot in [
            SetOptions { prev_value: Some("v".into()), ..SetOptions::default() },
            SetOptions { prev_index: 1, ..SetOptions::default() },
            SetOptions { prev_exist: PrevExist::Exist, ..SetOptions::default() },
            SetOptions { prev_exist: PrevExist::NoExist, ..SetOptions::default() },
            SetOptions { dir: true, ..SetOptions::default() },
            SetOptions { refresh: true, ..SetOptions::default() },
            SetOptions { resend: Some(false), ..SetOptions::default() },
        ] {
            assert_eq!(effect(one_shot), Effect::OneShotWrite);
        }
    }

    #[test]
    fn the_settings_decide_for_a_set_that_does_not_say_whether_it_may_be_sent_twice() {
        let settings = KeysSettings { resend_sets: false, ..KeysSettings::default() };
        let effect = |resend| {
            let options = SetOptions { resend, ..SetOptions::default() };
            Operation::Set { key: "k", value: "v", options: &options }.effect(&settings)
        };
        assert_eq!(effect(None), Effect::OneShotWrite);
        assert_eq!(effect(Some(true)), Effect::IdempotentWrite);
    }
}
