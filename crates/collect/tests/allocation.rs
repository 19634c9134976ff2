//! Sampling allocates nothing once every buffer has grown.
#![allow(clippy::unwrap_used, reason = "a fault ends the test")]

mod support;

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::cell::Cell;

use collect::layout::Layout;
use collect::{Glob, Sampler, Selectors};
use model::{Moment, Span};
use support::Tree;

/// The system's allocator, counting per thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(block) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, block: Block) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, block) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_sample_allocates_nothing() {
    let tree = Tree::hybrid();
    for index in 0..20 {
        let group = format!("batch/job-{index}");
        tree.cgroup(&format!("cpuacct/{group}/cpuacct.usage"), "5\n");
        tree.cgroup(&format!("cpu/{group}/cpu.stat"), "nr_throttled 0\nthrottled_time 0\n");
        tree.cgroup(&format!("memory/{group}/memory.usage_in_bytes"), "4096\n");
        tree.cgroup(&format!("memory/{group}/memory.stat"), "total_rss 1\ntotal_cache 2\ntotal_inactive_file 3\n");
        tree.cgroup(&format!("memory/{group}/memory.oom_control"), "oom_kill 0\n");
        tree.cgroup(&format!("blkio/{group}/blkio.throttle.io_service_bytes"), "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
        tree.cgroup(&format!("unified/{group}/cpu.pressure"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    }
    let mut sampler = Sampler::new(Layout::detect(&tree.roots), tree.roots.clone());
    sampler.select(Selectors { include: vec![Glob::new("/batch/*")], ..Selectors::default() });
    assert_eq!(sampler.refresh().appeared.len(), 20);
    let mut samples = Vec::new();
    let mut allocated = [0; 4];
    for (second, allocated) in allocated.iter_mut().enumerate() {
        let before = ALLOCATIONS.get();
        let now = Moment::START + Span::from_secs(second as u64);
        sampler.sample(now, &mut samples);
        sampler.host(now);
        *allocated = ALLOCATIONS.get() - before;
    }
    assert_eq!(samples.len(), 20);
    assert!(allocated[0] > 0, "the first sample grows the buffers, so the counter counts");
    assert_eq!(allocated[1..], [0, 0, 0]);
}
