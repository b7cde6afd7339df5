//! Random operations, as nasty as possible: few keys, so that they collide, and many ways to write each of them.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::answer::{Answer, Node};
use crate::operation::{Operation, PrevExist, SetOptions};

/// Keys that most operations are about.
pub(crate) const FAVOURITES: [&str; 10] =
    ["/a", "/b", "/dir", "/dir/a", "/dir/b", "/dir/sub/c", "/dir/_h", "/_hidden", "/_hidden/x", "/queue"];

/// What the other keys are made of. No NUL, which no C string holds.
const SEGMENTS: [&str; 28] = [
    "a",
    "b",
    "dir",
    "sub",
    "_h",
    "x y",
    "ü",
    "日本",
    "😀",
    "%41",
    "%2F",
    "%",
    "+",
    "a;b",
    "a=b&c",
    "?",
    "#",
    "\"q\"",
    "'",
    "\\",
    "*",
    "[]",
    "...",
    "~!$,:@()|<>^`{}",
    "\u{1}\t\u{7f}",
    "line\r\nbreak",
    "e\u{301}",
    "\u{2028}",
];

const VALUES: [&str; 14] = [
    "",
    "0",
    "one",
    "two",
    "x y",
    "a+b%20&c=d;e#f?g",
    "\"quoted\" \\ 'and' `so`",
    "é 日本 😀",
    "\0\n\r\t\u{1f}\u{7f}",
    "<>&\u{2028}\u{2029}",
    "prevValue=&ttl=1",
    "%",
    "null",
    "\u{fffd}\u{feff}",
];

/// Times to live that are far from each other, and none that ends during a test.
const TTLS_MS: [i64; 5] = [1_000_000, 2_000_500, 4_000_000, 8_000_001, 100_000_000_000];

/// A source of operations that knows what the last answers said, so that comparisons can be right as well as wrong.
pub(crate) struct Generator {
    random: Rng,
    /// The value and the modifiedIndex of files.
    known: BTreeMap<String, (String, u64)>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { random: Rng::with_seed(seed), known: BTreeMap::new() }
    }

    /// Remembers what an answer says of the keys in it.
    pub(crate) fn learn(&mut self, answer: &Answer) {
        if let Some(node) = answer.response().and_then(|response| response.node.as_ref()) {
            self.learn_node(node);
        }
    }

    fn learn_node(&mut self, node: &Node) {
        if !node.is_dir {
            self.known.insert(node.key.clone(), (node.value.clone(), node.modified_index));
        }
        for child in &node.nodes {
            self.learn_node(child);
        }
    }

    pub(crate) fn operation(&mut self) -> Operation {
        let key = self.key();
        match self.random.u8(..100) {
            0..20 => Operation::Get { recursive: self.one_in(2), sort: self.one_in(2), quorum: self.one_in(4), key },
            20..30 => self.comparison(),
            30..35 => self.refresh(),
            35..60 => Operation::Set { value: self.value(), options: self.set_options(&key), key },
            60..67 => Operation::Create { value: self.value(), key },
            67..74 => Operation::Update { value: self.value(), key },
            74..81 => Operation::CreateInOrder { value: self.value(), ttl_ms: self.ttl(4), key },
            81..99 => Operation::Delete {
                prev_value: self.prev_value(&key, 4),
                prev_index: self.prev_index(&key, 5),
                recursive: self.one_in(3),
                dir: self.one_in(3),
                key,
            },
            _ => Operation::Version,
        }
    }

    /// A compare-and-swap or compare-and-delete of a file that was seen, mostly with what it holds.
    fn comparison(&mut self) -> Operation {
        let key = self.known_key();
        let (prev_value, prev_index) = match self.random.u8(..3) {
            0 => (self.prev_value(&key, 1), 0),
            1 => (None, self.prev_index(&key, 1)),
            _ => (self.prev_value(&key, 1), self.prev_index(&key, 1)),
        };
        if self.one_in(3) {
            return Operation::Delete { key, prev_value, prev_index, recursive: self.one_in(3), dir: self.one_in(3) };
        }
        let prev_exist = if self.one_in(3) { PrevExist::Exist } else { PrevExist::Ignore };
        let options = SetOptions { prev_value, prev_index, prev_exist, ttl_ms: self.ttl(4), ..SetOptions::default() };
        Operation::Set { key, value: self.value(), options }
    }

    fn refresh(&mut self) -> Operation {
        let key = self.known_key();
        let prev_exist = if self.one_in(2) { PrevExist::Exist } else { PrevExist::Ignore };
        let options = SetOptions { refresh: true, prev_exist, ttl_ms: self.ttl(1), ..SetOptions::default() };
        Operation::Set { key, value: String::new(), options }
    }

    fn known_key(&mut self) -> String {
        let known = self.random.usize(..self.known.len().max(1));
        self.known.keys().nth(known).cloned().unwrap_or_else(|| self.key())
    }

    fn set_options(&mut self, key: &str) -> SetOptions {
        SetOptions {
            prev_value: self.prev_value(key, 5),
            prev_index: self.prev_index(key, 5),
            prev_exist: match self.random.u8(..6) {
                0 => PrevExist::Exist,
                1 => PrevExist::NoExist,
                _ => PrevExist::Ignore,
            },
            ttl_ms: self.ttl(4),
            refresh: self.one_in(8),
            dir: self.one_in(6),
            no_value_on_success: self.one_in(8),
        }
    }

    fn key(&mut self) -> String {
        match self.random.u8(..100) {
            0..60 => self.choose(&FAVOURITES).to_owned(),
            60..64 => self.choose(&["", "/", "//", ".", "/.", "./", "gone/../", "/gone/.."]).to_owned(),
            64..66 => self.choose(&["..", "../members", "/a/../..", "/../v2/keys/a"]).to_owned(),
            66..68 => format!("/{}", "k".repeat(self.random.usize(200..1000))),
            68..70 => "/deep".repeat(self.random.usize(10..40)),
            _ => self.composed_key(),
        }
    }

    fn composed_key(&mut self) -> String {
        let mut key = String::new();
        for position in 0..self.random.usize(1..5) {
            if position > 0 || self.one_in(2) {
                key.push('/');
            }
            if self.one_in(10) {
                key.push_str(self.choose(&["/", "./", "gone/../"]));
            }
            key.push_str(self.choose(&SEGMENTS));
        }
        if self.one_in(6) {
            key.push_str(self.choose(&["/", "//", "/.", "/./", "/gone/..", "/gone/../"]));
        }
        key
    }

    fn value(&mut self) -> String {
        match self.random.u8(..30) {
            0 => "x".repeat(3000),
            1 => "y".repeat(self.random.usize(5000..50_000)),
            _ => self.choose(&VALUES).to_owned(),
        }
    }

    /// None, the right one, or a wrong one; never empty, which cannot be set here.
    fn prev_value(&mut self, key: &str, one_in: u8) -> Option<String> {
        if !self.one_in(one_in) {
            return None;
        }
        let right = self.known.get(key).map(|(value, _)| value.clone());
        let value = match self.random.u8(..16) {
            0 => "z".repeat(5000),
            1..9 => right.unwrap_or_else(|| self.value()),
            _ => self.value(),
        };
        (!value.is_empty()).then_some(value)
    }

    fn prev_index(&mut self, key: &str, one_in: u8) -> u64 {
        if !self.one_in(one_in) {
            return 0;
        }
        let right = self.known.get(key).map_or(1, |(_, index)| *index);
        *self.random.choice(&[right, right, right + 1, u64::MAX, 1]).expect("a choice")
    }

    fn ttl(&mut self, one_in: u8) -> Option<i64> {
        self.one_in(one_in).then(|| *self.random.choice(&TTLS_MS).expect("a choice"))
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.random.u8(..count) == 0
    }

    fn choose(&mut self, from: &[&'static str]) -> &'static str {
        self.random.choice(from).expect("a choice")
    }
}
