//! Memory for device records: pages come into being when first touched, and large ones are
//! asked for, since records are touched in random order.

use memmap2::{MmapMut, MmapOptions};

use crate::fleet::Presence;

/// Room for a number of records, zeroed, of which only touched pages cost memory.
#[derive(Debug)]
pub struct Reserved {
    map: Option<MmapMut>,
}

impl Reserved {
    /// # Errors
    /// If the system refuses the address space.
    pub fn new(records: usize) -> std::io::Result<Reserved> {
        if records == 0 {
            return Ok(Reserved { map: None });
        }
        let mut options = MmapOptions::new();
        options.len(records * size_of::<Presence>());
        #[cfg(unix)]
        options.no_reserve_swap();
        let map = options.map_anon()?;
        // A refusal costs speed, nothing else.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Reserved { map: Some(map) })
    }

    #[inline(always)]
    pub fn records(&mut self) -> &mut [Presence] {
        match &mut self.map {
            Some(map) => bytemuck::cast_slice_mut(map),
            None => &mut [],
        }
    }
}
