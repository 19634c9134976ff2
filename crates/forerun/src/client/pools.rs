//! Questions about runs, pools and claims.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serve::view::{
    ClaimRequest, ClaimView, LambdaBody, PoolPage, PoolRequest, PoolView, RunChunk, RunEvent, RunRequest, RunView,
};

use super::{Client, encoded, json, refused};
use crate::cli::failure::{Failure, Outcome, Status};

impl Client {
    /// Starts a run.
    ///
    /// # Errors
    /// As [`Client::status`]; what is wrong with the request.
    pub fn start_run(&self, request: &RunRequest) -> Outcome<RunView> {
        self.ask("POST", "/v1/runs", Some(json(request)))
    }

    /// A run with what it wrote.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when it is not known.
    pub fn run_view(&self, id: u64) -> Outcome<RunView> {
        self.get(&format!("/v1/runs/{id}"))
    }

    /// Hands over what a run tells until it has ended.
    ///
    /// # Errors
    /// As [`Client::run_view`].
    pub fn follow_run(&self, id: u64, mut take: impl FnMut(RunEvent)) -> Outcome {
        let path = format!("/v1/runs/{id}/events");
        let mut lines = Lines::default();
        let streamed = self.transport.stream(&path, |data| lines.take(data, &mut take));
        match streamed.map_err(|error| self.unreachable(&error))? {
            Some(reply) => Err(refused(&self.transport.to_string(), "GET", &path, &reply)),
            None => lines
                .fault
                .map_or(Ok(()), |fault| Err(Failure::new(Status::Failed, fault, "is the daemon of another version?"))),
        }
    }

    /// All pools.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn pools(&self) -> Outcome<PoolPage> {
        self.get("/v1/pools")
    }

    /// Sets a pool's bounds.
    ///
    /// # Errors
    /// As [`Client::status`]; what is wrong with the request.
    pub fn set_pool(&self, request: &PoolRequest) -> Outcome<PoolView> {
        self.ask("PUT", "/v1/pools", Some(json(request)))
    }

    /// Keeps no instance of a pool any more.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when there is none.
    pub fn drain_pool(&self, id: &str) -> Outcome {
        self.tell("DELETE", &format!("/v1/pools/{}", encoded(id)), None)
    }

    /// Sets what a second of waiting is worth.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub fn set_lambda(&self, lambda: f64) -> Outcome {
        self.tell("PUT", "/v1/lambda", Some(json(&LambdaBody { lambda })))
    }

    /// Takes an instance.
    ///
    /// # Errors
    /// As [`Client::status`]; what is wrong with the request.
    pub fn claim(&self, request: &ClaimRequest) -> Outcome<ClaimView> {
        self.ask("POST", "/v1/claims", Some(json(request)))
    }

    /// Gives an instance up.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Status::NotFound`] when there is no such claim.
    pub fn release(&self, id: u64) -> Outcome {
        self.tell("DELETE", &format!("/v1/claims/{id}"), None)
    }
}

/// Puts server-sent events together from pieces of a stream: a line `event: NAME`, lines `data: TEXT`, and an empty one.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    name: String,
    data: String,
    fault: Option<String>,
}

impl Lines {
    fn take(&mut self, data: &[u8], take: &mut impl FnMut(RunEvent)) {
        for byte in data {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim_end_matches('\r').to_owned();
            if line.is_empty() {
                let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
                match event(&name, &data) {
                    Ok(Some(event)) => take(event),
                    Ok(None) => {}
                    Err(fault) => self.fault = Some(fault),
                }
            } else if let Some(name) = line.strip_prefix("event:") {
                self.name = name.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
    }
}

fn event(name: &str, data: &str) -> Result<Option<RunEvent>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("cannot read an event `{name}` of the run: {error}");
    let chunk = || {
        let chunk: RunChunk = serde_json::from_str(data).map_err(|error| unreadable(&error))?;
        STANDARD.decode(chunk.base64).map_err(|error| unreadable(&error))
    };
    Ok(match name {
        "stdout" => Some(RunEvent::Stdout(chunk()?)),
        "stderr" => Some(RunEvent::Stderr(chunk()?)),
        "finished" => Some(RunEvent::Finished(serde_json::from_str(data).map_err(|error| unreadable(&error))?)),
        // Comments that keep the connection open, and what later versions may add.
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_together_from_any_pieces() {
        let text = b": hello\n\nevent: stdout\ndata: {\"base64\":\"aGk=\"}\n\nevent: later\ndata: 1\n\nevent: stderr\ndata: {\"base64\":\"IQ==\"}\n\n";
        for size in 1..20 {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            text.chunks(size).for_each(|piece| lines.take(piece, &mut |event| seen.push(event)));
            assert_eq!(seen, [RunEvent::Stdout(b"hi".to_vec()), RunEvent::Stderr(b"!".to_vec())], "in pieces of {size}");
            assert!(lines.fault.is_none());
        }
    }

    #[test]
    fn nonsense_is_a_fault() {
        let mut lines = Lines::default();
        lines.take(b"event: stdout\ndata: {\"base64\":\"?\"}\n\n", &mut |_| panic!("not an event"));
        assert!(lines.fault.unwrap().contains("stdout"));
    }
}
