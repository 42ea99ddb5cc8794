//! The sandbox's one look at the clock: it is the outside world, so its time is the machine's.

use time::{
    OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description, macros::offset,
};

/// Where the marketplace's dates are written.
pub const SHANGHAI: UtcOffset = offset!(+8);

/// The form of the marketplace's dates: `yyyy-MM-dd HH:mm:ss`.
pub const MARKETPLACE_DATE: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

/// What time it is.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the outside world has its own clock")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A moment as the marketplace writes it, in Asia/Shanghai.
#[must_use]
pub fn marketplace_date(at: OffsetDateTime) -> String {
    at.to_offset(SHANGHAI).format(MARKETPLACE_DATE).unwrap_or_default()
}

/// The moment that a marketplace's date means.
#[must_use]
pub fn parse_marketplace_date(text: &str) -> Option<OffsetDateTime> {
    let local = time::PrimitiveDateTime::parse(text, MARKETPLACE_DATE).ok()?;
    Some(local.assume_offset(SHANGHAI))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_marketplace_date_is_eight_hours_ahead_of_utc() {
        assert_eq!(marketplace_date(datetime!(2026-11-24 20:00:00 UTC)), "2026-11-25 04:00:00");
        assert_eq!(parse_marketplace_date("2026-11-25 04:00:00"), Some(datetime!(2026-11-24 20:00:00 UTC)));
    }

    #[test]
    fn another_form_is_no_marketplace_date() {
        assert_eq!(parse_marketplace_date("2026-11-25T04:00:00Z"), None);
    }
}
