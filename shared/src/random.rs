//! The one door to the operating system's randomness.

/// `N` unpredictable bytes.
///
/// # Panics
/// When the operating system has no randomness to give: nothing that needs it could be done safely.
#[must_use]
#[expect(clippy::expect_used, reason = "without randomness nothing safe is left to do, and no caller could do better")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_draws_differ() {
        assert_ne!(super::bytes::<32>(), super::bytes::<32>());
    }
}
