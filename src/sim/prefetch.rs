//! Asking the processor to fetch a record before it is needed.
//!
//! Has `unsafe` code: a bucket's devices lie at random in memory, and without the hint each
//! would cost a full memory latency (`benches/flip.rs` measures the same pass).

/// Fetches `slice[index]` for writing; does nothing if there is no such element.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], index: usize) {
    if let Some(item) = slice.get(index) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: prefetching has no effect on memory; the address is that of a live element.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch(std::ptr::from_ref(item).cast::<i8>(), _MM_HINT_T0);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = item;
    }
}
