//! When a node expires: RFC 3339, with `Z` from etcd 2 and 3 and with an offset in old data.

use time::OffsetDateTime;
use time::error::Parse;
use time::format_description::well_known::Rfc3339;

use crate::core::response::Expiration;

pub(super) fn read(text: &str) -> Result<Expiration, Parse> {
    if let Some(read) = read_utc(text.as_bytes()) {
        return Ok(read);
    }
    let at = OffsetDateTime::parse(text, &Rfc3339)?;
    let nanoseconds = i32::try_from(at.nanosecond()).unwrap_or(0);
    Ok(Expiration { unix_seconds: at.unix_timestamp(), nanoseconds })
}

/// `2014-09-10T09:38:48.123Z`, as Go writes it, with up to nine decimal places or none; None for everything else. A tenth of
/// the work of the parser for all of RFC 3339, which counts where every child has a TTL.
pub(super) fn read_utc(text: &[u8]) -> Option<Expiration> {
    let (date_and_time, rest) = text.split_first_chunk::<19>()?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2] = date_and_time else {
        return None;
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?);
    // A leap second is left to the other parser.
    if day == 0 || day > days_in(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let unix_seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Expiration { unix_seconds, nanoseconds: nanoseconds(rest)? })
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// What follows the seconds: decimal places or none, and `Z`.
fn nanoseconds(rest: &[u8]) -> Option<i32> {
    let places = match rest {
        [b'Z'] => return Some(0),
        [b'.', places @ .., b'Z'] if (1..=9).contains(&places.len()) => places,
        _ => return None,
    };
    let read = i32::try_from(number(places)?).ok()?;
    Some((places.len()..9).fold(read, |nanoseconds, _| nanoseconds * 10))
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Counts years from March on, so that a leap day is the last one of its year. All of it is positive from the year 0 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_the_library(text: &str) -> Option<Expiration> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(Expiration { unix_seconds: at.unix_timestamp(), nanoseconds: i32::try_from(at.nanosecond()).ok()? })
    }

    #[test]
    fn every_day_is_what_the_library_says() {
        for year in [0, 1, 4, 99, 100, 400, 1582, 1900, 1969, 1970, 2000, 2023, 2024, 2100, 2262, 9999] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:58Z");
                    assert_eq!(read_utc(text.as_bytes()), by_the_library(&text), "{text}");
                }
            }
        }
    }

    #[test]
    fn every_form_is_what_the_library_says() {
        let rests = [
            "T00:00:00Z",
            "T09:38:48.1Z",
            "T09:38:48.123456789Z",
            "T09:38:48.000000001Z",
            "T09:38:48.1234567891Z",
            "T09:38:48.Z",
            "T09:38:48",
            "T09:38:48+02:00",
            "T09:38:48.5-07:30",
            "T24:00:00Z",
            "T23:60:00Z",
            "T23:59:60Z",
            "T23:59:61Z",
            "t09:38:48z",
            " 09:38:48Z",
            "T9:38:48Z",
            "T09:38:48.12x4Z",
            "T09:38:48ZZ",
            "",
        ];
        for rest in rests {
            let text = format!("2014-12-31{rest}");
            assert_eq!(read(&text).ok(), by_the_library(&text), "{text}");
            if let Some(read) = read_utc(text.as_bytes()) {
                assert_eq!(Some(read), by_the_library(&text), "{text}");
            }
        }
    }
}
