//! Talks to the daemon: typed questions over its Unix socket, or over HTTP with a token. Whatever comes back that is not an
//! answer becomes a [`Failure`] that names what was tried on what.

mod pools;
mod transport;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serve::Problem;
use serve::view::{DecisionPage, DecisionView, ForecastReport, KillSwitchBody, ModeBody, PlanView, StatusView, TargetPage};

use crate::cli::failure::{Failure, Outcome, Status};
pub use transport::Transport;
use transport::{Reply, TransportError};

/// Most targets that are looked through to find one by a part of its name.
const SEARCHED_MAX: u32 = 1_000;

/// A way to the daemon.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
}

/// Which decisions to list; the fields of `GET /v1/decisions`.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those since then, as the API reads times.
    pub since: Option<String>,
    /// Only those with a smaller ticket.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

impl Client {
    /// A client that goes this way.
    pub fn new(transport: Transport) -> Self {
        Client { transport }
    }

    /// A client that asks `url`, with a token where one is needed.
    pub fn over_url(url: &str, token: Option<&str>) -> Self {
        let token = token.map(|token| transport::Token(token.to_owned()));
        Client::new(Transport::Url { url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The state of the daemon.
    ///
    /// # Errors
    /// As every question here: the daemon cannot be reached, refuses, or says why it cannot.
    pub fn status(&self) -> Outcome<StatusView> {
        self.get("/v1/status")
    }

    /// Targets in the order of their names.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn targets(&self, filter: Option<&str>, limit: u32) -> Outcome<TargetPage> {
        let limit = limit.to_string();
        let query = [("filter", filter), ("limit", Some(limit.as_str()))];
        self.get(&with_query("/v1/targets", &query))
    }

    /// The forecasts of one target.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when there is no such target.
    pub fn forecast(&self, id: &str) -> Outcome<ForecastReport> {
        self.get(&format!("/v1/targets/{}/forecast", encoded(id)))
    }

    /// What would be changed now.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn plan(&self) -> Outcome<PlanView> {
        self.get("/v1/plan")
    }

    /// Decisions, newest first.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn decisions(&self, wanted: &Wanted) -> Outcome<DecisionPage> {
        let (before, limit) = (wanted.before.map(|ticket| ticket.to_string()), wanted.limit.to_string());
        let query = [
            ("target", wanted.target.as_deref()),
            ("since", wanted.since.as_deref()),
            ("before", before.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        self.get(&with_query("/v1/decisions", &query))
    }

    /// One decision.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when there is none of that ticket.
    pub fn decision(&self, ticket: u64) -> Outcome<DecisionView> {
        self.get(&format!("/v1/decisions/{ticket}"))
    }

    /// Takes a decision back; returns the one that does so.
    ///
    /// # Errors
    /// As [`Client::decision`]; also when it cannot be taken back.
    pub fn undo(&self, ticket: u64) -> Outcome<DecisionView> {
        self.ask("POST", &format!("/v1/decisions/{ticket}/undo"), None)
    }

    /// Sets a mode.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when there is no such target.
    pub fn set_mode(&self, body: &ModeBody) -> Outcome<ModeBody> {
        self.ask("PUT", "/v1/mode", Some(json(body)))
    }

    /// Throws or releases the kill switch.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn set_kill_switch(&self, engaged: bool) -> Outcome<KillSwitchBody> {
        self.ask("PUT", "/v1/kill-switch", Some(json(&KillSwitchBody { engaged })))
    }

    /// The id of the target that a person means by `name`: its id, its application, or a part of an id that no other has.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when none or more than one fits, with their names.
    pub fn find(&self, name: &str) -> Outcome<String> {
        let found = self.targets(Some(name), SEARCHED_MAX)?;
        let ids: Vec<&str> = found.targets.iter().map(|target| target.id.as_str()).collect();
        if ids.is_empty() {
            let all = self.targets(None, SEARCHED_MAX)?;
            return Err(none_fits(name, all.targets.iter().map(|target| target.id.as_str())));
        }
        choose(name, &ids).map(str::to_owned)
    }

    /// Asks for something whose answer says nothing.
    fn tell(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Outcome {
        let reply = self.transport.send(method, path, body).map_err(|error| self.unreachable(&error))?;
        if (200..300).contains(&reply.status) {
            Ok(())
        } else {
            Err(refused(&self.transport.to_string(), method, path, &reply))
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.ask("GET", path, None)
    }

    fn ask<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Outcome<T> {
        let reply = self.transport.send(method, path, body).map_err(|error| self.unreachable(&error))?;
        if !(200..300).contains(&reply.status) {
            return Err(refused(&self.transport.to_string(), method, path, &reply));
        }
        serde_json::from_slice(&reply.body).map_err(|error| {
            Failure::new(
                Status::Failed,
                format!("cannot read the answer of {} to {method} {path}: {error}", self.transport),
                "is something else listening there, or a daemon of another version? `forerun --version` says this one's",
            )
        })
    }

    fn unreachable(&self, error: &TransportError) -> Failure {
        let what = format!("cannot reach the daemon at {}: {error}", self.transport);
        if error.is_denied() {
            return Failure::new(
                Status::Refused,
                what,
                "run this as root or as the daemon's user, or use --url with a token",
            );
        }
        let remedy = "start it with `forerun up`, or say where it is with --socket or --url";
        Failure::new(Status::Unreachable, what, remedy)
    }
}

/// What the daemon says instead of an answer.
fn refused(place: &str, method: &str, path: &str, reply: &Reply) -> Failure {
    let status = match reply.status {
        401 | 403 => Status::Refused,
        404 => Status::NotFound,
        _ => Status::Failed,
    };
    match serde_json::from_slice::<Problem>(&reply.body) {
        Ok(problem) => Failure::new(status, problem.detail, problem.remedy),
        Err(_) => {
            let what = format!("{place} answered {method} {path} with status {} and no reason", reply.status);
            Failure::new(status, what, "is something else listening there?")
        }
    }
}

fn choose<'a>(name: &str, ids: &[&'a str]) -> Outcome<&'a str> {
    let exact = ids.iter().find(|id| **id == name || id.strip_prefix("cgroup:") == Some(name));
    match (exact, ids) {
        (Some(id), _) | (None, [id]) => Ok(id),
        _ => {
            let shown = ids.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 5 { ", ..." } else { "" };
            let what = format!("`{name}` fits {} workloads: {shown}{more}", ids.len());
            Err(Failure::new(Status::NotFound, what, "name more of it"))
        }
    }
}

fn none_fits<'a>(name: &str, ids: impl Iterator<Item = &'a str>) -> Failure {
    const ALIKE: f64 = 0.75;
    let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
    let scored = ids.map(|id| (strsim::jaro_winkler(name, &last(id)), id));
    let nearest = scored.max_by(|left, right| left.0.total_cmp(&right.0)).filter(|(alike, _)| *alike >= ALIKE);
    let remedy = match nearest {
        Some((_, id)) => format!("the nearest is {id}; `forerun status` lists all"),
        None => "`forerun status` lists all".into(),
    };
    Failure::new(Status::NotFound, format!("there is no workload `{name}`"), remedy)
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("a request holds nothing but texts and booleans")
}

fn with_query(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| value.map(|value| format!("{name}={}", encoded(value))));
    let query = given.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.into() } else { format!("{path}?{query}") }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
