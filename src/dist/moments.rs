//! Distribution functions and moments, from one integral: E\[X^n; X ≤ x\].

use super::Law;
use super::gamma::{gamma_p, normal_below};

impl Law {
    /// P(X ≤ x).
    pub fn cdf(&self, x: f64) -> f64 {
        self.moment_below(0, x)
    }

    /// The mean squared distance from the mean; infinite where the law has none.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        if !mean.is_finite() {
            return f64::INFINITY;
        }
        let mixed =
            |share: f64, part: f64, variance: f64| share * (variance + (part - mean).powi(2));
        match self {
            // The difference of two squares would leave little of a small variance.
            Law::Shifted { law, .. } => law.variance(),
            Law::Uniform { from, to } => (to - from).powi(2) / 12.0,
            Law::Mixture(parts) => {
                parts.iter().map(|(p, law)| mixed(*p, law.mean(), law.variance())).sum()
            }
            Law::HyperExponential(branches) => {
                branches.iter().map(|(p, part)| mixed(*p, *part, part * part)).sum()
            }
            _ => (self.moment_below(2, f64::INFINITY) - mean * mean).max(0.0),
        }
    }

    /// The distribution function of [`Law::sample_residual`].
    ///
    /// # Model
    /// Its density is P(X > r) / E X, the integral of which is (E\[X; X ≤ r\] + r P(X > r)) / E X.
    ///
    /// # Panics
    /// If the mean is infinite: then there is no equilibrium.
    pub fn residual_cdf(&self, r: f64) -> f64 {
        let mean = self.mean();
        assert!(mean.is_finite(), "no equilibrium: infinite mean");
        if r <= 0.0 {
            return 0.0;
        }
        ((self.moment_below(1, r) + r * (1.0 - self.cdf(r))) / mean).min(1.0)
    }

    /// E\[X^n; X ≤ x\], for n up to 2: the part of the moment that values up to `x` make.
    pub fn moment_below(&self, n: u32, x: f64) -> f64 {
        let order = f64::from(n);
        match self {
            Law::Constant(value) => at_most(*value, x) * value.powi(n as i32),
            Law::Uniform { from, to } if from == to => at_most(*from, x) * from.powi(n as i32),
            Law::Uniform { from, to } => {
                let x = x.clamp(*from, *to);
                let power = |x: f64| x.powi(n as i32 + 1);
                (power(x) - power(*from)) / ((order + 1.0) * (to - from))
            }
            Law::Exponential { mean } => gamma_moment(1.0, *mean, n, x),
            Law::Gamma { shape, scale } => gamma_moment(*shape, *scale, n, x),
            Law::Weibull { shape, scale } => {
                if x <= 0.0 {
                    return 0.0;
                }
                let a = 1.0 + order / shape;
                let whole = scale.powi(n as i32) * libm::tgamma(a);
                whole * gamma_p(a, libm::pow(x / scale, *shape))
            }
            Law::Lognormal { mu, sigma } => {
                if x <= 0.0 {
                    return 0.0;
                }
                let whole = libm::exp(order * mu + (order * sigma).powi(2) / 2.0);
                let above = libm::log(x) - mu - order * sigma * sigma;
                match *sigma == 0.0 {
                    true => whole * f64::from(u8::from(above >= 0.0)),
                    false => whole * normal_below(above / sigma),
                }
            }
            Law::Pareto { alpha, min } => {
                let y = (x / min).max(1.0);
                min.powi(n as i32) * alpha * power_integral(order - alpha, y)
            }
            Law::Lomax { alpha, scale } if n > 0 && x < scale * 1e-3 => {
                let density = |t: f64| alpha / scale * libm::pow(1.0 + t / scale, -alpha - 1.0);
                let least = x * NEGLIGIBLE;
                if x <= 0.0 { 0.0 } else { integral(least, x, 0.5, |t| power(t, n) * density(t)) }
            }
            Law::Lomax { alpha, scale } => {
                let y = 1.0 + x.max(0.0) / scale;
                let part = |m: f64| power_integral(m - alpha, y);
                let sum = match n {
                    0 => part(0.0),
                    1 => part(1.0) - part(0.0),
                    _ => part(2.0) - 2.0 * part(1.0) + part(0.0),
                };
                // Two infinities, of which the greater counts.
                let sum = if sum.is_nan() { f64::INFINITY } else { sum };
                alpha * scale.powi(n as i32) * sum
            }
            Law::LogLogistic { median, shape } => log_logistic_moment(*median, *shape, n, x),
            Law::HyperExponential(branches) => {
                branches.iter().map(|(p, mean)| p * gamma_moment(1.0, *mean, n, x)).sum()
            }
            Law::Mixture(parts) => parts.iter().map(|(p, law)| p * law.moment_below(n, x)).sum(),
            Law::Shifted { by, law } => {
                let part = |j: u32| law.moment_below(j, x - by);
                match n {
                    0 => part(0),
                    1 => by * part(0) + part(1),
                    _ => by * by * part(0) + 2.0 * by * part(1) + part(2),
                }
            }
            Law::Truncated(truncated) => truncated.moment_below(n, x),
            Law::Empirical(law) => law.moment_below(n, x),
        }
    }
}

fn at_most(value: f64, x: f64) -> f64 {
    f64::from(u8::from(value <= x))
}

fn gamma_moment(shape: f64, scale: f64, n: u32, x: f64) -> f64 {
    let rising = match n {
        0 => 1.0,
        1 => shape,
        _ => shape * (shape + 1.0),
    };
    scale.powi(n as i32) * rising * gamma_p(shape + f64::from(n), x / scale)
}

/// The integral of t^(power - 1) from 1 to `y`.
fn power_integral(power: f64, y: f64) -> f64 {
    match power == 0.0 {
        true => libm::log(y),
        false => (libm::pow(y, power) - 1.0) / power,
    }
}

fn log_logistic_moment(median: f64, shape: f64, n: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let below = |t: f64| 1.0 / (1.0 + libm::pow(t / median, -shape));
    let order = f64::from(n);
    if n == 0 {
        return if x.is_infinite() { 1.0 } else { below(x) };
    }
    if x.is_infinite() {
        let angle = order * std::f64::consts::PI / shape;
        return match shape > order {
            true => median.powi(n as i32) * angle / libm::sin(angle),
            false => f64::INFINITY,
        };
    }
    let density = |t: f64| shape / t * below(t) * (1.0 - below(t));
    // Beyond forty e-foldings of its tails the law has nothing left.
    let tails = libm::exp((40.0 / shape).min(300.0));
    let (from, to) = ((median / tails).max(x * NEGLIGIBLE), (median * tails).min(x));
    match from < to {
        true => integral(from, to, (0.5 / shape).min(0.5), |t| power(t, n) * density(t)),
        false => 0.0,
    }
}

/// What lies below this part of the greatest value adds nothing to a moment.
const NEGLIGIBLE: f64 = 1e-18;

fn power(x: f64, n: u32) -> f64 {
    x.powi(n as i32)
}

/// The integral of a function from `from` to `to`, both above zero, that changes little while the
/// logarithm of its argument grows by `width`.
fn integral(from: f64, to: f64, width: f64, f: impl Fn(f64) -> f64) -> f64 {
    /// Nodes and weights of the Gauss–Legendre rule of order 10 on [-1, 1], one half of them.
    const RULE: [(f64, f64); 5] = [
        (0.148_874_338_981_631_2, 0.295_524_224_714_752_87),
        (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
        (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
        (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
        (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
    ];
    let (low, high) = (libm::log(from), libm::log(to));
    let steps = ((high - low) / width).ceil().max(1.0);
    let half = (high - low) / steps / 2.0;
    let at = |u: f64| {
        let t = libm::exp(u);
        f(t) * t
    };
    let part = |step: u32| {
        let middle = low + half * (2.0 * f64::from(step) + 1.0);
        let pair = |(node, weight): (f64, f64)| {
            weight * (at(middle - half * node) + at(middle + half * node))
        };
        half * RULE.into_iter().map(pair).sum::<f64>()
    };
    (0..steps as u32).map(part).sum()
}
