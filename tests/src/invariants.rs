//! What must hold at the end of every test, in one place.

use serde_json::Value;
use sqlx::Row;

use crate::entrusted;
use crate::history;
use crate::patience::until;
use crate::servers::nats::store_of;
use crate::stack::{Stack, secrets};

impl Stack {
    /// Waits until nothing is in hand, then looks: every activation is in its due state, the stream is empty, nothing is dead
    /// that the test did not cause, each effect happened once per key outside, nothing went back, and no secret stands
    /// anywhere.
    pub async fn ends_well(&mut self) {
        self.ends_with_dead(&[]).await;
    }

    /// The same, where the test caused these commands to die.
    pub async fn ends_with_dead(&mut self, expected: &[&str]) {
        self.stream_is_empty().await;
        self.is_sound(expected).await;
        self.no_secret_stands_anywhere().await;
        self.checked = true;
    }

    /// Everything but the stream and the secrets, which need to be looked at only once: for a test that goes on with the
    /// same stack.
    pub async fn is_sound(&self, expected: &[&str]) {
        self.nothing_is_in_hand().await;
        let dead: Vec<String> = sqlx::query_scalar("select name from commands where state = 'dead' order by name")
            .fetch_all(&self.pool)
            .await
            .expect("rows can be read");
        assert_eq!(dead, expected, "dead commands");
        self.activations_are_in_their_due_state().await;
        self.effects_happened_once().await;
        if self.watched {
            history::never_went_back(&self.pool).await;
        }
    }

    /// Waits until every command has ended, and nothing is therefore overdue.
    async fn nothing_is_in_hand(&self) {
        until("every command has ended", || async {
            let ready = sqlx::query_scalar::<_, i64>("select count(*) from commands where state = 'ready'");
            (ready.fetch_one(&self.pool).await.ok()? == 0).then_some(())
        })
        .await;
    }

    /// An activation that says that workers are at it has a command in hand, one that needs an operator has a dead one, and
    /// whoever holds an instance is not cancelled.
    async fn activations_are_in_their_due_state(&self) {
        let stuck = sqlx::query(
            "select a.id::text, a.status, a.stage, a.state::text
             from activations a
             where (a.status in ('running', 'retrying')
                    and not exists (select from commands c where c.activation_id = a.id and c.lane = 'journey' and c.state = 'ready'))
                or (a.status = 'needs_attention'
                    and not exists (select from commands c where c.activation_id = a.id and c.lane = 'journey' and c.state = 'dead'))
                or (a.status = 'cancelled' and exists (select from holds h where h.activation_id = a.id))
                or (a.stage <> 'purchase' and a.status <> 'cancelled'
                    and not exists (select from holds h where h.activation_id = a.id))",
        );
        let stuck = stuck.fetch_all(&self.pool).await.expect("rows can be read");
        let words = |row: &sqlx::postgres::PgRow| {
            format!("{} {} {} {}", text(row, 0), text(row, 1), text(row, 2), text(row, 3))
        };
        assert!(
            stuck.is_empty(),
            "activations in a state that nothing leads out of: {:#?}",
            stuck.iter().map(words).collect::<Vec<_>>()
        );
    }

    /// Nothing stays in the stream when nothing is in hand.
    pub async fn stream_is_empty(&self) {
        let jetstream = self.jetstream().await;
        self.nothing_is_in_hand().await;
        until("the stream is empty", || async {
            let stream = jetstream.get_stream(self.stream()).await.ok()?;
            (stream.cached_info().state.messages == 0).then_some(())
        })
        .await;
    }

    async fn effects_happened_once(&self) {
        for part in ["billing_center", "console"] {
            let mut keys = std::collections::HashMap::<String, usize>::new();
            let mut made = std::collections::HashMap::<String, usize>::new();
            for call in self.calls(part).await {
                let (Some(key), Value::Bool(true)) = (call["idempotency_key"].as_str(), &call["effect"]) else {
                    continue;
                };
                *keys.entry(format!("{} {} {key}", call["method"], call["path"])).or_default() += 1;
                if call["method"] == "POST" {
                    *made.entry(format!("{} {}", call["path"], call["body"])).or_default() += 1;
                }
            }
            for (call, times) in keys.into_iter().chain(made) {
                assert_eq!(times, 1, "{part}: {call} took effect {times} times");
            }
        }
    }

    /// What the marketplace and the buyers were entrusted with stands in no row, no stored message, no log line, no metric and
    /// no problem.
    async fn no_secret_stands_anywhere(&self) {
        let entrusted = entrusted::all(&self.api_url);
        let places = [
            ("a row", self.rows().await),
            ("a log line", self.logs()),
            ("a stored message", self.stored_messages()),
            ("a metric", self.metrics().await),
            ("a problem", entrusted.problems.join("\n")),
        ];
        let fixed = [
            secrets::SMTP_PASSWORD,
            secrets::SECRET_KEY,
            secrets::SECURITY_KEY,
            secrets::ACCESS_KEY_SECRET,
            secrets::SIGNING,
            secrets::OPERATOR,
        ];
        let codes = self.codes().await;
        for (place, text) in &places {
            for secret in fixed.iter().copied().chain(entrusted.secrets.iter().map(String::as_str)) {
                assert!(!text.contains(secret), "a secret stands in {place}: {}", around(text, secret));
            }
            for code in &codes {
                assert!(!has_code(text, code), "a code stands in {place}");
            }
        }
        assert!(!self.logs().contains("token="), "a token stands in a log line");
    }

    /// A password that was taken stands nowhere of ours, and no sealed box is left.
    pub async fn keeps_no_password(&self, password: &str) {
        let sealed: i64 =
            sqlx::query_scalar("select count(*) from sealed").fetch_one(&self.pool).await.expect("a count");
        assert_eq!(sealed, 0, "a sealed password is left although nobody needs it any more");
        let everywhere = [self.rows().await, self.logs(), self.stored_messages()].concat();
        assert!(!everywhere.contains(password), "a password stands in a row, a log line or a stored message");
    }

    /// Every row of every table, as text.
    async fn rows(&self) -> String {
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public'")
                .fetch_all(&self.pool)
                .await
                .expect("tables can be listed");
        let mut rows = String::new();
        for table in tables {
            let dump = format!("select coalesce(string_agg(t::text, E'\\n'), '') from \"{table}\" t");
            let text: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(dump)).fetch_one(&self.pool).await.expect("a table");
            rows.push_str(&text);
        }
        rows
    }

    /// The files of the stream, where NATS is a process of this machine: they still hold what was taken out.
    fn stored_messages(&self) -> String {
        let Some(store) = store_of(&self.nats_url) else { return String::new() };
        let mut text = String::new();
        let mut folders = vec![store.join("jetstream/$G/streams").join(self.stream())];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        text
    }

    async fn metrics(&self) -> String {
        let mut text = String::new();
        for url in [&self.api_url, &self.workers_url] {
            if let Ok(answer) = reqwest::get(url.join("metrics").unwrap()).await {
                text.push_str(&answer.text().await.unwrap_or_default());
            }
        }
        text
    }

    /// Every code that was ever mailed.
    async fn codes(&self) -> Vec<String> {
        let mails: Value =
            reqwest::get(self.sandbox_url.join("sandbox/mails").unwrap()).await.unwrap().json().await.unwrap();
        let subjects = mails["mails"].as_array().into_iter().flatten().filter_map(|mail| mail["subject"].as_str());
        subjects
            .filter_map(|subject| subject.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6))
            .map(str::to_owned)
            .collect()
    }
}

fn text(row: &sqlx::postgres::PgRow, column: usize) -> String {
    row.try_get(column).unwrap_or_default()
}

/// Whether a code stands in a text as a word of its own. The six digits of a fraction of a second are none.
fn has_code(text: &str, code: &str) -> bool {
    text.match_indices(code).any(|(at, _)| {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + code.len()..]);
        let is_word = !before.last().is_some_and(u8::is_ascii_alphanumeric)
            && !after.first().is_some_and(u8::is_ascii_alphanumeric);
        let is_fraction = matches!(before, [.., digit, b'.'] if digit.is_ascii_digit());
        is_word && !is_fraction
    })
}

/// Where a secret stands, without the secret.
fn around(text: &str, secret: &str) -> String {
    let at = text.find(secret).unwrap_or_default();
    let before: String = text[..at].chars().rev().take(120).collect::<String>().chars().rev().collect();
    format!("…{before}***")
}

impl Drop for Stack {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            eprintln!("the logs of this test are in {}", self.log.display());
        } else {
            assert!(self.checked, "a test must end with ends_well()");
            let _ = std::fs::remove_dir_all(&self.log);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_as_a_word_and_a_fraction_of_a_second_is_no_code() {
        assert!(has_code("your code: 123456, enjoy", "123456"));
        assert!(has_code("{\"code\":\"123456\"}", "123456"));
        assert!(!has_code("2026-11-24 10:11:12.123456+00", "123456"));
        assert!(!has_code("order 91234567", "123456"));
        assert!(has_code("10:11:12.123456 and 123456", "123456"));
    }
}
