//! A stream of server-sent events, read one by one.

use reqwest::Response;
use serde_json::Value;

/// An open stream.
pub struct Events {
    answer: Response,
    read: String,
}

/// What came: an event, or a comment alone.
#[derive(Debug, PartialEq)]
pub enum Came {
    Event { id: i64, data: Value },
    Comment,
}

impl Events {
    pub fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { answer, read: String::new() }
    }

    /// The next event or comment; none at the end.
    pub async fn next(&mut self) -> Option<Came> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(came(&block));
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event that is not only a comment; none at the end.
    pub async fn next_event(&mut self) -> Option<(i64, Value)> {
        loop {
            if let Came::Event { id, data } = self.next().await? {
                return Some((id, data));
            }
        }
    }
}

fn came(block: &str) -> Came {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
        return Came::Event { id: id.parse().unwrap(), data: serde_json::from_str(data).unwrap() };
    }
    assert!(block.lines().all(|line| line.starts_with(':')), "{block:?}");
    Came::Comment
}
