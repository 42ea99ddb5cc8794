//! One signed call to a platform, from the request to the meaning of its answer.

use http::{Request, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Answer, Http};
use crate::platform::Call;
use crate::platform::verdict::{self, Listed};
use crate::refusal::{Credentials, Fault, FaultCode, Party, PartyError};
use crate::signature::SigningKeys;

/// Who is called, and how.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    party: Party,
    http: Http,
    keys: SigningKeys,
}

impl Exchange {
    pub(super) fn new(party: Party, http: Http, keys: SigningKeys) -> Self {
        Self { party, http, keys }
    }

    /// Asks without a body (GET, DELETE); `None` when it is not there.
    pub(super) async fn ask(&self, listed: &Listed, url: &str, call: &Call<'_>) -> Result<Option<Answer>, PartyError> {
        self.send(listed, url, Vec::new(), call).await
    }

    /// Asks for what must be there.
    pub(super) async fn fetch(&self, listed: &Listed, url: &str, call: &Call<'_>) -> Result<Answer, PartyError> {
        self.there(listed, self.ask(listed, url, call).await?)
    }

    /// Tells a JSON body (POST, PUT).
    pub(super) async fn tell<B: Serialize>(
        &self,
        listed: &Listed,
        url: &str,
        body: &B,
        call: &Call<'_>,
    ) -> Result<Answer, PartyError> {
        self.there(listed, self.tell_if_there(listed, url, body, call).await?)
    }

    /// The same; `None` when what it is about is not there.
    pub(super) async fn tell_if_there<B: Serialize>(
        &self,
        listed: &Listed,
        url: &str,
        body: &B,
        call: &Call<'_>,
    ) -> Result<Option<Answer>, PartyError> {
        let body = serde_json::to_vec(body).map_err(|_| broken("A body could not be written as JSON."))?;
        self.send(listed, url, body, call).await
    }

    /// The answer's JSON; what cannot be read is tried again.
    pub(super) fn read<T: DeserializeOwned>(&self, listed: &Listed, answer: &Answer) -> Result<T, PartyError> {
        answer.json().ok_or_else(|| verdict::unreadable(self.party, listed))
    }

    fn there(&self, listed: &Listed, answer: Option<Answer>) -> Result<Answer, PartyError> {
        answer.ok_or_else(|| verdict::refused_for_good(self.party, listed, "404"))
    }

    async fn send(
        &self,
        listed: &Listed,
        url: &str,
        body: Vec<u8>,
        call: &Call<'_>,
    ) -> Result<Option<Answer>, PartyError> {
        let request =
            self.request(listed, url, body, call).map_err(|_| broken("A call could not be written as HTTP."))?;
        match self.http.send(request).await {
            Ok(answer) => {
                let judged = verdict::judge(self.party, listed, answer, call.now);
                if !matches!(judged, Err(PartyError::Retry { .. } | PartyError::Misconfigured { .. })) {
                    self.party.credentials(Credentials::Accepted);
                }
                judged
            }
            Err(none) => Err(verdict::unanswered(self.party, listed, none)),
        }
    }

    fn request(
        &self,
        listed: &Listed,
        url: &str,
        body: Vec<u8>,
        call: &Call<'_>,
    ) -> Result<Request<Vec<u8>>, http::Error> {
        let timestamp = call.now.unix_timestamp();
        let mut request = Request::builder()
            .method(listed.method.clone())
            .uri(url)
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_LANGUAGE, call.language)
            .header("idempotency-key", call.key)
            .header("webhook-id", call.key)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.keys.sign(call.key, timestamp, &body));
        if let Some(trace) = call.trace {
            request = request.header("traceparent", trace);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(body)
    }
}

fn broken(sentence: &str) -> PartyError {
    PartyError::Broken(Fault::new(FaultCode::Internal, sentence))
}
