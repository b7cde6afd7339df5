//! The header lines of an answer: where the values stand of those that are asked for, found when the head is taken apart.

use bytes::Bytes;

/// The lines that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    ContentEncoding,
    ContentType,
    EtcdClusterId,
    EtcdIndex,
    Location,
}

impl Name {
    const ALL: [Name; 5] =
        [Name::ContentEncoding, Name::ContentType, Name::EtcdClusterId, Name::EtcdIndex, Name::Location];

    fn text(self) -> &'static str {
        match self {
            Name::ContentEncoding => "content-encoding",
            Name::ContentType => "content-type",
            Name::EtcdClusterId => "x-etcd-cluster-id",
            Name::EtcdIndex => "x-etcd-index",
            Name::Location => "location",
        }
    }

    /// Nearly all lines that mean nothing here are told by the length of their names.
    fn of(text: &str) -> Option<Name> {
        let name = match (text.len(), text.as_bytes().first()) {
            (8, _) => Name::Location,
            (12, Some(b'c' | b'C')) => Name::ContentType,
            (12, _) => Name::EtcdIndex,
            (16, _) => Name::ContentEncoding,
            (17, _) => Name::EtcdClusterId,
            _ => return None,
        };
        name.text().eq_ignore_ascii_case(text).then_some(name)
    }
}

/// Where a value begins and ends in the head, which is no longer than 64 KiB.
type Place = (u16, u16);

/// A value begins behind its name.
const NOWHERE: Place = (0, 0);

#[derive(Debug, Clone, Copy)]
pub struct Places([Place; Name::ALL.len()]);

impl Default for Places {
    fn default() -> Places {
        Places([NOWHERE; Name::ALL.len()])
    }
}

impl Places {
    /// A line of `head`, of which the first of its name counts.
    pub fn line(&mut self, head: &[u8], name: &str, value: &[u8]) {
        if let Some(place) = Name::of(name).and_then(|name| self.0.get_mut(name as usize))
            && *place == NOWHERE
        {
            let begin = (value.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
            *place = place_of(begin, value.len());
        }
    }
}

fn place_of(begin: usize, length: usize) -> Place {
    let end = begin.saturating_add(length);
    match (u16::try_from(begin), u16::try_from(end)) {
        (Ok(begin), Ok(end)) => (begin, end),
        _ => NOWHERE,
    }
}

#[derive(Debug, Clone, Default)]
pub struct Headers {
    head: Bytes,
    places: Places,
}

impl Headers {
    pub fn new(head: Bytes, places: Places) -> Headers {
        Headers { head, places }
    }

    /// The value in the first line of this name.
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        let place = self.places.0.get(name as usize).filter(|place| **place != NOWHERE)?;
        self.head.get(place.0.into()..place.1.into()).map(<[u8]>::trim_ascii)
    }

    /// The same where it is plain text: visible ASCII, as every value that etcd sends.
    pub fn text(&self, name: Name) -> Option<&str> {
        let value = self.get(name)?;
        let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if is_plain { std::str::from_utf8(value).ok() } else { None }
    }

    /// The same values in memory of their own, without the head that they came in.
    pub fn detached(&self) -> Headers {
        Name::ALL.into_iter().filter_map(|name| Some((name, self.get(name)?))).collect()
    }
}

impl<'a> FromIterator<(Name, &'a [u8])> for Headers {
    fn from_iter<I: IntoIterator<Item = (Name, &'a [u8])>>(pairs: I) -> Headers {
        // No value begins at the very beginning.
        let (mut head, mut places) = (vec![b' '], Places::default());
        for (name, value) in pairs {
            if let Some(place) = places.0.get_mut(name as usize) {
                *place = place_of(head.len(), value.len());
                head.extend_from_slice(value);
            }
        }
        Headers { head: head.into(), places }
    }
}

#[cfg(test)]
impl<'a> FromIterator<(Name, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (Name, &'a str)>>(pairs: I) -> Headers {
        pairs.into_iter().map(|(name, value)| (name, value.as_bytes())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        let head = Bytes::from_static(b"x-ETCD-index:\t 42 \r\nX-Etcd-Index: 43\nLocation:\r\nContent-Type: \xff\r\n");
        let mut places = Places::default();
        for line in head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            places.line(&head, std::str::from_utf8(&line[..colon]).expect("a name"), &line[colon + 1..]);
        }
        Headers::new(head, places)
    }

    #[test]
    fn a_name_is_found_however_it_is_written_and_the_first_line_counts() {
        assert_eq!(headers().get(Name::EtcdIndex), Some(&b"42"[..]));
        assert_eq!(headers().get(Name::Location), Some(&b""[..]));
        assert_eq!(headers().get(Name::EtcdClusterId), None);
    }

    #[test]
    fn only_plain_text_is_given_as_text() {
        assert_eq!(headers().text(Name::EtcdIndex), Some("42"));
        assert_eq!((headers().get(Name::ContentType), headers().text(Name::ContentType)), (Some(&b"\xff"[..]), None));
    }

    #[test]
    fn the_values_can_be_kept_without_the_rest() {
        let kept = headers().detached();
        for name in Name::ALL {
            assert_eq!(kept.get(name), headers().get(name), "{name:?}");
        }
        assert_eq!(kept.head.len(), 4);
    }
}
