//! How long to wait before the next attempt, and when to stop.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

/// The retry schedule (`RETRY_INITIAL_MS`, `RETRY_MAX_MS`, `RETRY_ATTEMPTS`).
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The cap of the first pause.
    pub initial: Duration,
    /// The cap of every pause.
    pub max: Duration,
    /// After so many attempts an operator must act.
    pub attempts: i32,
}

impl Schedule {
    /// The pause after the n-th failed attempt: full jitter, anything between nothing and `initial · 2ⁿ⁻¹`, capped.
    #[must_use]
    pub fn pause(&self, attempt: i32) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(30);
        let cap = self.initial.saturating_mul(1_u32 << doublings).min(self.max);
        // `backoff` jitters both ways: around half of the cap, by all of that half, it is 0 to the cap.
        let half = cap / 2;
        let mut jitter = ExponentialBackoff {
            current_interval: half,
            initial_interval: half,
            randomization_factor: 1.0,
            multiplier: 1.0,
            max_interval: half,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        jitter.next_backoff().unwrap_or(cap).min(cap)
    }

    /// The pause after a *not yet* that named none: a quarter of what it has taken already, so that long work is asked
    /// about ever less often.
    #[must_use]
    pub fn look_again(&self, waited: Duration) -> Duration {
        (waited / 4).clamp(self.initial.min(self.max), self.max)
    }
}

/// A pause of once to twice this long: several workers must not look in step. One draw of the retry's jitter is as good a jitter
/// here.
#[must_use]
pub fn a_little_apart(pause: Duration) -> Duration {
    pause + Schedule { initial: pause, max: pause, attempts: 1 }.pause(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { initial: Duration::from_secs(2), max: Duration::from_mins(15), attempts: 200 };

    #[test]
    fn a_pause_lies_between_nothing_and_the_cap_and_uses_all_of_it() {
        for (attempt, cap) in [(1, 2.0), (2, 4.0), (5, 32.0), (200, 900.0), (i32::MAX, 900.0)] {
            let pauses: Vec<f64> = (0..400).map(|_| SCHEDULE.pause(attempt).as_secs_f64()).collect();
            let (low, high) = pauses.iter().fold((f64::MAX, 0.0_f64), |(l, h), p| (l.min(*p), h.max(*p)));
            assert!(high <= cap, "{high} is over {cap}");
            assert!(low < cap * 0.2 && high > cap * 0.8, "attempt {attempt}: {low} to {high} of {cap}");
        }
    }

    #[test]
    fn the_default_schedule_spans_about_a_day() {
        let mean: f64 = (1..SCHEDULE.attempts).map(|attempt| SCHEDULE.pause(attempt).as_secs_f64()).sum();
        assert!((18.0..30.0).contains(&(mean / 3600.0)), "{} hours", mean / 3600.0);
    }

    #[test]
    fn what_takes_long_is_asked_about_ever_less_often() {
        assert_eq!(SCHEDULE.look_again(Duration::ZERO), Duration::from_secs(2));
        assert_eq!(SCHEDULE.look_again(Duration::from_secs(400)), Duration::from_secs(100));
        assert_eq!(SCHEDULE.look_again(Duration::from_hours(24)), Duration::from_mins(15));
    }
}
