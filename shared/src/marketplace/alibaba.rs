//! Alibaba Cloud Marketplace: its calls to us, its login links, and its OpenAPI.

pub mod token;
pub mod spi;
pub mod login;
pub mod acs3;
pub mod openapi;

use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// Asia/Shanghai has had no other offset since 1991.
const SHANGHAI: UtcOffset = offset!(+8);

/// Reads `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    // The year's component takes a sign, too; the marketplace writes none.
    let time = PrimitiveDateTime::parse(text, &format).ok().filter(|_| text.len() == 19)?;
    let time = time.assume_offset(SHANGHAI).to_offset(UtcOffset::UTC);
    // RFC 3339, in which documents show it, has no year before that.
    (time.year() >= 1).then_some(time)
}

/// Writes a time as the marketplace does: `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai.
#[must_use]
pub fn format_time(time: OffsetDateTime) -> String {
    let time = time.to_offset(SHANGHAI);
    let (date, clock) = (time.date(), time.time());
    let (hour, minute, second) = clock.as_hms();
    format!("{date} {hour:02}:{minute:02}:{second:02}")
}

/// Whether a text is an id of the marketplace: 1 to 32 digits (contract §2).
fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_marketplaces_times_are_shanghais() {
        let time = datetime!(2031-05-05 23:08:09 UTC);
        assert_eq!(parse_time("2031-05-06 07:08:09"), Some(time));
        assert_eq!(format_time(time), "2031-05-06 07:08:09");
        for text in [
            "2031-05-06T07:08:09",
            "2031-05-06 07:08",
            "2031-02-30 07:08:09",
            "2031-05-06 07:08:09 ",
            "+2031-05-06 07:08:09",
            "-2031-05-06 07:08:09",
            "0000-01-01 00:00:00",
            "0001-01-01 00:00:00",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
