//! Where data lies before it is brought in, and what fetching it takes.

use model::{Bytes, BytesPerSecond, Span};

/// A kind of storage, declared or measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storage {
    /// What a first byte is waited for.
    pub latency: Span,
    /// What comes after it.
    pub bandwidth: BytesPerSecond,
    /// How much of the latency others wait for too: 1 where one head seeks, 0 where many requests are under way at once.
    pub seek_share: f64,
}

impl Storage {
    /// Local flash.
    pub const FLASH: Storage =
        Storage { latency: Span::from_nanos(100_000), bandwidth: BytesPerSecond(2_000_000_000), seek_share: 0.0 };
    /// A disk behind a network.
    pub const NETWORK: Storage =
        Storage { latency: Span::from_nanos(800_000), bandwidth: BytesPerSecond(125_000_000), seek_share: 0.1 };
    /// A disk with seeks.
    pub const DISK: Storage =
        Storage { latency: Span::from_millis(8), bandwidth: BytesPerSecond(150_000_000), seek_share: 1.0 };

    /// How long a reader waits for `amount`, in seconds.
    pub fn wait_s(&self, amount: Bytes) -> f64 {
        self.latency.as_secs_f64() + self.transfer_s(amount)
    }

    /// How long the device is kept from others by bringing `amount` in, in seconds.
    pub fn busy_s(&self, amount: Bytes) -> f64 {
        self.latency.as_secs_f64() * self.seek_share + self.transfer_s(amount)
    }

    fn transfer_s(&self, amount: Bytes) -> f64 {
        amount.0 as f64 / (self.bandwidth.0.max(1)) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_is_waited_for_by_all_and_a_flash_read_by_one() {
        let amount = Bytes(1_500_000);
        assert!((Storage::DISK.wait_s(amount) - 0.018).abs() < 1e-9);
        assert!((Storage::DISK.busy_s(amount) - 0.018).abs() < 1e-9);
        assert!((Storage::FLASH.wait_s(amount) - 0.000_85).abs() < 1e-9);
        assert!((Storage::FLASH.busy_s(amount) - 0.000_75).abs() < 1e-9);
    }
}
