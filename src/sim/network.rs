//! From the checked scenario to what devices share.

use crate::dist::Law;
use crate::fleet::{Backoff, Jitter};
use crate::model::{CohortId, DeviceId, Span};
use crate::network::{RATE_CLASSES, Server, Shares, rate_class};
use crate::rng::{Purpose, Streams, below};
use crate::scenario::Loaded;
use crate::scenario::backend;
use crate::scenario::file::Scenario;

/// Links and servers of a run.
#[derive(Debug)]
pub struct Network {
    /// By cohort: where its paths begin, and the cells that each device is in one of.
    paths: Vec<Paths>,
    /// Nobody has had a share yet.
    pub shares: Shares,
    /// Names of the links, in the order of their capacities.
    pub links: Vec<String>,
    /// Downloads share links.
    pub has_links: bool,
    pub backend: Option<Backend>,
}

#[derive(Debug)]
struct Paths {
    first: u32,
    /// Position of the link in the scenario, and into how many cells it is divided.
    cells: Vec<(u32, u32)>,
}

/// What a server does with requests, and devices with its answers.
#[derive(Clone, Debug)]
pub struct Backend {
    pub server: Option<Server>,
    pub service: Law,
    pub connections: Option<u64>,
    pub retry_after: Span,
    pub link_expires: Option<Span>,
    pub patience: Option<Span>,
    pub backoff: Backoff,
}

impl Network {
    /// What the devices of the scenario share; none if they share nothing.
    pub fn new(loaded: &Loaded) -> Option<Network> {
        let scenario = &loaded.scenario;
        let egress = scenario.backend.as_ref().and_then(|backend| backend.egress);
        let has_links = egress.is_some() || !scenario.link.is_empty();
        let backend = scenario.backend.as_ref().and_then(backend);
        if !has_links && backend.is_none() {
            return None;
        }
        let mut capacities: Vec<f64> = egress.iter().map(|rate| rate.0 as f64).collect();
        let mut links: Vec<String> = egress.iter().map(|_| "egress".to_owned()).collect();
        let mut firsts = Vec::new();
        for link in &scenario.link {
            firsts.push(capacities.len() as u32);
            for cell in 1..=link.cells {
                capacities.push(link.capacity.0 as f64);
                links.push(match link.cells {
                    1 => link.name.clone(),
                    _ => format!("{} {cell}", link.name),
                });
            }
        }
        let origin: Vec<u32> = egress.iter().map(|_| 0).collect();
        let (paths, routes) = paths(scenario, &origin, &firsts);
        let shares = Shares::new(capacities, routes);
        Some(Network { paths, shares, links, has_links, backend })
    }

    /// The class of a device's download at this rate.
    pub fn class_of(
        &self,
        device: DeviceId,
        cohort: CohortId,
        rate: u64,
        streams: &Streams,
    ) -> u32 {
        let Paths { first, cells } = &self.paths[usize::from(cohort.0)];
        let path = cells.iter().fold(0, |path, (link, cells)| {
            let word = streams.stream(device, Purpose::Cell, *link).next_u64();
            path * cells + below(word, u64::from(*cells)) as u32
        });
        (first + path) * RATE_CLASSES + rate_class(rate)
    }
}

/// By cohort its paths, and the links of all paths.
fn paths(scenario: &Scenario, origin: &[u32], firsts: &[u32]) -> (Vec<Paths>, Vec<Box<[u32]>>) {
    let mut routes: Vec<Box<[u32]>> = Vec::new();
    let mut all = Vec::new();
    for cohort in &scenario.fleet.cohort {
        let first = routes.len() as u32;
        let mut own: Vec<Vec<u32>> = vec![origin.to_vec()];
        let mut cells = Vec::new();
        for (link, at) in
            scenario.link.iter().zip(0..).filter(|(link, _)| link.carries(&cohort.name))
        {
            cells.push((at, link.cells));
            let cell = |path: &Vec<u32>| {
                let path = path.clone();
                (0..link.cells).map(move |cell| [&path[..], &[firsts[at as usize] + cell]].concat())
            };
            own = own.iter().flat_map(|path| cell(path).collect::<Vec<_>>()).collect();
        }
        routes.extend(own.into_iter().map(Vec::into_boxed_slice));
        all.push(Paths { first, cells });
    }
    (all, routes)
}

fn backend(backend: &backend::Backend) -> Option<Backend> {
    if backend.workers.is_none() && backend.connections.is_none() {
        return None;
    }
    let backend::Backoff { base, factor, cap, jitter } = backend.backoff;
    Some(Backend {
        server: backend.workers.map(|workers| Server::new(workers, backend.queue)),
        service: backend.service.compiled(),
        connections: backend.connections.map(u64::from),
        retry_after: backend.retry_after,
        link_expires: backend.link_expires,
        patience: backend.patience,
        backoff: Backoff {
            base,
            factor,
            cap,
            jitter: match jitter {
                backend::Jitter::Full => Jitter::Full,
                backend::Jitter::Half => Jitter::Half,
                backend::Jitter::None => Jitter::None,
            },
        },
    })
}
