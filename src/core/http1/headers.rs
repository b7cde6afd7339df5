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

    fn of(text: &str) -> Option<Name> {
        let is_it = |name: &Name| name.text().len() == text.len() && name.text().eq_ignore_ascii_case(text);
        Name::ALL.into_iter().find(is_it)
    }
}

/// Where a value stands in the head.
type Place = Option<(usize, usize)>;

#[derive(Debug, Clone, Copy, Default)]
pub struct Places([Place; Name::ALL.len()]);

impl Places {
    /// A line of `head`, of which the first of its name counts.
    pub fn line(&mut self, head: &[u8], name: &str, value: &[u8]) {
        if let Some(place) = Name::of(name).and_then(|name| self.0.get_mut(name as usize)) {
            let begin = (value.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
            place.get_or_insert((begin, begin.saturating_add(value.len())));
        }
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
        let (begin, end) = (*self.places.0.get(name as usize)?)?;
        self.head.get(begin..end).map(<[u8]>::trim_ascii)
    }

    /// The same where it is plain text: visible ASCII, as every value that etcd sends.
    pub fn text(&self, name: Name) -> Option<&str> {
        let value = self.get(name)?;
        let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if is_plain { std::str::from_utf8(value).ok() } else { None }
    }

    /// The same values in memory of their own, without the head that they came in.
    pub fn detached(&self) -> Headers {
        let (mut values, mut places) = (Vec::new(), Places::default());
        for (name, place) in Name::ALL.into_iter().zip(&mut places.0) {
            if let Some(value) = self.get(name) {
                *place = Some((values.len(), values.len().saturating_add(value.len())));
                values.extend_from_slice(value);
            }
        }
        Headers { head: values.into(), places }
    }
}

#[cfg(test)]
impl<'a> FromIterator<(Name, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (Name, &'a str)>>(pairs: I) -> Headers {
        let (mut head, mut places) = (String::new(), Places::default());
        for (name, value) in pairs {
            places.0[name as usize] = Some((head.len(), head.len() + value.len()));
            head.push_str(value);
        }
        Headers { head: head.into(), places }
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
        assert_eq!(kept.head.len(), 3);
    }
}
