//! What the platform knows of packages, campaigns, tasks and devices, and the questions it
//! answers about them (section 9; fields and limits as in Alibaba's operations).

use crate::model::{Bytes, DeviceId, Time};

use super::campaign::Entry;
use super::package::Verification;
use super::state::{CampaignStatus, DeviceStatus, TaskState};

/// Positions in a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageId(pub u32);
/// A campaign's position in a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CampaignId(pub u32);
/// A task's position in a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub u32);

/// A package as the platform lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageInfo {
    pub module: String,
    pub version: String,
    /// Of the full image.
    pub size: Option<Bytes>,
    pub verification: Verification,
}

/// A campaign as the platform lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignInfo {
    pub name: String,
    /// One for each module it is about.
    pub packages: Vec<PackageId>,
    pub status: CampaignStatus,
    /// It takes devices that match later as well.
    pub dynamic: bool,
    pub verify: bool,
    /// Versions that devices start from; empty: any.
    pub source_versions: Vec<String>,
    /// When it is planned to start and to end; never: it has no end.
    pub start: Time,
    pub finish: Time,
    pub tags: Vec<(String, String)>,
    /// What was done to it, in order.
    pub log: Vec<Entry>,
}

/// One module of one device in one campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    pub campaign: CampaignId,
    pub package: PackageId,
    pub device: DeviceId,
    pub state: TaskState,
    /// Attempts begun.
    pub attempt: u8,
    /// The version the device ran when the task was made.
    pub source: String,
    pub created: Time,
    /// When it changed last.
    pub modified: Time,
    /// Every event, in order.
    pub log: Vec<LogEntry>,
}

/// Something that happened to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    pub at: Time,
    pub event: &'static str,
    /// The task's state since.
    pub state: TaskState,
    pub attempt: u8,
    /// Whether the device was online.
    pub online: bool,
}

/// A device as the platform knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceInfo {
    pub name: String,
    pub modules: Vec<ModuleInfo>,
    pub tasks: Vec<TaskId>,
}

/// The versions of one module of a device, with the times at which it reported them.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleInfo {
    pub module: String,
    pub versions: Vec<(Time, String)>,
}

impl ModuleInfo {
    /// The version it reported last, at or before `at`.
    pub fn version_at(&self, at: Time) -> Option<&str> {
        let known = self.versions.partition_point(|(since, _)| *since <= at);
        self.versions[..known].last().map(|(_, version)| version.as_str())
    }
}

/// The status of a task in Alibaba's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    Confirm,
    Queued,
    Notified,
    InProgress,
    Succeeded,
    Failed,
    Canceled,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [TaskStatus; 7] = [
        TaskStatus::Confirm,
        TaskStatus::Queued,
        TaskStatus::Notified,
        TaskStatus::InProgress,
        TaskStatus::Succeeded,
        TaskStatus::Failed,
        TaskStatus::Canceled,
    ];

    /// As the platform spells it, in capitals.
    pub fn name(self) -> &'static str {
        match self {
            TaskStatus::Confirm => "CONFIRM",
            TaskStatus::Queued => "QUEUED",
            TaskStatus::Notified => "NOTIFIED",
            TaskStatus::InProgress => "IN_PROGRESS",
            TaskStatus::Succeeded => "SUCCEEDED",
            TaskStatus::Failed => "FAILED",
            TaskStatus::Canceled => "CANCELED",
        }
    }
}

/// Which tasks of a campaign to list; devices win over the page.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// None: any.
    pub status: Option<TaskStatus>,
    /// At most 50; empty: all.
    pub devices: Vec<DeviceId>,
}

/// A part of a long list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// From 1.
    pub number: u32,
    pub size: u32,
}

/// A page, and how much there is in all.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    pub total: usize,
    pub items: Vec<T>,
}

/// A device with its modules, its tasks and everything that happened to them.
#[derive(Clone, Debug)]
pub struct DeviceView<'a> {
    pub info: &'a DeviceInfo,
    pub tasks: Vec<(TaskId, &'a TaskInfo)>,
    /// In order of time.
    pub log: Vec<(TaskId, LogEntry)>,
    /// What its tasks in the campaign it had a part in last add up to.
    pub status: Option<DeviceStatus>,
}

/// How a campaign stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Success {
    pub targeted: u64,
    pub succeeded: u64,
    pub failed: u64,
}

impl Success {
    /// succeeded / (succeeded + failed): not started and in progress excluded.
    pub fn of_finished(&self) -> Option<f64> {
        let finished = self.succeeded + self.failed;
        (finished > 0).then(|| self.succeeded as f64 / finished as f64)
    }

    /// succeeded / targeted.
    pub fn of_targeted(&self) -> Option<f64> {
        (self.targeted > 0).then(|| self.succeeded as f64 / self.targeted as f64)
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("there is no such package")]
    Package,
    #[error("there is no such campaign")]
    Campaign,
    #[error("there is no such device")]
    Device,
    #[error("pages are counted from 1 and hold 1 to {most} entries")]
    PageSize { most: u32 },
    #[error("only the first 100,000 tasks can be paged through; ask for a state or for devices")]
    TooFar,
    #[error("at most 50 devices can be asked for at once, not {0}")]
    Devices(usize),
}

/// Everything the platform keeps; nothing is ever taken out of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    packages: Vec<PackageInfo>,
    campaigns: Vec<CampaignInfo>,
    tasks: Vec<TaskInfo>,
    devices: Vec<DeviceInfo>,
    /// Tasks of each campaign.
    tasks_of: Vec<Vec<TaskId>>,
}

/// What the platform writes down.
impl Registry {
    /// Packages are numbered in the order in which they are added.
    pub fn add_package(&mut self, package: PackageInfo) -> PackageId {
        self.packages.push(package);
        PackageId(self.packages.len() as u32 - 1)
    }

    /// Campaigns are numbered in the order in which they are added; this one has no tasks yet.
    pub fn add_campaign(&mut self, campaign: CampaignInfo) -> CampaignId {
        self.campaigns.push(campaign);
        self.tasks_of.push(Vec::new());
        CampaignId(self.campaigns.len() as u32 - 1)
    }

    /// Devices are numbered in the order in which they are added.
    pub fn add_device(&mut self, name: String) -> DeviceId {
        self.devices.push(DeviceInfo { name, ..DeviceInfo::default() });
        DeviceId(self.devices.len() as u32 - 1)
    }

    /// The device reports the version of a module.
    ///
    /// # Panics
    /// If there is no such device.
    pub fn report_version(&mut self, device: DeviceId, module: &str, version: &str, at: Time) {
        let modules = &mut self.devices[device.0 as usize].modules;
        let position = modules.iter().position(|known| known.module == module);
        let position = position.unwrap_or_else(|| {
            modules.push(ModuleInfo { module: module.to_owned(), versions: Vec::new() });
            modules.len() - 1
        });
        let versions = &mut modules[position].versions;
        if versions.last().is_none_or(|(_, last)| last != version) {
            versions.push((at, version.to_owned()));
        }
    }

    /// A campaign has a task for a device; `entry` is the first of its log.
    ///
    /// # Panics
    /// If there is no such campaign, package or device.
    pub fn add_task(
        &mut self,
        campaign: CampaignId,
        package: PackageId,
        device: DeviceId,
        entry: LogEntry,
    ) -> TaskId {
        let id = TaskId(self.tasks.len() as u32);
        let module = &self.packages[package.0 as usize].module;
        let device_info = &mut self.devices[device.0 as usize];
        let own = device_info.modules.iter().find(|known| known.module == *module);
        let source = own.and_then(|own| own.version_at(entry.at)).unwrap_or_default().to_owned();
        device_info.tasks.push(id);
        self.tasks_of[campaign.0 as usize].push(id);
        self.tasks.push(TaskInfo {
            campaign,
            package,
            device,
            state: entry.state,
            attempt: entry.attempt,
            source,
            created: entry.at,
            modified: entry.at,
            log: vec![entry],
        });
        id
    }

    /// Something happened to a task.
    ///
    /// # Panics
    /// If there is no such task.
    pub fn note(&mut self, task: TaskId, entry: LogEntry) {
        let task = &mut self.tasks[task.0 as usize];
        if task.state != entry.state || task.attempt != entry.attempt {
            task.modified = entry.at;
        }
        task.state = entry.state;
        task.attempt = entry.attempt;
        task.log.push(entry);
    }
}

/// What the platform is asked.
impl Registry {
    /// # Errors
    /// If there is none.
    pub fn package(&self, package: PackageId) -> Result<&PackageInfo, QueryError> {
        self.packages.get(package.0 as usize).ok_or(QueryError::Package)
    }

    /// # Errors
    /// If there is none.
    pub fn campaign(&self, campaign: CampaignId) -> Result<&CampaignInfo, QueryError> {
        self.campaigns.get(campaign.0 as usize).ok_or(QueryError::Campaign)
    }

    /// A device with its modules, its tasks and their log.
    ///
    /// # Errors
    /// If there is none.
    pub fn device(&self, device: DeviceId) -> Result<DeviceView<'_>, QueryError> {
        let info = self.devices.get(device.0 as usize).ok_or(QueryError::Device)?;
        let tasks: Vec<(TaskId, &TaskInfo)> =
            info.tasks.iter().map(|id| (*id, &self.tasks[id.0 as usize])).collect();
        let entries = |(id, task): &(TaskId, &TaskInfo)| {
            let id = *id;
            task.log.clone().into_iter().map(move |entry| (id, entry))
        };
        let mut log: Vec<(TaskId, LogEntry)> = tasks.iter().flat_map(entries).collect();
        log.sort_by_key(|(id, entry)| (entry.at, *id));
        let last = tasks.last().map(|(_, task)| task.campaign);
        let own = tasks.iter().filter(|(_, task)| Some(task.campaign) == last);
        let states: Vec<TaskState> = own.map(|(_, task)| task.state).collect();
        let status = last.map(|_| DeviceStatus::of(&states));
        Ok(DeviceView { info, tasks, log, status })
    }

    /// Campaigns that roll the package out, 200 a page at most.
    ///
    /// # Errors
    /// If there is no such package or page.
    pub fn campaigns_by_package(
        &self,
        package: PackageId,
        page: Page,
    ) -> Result<Listing<(CampaignId, &CampaignInfo)>, QueryError> {
        self.package(package)?;
        let all = (0..).map(CampaignId).zip(&self.campaigns);
        listing(all.filter(|(_, campaign)| campaign.packages.contains(&package)), page, 200)
    }

    /// Campaigns that roll the package out to the device, 100 a page at most.
    ///
    /// # Errors
    /// If there is no such package, device or page.
    pub fn campaigns_by_device(
        &self,
        package: PackageId,
        device: DeviceId,
        page: Page,
    ) -> Result<Listing<(CampaignId, &CampaignInfo)>, QueryError> {
        self.package(package)?;
        let tasks = self.device(device)?.tasks;
        let takes_part = |id: CampaignId| {
            tasks.iter().any(|(_, task)| task.campaign == id && task.package == package)
        };
        let all = (0..).map(CampaignId).zip(&self.campaigns);
        listing(all.filter(|(id, _)| takes_part(*id)), page, 100)
    }

    /// Tasks of the campaign, 100 a page at most.
    ///
    /// # Errors
    /// If there is no such campaign or page, or too much is asked for.
    pub fn tasks_by_campaign(
        &self,
        campaign: CampaignId,
        filter: &TaskFilter,
        page: Page,
    ) -> Result<Listing<(TaskId, &TaskInfo)>, QueryError> {
        self.campaign(campaign)?;
        if filter.devices.len() > 50 {
            return Err(QueryError::Devices(filter.devices.len()));
        }
        let named = !filter.devices.is_empty();
        if !named && u64::from(page.number) * u64::from(page.size) > 100_000 {
            return Err(QueryError::TooFar);
        }
        let all = self.tasks_of[campaign.0 as usize].iter();
        let all = all.map(|id| (*id, &self.tasks[id.0 as usize]));
        let fits = |(_, task): &(TaskId, &TaskInfo)| {
            filter.status.is_none_or(|status| task.state.alibaba() == Some(status.name()))
                && (!named || filter.devices.contains(&task.device))
        };
        if named {
            let items: Vec<_> = all.filter(fits).collect();
            return Ok(Listing { total: items.len(), items });
        }
        listing(all.filter(fits), page, 100)
    }

    /// Tasks of the device that are not final.
    ///
    /// # Errors
    /// If there is no such device.
    pub fn unfinished_tasks(
        &self,
        device: DeviceId,
    ) -> Result<Vec<(TaskId, &TaskInfo)>, QueryError> {
        let tasks = self.device(device)?.tasks;
        Ok(tasks.into_iter().filter(|(_, task)| !task.state.is_final()).collect())
    }

    /// Devices by the version of a module that they had reported by `at`, in the order of the
    /// versions' names.
    pub fn version_distribution(&self, module: &str, at: Time) -> Vec<(&str, u64)> {
        let modules = self.devices.iter().flat_map(|device| &device.modules);
        let own = modules.filter(|known| known.module == module);
        let mut versions: Vec<&str> = own.filter_map(|own| own.version_at(at)).collect();
        versions.sort_unstable();
        let runs = versions.chunk_by(|a, b| a == b);
        runs.map(|run| (run[0], run.len() as u64)).collect()
    }

    /// How the campaign's tasks stood at these times.
    ///
    /// # Errors
    /// If there is no such campaign.
    pub fn success_over_time(
        &self,
        campaign: CampaignId,
        times: &[Time],
    ) -> Result<Vec<Success>, QueryError> {
        self.campaign(campaign)?;
        let tasks = &self.tasks_of[campaign.0 as usize];
        let at = |time: &Time| {
            let mut success = Success::default();
            for task in tasks.iter().map(|id| &self.tasks[id.0 as usize]) {
                let known = task.log.partition_point(|entry| entry.at <= *time);
                let state = task.log[..known].last().map(|entry| entry.state);
                success.targeted += u64::from(state.is_some());
                success.succeeded += u64::from(state == Some(TaskState::Succeeded));
                success.failed += u64::from(matches!(state, Some(TaskState::Failed(_))));
            }
            success
        };
        Ok(times.iter().map(at).collect())
    }
}

fn listing<T>(
    all: impl Iterator<Item = T>,
    page: Page,
    most: u32,
) -> Result<Listing<T>, QueryError> {
    if page.number == 0 || !(1..=most).contains(&page.size) {
        return Err(QueryError::PageSize { most });
    }
    let (first, size) = ((page.number as usize - 1) * page.size as usize, page.size as usize);
    let (mut total, mut items) = (0, Vec::new());
    for item in all {
        if (first..first + size).contains(&total) {
            items.push(item);
        }
        total += 1;
    }
    Ok(Listing { total, items })
}
