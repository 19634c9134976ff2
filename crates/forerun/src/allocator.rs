//! How the C library's allocator is to behave in a process that holds much and needs bursts of more.
//!
//! glibc raises the size from which a block is mapped on its own each time such a block is freed. After the first turn of a
//! large host, whose lists take tens of megabytes for a moment, these lists would come from the heap and stay with the process.

/// Blocks from this size on are mapped on their own, and given back to the kernel when they are freed.
const MAPPED_FROM: libc::c_int = 1 << 20;

/// Gives memory that is only needed for a moment back as soon as it is freed. Once, at the start of a process.
pub fn give_back_bursts() {
    // SAFETY: mallopt only changes a parameter of the allocator, which is made for that; it takes no pointer.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
    }
}
