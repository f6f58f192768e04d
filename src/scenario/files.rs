//! What a scenario refers to: the inventory, measured periods, lists of devices.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path as FilePath;
use std::sync::Arc;

use super::availability::{Follows, Online};
use super::check::Checker;
use super::csv_file::Read;
use super::file::{DEFAULT_MODULE, Package, Rollout, Scenario, Select};
use super::findings::suggestion;
use super::identity::sha256;
use super::path::Path;
use super::problem::{Label, Level, Problem, Source};
use super::rules::Act;
use super::{Inventory, Loaded, Measured, Traces, inventory, measured, samples, traces};
use crate::model::DeviceId;

/// Reads every file and resolves every name; problems go to the checker's findings.
pub fn load(checker: &mut Checker<'_>, base_dir: &FilePath, text: &str) -> Loaded {
    let scenario = checker.scenario;
    let inventory = load_inventory(checker, base_dir);
    let measured = load_measured(checker, base_dir);
    let traces = load_traces(checker, base_dir, inventory.as_ref());
    let mut filled = scenario.clone();
    samples::fill(checker, base_dir, &mut filled);
    let mut loaded = Loaded {
        scenario: filled,
        text: text.to_owned(),
        files: Vec::new(),
        inventory: inventory.map(Arc::new),
        measured,
        traces,
        select_list: None,
        operator_devices: Vec::new(),
        blacklist: Vec::new(),
        whitelist: None,
        remarks: None,
        modules: Vec::new(),
        rollouts: Vec::new(),
    };
    let rollouts: Vec<Scenario> =
        scenario.rollout.iter().map(|r| on_its_own(&loaded.scenario, r)).collect();
    // Without the fleet, every id and version would look unknown.
    let listed = scenario.fleet.inventory.is_some();
    let is_whole = listed == loaded.inventory.is_some();
    let mut further = Vec::new();
    for (index, scenario) in rollouts.iter().enumerate() {
        let root = Path::of("rollout").index(index);
        let mut checker =
            Checker { findings: &mut *checker.findings, tree: checker.tree, scenario, root };
        checker.rollout();
        let mut rollout = Loaded { scenario: scenario.clone(), ..loaded.clone() };
        if is_whole {
            checker.known_versions(|module| versions(&loaded, module));
            load_lists(&mut checker, base_dir, &mut rollout);
            checker.course_of(&rollout);
        }
        further.push(with_modules(rollout));
    }
    if is_whole {
        checker.known_versions(|module| versions(&loaded, module));
        load_lists(checker, base_dir, &mut loaded);
        checker.course_of(&loaded);
    }
    Loaded { rollouts: further, ..with_modules(loaded) }
}

/// A further campaign as if it were the only one.
fn on_its_own(scenario: &Scenario, rollout: &Rollout) -> Scenario {
    Scenario {
        package: rollout.package.clone(),
        packages: rollout.packages.clone(),
        campaign: rollout.campaign.clone(),
        operator: rollout.operator.clone(),
        rollout: Vec::new(),
        // What was measured is held against the first campaign.
        reference: Vec::new(),
        ..scenario.clone()
    }
}

/// With a scenario of its own for each further package.
fn with_modules(loaded: Loaded) -> Loaded {
    let module = |package: &Package| {
        let mut module = loaded.clone();
        module.scenario.package = package.clone();
        // What versions the campaign starts from is said of its first package.
        module.scenario.campaign.source_versions.clear();
        module.scenario.reference.clear();
        module
    };
    let modules = loaded.scenario.packages.iter().map(module).collect();
    Loaded { modules, ..loaded }
}

/// The bytes of the file named at `path`.
pub fn bytes_of(
    checker: &mut Checker<'_>,
    base_dir: &FilePath,
    path: &Path,
    file: &FilePath,
) -> Option<(String, Vec<u8>)> {
    if !checker.knows_at(path) {
        return None;
    }
    let full = base_dir.join(file);
    match std::fs::read(&full) {
        Ok(bytes) => {
            let named = (file.display().to_string(), sha256(&bytes));
            checker.findings.files.push(named);
            Some((full.display().to_string(), bytes))
        }
        Err(error) => {
            let help = format!("looked for {}", full.display());
            checker.refuse(path, &format!("cannot be read: {error}"), &help);
            None
        }
    }
}

impl Checker<'_> {
    /// What was read from a CSV file, if it could be; its problems and notes are kept.
    pub fn read<T>(&mut self, read: Read<T>) -> Option<T> {
        let (value, found) = match read {
            Ok((value, notes)) => (Some(value), notes),
            Err(problems) => (None, problems),
        };
        self.findings.extend(found);
        value
    }
}

fn load_inventory(checker: &mut Checker<'_>, base_dir: &FilePath) -> Option<Inventory> {
    let fleet = &checker.scenario.fleet;
    let file = fleet.inventory.as_ref()?;
    if !checker.knows_names() {
        return None;
    }
    let (name, bytes) = bytes_of(checker, base_dir, &Path::of("fleet.inventory"), file)?;
    let cohorts: Vec<&str> = fleet.cohort.iter().map(|c| c.name.as_str()).collect();
    let read = inventory::read(&name, &bytes, &cohorts);
    checker.read(read)
}

fn load_measured(checker: &mut Checker<'_>, base_dir: &FilePath) -> Vec<Option<Measured>> {
    let scenario = checker.scenario;
    let mut all = Vec::new();
    for (index, cohort) in scenario.fleet.cohort.iter().enumerate() {
        let mut one = None;
        if let Online::Measured { file, start: _ } = &cohort.online {
            let path = Path::of("fleet.cohort").index(index);
            let path = path.key("online").key("measured").key("file");
            if let Some((name, bytes)) = bytes_of(checker, base_dir, &path, file) {
                one = checker.read(measured::read(&name, &bytes));
            }
        }
        all.push(one);
    }
    all
}

fn load_traces(
    checker: &mut Checker<'_>,
    base_dir: &FilePath,
    inventory: Option<&Inventory>,
) -> Vec<Option<Arc<Traces>>> {
    let scenario = checker.scenario;
    let mut all = Vec::new();
    for (index, cohort) in scenario.fleet.cohort.iter().enumerate() {
        let mut one = None;
        if let Online::Trace { file, follows } = &cohort.online {
            let path = Path::of("fleet.cohort").index(index).key("online").key("trace");
            if let Some((name, bytes)) = bytes_of(checker, base_dir, &path.key("file"), file) {
                one = checker.read(traces::read(&name, &bytes));
            }
            if let (Some(traces), Follows::Own) = (&mut one, follows) {
                traces.of = own_traces(checker, &path.key("follows"), traces, index, inventory);
            }
        }
        all.push(one.map(Arc::new));
    }
    all
}

/// The trace of each device of the cohort; 0 for devices of other cohorts.
fn own_traces(
    checker: &mut Checker<'_>,
    path: &Path,
    traces: &Traces,
    cohort: usize,
    inventory: Option<&Inventory>,
) -> Option<Vec<u32>> {
    let fleet = &checker.scenario.fleet;
    if inventory.is_none() && fleet.cohort.len() > 1 {
        let help = "list the devices in an inventory, or let devices follow traces at random";
        checker.refuse(path, "does not say which device is in which cohort", help);
        return None;
    }
    let names = traces.traces.iter().map(|(device, ..)| device.as_str());
    let known: HashMap<&str, u32> = names.zip(0..).collect();
    let devices = fleet.devices.unwrap_or(0);
    if inventory.is_none() && devices as usize > known.len() {
        // Billions of devices are not looked at one by one to find that they have no trace.
        let has_trace = |device: &u32| known.contains_key(device.to_string().as_str());
        let own = known.keys().filter_map(|id| id.parse().ok());
        let own = own.filter(|device| *device < devices && has_trace(device)).count();
        let first = (0..devices).find(|device| !has_trace(device)).unwrap_or_default();
        return refuse_missing(checker, path, devices as usize - own, &first.to_string());
    }
    let mut missing = Vec::new();
    let mut find = |id: &str| {
        let found = known.get(id).copied();
        if found.is_none() {
            missing.push(id.to_owned());
        }
        found.unwrap_or(0)
    };
    let of = match inventory {
        Some(inventory) => {
            let devices = inventory.ids.iter().zip(&inventory.cohorts);
            let own = |(id, of): (&String, &u16)| {
                if usize::from(*of) == cohort { find(id) } else { 0 }
            };
            devices.map(own).collect()
        }
        None => (0..devices).map(|device| find(&device.to_string())).collect(),
    };
    match missing.first() {
        Some(first) => refuse_missing(checker, path, missing.len(), first),
        None => Some(of),
    }
}

fn refuse_missing(
    checker: &mut Checker<'_>,
    path: &Path,
    missing: usize,
    first: &str,
) -> Option<Vec<u32>> {
    let rule = format!("needs a trace for each device; {missing} have none");
    checker.refuse(path, &rule, &format!("the first without one is {first:?}"));
    None
}

/// Versions of a module that devices may have installed, or get by a campaign of several.
fn versions<'l>(loaded: &'l Loaded, module: &str) -> BTreeSet<&'l str> {
    let Scenario { package, packages, rollout, .. } = &loaded.scenario;
    let further = rollout.iter().flat_map(|r| std::iter::once(&r.package).chain(&r.packages));
    let all = std::iter::once(package).chain(packages).chain(further);
    let targets = all.filter(|p| !rollout.is_empty() && p.module == module);
    let targets = targets.map(|package| package.version.as_str());
    targets.chain(installed(loaded, module)).collect()
}

fn installed<'l>(loaded: &'l Loaded, module: &str) -> BTreeSet<&'l str> {
    if module != DEFAULT_MODULE {
        let versions = loaded.scenario.fleet.modules.get(module);
        return versions.into_iter().flat_map(|v| v.keys()).map(String::as_str).collect();
    }
    if let Some(inventory) = &loaded.inventory {
        return inventory.version_names.iter().map(String::as_str).collect();
    }
    let fleet = &loaded.scenario.fleet;
    let of_cohorts = fleet.cohort.iter().flat_map(|cohort| {
        match cohort.versions.is_empty() {
            true => &fleet.versions,
            false => &cohort.versions,
        }
        .keys()
    });
    of_cohorts.map(String::as_str).collect()
}

fn load_lists(checker: &mut Checker<'_>, base_dir: &FilePath, loaded: &mut Loaded) {
    let campaign = &checker.scenario.campaign;
    let names = Names::of(loaded, checker);
    let black = names.all(checker, &Path::of("campaign.blacklist"), &campaign.blacklist);
    let white = names.all(checker, &Path::of("campaign.whitelist"), &campaign.whitelist);
    let steps = checker.scenario.operator.iter().enumerate();
    let steps = steps.map(|(index, step)| {
        let path = Path::of("operator").index(index).key("action");
        match &step.action {
            Act::CancelDevices(ids) => names.all(checker, &path.key("cancel-devices"), ids),
            Act::ConfirmDevices(ids) => names.all(checker, &path.key("confirm-devices"), ids),
            Act::RetryDevices(ids) => names.all(checker, &path.key("retry-devices"), ids),
            _ => Vec::new(),
        }
    });
    loaded.operator_devices = steps.collect();
    let select = match &campaign.select {
        Select::All | Select::Percent(_) => None,
        Select::List(ids) => {
            let path = Path::of("campaign.select.list");
            let found = names.all(checker, &path, ids);
            refuse_repeated(checker, &path, ids);
            Some(found)
        }
        Select::ListFile(file) => Some(list_file(checker, base_dir, file, &names)),
    };
    loaded.select_list = select;
    loaded.blacklist = sorted(black);
    loaded.whitelist = (!campaign.whitelist.is_empty()).then(|| sorted(white));
}

fn sorted(mut devices: Vec<DeviceId>) -> Vec<DeviceId> {
    devices.sort_unstable();
    devices.dedup();
    devices
}

/// A list in push order cannot have a device in two places.
fn refuse_repeated(checker: &mut Checker<'_>, path: &Path, ids: &[String]) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, id) in ids.iter().enumerate() {
        if let Some(before) = first.insert(id, index) {
            let rule = format!("is listed twice, first at [{before}]");
            checker.refuse(&path.index(index), &rule, "");
        }
    }
}

/// Device ids to device numbers.
enum Names {
    /// A generated fleet of this many devices.
    Counted(u32),
    Listed(HashMap<String, u32>),
}

impl Names {
    fn of(loaded: &Loaded, checker: &Checker<'_>) -> Names {
        let campaign = &checker.scenario.campaign;
        let needed = matches!(campaign.select, Select::List(_) | Select::ListFile(_))
            || !checker.scenario.operator.is_empty()
            || !campaign.blacklist.is_empty()
            || !campaign.whitelist.is_empty();
        match &loaded.inventory {
            None => Names::Counted(loaded.device_count()),
            Some(_) if !needed => Names::Listed(HashMap::new()),
            Some(inventory) => Names::Listed(inventory.ids.iter().cloned().zip(0..).collect()),
        }
    }

    fn find(&self, id: &str) -> Option<DeviceId> {
        match self {
            Names::Counted(count) => {
                let number: u32 = id.parse().ok()?;
                let plain = number < *count && number.to_string() == id;
                plain.then_some(DeviceId(number))
            }
            Names::Listed(numbers) => numbers.get(id).copied().map(DeviceId),
        }
    }

    fn help(&self, id: &str) -> Option<String> {
        match self {
            Names::Counted(count) => Some(format!(
                "the devices of a generated fleet are \"0\" to \"{}\"",
                count.saturating_sub(1)
            )),
            // Comparing with every id of a large fleet is not worth it.
            Names::Listed(numbers) if numbers.len() > 10_000 => None,
            Names::Listed(numbers) => {
                let mut known: Vec<&str> = numbers.keys().map(String::as_str).collect();
                known.sort_unstable();
                suggestion(id, known)
            }
        }
    }

    fn all(&self, checker: &mut Checker<'_>, path: &Path, ids: &[String]) -> Vec<DeviceId> {
        let mut devices = Vec::new();
        if !checker.knows(&["fleet.devices"]) {
            return devices;
        }
        for (index, id) in ids.iter().enumerate() {
            match self.find(id) {
                Some(device) => devices.push(device),
                None => {
                    let rule = "the fleet has no such device";
                    let path = path.index(index);
                    checker.refuse_with(Level::Error, &path, rule, || self.help(id));
                }
            }
        }
        devices
    }
}

/// One device id per line; blank lines and lines that begin with `#` are skipped.
fn list_file(
    checker: &mut Checker<'_>,
    base_dir: &FilePath,
    file: &FilePath,
    names: &Names,
) -> Vec<DeviceId> {
    const SHOWN: usize = 20;
    let path = Path::of("campaign.select.list-file");
    let Some((name, bytes)) = bytes_of(checker, base_dir, &path, file) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut devices = Vec::new();
    let mut lines: HashMap<DeviceId, usize> = HashMap::new();
    let mut wrong = Vec::new();
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let id = text.trim();
        if id.is_empty() || id.starts_with('#') {
            continue;
        }
        let found = names.find(id);
        let (rule, help) = match found.and_then(|device| lines.insert(device, line)) {
            Some(first) => ("is listed twice", Some(format!("first listed in line {first}"))),
            None if found.is_none() && wrong.len() < SHOWN => {
                ("the fleet has no such device", names.help(id))
            }
            None if found.is_none() => ("the fleet has no such device", None),
            None => {
                devices.extend(found);
                continue;
            }
        };
        wrong.push(line_problem(&name, line, text, &format!("{id:?}: {rule}"), help));
    }
    if wrong.len() > SHOWN {
        let message = format!("{name}: and {} more problems", wrong.len() - SHOWN);
        wrong.truncate(SHOWN);
        wrong.push(Problem::of_file(&name, message, None));
    }
    if devices.is_empty() && wrong.is_empty() {
        checker.refuse(&path, "the file lists no device", "");
    }
    checker.findings.extend(wrong);
    devices
}

fn line_problem(
    name: &str,
    line: usize,
    text: &str,
    message: &str,
    help: Option<String>,
) -> Problem {
    let label = Label {
        source: Arc::new(Source::new(name, text, line)),
        span: 0..text.len(),
        text: String::new(),
    };
    Problem::new(String::new(), message.to_owned(), help, vec![label])
}

impl Loaded {
    /// One scenario per package: those of the first campaign, then those of each further one.
    pub fn parts(&self) -> Vec<&Loaded> {
        self.campaigns().into_iter().flatten().collect()
    }

    /// The campaigns, each with one scenario per package.
    pub fn campaigns(&self) -> Vec<Vec<&Loaded>> {
        fn parts(one: &Loaded) -> Vec<&Loaded> {
            std::iter::once(one).chain(&one.modules).collect()
        }
        std::iter::once(self).chain(&self.rollouts).map(parts).collect()
    }

    /// Devices of the fleet.
    pub fn device_count(&self) -> u32 {
        match &self.inventory {
            Some(inventory) => inventory.ids.len() as u32,
            None => self.scenario.fleet.devices.unwrap_or(0),
        }
    }

    /// The device with this id.
    pub fn device_named(&self, id: &str) -> Option<DeviceId> {
        match &self.inventory {
            Some(inventory) => {
                let position = inventory.ids.iter().position(|known| known == id)?;
                Some(DeviceId(position as u32))
            }
            None => Names::Counted(self.device_count()).find(id),
        }
    }

    /// The id of a device: from the inventory, or its number.
    pub fn device_name(&self, device: DeviceId) -> Cow<'_, str> {
        match &self.inventory {
            Some(inventory) => Cow::Borrowed(&inventory.ids[device.0 as usize]),
            None => Cow::Owned(device.0.to_string()),
        }
    }
}
