//! How much memory the evaluations of a workload take.

use super::cases::Case;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counting bytes.
struct Counting;
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // both pieces may be there for a while
        grow(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A line of `/proc/self/status`, in KiB.
fn status(name: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = text.lines().find(|l| l.starts_with(name)).expect("Linux tells it");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// One object of JSON, in KiB: what ten evaluations allocate at most beyond parameters, data and gradient; what becomes resident
/// in them, with the pages of the gradient and of the code; and the peak of the whole process.
pub fn memory(mut case: Case) -> String {
    let (resident, live) = (status("VmRSS:"), LIVE.load(Relaxed));
    PEAK.store(live, Relaxed);
    for _ in 0..10 {
        std::hint::black_box((case.generated)(None));
    }
    let workspace = (PEAK.load(Relaxed) - live).div_ceil(1024);
    let process = status("VmHWM:");
    let resident = process - resident;
    let name = case.name;
    format!("{{\"workload\": \"{name}\", \"workspace\": {workspace}, \"resident\": {resident}, \"process\": {process}}}")
}
