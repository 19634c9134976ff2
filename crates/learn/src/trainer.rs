//! Training on a thread of its own, with a way to end it, and the result as bytes for the journal.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use model::{Digest, Span};
use sha2::{Digest as _, Sha256};

use crate::error::LearnError;
use crate::loss::HeldOut;
use crate::sequence::Sequence;
use crate::train::{Stop, TrainOptions, train};

/// Weights as `Observation::ModelReady` carries them.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// SHA-256 of `weights`.
    pub digest: Digest,
    /// What [`predict::recurrent::Weights::from_bytes`] reads.
    pub weights: Arc<[u8]>,
    /// Whether they are worth using.
    pub held_out: HeldOut,
    /// Series that were learned from.
    pub series: usize,
    /// Steps done.
    pub steps: usize,
}

/// A training that runs beside the engine. Dropped, it is cancelled and waited for, at most one step long.
#[derive(Debug)]
pub struct Trainer {
    cancelled: Arc<AtomicBool>,
    result: Receiver<Result<Finished, LearnError>>,
    /// Whether the result was handed over.
    taken: bool,
    thread: Option<JoinHandle<()>>,
}

impl Trainer {
    /// Starts training. `clock` tells the time since any fixed point; after `time_max` the best weights so far are taken.
    ///
    /// # Errors
    /// [`LearnError::Thread`] when the system gives no thread.
    pub fn start(
        sequences: Vec<Sequence>,
        options: TrainOptions,
        time_max: Span,
        clock: impl Fn() -> Span + Send + 'static,
    ) -> Result<Self, LearnError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (sender, result) = sync_channel(1);
        let cancel = cancelled.clone();
        let work = move || {
            let end = clock() + time_max;
            let trained = train(&sequences, &options, &mut |_| match cancel.load(Ordering::Relaxed) {
                true => ControlFlow::Break(Stop::Discard),
                false if clock() >= end => ControlFlow::Break(Stop::KeepBest),
                false => ControlFlow::Continue(()),
            });
            let finished = trained.map(|trained| {
                let weights: Arc<[u8]> = trained.weights.to_bytes().into();
                let digest = Digest(Sha256::digest(&weights).into());
                Finished { digest, weights, held_out: trained.held_out, series: trained.series, steps: trained.steps }
            });
            // Nobody listens any more when the trainer was dropped: then nothing is wanted.
            let _ = sender.send(finished);
        };
        #[expect(clippy::disallowed_methods, reason = "training is the one thing this crate does beside its caller")]
        let thread = std::thread::Builder::new().name("forerun-learn".into()).spawn(work);
        match thread {
            Ok(thread) => Ok(Trainer { cancelled, result, taken: false, thread: Some(thread) }),
            Err(error) => Err(LearnError::Thread(error.to_string())),
        }
    }

    /// The result, once, when there is one; does not wait. A thread that broke down counts as [`LearnError::Thread`].
    pub fn poll(&mut self) -> Option<Result<Finished, LearnError>> {
        let result = match self.result.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) if self.taken => return None,
            Err(TryRecvError::Disconnected) => Err(broke_down()),
            Ok(result) => result,
        };
        self.taken = true;
        Some(result)
    }

    /// Waits for the result. `None` when [`Trainer::poll`] has already given it.
    pub fn wait(self) -> Option<Result<Finished, LearnError>> {
        let result = self.result.recv().unwrap_or_else(|_| Err(broke_down()));
        (!self.taken).then_some(result)
    }

    /// Asks for an end; the result then is [`LearnError::Cancelled`], unless it was already there.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

fn broke_down() -> LearnError {
    LearnError::Thread("it ended without a result".into())
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic in training was our bug and is already printed; the daemon goes on without new weights.
            let _ = thread.join();
        }
    }
}
