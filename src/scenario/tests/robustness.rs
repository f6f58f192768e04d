//! No input makes the readers panic, and every refusal can be printed.

use proptest::prelude::*;

use super::*;
use crate::scenario::problem::Problems;
use crate::scenario::{inventory, measured};

fn print(result: Result<Loaded, Problems>) {
    if let Err(problems) = result {
        let _ = problems.render(true);
        assert!(!problems.to_string().is_empty());
    }
}

/// Pieces that lead deep into the reader.
const PIECES: &[&str] = &[
    "",
    "0",
    "-1",
    "nan",
    "1e400",
    "\"\"",
    "\"0 s\"",
    "\"90 s\"",
    "\"999999999999 d\"",
    "[]",
    "{}",
    "[[]]",
    "true",
    "1979-05-27",
    "99999999999999999999",
    "\"µé\"",
    "[",
    "]",
    "{",
    "\"",
    "=",
    "#",
    "\n",
    "{ constant = \"1 s\" }",
    "{ a = 1, b = 2 }",
    "0.5",
    "\"5 /s\"",
    "\"always\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_answered(bytes: Vec<u8>, sets: Vec<String>) {
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        print(read(&String::from_utf8_lossy(&bytes), &sets));
        print(read(VALID, &sets));
    }

    #[test]
    fn any_changed_scenario_is_answered(
        line in 0usize..60,
        piece in prop::sample::select(PIECES),
        whole: bool,
    ) {
        let mut lines: Vec<String> = VALID.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        let kept = lines[line].split_inclusive('=').next().unwrap_or("").to_owned();
        lines[line] = if whole { piece.to_owned() } else { kept + " " + piece };
        print(read(&lines.join("\n"), &[]));
    }

    #[test]
    fn any_cut_or_doubled_scenario_is_answered(from in 0usize..2000, length in 0usize..200) {
        let from = VALID.floor_char_boundary(from);
        let to = VALID.floor_char_boundary(from + length);
        print(read(&[&VALID[..from], &VALID[to..]].concat(), &[]));
        print(read(&[&VALID[..to], &VALID[from..]].concat(), &[]));
    }

    #[test]
    fn any_override_is_answered(
        key in prop::sample::select(&[
            "format", "package.size", "campaign.rate", "campaign.rate.constant", "fleet.cohort",
            "fleet.cohort[0]", "fleet.cohort.eu-lte.online.renewal.on", "campaign.select", "run",
            "fleet.cohort[1].install.gamma.shape", "fleet.versions", "a.b.c",
        ][..]),
        piece in prop::sample::select(PIECES),
    ) {
        print(read(VALID, &[&format!("{key}={piece}")]));
    }

    #[test]
    fn any_csv_is_answered(bytes: Vec<u8>, cells: Vec<String>) {
        let rows = ["device,version,cohort,link,timezone\n", &cells.join(",")].concat();
        let periods = ["state,duration_s\non,", &cells.join("\noff,")].concat();
        for text in [&bytes[..], rows.as_bytes(), periods.as_bytes()] {
            for problems in [
                inventory::read("d.csv", text, &["a", "b"]).err(),
                measured::read("m.csv", text).err(),
            ]
            .into_iter()
            .flatten()
            {
                let _ = Problems::new(problems).render(true);
            }
        }
    }
}

#[test]
fn deep_and_wrong_files_are_answered() {
    for open in ["a = [", "a = {b = ", "[a.", "["] {
        print(read(&open.repeat(20_000), &[]));
    }
    let deep = format!("a={}1{}", "[".repeat(50_000), "]".repeat(50_000));
    print(read(VALID, &[&deep]));
    let noise = "%PDF \u{1}\n".repeat(20_000);
    let problems = read(&noise, &[]).unwrap_err();
    assert_eq!(problems.len(), 20);
    print(Err(problems));
}
