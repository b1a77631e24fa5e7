//! What may be asked for on the command line.

use std::ffi::OsString;

use crate::list::{FIGURES, Figure};

pub(crate) const USAGE: &str =
    "usage: dev/bench [--json] [--runs N] [--scale PERCENT] [NAME…], or dev/bench --list";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) figures: Vec<&'static Figure>,
    pub(crate) how: How,
    pub(crate) json: bool,
    pub(crate) list: bool,
}

/// How often, and how large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) runs: usize,
    pub(crate) percent: f64,
}

impl How {
    /// A size, as large as it is to be.
    pub(crate) fn size(&self, full: u32) -> u32 {
        let size = f64::from(full) * self.percent / 100.0;
        (size.round() as u32).max(20)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.percent >= 100.0
    }
}

impl Asked {
    pub(crate) fn of(arguments: &[OsString]) -> Result<Self, String> {
        let how = How { runs: 5, percent: 100.0 };
        let mut asked = Self { figures: Vec::new(), how, json: false, list: false };
        let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--json" => asked.json = true,
                "--list" => asked.list = true,
                "--runs" => {
                    let runs = arguments.next().and_then(|runs| runs.parse().ok());
                    let runs = runs.filter(|&runs| runs > 0);
                    asked.how.runs = runs.ok_or("--runs takes a number above 0")?;
                }
                "--scale" => {
                    let percent = arguments.next().and_then(|percent| percent.parse().ok());
                    let percent = percent.filter(|&percent| percent > 0.0 && percent <= 100.0);
                    let wrong = "--scale takes a percentage above 0 and up to 100, without a sign";
                    asked.how.percent = percent.ok_or(wrong)?;
                }
                name => asked.figures.push(named(name)?),
            }
        }
        if asked.figures.is_empty() {
            asked.figures = FIGURES.iter().collect();
        }
        Ok(asked)
    }
}

fn named(name: &str) -> Result<&'static Figure, String> {
    let found = FIGURES.iter().find(|figure| figure.name == name);
    found.ok_or_else(|| format!("there is no figure `{name}`; --list names them"))
}
