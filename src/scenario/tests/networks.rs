//! Laws within laws, availability, outages, links and servers; and their files.

use proptest::prelude::*;

use super::*;
use crate::model::{BitRate, Span, Time};
use crate::scenario::law::Between;
use crate::scenario::problem::{Problem, Problems};
use crate::scenario::{samples, traces};

#[test]
fn laws_within_laws() {
    check(&[
        (
            "install = \"90 s\"",
            "install.erlang = { stages = 0, mean = \"1 s\" }",
            &["install.erlang.stages = 0", "from 1 to 1000"],
        ),
        (
            "install = \"90 s\"",
            "install.mixture = [{ share = 0.5, law = \"1 s\" }, { share = 0.4, law = \"2 s\" }]",
            &["install.mixture: shares add up to 0.9, not 1"],
        ),
        (
            "install = \"90 s\"",
            "install.truncated = { law = \"1 s\" }",
            &["install.truncated", "truncates nothing", "give from, to, or both"],
        ),
        (
            "install = \"90 s\"",
            "install.truncated = { law.exponential.mean = \"1 s\", from = \"9 s\", to = \"2 s\" }",
            &["install.truncated.to = \"2 s\": must be greater than from"],
        ),
        (
            "install = \"90 s\"",
            "install.truncated = { law.exponential.mean = \"1 s\", from = \"9 s\" }",
            &["keeps 0.012 % of the law, less than 0.1 %"],
        ),
        (
            "install = \"90 s\"",
            "install.shifted = { by = \"1 s\", law.weibull = { shape = 0, scale = \"1 s\" } }",
            &["install.shifted.law.weibull.shape = 0", "must be from 0.05"],
        ),
        (
            "install = \"90 s\"",
            "install.gamma-mean = { mean = \"1 s\", scv = 0 }",
            &["install.gamma-mean.scv = 0: must be from 0.001 to 20"],
        ),
        (
            "install = \"90 s\"",
            "install.empirical.file = \"no.csv\"",
            &["install.empirical.file = \"no.csv\": cannot be read"],
        ),
        (
            "online.always = {}",
            "online.renewal = { on = \"1 h\", off.truncated = { law.pareto = { alpha = 0.9, \
             min = \"1 s\" }, from = \"2 s\" } }",
            &["renewal.off.truncated.law.pareto.alpha = 0.9: must be above 1"],
        ),
    ]);
    let bounded = "online.renewal = { on = \"1 h\", off.truncated = { law.pareto = { alpha = 0.9, \
                   min = \"1 s\" }, to = \"1 h\" } }";
    read(&VALID.replace("online.always = {}", bounded), &[]).expect("what is bounded has a mean");
}

#[test]
fn availability() {
    check(&[
        (
            "online.always = {}",
            "online.profile.share = [0.5, 0.6]",
            &["online.profile.share", "needs at least 24 entries"],
        ),
        (
            "online.always = {}",
            "online.daily = { mean = 0.8, amplitude = 0.5, peak = \"20:00\" }",
            &["daily.amplitude = 0.5: makes a share of 1.2 at the peak, above 1"],
        ),
        (
            "online.always = {}",
            "online.nightly = { from = \"22:00\", to = \"22:00\" }",
            &["nightly.to = \"22:00\": must differ from `from`"],
        ),
        (
            "online.always = {}",
            "online.nightly = { from = \"22:00\", to = \"02:00\", jitter = \"3 h\" }",
            &["nightly.jitter = \"3 h\"", "windows would run into each other"],
        ),
        (
            "online.always = {}",
            "online.cycle = { every = \"20 s\", active = \"20 s\" }",
            &["cycle.active = \"20 s\": must be above zero and below every"],
        ),
        ("online.always = {}", "pace.gamma.shape = 1.5", &["pace", "needs on and off periods"]),
        (
            "online.always = {}",
            "online.trace.file = \"no.csv\"",
            &["online.trace.file = \"no.csv\": cannot be read"],
        ),
        (
            "[fleet]",
            "[[outage]]\nname = \"x\"\ncohorts = [\"eu-lt\"]\nwhen.scheduled = { at = \"1 h\", \
             lasts = \"2 h\", every = \"1 h\" }\n[fleet]",
            &["outage[0].cohorts[0] = \"eu-lt\"", "`eu-lte`", "must be longer than lasts (2 h)"],
        ),
    ]);
}

#[test]
fn links_and_servers() {
    check(&[
        (
            "[fleet]",
            "[backend]\nqueue = 5\n[fleet]",
            &["backend.queue = 5: means nothing where requests never wait", "backend.workers"],
        ),
        (
            "[fleet]",
            "[backend]\negress = \"0 bit/s\"\n[fleet]",
            &["backend.egress = \"0 bit/s\": must be above zero"],
        ),
        (
            "[fleet]",
            "[backend.backoff]\nbase = \"1 min\"\ncap = \"1 s\"\n[fleet]",
            &["backend.backoff.cap = \"1 s\": must be from 1 min"],
        ),
        (
            "[fleet]",
            "[[link]]\nname = \"x\"\ncapacity = \"1 Mbit/s\"\ncohorts = [\"eu\"]\n[fleet]",
            &["link[0].cohorts[0] = \"eu\": is not the name of a cohort"],
        ),
        (
            "[fleet]",
            "[[link]]\nname = \"x\"\ncapacity = \"1 Mbit/s\"\ncells = 1000\n[[link]]\nname = \"y\"\n\
             capacity = \"1 Mbit/s\"\ncells = 1000\n[fleet]",
            &["combinations of cells, more than 1000", "take fewer cells"],
        ),
    ]);
}

fn shown<T>(result: Result<T, Vec<Problem>>) -> String {
    match result {
        Ok(_) => panic!("the file was accepted"),
        Err(problems) => Problems::new(problems).to_string(),
    }
}

#[test]
fn broken_traces_and_samples_name_line_and_rule() {
    for (text, part) in [
        ("", "the file is empty"),
        ("device,time_s,state\n", "has no row"),
        ("device,time_s\na,1\n", "state: the column is missing"),
        ("device,time_s,state\na,x,on\n", "t.csv:2"),
        ("device,time_s,state\na,-1,on\n", "must not be below zero"),
        ("device,time_s,state\na,1,up\n", "must be on or off"),
        ("device,time_s,state\na,2,on\na,1,off\n", "must be later than the device's row before"),
        ("device,time_s,state\na,1,on\na,2,on\n", "is the state the device is in already"),
        ("device,time_s,state\n,1,on\n", "must name a device"),
    ] {
        let message = shown(traces::read("t.csv", text.as_bytes()));
        assert!(message.contains(part), "{text:?}: {message}");
    }
    for (text, part) in [
        ("duration_s\nx\n", "is not a number"),
        ("duration_s\n0\n", "must be from 0.000001"),
        ("duration_s\n1\n", "has 1 rows"),
        ("rate_bps\n1\n2\n", "duration_s: the column is missing"),
    ] {
        let message = shown(samples::read::<Span>("s.csv", text.as_bytes(), Between::Linear));
        assert!(message.contains(part), "{text:?}: {message}");
    }
    let rates =
        samples::read::<BitRate>("s.csv", b"rate_bps\n1000\n2e6\n", Between::Step).unwrap().0;
    assert_eq!(*rates, [1000.0, 2e6]);
}

#[test]
fn traces_of_several_devices_may_be_mixed() {
    let text = b"state,device,time_s\non,a,1.5\noff,b,2\noff,a,3\n";
    let (read, _) = traces::read("t.csv", text).map_err(Problems::new).unwrap();
    let at = |us: u64| Time(us);
    assert_eq!(
        read.traces,
        [
            ("a".to_owned(), false, vec![at(1_500_000), at(3_000_000)]),
            ("b".to_owned(), true, vec![at(2_000_000)]),
        ]
    );
}

proptest! {
    /// Whatever the files hold: a result or a message, never a panic.
    #[test]
    fn any_file_is_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        rows in prop::collection::vec(("[ab]", "[0-9x.]{0,5}", "(on|off|x)?"), 0..20),
    ) {
        let _ = traces::read("t.csv", &bytes);
        let _ = samples::read::<Span>("s.csv", &bytes, Between::Step);
        let mut text = "device,time_s,state\n".to_owned();
        rows.iter().for_each(|(d, t, s)| text.push_str(&format!("{d},{t},{s}\n")));
        if let Ok((read, _)) = traces::read("t.csv", text.as_bytes()) {
            let changes: usize = read.traces.iter().map(|(_, _, changes)| changes.len()).sum();
            prop_assert_eq!(changes, rows.len());
        }
    }
}
