//! Pseudo-random numbers of one case, and what a case has made up its mind about beforehand.

/// A stream of numbers that follows from its seed: SplitMix64.
#[derive(Clone, Debug)]
pub struct Luck(u64);

impl Luck {
    /// A stream of its own for each seed and purpose.
    pub fn of(seed: u64, purpose: &str) -> Luck {
        // FNV-1a, so that streams for several purposes have nothing in common.
        let word = purpose.bytes().fold(0xCBF2_9CE4_8422_2325, |word: u64, byte| {
            (word ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        let mut luck = Luck(seed ^ word);
        luck.0 = luck.word();
        luck
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from 0 to 1, without 1.
    pub fn real(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Evenly among `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.real() * count as f64) as usize
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.real() < probability
    }

    /// Evenly in the logarithm: small numbers as often as great ones.
    pub fn log_uniform(&mut self, from: f64, to: f64) -> f64 {
        (from.ln() + (to.ln() - from.ln()) * self.real()).exp()
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A position, by weight; the weights must not all be zero.
    pub fn weighed(&mut self, weights: &[f64]) -> usize {
        let mut left = self.real() * weights.iter().sum::<f64>();
        let fits = |weight: &f64| {
            left -= weight;
            left < 0.0 && *weight > 0.0
        };
        let found = weights.iter().position(fits);
        found.or(weights.iter().rposition(|weight| *weight > 0.0)).expect("a weight above zero")
    }
}

/// What holds for all of a case: which features it is about, which names it knows.
#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    /// How often a value is drawn from the edges of what is possible, and beyond.
    pub wild: f64,
    /// Whether what `check` refuses is changed until it does not.
    pub mended: bool,
    pub devices: u32,
    pub cohorts: Vec<String>,
    pub versions: Vec<String>,
    /// Without the one that every device has.
    pub modules: Vec<String>,
}

impl Case {
    /// The case of a seed.
    pub fn of(seed: u64) -> Case {
        let mut luck = Luck::of(seed, "case");
        let wild = [0.0, 0.01, 0.05, 0.3][luck.weighed(&[4.0, 3.0, 2.0, 1.0])];
        let most = *luck.pick(&[3.0, 30.0, 300.0]);
        let devices = luck.log_uniform(1.0, most).round() as u32;
        let plain = luck.chance(0.8);
        let mut names = |plain_names: &[&str], odd: &[&str], most: usize| {
            let count = 1 + luck.below(most);
            let of = if plain { plain_names } else { odd };
            of[..count].iter().map(|name| (*name).to_owned()).collect::<Vec<String>>()
        };
        Case {
            seed,
            wild,
            devices,
            cohorts: names(&["c0", "c1", "c2", "c3"], &["all", "µ, \"x\"", "a b", "../d"], 4),
            versions: names(&["1", "2", "1.5", "3"], &["1.0.0-rc+7", "2", "ü", "-"], 4),
            modules: names(&["mcu", "modem", "app"], &["m.0", "a,b", "é\n"], 3),
            mended: luck.chance(0.9),
        }
    }

    /// How much of something there is in this case: seldom all or nothing, often in between.
    /// It is the same wherever the same thing is asked for, so that rare combinations come about.
    pub fn share_of(&self, what: &str) -> f64 {
        let mut luck = Luck::of(self.seed, what);
        [0.0, 0.1, 0.5, 0.9][luck.weighed(&[4.0, 2.0, 2.0, 2.0])]
    }

    /// As [`Case::share_of`], for one of several alternatives.
    pub fn weight_of(&self, what: &str) -> f64 {
        let mut luck = Luck::of(self.seed, what);
        [0.0, 1.0, 5.0][luck.weighed(&[1.0, 1.0, 1.0])]
    }
}
