//! What random endpoints, prefixes and credentials make of a request.

use etcd_test_harness::Config;
use etcd_test_support::{Reply, ScriptedServer};
use fastrand::Rng;

use crate::differences::Counts;
use crate::generator::Generator;
use crate::go_client::{GoClient, Settings};
use crate::operation::Operation;
use crate::run::number;
use crate::wire::Wire;

const PATHS: [&str; 10] = ["", "/", "/pfx", "/pfx/", "//a//b/", "/a/./b", "/a/../b", "/x%20y", "/x%21y", "/%C3%BC"];
const QUERIES: [&str; 10] =
    ["", "?", "?x=1", "?x=2&x=1", "?recursive=true", "?b&a", "?x=a+b%20c", "?q=%C3%BC", "?=v", "?x=1&&y"];
/// Go sends these alone with an in-order create as they are, and sorts and encodes them with everything else; ours does
/// so always, which means the same to a server.
const CANONICAL_QUERIES: [&str; 3] = ["", "?x=1", "?recursive=true&x=2"];
const PREFIXES: [&str; 10] =
    ["", "/", "/v2/keys", "v2/keys", "/v2/keys/", "//v2//keys", "/x y", "/%41", "/a/./b", "/ü"];
const NAMES: [&str; 6] = ["", "root", "x y", "ü", "<&>", "a%b"];
const PASSWORDS: [&str; 5] = ["", "secret", "a:b", "ü", "x y"];

#[test]
fn random_settings_make_the_same_requests() {
    let Some(mut go) = GoClient::start() else { return };
    let seed = number("ETCD_DIFFERENTIAL_SEED", 1);
    let (mut random, mut generator, mut counts) = (Rng::with_seed(seed), Generator::new(seed), Counts::default());
    let answer = Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/a"}}"#);
    let server = || ScriptedServer::always(answer.clone());
    let (our_server, go_server) = (server(), server());
    let mut seen = 0;
    for _ in 0..250 {
        let operation = generator.operation();
        if counts.our_refusal(&operation).is_some() {
            continue;
        }
        let mut pick = |from: &[&str]| (*random.choice(from).expect("a choice")).to_owned();
        let is_post = matches!(operation, Operation::CreateInOrder { .. });
        let path = pick(&PATHS) + &pick(if is_post { &CANONICAL_QUERIES } else { &QUERIES });
        let prefix = Some(pick(&PREFIXES)).filter(|_| operation.key() != "");
        let settings = Settings { prefix, username: pick(&NAMES), login: pick(&PASSWORDS) };
        let shown = format!("seed {seed}, endpoint {path}, {settings:?}, {operation:?}");
        let mut config = Config::new(&[our_server.endpoint() + &path]);
        if !settings.username.is_empty() {
            config = config.credentials(&settings.username, &settings.login);
        }
        if let Some(prefix) = &settings.prefix {
            config = config.keys_prefix(prefix);
        }
        operation.run(&config.build());
        go.ask_with(&[go_server.endpoint() + &path], &settings, &operation);
        let new = |server: &ScriptedServer| -> Vec<Wire> {
            server.requests()[seen..].iter().map(|request| Wire::of(request, &server.endpoint())).collect()
        };
        let expected = counts.our_wires(&operation, new(&go_server));
        assert_eq!(new(&our_server), expected, "ours and Go's on the wire: {shown}");
        seen += expected.len();
    }
}
