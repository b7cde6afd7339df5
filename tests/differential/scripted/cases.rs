//! Answers that etcd never gives, or hardly ever.

use etcd_test_support::{Place, Reply, Request};

/// A server that gives each request the reply of this function.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) reply: fn(&Request) -> Reply,
}

/// An answer that both clients take.
const GOOD: &str = r#"{"action":"get","node":{"key":"/a","value":"v","createdIndex":5,"modifiedIndex":6}}"#;
const REFUSAL: &str = r#"{"errorCode":101,"message":"Compare failed","cause":"[a != b]","index":18}"#;

/// Short for the table.
const fn case(name: &'static str, reply: fn(&Request) -> Reply) -> Case {
    Case { name, reply }
}

/// To another path of the same server, which answers well.
fn redirect(request: &Request, status: u16) -> Reply {
    redirect_to(request, status, |_| Reply::etcd(200, 7, GOOD))
}

fn redirect_to(request: &Request, status: u16, elsewhere: fn(&Request) -> Reply) -> Reply {
    if request.path() == "/elsewhere" {
        return elsewhere(request);
    }
    let host = request.header("host").expect("a host");
    Reply::new(status).header("Location", &format!("http://{host}/elsewhere?{}", request.query()))
}

pub(crate) const CASES: &[Case] = &[
    case("200, as etcd", |_| Reply::etcd(200, 7, GOOD)),
    case("201, as etcd", |_| Reply::etcd(201, 7, GOOD)),
    case("200 in chunks", |_| Reply::new(200).header("X-Etcd-Index", "7").chunks([&GOOD[..9], &GOOD[9..]])),
    case("200 until the connection closes", |_| Reply::new(200).body_until_close(GOOD)),
    case("200 without headers", |_| Reply::new(200).body(GOOD)),
    case("200 with an empty index", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "")),
    case("200 with a word for an index", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "seven")),
    case("200 with a negative index", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "-7")),
    case("200 with a signed index", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "+7")),
    case("200 with an index beyond 64 bits", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "18446744073709551616")),
    case("200 with the last index", |_| Reply::json(200, GOOD).header("X-Etcd-Index", "18446744073709551615")),
    case("200, empty", |_| Reply::etcd(200, 7, "")),
    case("200, null", |_| Reply::etcd(200, 7, "null")),
    case("200, {}", |_| Reply::etcd(200, 7, "{}")),
    case("200, []", |_| Reply::etcd(200, 7, "[]")),
    case("200, a word", |_| Reply::etcd(200, 7, "garbage")),
    case("200, half a document", |_| Reply::etcd(200, 7, &GOOD[..30])),
    case("200, two documents", |_| Reply::etcd(200, 7, &format!("{GOOD}\n{GOOD}"))),
    case("200, spaces around", |_| Reply::etcd(200, 7, &format!(" \r\n\t{GOOD} \n"))),
    case("200, trailing bytes", |_| Reply::etcd(200, 7, &format!("{GOOD}x"))),
    case("200, action alone", |_| Reply::etcd(200, 7, r#"{"action":"set"}"#)),
    case("200, node null", |_| Reply::etcd(200, 7, r#"{"action":"set","node":null,"prevNode":null}"#)),
    case("200, unknown action", |_| Reply::etcd(200, 7, r#"{"action":"frobnicate","node":{"key":"/a"}}"#)),
    case("200, unknown fields", |_| Reply::etcd(200, 7, r#"{"action":"get","x":[{}],"node":{"key":"/a","y":1.5}}"#)),
    case("200, names in capitals", |_| Reply::etcd(200, 7, r#"{"Action":"get","NODE":{"Key":"/a"}}"#)),
    case("200, nodes in capitals", |_| Reply::etcd(200, 7, r#"{"action":"get","Node":{"Key":"/a"}}"#)),
    case("200, a name twice", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","action":"set","node":{"key":"/a","key":"/b"}}"#)
    }),
    case("200, nulls everywhere", |_| {
        let body = r#"{"action":"get","node":{"key":null,"value":null,"dir":null,"nodes":null,"ttl":null,"expiration":null,
            "createdIndex":null,"modifiedIndex":null}}"#;
        Reply::etcd(200, 7, body)
    }),
    case("200, a null among the nodes", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/","dir":true,"nodes":[null,{"key":"/b"}]}}"#)
    }),
    case("200, a number for the action", |_| Reply::etcd(200, 7, r#"{"action":1}"#)),
    case("200, a list for the node", |_| Reply::etcd(200, 7, r#"{"action":"get","node":[]}"#)),
    case("200, text for an index", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":"5"}}"#)),
    case("200, a negative index", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":-5}}"#)),
    case("200, a fraction for an index", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":5.0}}"#)),
    case("200, an exponent for an index", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":5e1}}"#)),
    case("200, text for dir", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"dir":"true"}}"#)),
    case("200, the last index of all", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":18446744073709551615}}"#)
    }),
    case("200, an index beyond 64 bits", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"createdIndex":18446744073709551616}}"#)
    }),
    case("200, a negative ttl", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/a","ttl":-3}}"#)),
    case("200, expiration with an offset", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"expiration":"2014-02-20T11:27:09.3+01:00","ttl":1}}"#)
    }),
    case("200, expiration without a time", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"expiration":"2014-02-20"}}"#)
    }),
    case("200, expiration empty", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"expiration":""}}"#)),
    case("200, expiration with a comma", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"expiration":"2014-02-20T11:27:09,5Z"}}"#)
    }),
    case("200, expiration in small letters", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"expiration":"2014-02-20t11:27:09z"}}"#)
    }),
    case("200, escapes", |_| {
        Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"\u0061","value":"\u003c\ud83d\ude00\/\b"}}"#)
    }),
    case("200, half a surrogate pair", |_| Reply::etcd(200, 7, r#"{"action":"get","node":{"value":"\ud83d"}}"#)),
    case("200, not UTF-8", |_| Reply::new(200).body(b"{\"action\":\"get\",\"node\":{\"value\":\"\xff\"}}".as_slice())),
    case("200, a line break in a string", |_| {
        Reply::etcd(200, 7, "{\"action\":\"get\",\"node\":{\"value\":\"a\nb\"}}")
    }),
    case("200, a byte order mark", |_| Reply::etcd(200, 7, &format!("\u{feff}{GOOD}"))),
    case("202", |_| Reply::etcd(202, 7, GOOD)),
    case("204", |_| Reply::new(204)),
    case("206", |_| Reply::etcd(206, 7, GOOD)),
    case("300 with a Location", |request| redirect(request, 300)),
    case("301", |request| redirect(request, 301)),
    case("302", |request| redirect(request, 302)),
    case("303", |request| redirect(request, 303)),
    case("304 with a Location", |request| redirect(request, 304)),
    case("307", |request| redirect(request, 307)),
    case("308", |request| redirect(request, 308)),
    case("307 without a Location", |_| Reply::new(307)),
    case("304 without a Location", |_| Reply::new(304)),
    case("307 to nonsense", |_| Reply::new(307).header("Location", ":")),
    case("307 to an empty Location", |_| Reply::new(307).header("Location", "")),
    case("307 to another scheme", |_| Reply::new(307).header("Location", "ftp://127.0.0.1/")),
    case("307 to a path", |request| {
        if request.path() == "/elsewhere" {
            Reply::etcd(200, 7, GOOD)
        } else {
            Reply::new(307).header("Location", "/elsewhere")
        }
    }),
    case("307 in a circle", |request| {
        let host = request.header("host").expect("a host");
        Reply::new(307).header("Location", &format!("http://{host}{}", request.target))
    }),
    case("307 to a refusal", |request| redirect_to(request, 307, |_| Reply::etcd(412, 7, REFUSAL))),
    case("307 to a failure", |request| redirect_to(request, 307, |_| Reply::new(503))),
    case("307 without the query", |request| {
        let host = request.header("host").expect("a host");
        let location = format!("http://{host}/elsewhere");
        if request.path() == "/elsewhere" {
            Reply::etcd(200, 7, GOOD)
        } else {
            Reply::new(307).header("Location", &location)
        }
    }),
    case("400, as etcd", |_| Reply::etcd(400, 18, REFUSAL)),
    case("400, {}", |_| Reply::json(400, "{}")),
    case("400, null", |_| Reply::json(400, "null")),
    case("400, []", |_| Reply::json(400, "[]")),
    case("400, names in capitals", |_| Reply::json(400, r#"{"ERRORCODE":101,"Message":"m","CAUSE":"c","Index":3}"#)),
    case("400, a message alone", |_| Reply::json(400, r#"{"message":"m"}"#)),
    case("400, a code alone", |_| Reply::json(400, r#"{"errorCode":105}"#)),
    case("400, an unknown code", |_| Reply::json(400, r#"{"errorCode":777,"message":"m"}"#)),
    case("400, a negative code", |_| Reply::json(400, r#"{"errorCode":-1,"message":"m"}"#)),
    case("400, text for a code", |_| Reply::json(400, r#"{"errorCode":"101","message":"m"}"#)),
    case("400, a negative index", |_| Reply::json(400, r#"{"errorCode":101,"message":"m","index":-1}"#)),
    case("400, a number for a message", |_| Reply::json(400, r#"{"errorCode":101,"message":1}"#)),
    case("400, two documents", |_| Reply::json(400, &format!("{REFUSAL}{REFUSAL}"))),
    case("400, no JSON", |_| Reply::new(400).body("Bad Request")),
    case("401, as etcd", |_| {
        Reply::etcd(
            401,
            0,
            r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#,
        )
    }),
    case("401, another's", |_| Reply::json(401, r#"{"message":"Insufficient credentials"}"#)),
    case("404, as etcd", |_| {
        Reply::etcd(404, 18, r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":18}"#)
    }),
    case("404, empty", |_| Reply::new(404)),
    case("404, no v2", |_| Reply::v2_off()),
    case("412, as etcd", |_| Reply::etcd(412, 18, REFUSAL)),
    case("418, empty", |_| Reply::new(418)),
    case("429, text", |_| Reply::new(429).body("slow down")),
    case("500, as etcd", |_| {
        Reply::etcd(
            500,
            18,
            r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":18}"#,
        )
    }),
    case("500, empty", |_| Reply::new(500)),
    case("502, html", |_| Reply::new(502).body("<html>Bad Gateway</html>")),
    case("503, empty", |_| Reply::new(503)),
    case("503, no leader", |_| Reply::json(503, r#"{"message":"etcdserver: no leader"}"#)),
    case("599", |_| Reply::new(599)),
    case("the connection closed", |_| Reply::hang_up()),
    case("the connection reset", |_| Reply::reset()),
    case("half a head", |_| Reply::etcd(200, 7, GOOD).close_at(Place::MidHead)),
    case("half a body", |_| Reply::etcd(200, 7, GOOD).close_at(Place::MidBody)),
    case("half a body, reset", |_| Reply::etcd(200, 7, GOOD).reset_at(Place::MidBody)),
    case("half of the chunks", |_| Reply::new(200).unfinished_chunks([GOOD]).close_at(Place::End)),
    case("no HTTP", |_| Reply::raw("220 mail ready\r\n\r\n").close_at(Place::End)),
];
