//! Setting a run up, and handing it to whoever drives it.

use super::*;

/// Sets the scenario up and lets `with` run it.
///
/// # Errors
/// If the system refuses memory for the fleet.
pub fn conduct<R>(
    loaded: &Loaded,
    options: Options,
    with: impl FnOnce(Coordinator) -> R,
) -> std::io::Result<R> {
    let parts = loaded.campaigns();
    let shared = options.record || setup::is_shared(loaded);
    let worlds = worlds(loaded, &parts, shared);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).clamp(1, THREADS_MAX);
    let (mut shards, mut targets) = (Vec::new(), Vec::new());
    for (world, part) in worlds.iter().zip(parts.iter().flatten()) {
        let to = match shared {
            true => Targets::later(part, world, threads as u32),
            false => setup::targets(part, world, threads as u32),
        };
        let tracer = || match options.record {
            true => Tracer::of_all(),
            false => Tracer::new(options.trace),
        };
        shards.extend(shards_of(world, &to, threads, tracer)?);
        targets.push(to);
    }
    if shared {
        matching::open_ledgers(&worlds, &mut shards, threads);
    }
    let rollouts = rollouts(parts, &worlds, &shards, targets, shared);
    for rollout in &rollouts {
        for shard in rollout.shards {
            lock(shard).books.wants_results = rollout.wants_results;
        }
    }
    let peers = if shared { matching::peers(&rollouts) } else { Vec::new() };
    let gate = Gate::new(threads);
    let (shards, peers) = (shards.as_slice(), peers.as_slice());
    std::thread::scope(|scope| {
        let spawn = |at: usize| {
            let gate = &gate;
            scope.spawn(move || gate.work(|job| do_jobs(shards, peers, threads, at, job)))
        };
        let workers: Vec<Thread> = (1..threads).map(|at| spawn(at).thread().clone()).collect();
        let _stop = StopOnDrop { gate: &gate, workers: &workers };
        let coordinator = Coordinator {
            loaded,
            matching: shared.then(|| Matching::new(&rollouts)),
            rollouts,
            shards,
            peers,
            gate: &gate,
            workers: &workers,
            exchange: worlds[0]
                .network
                .as_ref()
                .map(|network| exchange(loaded, &worlds[0], network)),
            options,
            pace: Pace::new(),
            reported: Instant::now(),
            boundaries: 0,
            events: 0,
            last_active: 0,
        };
        Ok(with(coordinator))
    })
}

/// The world of each package, campaign by campaign.
fn worlds(loaded: &Loaded, parts: &[Vec<&Loaded>], shared: bool) -> Vec<World> {
    let packages = parts.iter().flat_map(|parts| parts.iter().enumerate());
    let packages = packages.enumerate();
    let world = |(position, (package, part)): (usize, (usize, &&Loaded))| {
        let world = setup::world(loaded, part, package, position);
        World { every_flip: world.every_flip || shared, ..world }
    };
    packages.map(world).collect()
}

/// The campaigns, each with the shards of its packages.
fn rollouts<'a, 'w>(
    parts: Vec<Vec<&'a Loaded>>,
    worlds: &'w [World],
    shards: &'a [Mutex<Shard<'w>>],
    targets: Vec<Targets>,
    shared: bool,
) -> Vec<Rollout<'a, 'w>> {
    let threads = shards.len() / worlds.len();
    let mut rollouts = Vec::new();
    let mut first = 0;
    let mut targets = targets.into_iter();
    for parts in parts {
        let packages = first..first + parts.len();
        first = packages.end;
        let own = &shards[packages.start * threads..packages.end * threads];
        let to = targets.next().expect("each package has targets");
        // What further packages found is the fleet's, too.
        (1..parts.len()).for_each(|_| _ = targets.next());
        rollouts.push(Rollout::new(parts, &worlds[packages], own, to, shared));
    }
    rollouts
}

fn shards_of<'w>(
    world: &'w World,
    targets: &Targets,
    threads: usize,
    tracer: impl Fn() -> Tracer,
) -> std::io::Result<Vec<Mutex<Shard<'w>>>> {
    let count = world.devices.count();
    let shard = |at: usize| {
        let records = Records::new(at as u32, threads as u32, count, world.every_flip)?;
        let mut shard = Shard::new(world, records);
        shard.books.trace = tracer();
        for (tally, targeted) in shard.books.tallies.iter_mut().zip(&targets.targeted_in[at]) {
            tally.targeted = *targeted;
            tally.states[world.first_state().index()] = *targeted;
            shard.books.open += *targeted;
        }
        if at == 0 {
            shard.books.versions.clone_from(&targets.versions);
            for (tally, count) in shard.books.tallies.iter_mut().zip(&targets.not_required) {
                tally.states[TaskState::NotRequired.index()] = *count;
            }
        }
        Ok(Mutex::new(shard))
    };
    (0..threads).map(shard).collect()
}

/// The exchange of a run.
fn exchange(loaded: &Loaded, world: &World, network: &Network) -> Exchange {
    let every = loaded.scenario.run.sample_every.map(|every| world.sample_ticks(every));
    Exchange::new(world, network, every)
}
