use bytes::Bytes;

use super::*;
use crate::core::response::Response;
use crate::core::v2::keys_document;

fn plain(body: &[u8]) -> Option<Response> {
    let mut builder = Builder::with_text_capacity(body.len()).expect("room");
    parse(body, &mut builder).expect("room")?;
    Some(builder.finish(7, b"id").expect("room"))
}

/// By serde_json.
fn any(body: &[u8]) -> Option<Response> {
    let mut builder = Builder::with_text_capacity(body.len()).expect("room");
    keys_document::parse_any(&Bytes::copy_from_slice(body), &mut builder).ok()?;
    Some(builder.finish(7, b"id").expect("room"))
}

const DOCUMENTS: [&str; 9] = [
    r#"{"action":"get","node":{"key":"/a","value":"b","modifiedIndex":5,"createdIndex":4}}"#,
    r#"{"action":"set","node":{"key":"/a","value":"","expiration":"2014-09-10T09:38:48.123Z","ttl":97,"modifiedIndex":5,"createdIndex":4},"prevNode":{"key":"/a","value":"{\"x\":[1,\"\u003c\u00e9\ud83d\ude00\"]}","modifiedIndex":123456789012345678,"createdIndex":0}}"#,
    r#"{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"nodes":[{"key":"/a/1","value":"x"},{"key":"/a/2","dir":true,"nodes":[{"key":"/a/2/x","ttl":-3}]}]},{"key":"/b","dir":false},{"key":"/c","dir":true,"nodes":[]}]}}"#,
    r#"{"action":"expire","node":{"key":"/größe/日本","modifiedIndex":9,"createdIndex":2},"prevNode":{}}"#,
    r#"{"action":"delete"}"#,
    r#"{"prevNode":{"nodes":[{"value":"all escapes: \"\\\/\b\f\n\r\t\u0000"}]},"action":"resurrect"}"#,
    r#"{"action":"get","action":"set","node":{"key":"/1","key":"/2","ttl":1,"ttl":0},"node":{"value":"again","value":"and again"}}"#,
    r#"{"action":"get","node":{"nodes":[{"key":"/a"}],"nodes":[{"key":"/b"},{}]}}"#,
    r#"{"action":"","node":{"key":"/a long key of more than sixty-four bytes, so that the large steps are made with it","value":"a long value of more than sixty-four bytes, with a stop \" only after one hundred bytes have gone by, and more"}}"#,
];

#[test]
fn what_etcd_writes_is_plain_and_means_the_same_to_serde_json() {
    for document in DOCUMENTS {
        for body in [document.to_owned(), format!("{document}\n"), format!("{document} \t\r\n")] {
            assert_eq!(plain(body.as_bytes()).expect(&body), any(body.as_bytes()).expect(&body), "{body}");
        }
    }
}

#[test]
fn what_is_not_plain_is_left_to_serde_json() {
    let cases = [
        "",
        "{}",
        "null",
        r#"{"action":"get"}{}"#,
        r#"{"action":"get",}"#,
        r#"{"action":"get"},"#,
        r#"{"action":"get"#,
        r#"{"action":null}"#,
        r#"{"action": "get"}"#,
        r#"{"Action":"get"}"#,
        r#"{"\u0061ction":"get"}"#,
        r#"{"action":"get","node":null}"#,
        r#"{"action":"get","node":{"key":"/a","new":1}}"#,
        r#"{"action":"get","node":{"value":"\ud83d"}}"#,
        r#"{"action":"get","node":{"value":"\ud83d\u0041"}}"#,
        r#"{"action":"get","node":{"value":"\ude00"}}"#,
        r#"{"action":"get","node":{"value":"\u+041"}}"#,
        r#"{"action":"get","node":{"value":"\x"}}"#,
        r#"{"action":"get","node":{"ttl":-0}}"#,
        r#"{"action":"get","node":{"ttl":01}}"#,
        r#"{"action":"get","node":{"ttl":1.5}}"#,
        r#"{"action":"get","node":{"ttl":1e3}}"#,
        r#"{"action":"get","node":{"ttl":}}"#,
        r#"{"action":"get","node":{"createdIndex":-1}}"#,
        r#"{"action":"get","node":{"createdIndex":18446744073709551615}}"#,
        r#"{"action":"get","node":{"nodes":[null]}}"#,
        r#"{"action":"get","node":{"nodes":[{},]}}"#,
        r#"{"action":"get","node":{"expiration":"soon"}}"#,
        "{\"action\":\"g\net\"}",
        // The time is one for the parser of times, and none in JSON.
        "{\"action\":\"get\",\"node\":{\"expiration\":\"2014-09-10\n09:38:48Z\"}}",
        "{\"action\":\"get\",\"node\":{\"expiration\":\"2014-09-10\\09:38:48Z\"}}",
        "{\"action\":\"g\u{0}et\"}",
        "{\"action\":\"get\"}\u{c}",
    ];
    for body in cases {
        assert_eq!(plain(body.as_bytes()), None, "{body}");
    }
    for not_utf8 in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"ascii first \xff"] {
        let body = [&b"{\"action\":\""[..], not_utf8, b"\"}"].concat();
        assert_eq!(plain(&body), None, "{not_utf8:?}");
    }
}

#[test]
fn a_tree_that_is_too_deep_is_left_to_serde_json() {
    let tree = |depth: usize| {
        let open = r#"{"key":"/d","dir":true,"nodes":["#;
        format!(r#"{{"action":"get","node":{}{{"key":"/leaf"}}{}}}"#, open.repeat(depth), "]}".repeat(depth))
    };
    let deepest = tree(DEEPEST);
    assert_eq!(plain(deepest.as_bytes()).expect("plain"), any(deepest.as_bytes()).expect("read"));
    assert_eq!(plain(tree(DEEPEST + 1).as_bytes()), None);
}

#[test]
fn no_change_to_a_document_makes_it_mean_anything_else_than_to_serde_json() {
    const PIECES: [&[u8]; 20] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"0",
        b"-",
        b".",
        b" ",
        b"\n",
        b"\x1f",
        b"\x7f",
        b"\xc3",
        b"\xe9",
        b"null",
        b"\\ud83d",
        b"\"ttl\":7,",
    ];
    let mut random = fastrand::Rng::with_seed(17);
    let mut plain_ones = 0;
    for document in DOCUMENTS {
        for position in 0..document.len() {
            for _ in 0..3 {
                let mut body = document.as_bytes().to_vec();
                let piece = PIECES[random.usize(..PIECES.len())];
                let end = (position + random.usize(..4)).min(body.len());
                body.splice(position..end, piece.iter().copied());
                if let Some(read) = plain(&body) {
                    plain_ones += 1;
                    assert_eq!(Some(read), any(&body), "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }
    assert!(plain_ones > 100, "{plain_ones} changed documents were plain");
}

#[test]
fn a_run_ends_at_the_first_byte_that_is_not_plain_wherever_it_stands() {
    let copied = |bytes: &[u8]| {
        let mut builder = Builder::with_text_capacity(0).expect("room");
        let mut reading = Reading { rest: bytes, builder: &mut builder, failed: None };
        let begin = reading.builder.begin_text();
        let bits = reading.append_run().expect("room");
        let (length, bits_of_run) = run(bytes);
        assert_eq!((length, bits_of_run & HIGH), (bytes.len() - reading.rest.len(), bits & HIGH));
        (reading.builder.text_since(begin).to_vec(), reading.rest.len(), bits & HIGH == 0)
    };
    for length in 0..100 {
        for stop in [&b""[..], b"\"", b"\\", b"\0", b"\x1f", b"\n"] {
            let mut bytes = vec![b'x'; length];
            // Bytes behind the stop mean nothing.
            let behind = if stop.is_empty() { &b""[..] } else { b"\x80\"\\\0!#[] \x7f" };
            bytes.extend([stop, behind].concat());
            let left = stop.len() + behind.len();
            assert_eq!(copied(&bytes), (bytes[..length].to_vec(), left, true), "{length} {stop:?}");
            for position in 0..length {
                // Those beside the stops in the table of characters are none.
                for other in [b'!', b'#', b'[', b']', b' ', 0x7f, 0xa2] {
                    bytes[position] = other;
                    let expected = (bytes[..length].to_vec(), left, other.is_ascii());
                    assert_eq!(copied(&bytes), expected, "{length} {stop:?} {position} {other}");
                }
                bytes[position] = b'x';
            }
        }
    }
}

#[test]
fn many_children_that_resemble_each_other_are_read_without_a_second_copy_of_them() {
    let children: Vec<String> = (0..1000)
        .map(|number| {
            format!(r#"{{"key":"/dir/{number:04}","value":"0123456789","modifiedIndex":{number},"createdIndex":7}}"#)
        })
        .collect();
    let body = format!(r#"{{"action":"get","node":{{"key":"/dir","dir":true,"nodes":[{}]}}}}"#, children.join(","));
    let response = plain(body.as_bytes()).expect("plain");
    let node = response.node().expect("a node");
    assert_eq!(response.children(node), 0..1000);
    let keys = response.nodes().iter().map(|child| String::from_utf8_lossy(response.text(child.key)));
    assert!(keys.eq((0..1000).map(|number| format!("/dir/{number:04}"))));
    assert_eq!(Some(response), any(body.as_bytes()));
}
