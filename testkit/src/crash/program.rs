//! The program that is killed: its command, as a template.

use std::process::Stdio;

use tokio::process::Command;

use super::error::Error;
use super::folder::Folder;

/// What stands for the URL of the board.
const BOARD: &str = "{board}";
/// What stands for the file of the ledger.
const LEDGER: &str = "{ledger}";
/// What stands for the file of the result.
const RESULT: &str = "{result}";

/// A command. In its arguments `{board}` stands for the URL of the board, `{ledger}` for the file
/// that the program keeps its [ledger](crate::ledger) in, and `{result}` for the file of its result,
/// which has to be the same however often the program was killed.
///
/// Started again with the same arguments, the program has to go on where it ended.
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<String>,
}

/// A command that no campaign can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no argument of the command has `{missing}`")]
pub struct Unusable {
    /// What it lacks.
    pub missing: &'static str,
}

impl Program {
    /// The program with these words as its command: first its file, then its arguments.
    ///
    /// # Errors
    /// When no argument says where board, ledger or result go.
    pub fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, Unusable> {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        for missing in [BOARD, LEDGER, RESULT] {
            if !words.iter().skip(1).any(|word| word.contains(missing)) {
                return Err(Unusable { missing });
            }
        }
        Ok(Self { words })
    }

    /// The command in a folder; what it says goes to the file of that name.
    pub(super) fn command(&self, folder: &Folder, output: &str) -> Result<Command, Error> {
        let paths = [
            (BOARD, folder.board()),
            (LEDGER, folder.ledger().display().to_string()),
            (RESULT, folder.result().display().to_string()),
        ];
        let mut words = self.words.iter().map(|word| {
            paths.iter().fold(word.clone(), |word, (name, path)| word.replace(name, path))
        });
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        let output = folder.output(output);
        let file = std::fs::File::create(&output).map_err(Error::file(&output))?;
        let second = file.try_clone().map_err(Error::file(&output))?;
        command.stdout(file).stderr(second);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_where_board_ledger_and_result_go() {
        let unusable = |words: &[&str]| Program::new(words.iter().copied()).err();
        assert_eq!(unusable(&["p", "{board}", "--l={ledger}", "{result}"]), None);
        assert_eq!(unusable(&["p", "{board}", "{result}"]), Some(Unusable { missing: LEDGER }));
        let first = ["{board}", "{ledger}", "{result}"];
        assert_eq!(unusable(&first), Some(Unusable { missing: BOARD }), "that is no argument");
    }
}
