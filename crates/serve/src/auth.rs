//! Who is asking, and what they may do: bearer tokens kept as hashes, and the peer's identity on the Unix socket.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{ApiError, ErrorKind};

/// What a caller may do. Ordered: an operator may do what a reader may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Reader,
    /// Look and act: modes, undo, bounds, announcements, samples.
    Operator,
}

/// A token as the token file keeps it: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Whose it is: appears in the log and in announcements.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
}

/// The text of a token. Its `Debug` does not show it; [`Secret::reveal`] does.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new token of 256 random bits from the kernel.
    ///
    /// # Errors
    /// When `/dev/urandom` cannot be read.
    pub fn generate() -> io::Result<Secret> {
        let mut bytes = [0_u8; 32];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Secret(bytes.iter().fold(String::from("frn_"), |text, byte| text + &format!("{byte:02x}"))))
    }

    /// A token that exists already.
    pub fn from_text(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text: to be shown once, or put behind `/#token=`.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The record to keep.
    pub fn record(&self, name: impl Into<String>, role: Role) -> TokenRecord {
        TokenRecord { name: name.into(), role, sha256: Sha256::digest(self.0.as_bytes()).into() }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What users of the Unix socket may do who are neither root nor the daemon's own user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnixOthers {
    /// They may look.
    #[default]
    Reader,
    /// They may do nothing without a token.
    Refused,
}

/// Who is known.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// The tokens.
    pub tokens: Vec<TokenRecord>,
    /// Users who are operators on the Unix socket; uid 0 always is.
    pub operator_uids: BTreeSet<u32>,
    /// What other users of the Unix socket may do.
    pub unix_others: UnixOthers,
}

/// Where a connection comes from. Put into every request's extensions by [`crate::run()`]; a request without one counts
/// as one from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// From this address.
    Tcp(SocketAddr),
    /// From the Unix socket, by this user as the kernel says.
    Unix {
        /// The user's number.
        uid: u32,
        /// The process, where the kernel says.
        pid: Option<i32>,
    },
}

/// A caller who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The token's name, or `uid:N`.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
}

impl Auth {
    /// Who sends a request with these headers from there; `None` when nobody is claimed to.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthorized`] when a token is sent that is not known, or an `Authorization` that is no bearer token.
    pub fn principal(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Result<Option<Principal>, ApiError> {
        let by_socket = peer.and_then(|peer| self.by_socket(peer));
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(by_socket);
        };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(token) = token else {
            return Err(unauthorized("the Authorization header holds no bearer token"));
        };
        match (self.by_token(token), by_socket) {
            (Some(token), Some(socket)) if socket.role > token.role => Ok(Some(socket)),
            (Some(token), _) => Ok(Some(token)),
            (None, _) => Err(unauthorized("the token is not known")),
        }
    }

    fn by_socket(&self, peer: &Peer) -> Option<Principal> {
        let Peer::Unix { uid, .. } = peer else {
            return None;
        };
        let role = match self.unix_others {
            _ if *uid == 0 || self.operator_uids.contains(uid) => Role::Operator,
            UnixOthers::Reader => Role::Reader,
            UnixOthers::Refused => return None,
        };
        Some(Principal { name: format!("uid:{uid}").into(), role })
    }

    /// Compares with every record, so that the time taken says nothing about which one matched.
    fn by_token(&self, token: &str) -> Option<Principal> {
        let presented: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mut found = None;
        for record in &self.tokens {
            if bool::from(record.sha256.ct_eq(&presented)) {
                found = Some(record);
            }
        }
        found.map(|record| Principal { name: record.name.as_str().into(), role: record.role })
    }
}

fn unauthorized(detail: &'static str) -> ApiError {
    ApiError::new(
        ErrorKind::Unauthorized,
        detail,
        "send Authorization: Bearer TOKEN; `forerun up` prints a login link, the token file names who has one",
    )
}

/// That nobody is claimed to send a request that needs `role`.
pub(crate) fn nobody() -> ApiError {
    unauthorized("this needs a token")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn bearer(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        headers
    }

    #[test]
    fn tokens_are_random_and_not_shown() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 4 + 64);
        assert_eq!(format!("{one:?}"), "Secret(..)");
    }

    #[test]
    fn the_higher_of_socket_and_token_holds() {
        let secret = Secret::from_text("frn_reader");
        let auth = Auth {
            tokens: vec![secret.record("eye", Role::Reader)],
            operator_uids: BTreeSet::from([1000]),
            unix_others: UnixOthers::Refused,
        };
        let unix = |uid| Some(Peer::Unix { uid, pid: None });
        let role = |peer: Option<Peer>, headers: &HeaderMap| {
            auth.principal(peer.as_ref(), headers).map(|found| found.map(|principal| principal.role))
        };
        let none = HeaderMap::new();
        assert_eq!(role(unix(0), &none), Ok(Some(Role::Operator)));
        assert_eq!(role(unix(1000), &none), Ok(Some(Role::Operator)));
        assert_eq!(role(unix(1001), &none), Ok(None));
        assert_eq!(role(None, &none), Ok(None));
        assert_eq!(role(unix(0), &bearer("Bearer frn_reader")), Ok(Some(Role::Operator)));
        assert_eq!(role(unix(1001), &bearer("bearer frn_reader")), Ok(Some(Role::Reader)));
        assert!(role(unix(0), &bearer("Bearer frn_wrong")).is_err());
        assert!(role(None, &bearer("Basic eDp5")).is_err());
    }
}
