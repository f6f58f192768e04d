//! Exponential and normal samples by rejection from horizontal layers: in 98.9 of 100 draws one
//! word, one table look-up and one multiplication.
//!
//! Only operations that IEEE 754 rounds exactly are used, so samples are the same everywhere.
//!
//! # Source
//! Marsaglia, Tsang: The ziggurat method for generating random variables (2000), with 256
//! layers, and all of a word's bits used once, after Doornik (2005).

use crate::rng::Stream;

use super::math::{exp, ln};

const LAYERS: usize = 256;

/// Layers of equal area under a falling density f with f(0) = 1.
struct Layers {
    /// Right ends, the widest first; the first is that of a layer as high as the base, with
    /// the tail's area in it. One more than layers: the last is 0.
    x: [f64; LAYERS + 1],
    /// f at these ends.
    f: [f64; LAYERS + 1],
}

/// Where the tail begins.
const EXPONENTIAL_TAIL: f64 = 7.697_117_470_131_05;
const NORMAL_TAIL: f64 = 3.654_152_885_361_009;

static EXPONENTIAL: Layers =
    layers(EXPONENTIAL_TAIL, 0.003_949_659_822_581_557, Density::Exponential);
static NORMAL: Layers = layers(NORMAL_TAIL, 0.004_928_673_233_974_655, Density::Normal);

/// Exponential with mean 1.
#[inline(always)]
pub fn exponential(stream: &mut Stream) -> f64 {
    let word = stream.next_u64();
    exponential_from(word, stream)
}

/// The same, with its first word drawn before: the stream is asked for more only rarely.
#[inline(always)]
pub fn exponential_from(word: u64, stream: &mut Stream) -> f64 {
    let layer = (word % LAYERS as u64) as usize;
    let x = unit(word) * EXPONENTIAL.x[layer];
    if x < EXPONENTIAL.x[layer + 1] { x } else { exponential_rarely(layer, x, stream) }
}

/// The sample that began with an `x` beyond what its layer covers for certain.
#[cold]
fn exponential_rarely(layer: usize, x: f64, stream: &mut Stream) -> f64 {
    if layer == 0 {
        return EXPONENTIAL_TAIL - ln(stream.next_unit());
    }
    if lies_below(&EXPONENTIAL, layer, exp(-x), stream) { x } else { exponential(stream) }
}

/// Standard normal.
#[inline(always)]
pub fn normal(stream: &mut Stream) -> f64 {
    let word = stream.next_u64();
    let layer = (word % LAYERS as u64) as usize;
    let x = unit(word) * NORMAL.x[layer];
    let x = if x < NORMAL.x[layer + 1] { x } else { return normal_rarely(word, x, stream) };
    signed(word, x)
}

#[cold]
fn normal_rarely(word: u64, x: f64, stream: &mut Stream) -> f64 {
    let layer = (word % LAYERS as u64) as usize;
    if layer == 0 {
        return signed(word, normal_tail(stream));
    }
    match lies_below(&NORMAL, layer, exp(-0.5 * x * x), stream) {
        true => signed(word, x),
        false => normal(stream),
    }
}

/// Beyond [`NORMAL_TAIL`].
///
/// # Source
/// Marsaglia: Generating a variable from the tail of the normal distribution (1964).
fn normal_tail(stream: &mut Stream) -> f64 {
    loop {
        let x = -ln(stream.next_unit()) / NORMAL_TAIL;
        if -2.0 * ln(stream.next_unit()) > x * x {
            return NORMAL_TAIL + x;
        }
    }
}

/// The sign is a bit that chooses neither layer nor place.
#[inline(always)]
fn signed(word: u64, x: f64) -> f64 {
    f64::from_bits(x.to_bits() | (word & 0x100) << 55)
}

/// In (0, 1), from the bits that neither choose the layer nor the sign.
#[inline(always)]
fn unit(word: u64) -> f64 {
    crate::rng::unit(word)
}

/// Whether a height drawn evenly within the layer lies below the density.
fn lies_below(layers: &Layers, layer: usize, density: f64, stream: &mut Stream) -> bool {
    let (low, high) = (layers.f[layer], layers.f[layer + 1]);
    low + (high - low) * stream.next_unit() < density
}

#[derive(Clone, Copy)]
enum Density {
    /// e^-x.
    Exponential,
    /// e^(-x²/2).
    Normal,
}

const fn layers(tail: f64, area: f64, density: Density) -> Layers {
    let (mut x, mut f) = ([0.0; LAYERS + 1], [1.0; LAYERS + 1]);
    x[1] = tail;
    f[1] = height(tail, density);
    f[0] = f[1];
    x[0] = area / f[1];
    let mut i = 2;
    while i < LAYERS {
        f[i] = f[i - 1] + area / x[i - 1];
        x[i] = place(f[i], density);
        i += 1;
    }
    Layers { x, f }
}

const fn height(x: f64, density: Density) -> f64 {
    let power = match density {
        Density::Exponential => x,
        Density::Normal => 0.5 * x * x,
    };
    // e^-power = (e^(-power / 16))^16.
    let (z, mut sum, mut k) = (-power / 16.0, 1.0, 30);
    while k >= 1 {
        sum = 1.0 + z * sum / k as f64;
        k -= 1;
    }
    let mut squarings = 0;
    while squarings < 4 {
        sum *= sum;
        squarings += 1;
    }
    sum
}

/// Where the density is `height`.
const fn place(height: f64, density: Density) -> f64 {
    let (mut scaled, mut halvings) = (height, 0.0);
    while scaled < 0.5 {
        scaled *= 2.0;
        halvings += 1.0;
    }
    let power = halvings * std::f64::consts::LN_2 - super::math::log_series(scaled);
    match density {
        Density::Exponential => power,
        Density::Normal => root(2.0 * power),
    }
}

/// Newton's iteration, from above.
const fn root(square: f64) -> f64 {
    let (mut root, mut steps) = (square + 1.0, 0);
    while steps < 60 {
        root = 0.5 * (root + square / root);
        steps += 1;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every layer has the same area, and the topmost ends at f(0) = 1.
    #[test]
    fn layers_have_equal_areas() {
        for (layers, tail, area) in [
            (&EXPONENTIAL, EXPONENTIAL_TAIL, 0.003_949_659_822_581_557),
            (&NORMAL, NORMAL_TAIL, 0.004_928_673_233_974_655),
        ] {
            assert!(layers.x.is_sorted_by(|a, b| a > b) && layers.f.is_sorted());
            assert_eq!((layers.x[1], layers.x[LAYERS], layers.f[LAYERS]), (tail, 0.0, 1.0));
            for i in 1..LAYERS {
                let own = layers.x[i] * (layers.f[i + 1] - layers.f[i]);
                assert!((own / area - 1.0).abs() < 1e-9, "layer {i}: {own}");
            }
        }
        for i in 0..=LAYERS {
            let (e, n) = (EXPONENTIAL.x[i], NORMAL.x[i]);
            let at_base = if i == 0 { f64::INFINITY } else { 1e-13 };
            assert!((EXPONENTIAL.f[i] / libm::exp(-e) - 1.0).abs() < at_base);
            assert!((NORMAL.f[i] / libm::exp(-0.5 * n * n) - 1.0).abs() < at_base);
        }
    }
}
