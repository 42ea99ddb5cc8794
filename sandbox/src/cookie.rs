//! The two cookies of the sandbox's pages.

use axum::http::{HeaderMap, header};

/// The value of a cookie that the browser sent.
#[must_use]
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// A `Set-Cookie` value for the whole sandbox, unreadable for scripts.
#[must_use]
pub fn write(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; sandbox_buyer=42".parse().unwrap());
        assert_eq!(read(&headers, "sandbox_buyer"), Some("42"));
        assert_eq!(read(&headers, "b"), None);
    }
}
