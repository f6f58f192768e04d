//! One try of a device at an update: from the offer to the final report.

use crate::dist::Law;
use crate::model::{DeviceId, Span, Time};
use crate::rng::{Purpose, Stream, Streams};

use super::cohort::{Cohort, DownloadLaw};

/// The device's side of an attempt.
///
/// Feed it with [`Attempt::connected`] and [`Attempt::disconnected`]; whenever
/// [`Attempt::due`] has come, call [`Attempt::step`].
#[derive(Clone, Debug)]
pub struct Attempt {
    /// End of the phase in µs while `running`, else what is left of it.
    work: u64,
    /// When the offer left, then the start of the download, then its end.
    since: Time,
    phase: Phase,
    verdict: Verdict,
    running: bool,
    /// Attempt number from 1.
    pub number: u8,
    interruptions: u16,
    /// Version the attempt starts from, as an index into the run's list of versions.
    pub version: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The offer is kept for the device, which is offline.
    Offered,
    /// Has the offer, has not begun.
    Reacting,
    /// Would begin the download, but is offline.
    Blocked,
    /// Has asked the server for the download; while `running`, it is known when it is answered.
    Asking,
    /// Was refused, and will ask again.
    BackingOff,
    Downloading,
    Verifying,
    Installing,
    /// The result is known to the device, not yet to the scheduler.
    Reporting,
    /// Bricked: nothing will ever come.
    Silent,
    /// Reported; nothing to do unless [`Attempt::rest`] set an alarm.
    Over,
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Reports the target version.
    #[default]
    Target,
    /// Code -1, at the end of the installation.
    Upgrade,
    /// Code -2, at the end of the download.
    Download,
    /// Code -3, at the end of verification.
    Verify,
    /// Code -4, at the end of the installation.
    Flash,
    /// Comes back with a version that is neither source nor target.
    WrongVersion,
    /// Never reports again.
    Brick,
    /// Its own check of battery, signal or space refuses the offer.
    Reject,
}

/// What a device tells the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The download begins; `took` is the time since the offer left.
    Progress { took: Span },
    /// It asks the server for the download.
    Asks,
    /// The server's answer is there: [`Attempt::load`], [`Attempt::resume`] or
    /// [`Attempt::refused`].
    Answered,
    /// The download ended well; verification and installation begin.
    Downloaded { took: Span, interruptions: u16 },
    /// The final result; `took` is the time since the download's end, or since its start if
    /// the download itself failed.
    Result { verdict: Verdict, took: Span },
    /// The alarm of [`Attempt::rest`].
    Rested,
    /// Tells nobody: the device has bricked.
    Silence,
}

/// What a device's fate follows from.
#[derive(Clone, Copy)]
pub struct Luck<'a> {
    pub device: DeviceId,
    pub cohort: &'a Cohort,
    pub streams: &'a Streams,
    pub downloads: &'a Downloads,
}

/// What is downloaded, and over which links where they are known.
#[derive(Debug, Default)]
pub struct Downloads {
    /// Bits to download from each version, by its index.
    pub image_bits: Vec<f64>,
    /// Link rates in bit/s by device, 0 to draw one from the cohort's law; may be empty.
    pub link_bps: Vec<u64>,
}

/// No device loads faster, whatever its law says: sums over devices stay within 63 bits.
const FASTEST_BPS: f64 = (1u64 << 36) as f64;

impl Downloads {
    /// What is loaded from the version, in whole bytes; 0 where no size is known.
    #[inline(always)]
    pub fn bytes(&self, version: u16) -> u64 {
        (self.image_bits[usize::from(version)] / 8.0) as u64
    }
}

impl Attempt {
    /// Before the first offer.
    #[inline(always)]
    pub fn none(version: u16) -> Attempt {
        Attempt {
            work: 0,
            since: Time::ZERO,
            phase: Phase::Over,
            verdict: Verdict::Target,
            running: false,
            number: 0,
            interruptions: 0,
            version,
        }
    }

    /// Begins attempt `number` with an offer that reaches the device now, or is kept for it.
    ///
    /// A device that reacts at once reports its first progress with it.
    #[inline(always)]
    pub fn offer(
        now: Time,
        online: bool,
        number: u8,
        version: u16,
        luck: &Luck,
    ) -> (Attempt, Option<Report>) {
        let mut stream = luck.stream(Purpose::Attempt, number);
        let mut attempt = Attempt {
            work: 0,
            since: now,
            phase: Phase::Offered,
            verdict: luck.cohort.failures.verdict(stream.next_u64()),
            running: false,
            number,
            interruptions: 0,
            version,
        };
        let at_once = luck.cohort.reaction.is_nothing() && !luck.cohort.asks;
        match (online, at_once) {
            (false, _) => (attempt, None),
            (true, true) if attempt.verdict != Verdict::Reject => {
                attempt.begin(Phase::Downloading, now, luck.download_span(&mut stream, version));
                (attempt, Some(Report::Progress { took: Span::ZERO }))
            }
            (true, _) => {
                attempt.react(now, luck);
                (attempt, None)
            }
        }
    }

    /// When [`Attempt::step`] has something to do.
    #[inline(always)]
    pub fn due(&self) -> Time {
        if self.running { Time(self.work) } else { Time::NEVER }
    }

    /// Nothing is left to happen in this attempt.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Silent)
    }

    /// Whether a download is under way, interrupted or not.
    #[inline(always)]
    pub fn is_downloading(&self) -> bool {
        self.phase == Phase::Downloading
    }

    /// A download is going on, not interrupted.
    pub fn is_loading(&self) -> bool {
        self.phase == Phase::Downloading && (self.running || self.mark().is_some())
    }

    /// Whether the installation is under way.
    #[inline(always)]
    pub fn is_installing(&self) -> bool {
        self.phase == Phase::Installing
    }

    /// Another version is installed, and the device is offline.
    pub fn has_unreported_version(&self) -> bool {
        let installs = matches!(self.verdict, Verdict::Target | Verdict::WrongVersion);
        self.phase == Phase::Reporting && installs
    }

    /// The device has bricked.
    pub fn is_silent(&self) -> bool {
        self.phase == Phase::Silent
    }

    /// Waits for the alarm of [`Attempt::rest`].
    pub fn is_resting(&self) -> bool {
        self.phase == Phase::Over && self.running
    }

    /// Nobody waits for it any more: an offer that has not arrived, or an alarm, is taken back;
    /// what the device does goes on.
    pub fn withdraw(&mut self) {
        if matches!(self.phase, Phase::Offered | Phase::Over) {
            self.halt(Phase::Over);
        }
    }

    /// The device gives it up, unless it has begun to verify and install; whether it has.
    pub fn stop(&mut self) -> bool {
        use Phase::{Installing, Reporting, Silent, Verifying};
        let stops = !matches!(self.phase, Verifying | Installing | Reporting | Silent);
        self.phase = if stops { Phase::Over } else { self.phase };
        self.running &= !stops;
        stops
    }

    /// Sets an alarm for a device whose attempt is over.
    pub fn rest(&mut self, until: Time) {
        assert!(self.phase == Phase::Over, "only a finished attempt rests");
        self.work = until.0;
        self.running = true;
    }

    /// The device is back on the network.
    pub fn connected(&mut self, now: Time, luck: &Luck) {
        match self.phase {
            Phase::Offered => self.react(now, luck),
            Phase::Blocked => self.begin(Phase::Reacting, now, Span::ZERO),
            Phase::Downloading => {
                let left =
                    if luck.cohort.restarts { self.download_takes(luck) } else { Span(self.work) };
                self.begin(Phase::Downloading, now, left);
            }
            Phase::Reporting => self.begin(Phase::Reporting, now, Span::ZERO),
            Phase::Reacting
            | Phase::Asking
            | Phase::BackingOff
            | Phase::Verifying
            | Phase::Installing
            | Phase::Silent
            | Phase::Over => {}
        }
    }

    /// The device left the network; a download waits for it, and what it asked is void. Whether
    /// a download was interrupted.
    pub fn disconnected(&mut self, now: Time) -> bool {
        match self.phase {
            Phase::Downloading if self.running => {
                self.work -= now.0;
                self.running = false;
                self.interruptions = self.interruptions.saturating_add(1);
                return true;
            }
            Phase::Asking | Phase::BackingOff => self.halt(Phase::Blocked),
            _ => {}
        }
        false
    }

    /// The server's answer comes at `at`.
    pub fn await_answer(&mut self, at: Time) {
        assert!(self.phase == Phase::Asking, "only who asks is answered");
        self.work = at.0;
        self.running = true;
    }

    /// The device was refused, and asks again at `until`.
    pub fn refused(&mut self, until: Time) {
        assert!(self.phase == Phase::Asking, "only who asks is refused");
        self.phase = Phase::BackingOff;
        self.work = until.0;
        self.running = true;
    }

    /// An interrupted download asks to go on; what is left of it.
    pub fn ask_again(&mut self) -> Span {
        assert!(self.phase == Phase::Downloading && !self.running, "an interrupted download");
        self.phase = Phase::Asking;
        Span(self.work)
    }

    /// The download begins; the time since the offer left, unless it has begun before.
    pub fn load(&mut self, now: Time, luck: &Luck) -> Option<Span> {
        let is_first = self.interruptions == 0;
        let took = now.since(self.since);
        if is_first {
            self.since = now;
        }
        self.begin(Phase::Downloading, now, self.download_takes(luck));
        is_first.then_some(took)
    }

    /// The download goes on with what is left of it.
    pub fn resume(&mut self, now: Time, left: Span) {
        self.begin(Phase::Downloading, now, left);
    }

    /// The download ends when its class has done so much: nobody knows yet when that is.
    pub fn ends_with(&mut self, mark: f64) {
        assert!(self.phase == Phase::Downloading && mark.is_normal(), "a download's mark");
        self.work = mark.to_bits();
        self.running = false;
    }

    /// What [`Attempt::ends_with`] was told, as long as that holds.
    pub fn mark(&self) -> Option<f64> {
        // The bits of a normal number are above every instant and every span.
        let waits = self.phase == Phase::Downloading && !self.running && self.work > Time::NEVER.0;
        waits.then(|| f64::from_bits(self.work))
    }

    /// The download ends at `at`.
    pub fn ends_at(&mut self, at: Time) {
        assert!(self.phase == Phase::Downloading, "a download");
        self.work = at.0;
        self.running = true;
    }

    /// Whether the offer has reached the device and nothing was heard from it yet.
    pub fn is_delivered_unheard(&self) -> bool {
        use Phase::{Asking, BackingOff, Blocked, Reacting};
        matches!(self.phase, Reacting | Blocked | Asking | BackingOff)
    }

    /// Does what is due at `now`, and tells what the scheduler hears of it, if anything.
    ///
    /// Call it again as long as [`Attempt::due`] is `now`.
    #[inline(always)]
    pub fn step(&mut self, now: Time, online: bool, luck: &Luck) -> Option<Report> {
        match self.phase {
            Phase::Downloading => Some(self.end_download(now, luck)),
            Phase::Installing if self.verdict == Verdict::Brick => {
                self.halt(Phase::Silent);
                Some(Report::Silence)
            }
            Phase::Installing => self.conclude(now, online),
            Phase::Reacting if self.verdict == Verdict::Reject => self.conclude(now, online),
            Phase::Reacting | Phase::BackingOff if online && luck.cohort.asks => {
                self.halt(Phase::Asking);
                Some(Report::Asks)
            }
            Phase::Asking => {
                self.running = false;
                Some(Report::Answered)
            }
            Phase::Reacting if online => {
                let took = now.since(self.since);
                self.since = now;
                self.begin(Phase::Downloading, now, self.download_takes(luck));
                Some(Report::Progress { took })
            }
            Phase::Reacting | Phase::BackingOff => {
                self.halt(Phase::Blocked);
                None
            }
            Phase::Verifying if self.verdict == Verdict::Verify => self.conclude(now, online),
            Phase::Verifying => {
                self.install(now, luck);
                None
            }
            Phase::Reporting => self.conclude(now, online),
            Phase::Over => {
                self.running = false;
                Some(Report::Rested)
            }
            Phase::Offered | Phase::Blocked | Phase::Silent => {
                unreachable!("never running")
            }
        }
    }

    fn react(&mut self, now: Time, luck: &Luck) {
        let takes = luck.draw(&luck.cohort.reaction, Purpose::Reaction, self.number);
        self.begin(Phase::Reacting, now, takes);
    }

    #[inline(always)]
    fn end_download(&mut self, now: Time, luck: &Luck) -> Report {
        let took = now.since(self.since);
        if self.verdict == Verdict::Download {
            self.halt(Phase::Over);
            return Report::Result { verdict: Verdict::Download, took };
        }
        self.since = now;
        if luck.cohort.verify.is_nothing() && self.verdict != Verdict::Verify {
            self.install(now, luck);
        } else {
            let takes = luck.draw(&luck.cohort.verify, Purpose::Verify, self.number);
            self.begin(Phase::Verifying, now, takes);
        }
        Report::Downloaded { took, interruptions: self.interruptions }
    }

    #[inline(always)]
    fn install(&mut self, now: Time, luck: &Luck) {
        let takes = luck.draw(&luck.cohort.install, Purpose::Install, self.number);
        self.begin(Phase::Installing, now, takes);
    }

    #[inline(always)]
    fn begin(&mut self, phase: Phase, now: Time, takes: Span) {
        self.phase = phase;
        self.work = (now + takes).0;
        self.running = true;
    }

    /// The result is known; it is reported at once, or when the device returns.
    #[inline(always)]
    fn conclude(&mut self, now: Time, online: bool) -> Option<Report> {
        self.halt(if online { Phase::Over } else { Phase::Reporting });
        let took = now.since(self.since);
        online.then_some(Report::Result { verdict: self.verdict, took })
    }

    #[inline(always)]
    fn halt(&mut self, phase: Phase) {
        self.phase = phase;
        self.running = false;
    }

    /// How long the download takes from its beginning, alone and without interruption.
    pub fn download_takes(&self, luck: &Luck) -> Span {
        let mut stream = luck.stream(Purpose::Attempt, self.number);
        // The first word was the verdict's.
        stream.next_u64();
        luck.download_span(&mut stream, self.version)
    }
}

impl Luck<'_> {
    /// When the user has made up their mind, and whether they agree.
    pub fn consent(&self, now: Time) -> (Time, bool) {
        let mut stream = self.stream(Purpose::Consent, 0);
        let agrees = stream.next_u64() >= self.cohort.refuses;
        (now + Span::from_micros_f64(self.cohort.consent.sample(&mut stream)), agrees)
    }

    #[inline(always)]
    fn draw(&self, law: &Law, purpose: Purpose, number: u8) -> Span {
        Span::from_micros_f64(law.sample(&mut self.stream(purpose, number)))
    }

    /// How long the download takes; `attempt` is the attempt's stream after its verdict.
    #[inline(always)]
    fn download_span(&self, attempt: &mut Stream, version: u16) -> Span {
        match &self.cohort.download {
            DownloadLaw::Takes(law) => Span::from_micros_f64(law.sample(attempt)),
            DownloadLaw::Link(law) => {
                let bps = self.own_bps(law);
                let bits = self.downloads.image_bits[usize::from(version)];
                Span::from_micros_f64(bits / bps * 1e6)
            }
        }
    }

    /// The rate of the device's own link in bit/s; none where its downloads have a duration.
    pub fn link_bps(&self) -> Option<f64> {
        match &self.cohort.download {
            DownloadLaw::Takes(_) => None,
            DownloadLaw::Link(law) => Some(self.own_bps(law)),
        }
    }

    #[inline(always)]
    fn own_bps(&self, law: &Law) -> f64 {
        let own = self.downloads.link_bps.get(self.device.0 as usize);
        let bps = match own.copied().unwrap_or(0) {
            0 => law.sample(&mut self.streams.stream(self.device, Purpose::Link, 0)),
            own => own as f64,
        };
        bps.min(FASTEST_BPS)
    }

    #[inline(always)]
    fn stream(&self, purpose: Purpose, number: u8) -> Stream {
        self.streams.stream(self.device, purpose, u32::from(number))
    }
}
