//! Small things kept by name (modes, kill switch, bounds: the caller's bytes), and models by the digest of their weights.

use model::{Digest, WallTime};
use rusqlite::params;

use crate::checked::{seal_named, unseal_named};
use crate::{Store, StoreError};

impl Store {
    /// What was last set under `key`.
    ///
    /// # Errors
    /// When the file cannot be read or the value is damaged.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.database.row("read a setting", "SELECT value FROM meta WHERE key = ?1", [key], |row| {
            Ok(unseal_named(key.as_bytes(), row.get_ref(0)?.as_blob()?).map(<[u8]>::to_vec))
        })?;
        read.transpose().map_err(|fault| self.database.damaged(format_args!("setting {key:?}"), &fault))
    }

    /// Sets `key`; on disk (fsync) when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let sealed = seal_named(key.as_bytes(), value.to_vec());
        self.database.durable_transaction("write a setting", || {
            let values = params![key, sealed];
            self.database
                .execute("write a setting", "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", values)
                .map(|_| ())
        })
    }

    /// Removes `key`; says whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn unset(&mut self, key: &str) -> Result<bool, StoreError> {
        self.database.durable_transaction("remove a setting", || {
            Ok(self.database.execute("remove a setting", "DELETE FROM meta WHERE key = ?1", [key])? > 0)
        })
    }

    /// Every key that begins with `prefix`, with its value, by key.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let keys = self.database.rows(
            "read settings",
            "SELECT key FROM meta WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
            [prefix],
            |row| row.get(0),
        )?;
        let mut settings = Vec::with_capacity(keys.len());
        for key in keys {
            let key: String = key;
            if let Some(value) = self.get(&key)? {
                settings.push((key, value));
            }
        }
        Ok(settings)
    }

    /// Keeps a model's weights under their digest; the same weights again only renew their date.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_model(&mut self, digest: Digest, weights: &[u8], now: WallTime) -> Result<(), StoreError> {
        let values = params![&digest.0[..], now.unix_millis(), seal_named(&digest.0, weights.to_vec())];
        self.database
            .execute("write a model", "INSERT OR REPLACE INTO model (digest, saved, weights) VALUES (?1, ?2, ?3)", values)
            .map(|_| ())
    }

    /// The weights of that digest. The caller compares the digest itself, which is the stronger check.
    ///
    /// # Errors
    /// When the file cannot be read or the weights are damaged.
    pub fn model(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let read =
            self.database.row("read a model", "SELECT weights FROM model WHERE digest = ?1", [&digest.0[..]], |row| {
                Ok(unseal_named(&digest.0, row.get_ref(0)?.as_blob()?).map(<[u8]>::to_vec))
            })?;
        read.transpose().map_err(|fault| self.database.damaged(format_args!("model {digest}"), &fault))
    }

    /// The digests of all models with the time they were saved, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn models(&self) -> Result<Vec<(Digest, WallTime)>, StoreError> {
        self.database.rows("list models", "SELECT digest, saved FROM model ORDER BY saved DESC, digest", [], |row| {
            Ok((Digest(row.get(0)?), WallTime::from_unix_millis(row.get(1)?)))
        })
    }

    /// Reads every setting and model.
    pub(crate) fn verify_settings(&self) -> Result<(), StoreError> {
        self.settings("")?;
        self.models()?.into_iter().try_for_each(|(digest, _)| self.model(digest).map(|_| ()))
    }

    /// Removes all models but the newest `keep`; gives how many went.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn prune_models(&mut self, keep: u32) -> Result<usize, StoreError> {
        let sql = "DELETE FROM model WHERE digest NOT IN (SELECT digest FROM model ORDER BY saved DESC, digest LIMIT ?1)";
        self.database.execute("remove models", sql, [keep])
    }
}
