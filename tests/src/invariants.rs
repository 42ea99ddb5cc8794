//! What must hold at the end of every test, in one place.

use serde_json::Value;

use crate::patience::until;
use crate::stack::{Stack, secrets};

impl Stack {
    /// Waits until nothing is in hand, then looks: the stream is empty, nothing is dead that the test did not cause, each
    /// effect happened once per key outside, and no secret stands anywhere.
    pub async fn ends_well(&mut self) {
        self.ends_with_dead(&[]).await;
    }

    /// The same, where the test caused these commands to die.
    ///
    /// # Panics
    /// If an invariant is broken; the message says which, and shows the rows.
    pub async fn ends_with_dead(&mut self, expected: &[&str]) {
        self.checked = true;
        until("every command has ended", || async {
            let ready = sqlx::query_scalar::<_, i64>("select count(*) from commands where state = 'ready'");
            (ready.fetch_one(&self.pool).await.ok()? == 0).then_some(())
        })
        .await;
        self.stream_is_empty().await;
        let dead: Vec<String> = sqlx::query_scalar("select name from commands where state = 'dead' order by name")
            .fetch_all(&self.pool)
            .await
            .expect("rows can be read");
        assert_eq!(dead, expected, "dead commands");
        self.effects_happened_once().await;
        self.no_secret_stands_anywhere().await;
    }

    async fn stream_is_empty(&self) {
        let jetstream = self.jetstream().await;
        until("the stream is empty", || async {
            let stream = jetstream.get_stream(self.stream()).await.ok()?;
            (stream.cached_info().state.messages == 0).then_some(())
        })
        .await;
    }

    async fn effects_happened_once(&self) {
        for part in ["billing_center", "console"] {
            let mut keys = std::collections::HashMap::<String, usize>::new();
            for call in self.calls(part).await {
                let (Some(key), Value::Bool(true)) = (call["idempotency_key"].as_str(), &call["effect"]) else { continue };
                *keys.entry(format!("{} {} {key}", call["method"], call["path"])).or_default() += 1;
            }
            for (call, times) in keys {
                assert_eq!(times, 1, "{part}: {call} took effect {times} times");
            }
        }
    }

    /// Every row and every log line.
    async fn everywhere(&self) -> String {
        let mut everywhere = self.logs();
        let tables: Vec<String> =
            sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public'")
                .fetch_all(&self.pool)
                .await
                .expect("tables can be listed");
        for table in tables {
            let dump = format!("select coalesce(string_agg(t::text, E'\\n'), '') from \"{table}\" t");
            let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(dump)).fetch_one(&self.pool).await.expect("a table");
            everywhere.push_str(&rows);
        }
        everywhere
    }

    async fn no_secret_stands_anywhere(&self) {
        let everywhere = self.everywhere().await;
        for secret in [
            secrets::SECRET_KEY,
            secrets::SECURITY_KEY,
            secrets::ACCESS_KEY_SECRET,
            secrets::SIGNING,
            secrets::OPERATOR,
        ] {
            assert!(!everywhere.contains(secret), "a secret stands in a row or a log line");
        }
    }

    /// A password that was taken stands nowhere of ours, and no sealed box is left.
    ///
    /// # Panics
    /// If one does.
    pub async fn keeps_no_password(&self, password: &str) {
        let sealed: i64 = sqlx::query_scalar("select count(*) from sealed").fetch_one(&self.pool).await.expect("a count");
        assert_eq!(sealed, 0, "a sealed password is left although nobody needs it any more");
        let everywhere = self.everywhere().await;
        assert!(!everywhere.contains(password), "a password stands in a row or a log line");
    }

    /// The codes that were mailed to an address stand nowhere of ours.
    ///
    /// # Panics
    /// If one does.
    pub async fn hides(&self, code: &str) {
        let rows: String = sqlx::query_scalar(
            "select coalesce(string_agg(c::text, ''), '') || (select coalesce(string_agg(h::text, ''), '') from challenges h)
             || (select coalesce(string_agg(a::text, ''), '') from activations a) from commands c",
        )
        .fetch_one(&self.pool)
        .await
        .expect("rows can be read");
        let words = |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|word| word == code);
        assert!(!words(&rows), "a code stands in a row");
        assert!(!words(&self.logs()), "a code stands in a log line");
    }
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
