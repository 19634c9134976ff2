//! The store's own thread: one queue with a limit, so that a slow disk shows as a full queue and not as lost memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::{Reader, Sample, Store, StoreError};

type Task = Box<dyn FnOnce(&mut Store) + Send>;

/// Sends work to a store on a thread of its own. Dropping it finishes what is queued, then closes the store.
#[derive(Debug)]
pub struct StoreHandle {
    queue: Option<SyncSender<Task>>,
    capacity: usize,
    reader: Reader,
    thread: Option<JoinHandle<Store>>,
}

impl StoreHandle {
    /// Starts the thread. `capacity` tasks may wait.
    ///
    /// # Errors
    /// When no reader or thread can be made.
    pub fn spawn(store: Store, capacity: usize) -> Result<StoreHandle, StoreError> {
        let reader = store.reader()?;
        let path = store.path().to_path_buf();
        let (queue, tasks) = sync_channel(capacity);
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || serve(store, &tasks));
        let thread = thread.map_err(|error| StoreError::io("start the thread of", &path, error))?;
        Ok(StoreHandle { queue: Some(queue), capacity, reader, thread: Some(thread) })
    }

    /// Reads series without waiting for the queue.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Queues samples without waiting. `done` is called on the store's thread with what became of them: only then are
    /// they durable.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] when the limit is reached (the samples are not taken), [`StoreError::Stopped`].
    pub fn append(
        &self,
        samples: Vec<Sample>,
        done: impl FnOnce(Result<crate::Appended, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let task: Task = Box::new(move |store| done(store.append(&samples)));
        match self.queue.as_ref().ok_or(StoreError::Stopped)?.try_send(task) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::QueueFull { capacity: self.capacity }),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Stopped),
        }
    }

    /// Runs `work` on the store's thread after what is queued, and waits for its result.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when the thread has ended, also by a panic in `work`.
    pub fn call<T: Send + 'static>(&self, work: impl FnOnce(&mut Store) -> T + Send + 'static) -> Result<T, StoreError> {
        let (answer, result) = sync_channel(1);
        let task: Task = Box::new(move |store| {
            // Nobody waits for the answer when the caller is gone.
            let _ = answer.send(work(store));
        });
        self.queue.as_ref().ok_or(StoreError::Stopped)?.send(task).map_err(|_| StoreError::Stopped)?;
        result.recv().map_err(|_| StoreError::Stopped)
    }

    /// Finishes what is queued and gives the store back.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when the thread ended by a panic.
    pub fn stop(mut self) -> Result<Store, StoreError> {
        self.queue = None;
        self.thread.take().and_then(|thread| thread.join().ok()).ok_or(StoreError::Stopped)
    }
}

impl Drop for StoreHandle {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in a task was reported there; a second one here would abort the process.
            let _ = thread.join();
        }
    }
}

fn serve(mut store: Store, tasks: &Receiver<Task>) -> Store {
    while let Ok(task) = tasks.recv() {
        // A panic in one task must not end the store for all others: SQLite rolls an open transaction back with the next.
        if catch_unwind(AssertUnwindSafe(|| task(&mut store))).is_err() {
            tracing::error!("a task on the store's thread panicked");
            store.database.roll_back();
        }
    }
    store
}
