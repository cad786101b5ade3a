//! Work, counted and not timed: the bytes that a piece of code asks the allocator for. A parser that builds what it reads anew
//! for every nesting or every member shows in them, on any machine and however busy it is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: usize) {
    // Gone while a thread ends.
    let _ = BYTES.try_with(|count| count.set(count.get().saturating_add(bytes)));
}

#[expect(
    unsafe_code,
    reason = "the trait is; each call goes to the system's allocator as it came"
)]
// SAFETY: as `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and holds what it allocates against a line over the length of its input: 256 bytes for each byte (a map of
/// one-letter members takes that), and 16 KiB.
pub(crate) fn within<T>(length: usize, work: impl FnOnce() -> T) -> T {
    let before = BYTES.get();
    let done = work();
    let used = BYTES.get() - before;
    assert!(used <= 256 * length + 16 * 1024, "{used} bytes were allocated for {length}");
    done
}
