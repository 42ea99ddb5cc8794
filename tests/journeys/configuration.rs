//! Configuration (contract §1): what each process demands, what it says when it ends, and how it meets the database.

use std::process::{Command, Output};

use futures_util::future::join_all;
use landfall_tests::binaries::binary;
use landfall_tests::caller::Caller;
use landfall_tests::patience::until;
use landfall_tests::proxy::{Proxy, Wire};
use landfall_tests::servers::servers;
use landfall_tests::stack::{Stack, Wishes, ready, secrets};
use serde_json::json;

const PROGRAMS: [&str; 2] = ["landfall-api", "landfall-workers"];

/// A secret that would be found wherever it is shown.
const HUNTER: &str = "hunter2-hunter2-hunter2-hunter2-hunter2!";

const REQUIRED: [(&str, &[&str]); 2] = [
    ("landfall-api", &["DATABASE_URL", "NATS_URL", "PUBLIC_URL", "SECRET_KEY", "BRAND_NAME", "SITES", "LOGIN_URL"]),
    (
        "landfall-workers",
        &[
            "DATABASE_URL",
            "NATS_URL",
            "PUBLIC_URL",
            "SECRET_KEY",
            "BRAND_NAME",
            "SMTP_URL",
            "MAIL_FROM",
            "BILLING_CENTER_URL",
            "CONSOLE_URL",
            "PLATFORM_SIGNING_SECRET",
        ],
    ),
];

/// Of which process a variable may not be malformed.
const MALFORMED: [(&str, &str, &[&str]); 34] = [
    ("DATABASE_URL", "mysql://hunter2@h/d", &PROGRAMS),
    ("NATS_URL", "http://hunter2@h", &PROGRAMS),
    ("NATS_PREFIX", "a.b", &PROGRAMS),
    ("MIGRATE", "yes", &PROGRAMS),
    ("LISTEN_ADDR", "8080", &["landfall-api"]),
    ("INTERNAL_LISTEN_ADDR", "localhost:1", &["landfall-api"]),
    ("WORKERS_LISTEN_ADDR", "8081", &["landfall-workers"]),
    ("PUBLIC_URL", "activate.example.com", &PROGRAMS),
    ("PUBLIC_URL", "https://a.example/landfall", &PROGRAMS),
    ("TRUSTED_PROXIES", "10.0.0.0/33", &["landfall-api"]),
    ("SECRET_KEY", HUNTER, &PROGRAMS),
    ("SECRET_KEY_PREVIOUS", HUNTER, &PROGRAMS),
    ("BRAND_COLOR", "red", &PROGRAMS),
    ("BRAND_LOGO", "/nowhere/hunter2.svg", &PROGRAMS),
    ("SITES", "cn", &["landfall-api"]),
    ("LOGIN_URL", "ftp://{site}.example", &["landfall-api"]),
    ("LOGIN_TICKET_SECRET", "c2hvcnQ=", &["landfall-api"]),
    ("TERMS_URL", "http://a.example", &["landfall-api"]),
    ("TYPED_ENTRY", "true", &["landfall-api"]),
    ("SMTP_URL", "http://hunter2:hunter2@h", &["landfall-workers"]),
    ("MAIL_FROM", "nobody", &["landfall-workers"]),
    ("BILLING_CENTER_URL", "http://10.0.0.1", &["landfall-workers"]),
    ("BILLING_CENTER_URL", "https://a.example/{site}", &["landfall-workers"]),
    ("CONSOLE_URL", "http://{site}.example", &["landfall-workers"]),
    ("CONSOLE_URL", "https://a.example/{place}", &["landfall-workers"]),
    ("LOGIN_URL", "https://a.example/{place}", &["landfall-api"]),
    ("PLATFORM_SIGNING_SECRET", HUNTER, &["landfall-workers"]),
    ("PLATFORM_INBOUND_SECRET", HUNTER, &["landfall-api"]),
    ("ALIBABA_SECURITY_KEY", "hunter2,hunter2,hunter2", &["landfall-api"]),
    ("OPERATOR_TOKENS", "ann:act:hunter2", &["landfall-api"]),
    ("RETRY_MAX_MS", "1", &PROGRAMS),
    ("DATABASE_CONNECTIONS", "0", &PROGRAMS),
    ("ALLOW_HTTP", "1", &PROGRAMS),
    ("LOG_FORMAT", "xml", &PROGRAMS),
];

/// Runs a program that is to end at once.
async fn run(stack: &Stack, name: &'static str, changes: &[(&str, Option<&str>)]) -> Output {
    let mut command = Command::new(binary(name));
    command.env_clear().envs(stack.variables()).current_dir(&stack.log);
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// What it says as it ends: one sentence on one line, and not a word of a secret.
fn sentence(output: &Output) -> String {
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stdout));
    for secret in ["hunter2", secrets::SECRET_KEY, secrets::SIGNING, secrets::SECURITY_KEY, "postgres@127"] {
        assert!(!all.contains(secret), "{all}");
    }
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn what_is_missing_or_malformed_is_named_in_one_sentence_and_never_shown() {
    let mut stack = Wishes::default().prepare().await;
    let mut asked = Vec::new();
    for (program, names) in REQUIRED {
        for name in names {
            for changes in [vec![(*name, None)], vec![(*name, Some(""))]] {
                asked.push((program, *name, "is missing", changes));
            }
        }
    }
    for (name, value, programs) in MALFORMED {
        for program in programs {
            asked.push((program, name, "is malformed", vec![(name, Some(value))]));
        }
    }
    for (name, with) in
        [("VENDOR_WEBHOOK_SECRET", "VENDOR_WEBHOOK_URL"), ("ALIBABA_ACCESS_KEY_ID", "ALIBABA_ACCESS_KEY_SECRET")]
    {
        let changes = vec![(name, None), (with, Some("https://hunter2.example"))];
        asked.push(("landfall-workers", name, "is missing", changes));
    }
    let outputs = asked.iter().map(|(program, name, what, changes)| {
        let stack = &stack;
        async move { (run(stack, program, changes).await, *program, *name, *what) }
    });
    for (output, program, name, what) in join_all(outputs).await {
        let said = sentence(&output);
        assert!(said.starts_with(&format!("{program}: {name} {what}")), "{said}");
    }
    files_hold_what_is_not_to_be_seen(&stack).await;
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

async fn files_hold_what_is_not_to_be_seen(stack: &Stack) {
    let path = stack.log.join("secret");
    let path = path.to_str().unwrap();
    std::fs::write(path, HUNTER).unwrap();
    for program in PROGRAMS {
        let both = run(stack, program, &[("SECRET_KEY_FILE", Some(path))]).await;
        assert!(sentence(&both).contains("SECRET_KEY and SECRET_KEY_FILE are both set"));
        let by_file = |file: &'static str| [("SECRET_KEY", None), ("SECRET_KEY_FILE", Some(file))];
        let absent = sentence(&run(stack, program, &by_file("/nowhere/hunter2")).await);
        assert!(absent.contains("SECRET_KEY_FILE"), "{absent}");
        let malformed = run(stack, program, &[("SECRET_KEY", None), ("SECRET_KEY_FILE", Some(path))]).await;
        assert!(sentence(&malformed).contains("SECRET_KEY is malformed"));
    }
    std::fs::write(stack.log.join(".env"), format!("SECRET_KEY='{HUNTER}\n")).unwrap();
    assert!(sentence(&run(stack, "landfall-api", &[]).await).contains(".env"));
    std::fs::remove_file(stack.log.join(".env")).unwrap();
}

#[tokio::test]
async fn a_process_needs_and_reads_what_it_uses_and_nothing_else() {
    let mut stack = Wishes::default().prepare().await;
    let files = ["DATABASE_URL", "SECRET_KEY", "NATS_URL"].map(|name| {
        let path = stack.log.join(name);
        std::fs::write(&path, format!("{}\r\n", stack.variable(name))).unwrap();
        (name, path.to_str().unwrap().to_owned())
    });
    for (name, path) in &files {
        stack.set(&format!("{name}_FILE"), path);
        stack.set(name, "");
    }
    let of_workers = ["SMTP_URL", "MAIL_FROM", "BILLING_CENTER_URL", "PLATFORM_SIGNING_SECRET", "RETENTION_DAYS"];
    let nonsense: Vec<_> = of_workers.iter().map(|name| (*name, "nonsense")).collect();
    stack.start_api_with(&[nonsense.as_slice(), &[("CONSOLE_URL_FILE", "/nowhere")]].concat()).await;
    let of_api = ["SITES", "LOGIN_URL", "OPERATOR_TOKENS", "LISTEN_ADDR", "CODES_PER_CLIENT"];
    let nonsense: Vec<_> = of_api.iter().map(|name| (*name, "nonsense")).collect();
    stack.start_workers_with(&[nonsense.as_slice(), &[("TERMS_URL_FILE", "/nowhere")]].concat()).await;
    stack.ends_well().await;
}

#[tokio::test]
async fn none_starts_on_a_newer_schema_whether_it_migrates_or_not() {
    let mut stack = Wishes::default().prepare().await;
    sqlx::query(NEWER).execute(&stack.pool).await.unwrap();
    for program in PROGRAMS {
        for migrate in ["auto", "off"] {
            let said = sentence(&run(&stack, program, &[("MIGRATE", Some(migrate))]).await);
            assert!(said.contains("newer version (migration 9999)"), "{said}");
        }
    }
    // A role that may not read what was applied cannot know.
    sqlx::query("create role landfall_blind login password 'blind'").execute(&stack.pool).await.unwrap();
    let mut blind: url::Url = stack.database_url.parse().unwrap();
    blind.set_username("landfall_blind").unwrap();
    blind.set_password(Some("blind")).unwrap();
    for program in PROGRAMS {
        let said =
            sentence(&run(&stack, program, &[("DATABASE_URL", Some(blind.as_str())), ("MIGRATE", Some("off"))]).await);
        assert!(said.contains("may not read the table _sqlx_migrations"), "{said}");
    }
    sqlx::query("delete from _sqlx_migrations where version = 9999").execute(&stack.pool).await.unwrap();
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

/// Where another role migrates, a process may come before it has.
#[tokio::test]
async fn who_does_not_migrate_waits_for_whoever_does() {
    let mut stack = Wishes::default().prepare().await;
    let empty = servers().await.database(&format!("{}empty", stack.prefix)).await;
    let off = [("DATABASE_URL", empty.as_str()), ("MIGRATE", "off")];
    let early = [stack.another_api(&off), stack.another_workers(&off)];
    for (_, url) in &early {
        until("it is alive, and not ready", || async {
            let answer = reqwest::get(url.join("readyz").unwrap()).await.ok()?;
            let waits = answer.status() == 503 && answer.text().await.ok()? == "the database is not migrated yet\n";
            (waits && is_alive(url).await).then_some(())
        })
        .await;
    }
    let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "2"});
    Caller::new(&early[0].1).post("v1/activations", ids.clone()).await.is_problem(503, "unavailable");
    let (_migrates, url) = stack.another_api(&[("DATABASE_URL", &empty)]);
    ready(&url).await;
    join_all(early.iter().map(|(_, url)| ready(url))).await;
    assert_eq!(Caller::new(&early[0].1).post("v1/activations", ids).await.status, 202);
    drop(early);
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

/// What cannot be asked at the start is asked as soon as it can be, and nothing is written before.
#[tokio::test]
async fn a_newer_schema_is_refused_also_by_who_could_not_see_it_at_the_start() {
    let mut stack = Wishes::default().prepare().await;
    sqlx::query(NEWER).execute(&stack.pool).await.unwrap();
    let (line, by_line) = Proxy::before_url(&stack.database_url);
    line.set(Wire::Refuses);
    let variables = [("DATABASE_URL", by_line.as_str()), ("MIGRATE", "off")];
    let both = [stack.another_api(&variables), stack.another_workers(&variables)];
    for (_, url) in &both {
        until("it is alive", || async { is_alive(url).await.then_some(()) }).await;
    }
    line.set(Wire::Passes);
    for (mut process, _) in both {
        assert_eq!(process.ends().await.code(), Some(1));
    }
    for program in PROGRAMS {
        let said = format!("{program}: the database was migrated by a newer version (migration 9999)");
        assert!(stack.logs().contains(&said), "{said}");
    }
    sqlx::query("delete from _sqlx_migrations where version = 9999").execute(&stack.pool).await.unwrap();
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

const NEWER: &str = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (9999, 'of a newer version', true, '', 0)";

async fn is_alive(url: &url::Url) -> bool {
    reqwest::get(url.join("healthz").unwrap()).await.is_ok_and(|answer| answer.status() == 200)
}
