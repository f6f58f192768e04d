//! Memory for device records: pages come into being when first touched, and large ones are
//! asked for, since records are touched in random order.

use crate::fleet::Presence;

/// That many zeroed records, of which only touched pages cost memory.
///
/// # Errors
/// If the system refuses the address space.
pub fn reserve(records: usize) -> std::io::Result<Vec<Presence>> {
    let refused = |()| std::io::Error::from(std::io::ErrorKind::OutOfMemory);
    let reserved = bytemuck::try_zeroed_vec(records).map_err(refused)?;
    ask_for_large_pages(&reserved);
    Ok(reserved)
}

/// Advises the system to back the memory with large pages where it can.
///
/// With small pages, each record touched at random costs a search for its page as well.
pub fn ask_for_large_pages<T>(records: &[T]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let range = records.as_ptr_range();
        let start = (range.start as usize).next_multiple_of(PAGE);
        let end = range.end as usize / PAGE * PAGE;
        if start < end {
            // SAFETY: the range lies within memory that `records` borrows, and the advice
            // changes no content. A refusal costs speed, nothing else.
            unsafe {
                libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = records;
}
