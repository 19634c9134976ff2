//! Questions to the core: closures that run on its thread, between two rounds of samples.

use std::sync::mpsc::{Sender, SyncSender};

use serve::{Answer, ApiError};
use tokio::sync::oneshot;

use super::core::Core;

/// Something to be done on the core's thread.
pub type Job = Box<dyn FnOnce(&mut Core) + Send>;

/// Sends questions to the core.
#[derive(Clone)]
pub struct Asks(Sender<Job>);

impl Asks {
    /// Over that channel.
    pub fn new(jobs: Sender<Job>) -> Self {
        Asks(jobs)
    }

    /// Asks, and answers when the core has got to it.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Core) -> Result<T, ApiError> + Send + 'static,
    ) -> Answer<'_, T> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.send(Box::new(move |core| {
            // Nobody waits for the answer when the request was given up.
            let _ = answer.send(question(core));
        }));
        Box::pin(async move {
            let ended = || ApiError::unavailable("the daemon is ending");
            sent.map_err(|_| ended())?;
            answered.await.map_err(|_| ended())?
        })
    }

    /// Tells the core to do something, from a thread that does not wait.
    pub fn tell(&self, job: impl FnOnce(&mut Core) + Send + 'static) {
        // A core that has ended needs to be told nothing.
        let _ = self.0.send(Box::new(job));
    }

    /// Tells the core to end, and waits until it did or `done` is dropped.
    pub fn stop(&self, done: SyncSender<()>) {
        self.tell(move |core| core.stop(done));
    }
}
