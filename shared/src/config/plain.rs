//! Values of a simple kind: numbers, durations, switches, addresses and lists of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::error::Expected;

/// A whole number between `least` and 4 294 967 295.
pub(super) fn number(text: &str, least: u32) -> Result<u32, Expected> {
    text.parse().ok().filter(|number| *number >= least).ok_or(Expected(match least {
        0 => "a whole number",
        _ => "a whole number above zero",
    }))
}

/// A whole number of milliseconds, 1 or more.
pub(super) fn milliseconds(text: &str) -> Result<Duration, Expected> {
    let number = number(text, 1).map_err(|_| Expected("a whole number of milliseconds above zero"))?;
    Ok(Duration::from_millis(number.into()))
}

/// A whole number of seconds, `least` or more.
pub(super) fn seconds(text: &str, least: u32) -> Result<Duration, Expected> {
    let number = number(text, least).map_err(|_| Expected("a whole number of seconds"))?;
    Ok(Duration::from_secs(number.into()))
}

/// A whole number of days, at most a century.
pub(super) fn days(text: &str, least: u32) -> Result<Duration, Expected> {
    let expected = Expected("a whole number of days, at most 36500");
    let number = number(text, least).ok().filter(|days| *days <= 36_500).ok_or(expected)?;
    Ok(Duration::from_secs(u64::from(number) * 86_400))
}

/// `on` or `off`.
pub(super) fn on_or_off(text: &str) -> Result<bool, Expected> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Expected("`on` or `off`")),
    }
}

/// `true` or `false`.
pub(super) fn true_or_false(text: &str) -> Result<bool, Expected> {
    text.parse().map_err(|_| Expected("`true` or `false`"))
}

/// An address and a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, Expected> {
    text.parse().map_err(|_| Expected("an IP address and a port, such as 127.0.0.1:8080 or [::]:8080"))
}

/// CIDRs, comma separated; an address alone is the network of itself.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Expected> {
    let network = |item: &str| item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
    items(text)
        .map(|item| network(item).map_err(|_| Expected("CIDRs, comma separated, such as 10.0.0.0/8,fd00::/8")))
        .collect()
}

/// The items of a comma separated list, without blanks around.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        assert_eq!(number("32", 1), Ok(32));
        for text in ["0", "-1", "1.5", "many", " 1", "4294967296"] {
            assert!(number(text, 1).is_err(), "{text}");
        }
        assert_eq!(milliseconds("2000"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0", 0), Ok(Duration::ZERO));
        assert_eq!(days("2", 1), Ok(Duration::from_hours(48)));
        assert!(days("36501", 1).is_err());
    }

    #[test]
    fn switches_know_two_words() {
        assert_eq!((on_or_off("on"), on_or_off("off")), (Ok(true), Ok(false)));
        assert!(on_or_off("true").is_err() && on_or_off("ON").is_err() && true_or_false("on").is_err());
    }

    #[test]
    fn networks_are_cidrs_or_single_addresses() {
        let networks_of = |text| networks(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(networks_of("10.0.0.0/8, fd00::/8,192.0.2.1"), ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]);
        assert!(networks("10.0.0.0/33").is_err() && networks("10.0.0.0/8,").is_err());
    }
}
