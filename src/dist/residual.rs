//! The rest of a period that is under way at a random instant.

use crate::rng::Stream;

use super::math::pow;
use super::ziggurat::exponential;
use super::{Law, choose, gamma};

impl Law {
    /// The rest of a period that is under way at a random instant.
    ///
    /// # Model
    /// In equilibrium the period that covers an instant is length-biased, X* with density
    /// x f(x) / E X, and the instant lies evenly in it: the rest is U X*.
    ///
    /// # Panics
    /// If the mean is infinite: then there is no equilibrium.
    pub fn sample_residual(&self, stream: &mut Stream) -> f64 {
        match self {
            // Memoryless: the rest is as the whole.
            Law::Exponential { .. } => self.sample(stream),
            Law::Lomax { alpha, scale } => {
                assert!(*alpha > 1.0, "no equilibrium: infinite mean");
                Law::Lomax { alpha: alpha - 1.0, scale: *scale }.sample(stream)
            }
            Law::HyperExponential(branches) => {
                let weights = branches.iter().map(|(share, mean)| share * mean);
                let mean = branches[choose(weights, self.mean(), stream)].1;
                mean * exponential(stream)
            }
            Law::Mixture(parts) => self.biased_part(parts, stream).sample_residual(stream),
            // Its density is even up to the shift, and beyond as that of the law itself.
            Law::Shifted { by, law } => {
                assert!(self.mean().is_finite(), "no equilibrium: infinite mean");
                let mark = stream.next_unit() * self.mean();
                match mark < *by {
                    true => mark,
                    false => by + law.sample_residual(stream),
                }
            }
            _ => {
                let whole = self.sample_length_biased(stream);
                whole * stream.next_unit()
            }
        }
    }

    /// A value with probability in proportion to itself.
    pub(super) fn sample_length_biased(&self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant(value) => *value,
            Law::Uniform { from, to } => {
                (from * from + stream.next_unit() * (to * to - from * from)).sqrt()
            }
            Law::Exponential { mean } => mean * gamma(2.0, stream),
            Law::Weibull { shape, scale } => {
                scale * pow(gamma(1.0 + 1.0 / shape, stream), 1.0 / shape)
            }
            Law::Lognormal { mu, sigma } => {
                Law::Lognormal { mu: mu + sigma * sigma, sigma: *sigma }.sample(stream)
            }
            Law::Gamma { shape, scale } => scale * gamma(shape + 1.0, stream),
            Law::Pareto { alpha, min } => {
                assert!(*alpha > 1.0, "no equilibrium: infinite mean");
                Law::Pareto { alpha: alpha - 1.0, min: *min }.sample(stream)
            }
            Law::Lomax { alpha, scale } => {
                assert!(*alpha > 1.0, "no equilibrium: infinite mean");
                // X* / scale is beta prime.
                let above = gamma(2.0, stream);
                scale * above / gamma(alpha - 1.0, stream)
            }
            Law::LogLogistic { median, shape } => {
                assert!(*shape > 1.0, "no equilibrium: infinite mean");
                // X* / median, to the power of shape, is beta prime.
                let above = gamma(1.0 + 1.0 / shape, stream);
                let below = gamma(1.0 - 1.0 / shape, stream);
                median * pow(above / below, 1.0 / shape)
            }
            Law::HyperExponential(branches) => {
                let weights = branches.iter().map(|(share, mean)| share * mean);
                let mean = branches[choose(weights, self.mean(), stream)].1;
                mean * gamma(2.0, stream)
            }
            Law::Mixture(parts) => self.biased_part(parts, stream).sample_length_biased(stream),
            Law::Shifted { by, law } => {
                let is_plain = stream.next_unit() * self.mean() < *by;
                by + match is_plain {
                    true => law.sample(stream),
                    false => law.sample_length_biased(stream),
                }
            }
            Law::Truncated(law) => law.sample_length_biased(stream),
            Law::Empirical(law) => law.sample_length_biased(stream),
        }
    }

    /// The part of a mixture in which a random instant lies.
    fn biased_part<'l>(&self, parts: &'l [(f64, Law)], stream: &mut Stream) -> &'l Law {
        let mean = self.mean();
        assert!(mean.is_finite(), "no equilibrium: infinite mean");
        let weights = parts.iter().map(|(share, law)| share * law.mean());
        &parts[choose(weights, mean, stream)].1
    }
}
