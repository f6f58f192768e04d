//! Closed-form results, against the engine itself.
//!
//! Each case is a scenario that is simulated, or an arrangement of the engine's own parts: links,
//! servers, laws, statistics. What the product cannot express is listed with the reason.

mod availability;
mod bandwidth;
pub mod cases;
mod policies;
mod queues;
mod report;
mod retries;
mod runs;
mod statistics;
mod verdict;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cases::Case;
pub use report::{csv, human, json, markdown};
pub use verdict::{Observed, Row, judge, observed};

/// How much is simulated; tolerances follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    Quick,
    Full,
}

impl Effort {
    /// The number of devices, arrivals or replications.
    fn of<N>(self, quick: N, full: N) -> N {
        match self {
            Effort::Quick => quick,
            Effort::Full => full,
        }
    }
}

/// What a case was found to be.
#[derive(Clone, Debug)]
pub struct Finding {
    pub case: Case,
    pub outcome: Outcome,
}

/// What a case came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// One row per quantity.
    Ran(Vec<Row>),
    /// The product cannot express it, and why.
    NotExpressible(&'static str),
    /// Somebody stopped the validation before.
    Skipped,
}

impl Finding {
    /// Whether the case ran, and every quantity is close enough to what is expected.
    pub fn passes(&self) -> bool {
        matches!(&self.outcome, Outcome::Ran(rows) if rows.iter().all(|row| row.passes))
    }

    /// Whether the case ran, and some quantity is too far off.
    pub fn fails(&self) -> bool {
        matches!(&self.outcome, Outcome::Ran(rows) if !rows.iter().all(|row| row.passes))
    }
}

/// How a case is looked at.
enum How {
    Run(fn(Effort) -> Vec<Observed>),
    NotExpressible(&'static str),
}

/// By case, in any order; a case that is missing here fails the validation.
const HOW: &[(&str, How)] = &[
    ("Q01", How::Run(queues::q01)),
    ("Q02", How::Run(queues::q02)),
    ("Q03", How::Run(queues::q03)),
    ("Q04", How::Run(queues::q04)),
    ("Q05a", How::Run(bandwidth::q05a)),
    ("Q05b", How::Run(bandwidth::q05b)),
    ("Q05c", How::Run(bandwidth::q05c)),
    ("Q05d", How::Run(bandwidth::q05d)),
    ("Q06a", How::Run(bandwidth::q06a)),
    ("Q06b", How::Run(bandwidth::q06b)),
    ("Q06c", How::Run(bandwidth::q06c)),
    ("Q07", How::Run(bandwidth::q07)),
    ("Q08", How::Run(bandwidth::q08)),
    ("Q09a", How::Run(queues::q09a)),
    ("Q09b", How::Run(queues::q09b)),
    ("Q09c", How::Run(queues::q09c)),
    ("Q10", How::Run(queues::q10)),
    ("Q11", How::Run(queues::q11)),
    ("Q12", How::Run(queues::q12)),
    ("A01", How::Run(availability::a01)),
    ("A02", How::Run(availability::a02)),
    ("A03a", How::Run(availability::a03a)),
    ("A03b", How::Run(availability::a03b)),
    ("A03c", How::Run(availability::a03c)),
    ("A03d", How::Run(availability::a03d)),
    ("A03e", How::Run(availability::a03e)),
    ("A04", How::Run(availability::a04)),
    ("A05", How::Run(availability::a05)),
    ("A06", How::Run(availability::a06)),
    (
        "A07",
        How::NotExpressible(
            "devices check in at their own polls; there is no stream of random check-ins whose \
             rate varies over the day",
        ),
    ),
    ("A08", How::Run(availability::a08)),
    ("A09", How::Run(availability::a09)),
    ("A10", How::Run(availability::a10)),
    ("A11", How::Run(availability::a11)),
    ("R01", How::Run(retries::r01)),
    ("R02", How::Run(retries::r02)),
    ("R03", How::Run(retries::r03)),
    ("R04", How::Run(retries::r04)),
    ("S01", How::Run(policies::s01)),
    ("S02", How::Run(policies::s02)),
    ("S03", How::Run(policies::s03)),
    ("S04", How::Run(policies::s04)),
    ("S05", How::Run(policies::s05)),
    ("S06a", How::Run(policies::s06a)),
    ("S06b", How::Run(policies::s06b)),
    ("S06c", How::Run(policies::s06c)),
    ("S07", How::Run(policies::s07)),
    ("S08", How::Run(policies::s08)),
    ("S09", How::Run(bandwidth::s09)),
    ("S10", How::Run(policies::s10)),
    (
        "S11",
        How::NotExpressible("a campaign pushes each of its devices in turn, never at random again"),
    ),
    ("S12", How::Run(policies::s12)),
    ("S13", How::Run(policies::s13)),
    ("S14", How::Run(policies::s14)),
    ("S15", How::NotExpressible("it is about load on a real server, which is not generated yet")),
    ("T01", How::Run(statistics::t01)),
    ("T02", How::Run(statistics::t02)),
    ("T03", How::Run(statistics::t03)),
    ("T04", How::Run(statistics::t04)),
    ("T05", How::Run(statistics::t05)),
    ("T06", How::Run(statistics::t06)),
    ("T07", How::Run(statistics::t07)),
];

/// Looks at these cases on so many threads; the findings do not depend on their number.
///
/// `begun` is told of each case that begins; `stop` ends the validation early.
pub fn validate(
    cases: Vec<Case>,
    effort: Effort,
    threads: usize,
    stop: &AtomicBool,
    begun: &(dyn Fn(&Case) + Sync),
) -> Vec<Finding> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Outcome>> =
        cases.iter().map(|_| Mutex::new(Outcome::Skipped)).collect();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(at).filter(|_| !stop.load(Ordering::Relaxed)) else {
                return;
            };
            begun(case);
            *outcomes[at].lock().expect("each has one worker") = look_at(case, effort);
        }
    };
    std::thread::scope(|scope| {
        (0..threads.max(1)).for_each(|_| drop(scope.spawn(work)));
    });
    let outcomes = outcomes.into_iter().map(|o| o.into_inner().expect("all workers are done"));
    cases.iter().cloned().zip(outcomes).map(|(case, outcome)| Finding { case, outcome }).collect()
}

fn look_at(case: &Case, effort: Effort) -> Outcome {
    let how = HOW.iter().find(|(id, _)| *id == case.id);
    let observed = match how {
        // A case that panics fails, and the others go on.
        Some((_, How::Run(run))) => std::panic::catch_unwind(|| run(effort)).unwrap_or_default(),
        Some((_, How::NotExpressible(reason))) => return Outcome::NotExpressible(reason),
        // Every quantity is missing, so that it fails.
        None => Vec::new(),
    };
    let row = |quantity: &cases::Quantity| {
        // A quantity that was observed in several ways is as good as the worst of them.
        let rows = observed.iter().filter(|o| o.quantity == quantity.name);
        let rows = rows.map(|o| judge(&case.id, quantity, Some(o)));
        let badness = |row: &Row| {
            let distance = row.observed.map_or(f64::MAX, |o| (o - row.expected).abs());
            if row.passes { distance / row.tolerance.max(1e-300) } else { f64::MAX }
        };
        let worst = rows.max_by(|a, b| badness(a).total_cmp(&badness(b)));
        worst.unwrap_or_else(|| judge(&case.id, quantity, None))
    };
    Outcome::Ran(case.quantities.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_known_and_once() {
        let cases = cases::all();
        assert_eq!(cases.len(), 62);
        for case in &cases {
            let found = HOW.iter().filter(|(id, _)| *id == case.id).count();
            assert_eq!(found, 1, "{}", case.id);
        }
        assert_eq!(HOW.len(), cases.len());
    }

    #[test]
    fn a_stopped_validation_says_what_it_skipped() {
        let stop = AtomicBool::new(true);
        let findings = validate(cases::all(), Effort::Quick, 2, &stop, &|_| {});
        assert!(findings.iter().all(|finding| matches!(finding.outcome, Outcome::Skipped)));
        assert!(!findings.iter().any(|finding| finding.passes() || finding.fails()));
    }
}
