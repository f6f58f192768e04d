//! What goes over a path or a link, by class of rates.

use crate::model::take;

/// The downloads of one class of rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The class of rates; parts with greater rates come later.
    pub class: u32,
    pub count: u64,
    /// Sum of the rates that they would have alone, in bit/s.
    pub rates: u64,
}

impl Part {
    /// What its downloads would have alone, on the average, in bit/s.
    #[inline(always)]
    pub fn own_rate(&self) -> f64 {
        self.rates as f64 / self.count as f64
    }
}

/// What became of a part that was changed, with its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Came(usize),
    Stays(usize),
    Went(usize),
}

/// Downloads by class of rates, in order; only classes in which there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub parts: Vec<Part>,
    /// All of them.
    pub count: u64,
    pub rates: u64,
}

impl Profile {
    /// Adds to the number of downloads of a class and to the sum of their rates.
    ///
    /// # Panics
    /// If there would be fewer than none.
    pub fn change(&mut self, class: u32, count: i64, rates: i64) -> Changed {
        add(&mut self.count, count);
        add(&mut self.rates, rates);
        let at = self.first_from(class);
        let is_there = self.parts.get(at).is_some_and(|part| part.class == class);
        if !is_there {
            self.parts.insert(at, Part { class, count: 0, rates: 0 });
        }
        let part = &mut self.parts[at];
        add(&mut part.count, count);
        add(&mut part.rates, rates);
        match part.count {
            0 => {
                self.parts.remove(at);
                Changed::Went(at)
            }
            _ if is_there => Changed::Stays(at),
            _ => Changed::Came(at),
        }
    }

    /// Position of the first part that is not of a lower class.
    #[inline(always)]
    pub fn first_from(&self, class: u32) -> usize {
        self.parts.partition_point(|part| part.class < class)
    }

    /// The downloads of a class, if there are any.
    #[inline(always)]
    pub fn part(&self, class: u32) -> Option<&Part> {
        self.parts.get(self.first_from(class)).filter(|part| part.class == class)
    }

    /// Takes away what `other` has, all of which must be here.
    pub fn take(&mut self, other: &Profile) {
        take(&mut self.count, other.count);
        take(&mut self.rates, other.rates);
        let mut less = other.parts.iter().peekable();
        for part in &mut self.parts {
            if let Some(other) = less.next_if(|other| other.class == part.class) {
                take(&mut part.count, other.count);
                take(&mut part.rates, other.rates);
            }
        }
        self.parts.retain(|part| part.count > 0);
    }

    /// How many of the parts have all that they could have alone when nobody has more than
    /// `level`, and what all parts have then, in bit/s.
    pub fn at_level(&self, level: f64) -> (usize, f64) {
        let (mut held, mut free_rates) = (self.count, 0);
        for (at, part) in self.parts.iter().enumerate() {
            if part.own_rate() > level {
                return (at, free_rates as f64 + level * held as f64);
            }
            held -= part.count;
            free_rates += part.rates;
        }
        (self.parts.len(), self.rates as f64)
    }
}

fn add(count: &mut u64, change: i64) {
    *count = count.checked_add_signed(change).expect("somebody leaves who was there");
}
