//! The links between our processes and their neighbours, each with a proxy that a test can break.

use std::collections::BTreeMap;

use url::Url;

use crate::proxy::{Proxy, Wire};
use crate::stack::Stack;
use crate::supervised::Which;

/// A link between one of our processes and a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The API's to PostgreSQL.
    ApiPostgres,
    /// The workers' to PostgreSQL.
    WorkersPostgres,
    /// The API's to NATS.
    ApiNats,
    /// The workers' to NATS.
    WorkersNats,
    /// The workers' to the marketplace's OpenAPI.
    Marketplace,
    /// The workers' to the Billing Center.
    BillingCenter,
    /// The workers' to the console.
    Console,
    /// The workers' to the mail server.
    Mail,
}

impl Link {
    /// Every link there is.
    pub const ALL: [Self; 8] = [
        Self::ApiPostgres,
        Self::WorkersPostgres,
        Self::ApiNats,
        Self::WorkersNats,
        Self::Marketplace,
        Self::BillingCenter,
        Self::Console,
        Self::Mail,
    ];

    /// The process and the variable that tells it where its end of the link is.
    pub fn variable(self) -> (Which, &'static str) {
        match self {
            Self::ApiPostgres => (Which::Api, "DATABASE_URL"),
            Self::WorkersPostgres => (Which::Workers, "DATABASE_URL"),
            Self::ApiNats => (Which::Api, "NATS_URL"),
            Self::WorkersNats => (Which::Workers, "NATS_URL"),
            Self::Marketplace => (Which::Workers, "ALIBABA_API_URL"),
            Self::BillingCenter => (Which::Workers, "BILLING_CENTER_URL"),
            Self::Console => (Which::Workers, "CONSOLE_URL"),
            Self::Mail => (Which::Workers, "SMTP_URL"),
        }
    }
}

/// The proxies of one stack.
pub struct Links {
    proxies: BTreeMap<Link, Proxy>,
    variables: Vec<(Which, &'static str, String)>,
}

impl Links {
    /// Puts a proxy on every link of a stack whose processes are not started yet.
    pub fn of(stack: &Stack) -> Self {
        let (mut proxies, mut variables) = (BTreeMap::new(), Vec::new());
        for link in Link::ALL {
            let (which, name) = link.variable();
            let mut url: Url = stack.variable(name).parse().expect("a URL");
            let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
            let proxy = Proxy::before(&format!("{host}:{port}"));
            // A scheme that is not of the web's has its host taken as it is written.
            url.set_host(Some("127.0.0.1")).expect("a host can be set");
            url.set_port(Some(proxy.address.port())).expect("a port can be set");
            variables.push((which, name, url.as_str().trim_end_matches('/').to_owned()));
            proxies.insert(link, proxy);
        }
        Self { proxies, variables }
    }

    /// What a process must be told, so that its links lead through the proxies.
    pub fn variables(&self, of: Which) -> Vec<(&str, &str)> {
        let of = self.variables.iter().filter(move |(which, _, _)| *which == of);
        of.map(|(_, name, value)| (*name, value.as_str())).collect()
    }

    /// Starts both processes of a stack with their links led through here.
    pub async fn start(&self, stack: &mut Stack) {
        stack.start_api_with(&self.variables(Which::Api)).await;
        stack.start_workers_with(&self.variables(Which::Workers)).await;
    }

    /// Says what is wrong with a link from now on.
    pub fn set(&self, link: Link, wire: Wire) {
        self.proxies[&link].set(wire);
    }

    /// Nothing is wrong with any link any more.
    pub fn heal(&self) {
        for proxy in self.proxies.values() {
            proxy.set(Wire::Passes);
        }
    }

    /// How much has met the fault of a link so far.
    pub fn hits(&self, link: Link) -> usize {
        self.proxies[&link].hits()
    }
}
