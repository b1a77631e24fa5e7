//! The scripts that run on the server, and how they are called: by their hash, and by their text where the
//! server does not know them yet.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// A script with its hash.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// The call by its hash.
    pub(super) fn by_hash(&self, keys: &[Vec<u8>], arguments: &Arguments) -> Cmd {
        call(("EVALSHA", &self.hash), keys, arguments)
    }

    /// The call by its text, after which the server knows it.
    pub(super) fn by_text(&self, keys: &[Vec<u8>], arguments: &Arguments) -> Cmd {
        call(("EVAL", self.text), keys, arguments)
    }
}

fn call((name, script): (&str, &str), keys: &[Vec<u8>], arguments: &Arguments) -> Cmd {
    let mut call = cmd(name);
    call.arg(script).arg(keys.len());
    for argument in keys.iter().chain(&arguments.0) {
        call.arg(&argument[..]);
    }
    call
}

/// What a script is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    pub(super) fn push(&mut self, argument: impl Into<Vec<u8>>) {
        self.0.push(argument.into());
    }

    pub(super) fn number(&mut self, number: impl std::fmt::Display) {
        self.0.push(number.to_string().into_bytes());
    }

    /// A list: how many there are, and then they.
    pub(super) fn list(&mut self, list: Vec<Vec<u8>>) {
        self.number(list.len());
        self.0.extend(list);
    }

    pub(super) fn extend(&mut self, list: impl IntoIterator<Item = Vec<u8>>) {
        self.0.extend(list);
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file))));)*
    };
}

scripts! {
    APPEND = "append.lua";
    AROUND = "around.lua";
    BOUNDS = "bounds.lua";
    CLEAR = "clear.lua";
    CLOSED = "closed.lua";
    CORRELATION = "correlation.lua";
    CREATE = "create.lua";
    FREE = "free.lua";
    HEAD = "head.lua";
    LOOK_UP = "look_up.lua";
    MARK = "mark.lua";
    OWN = "own.lua";
    PROCESSES = "processes.lua";
    READ = "read.lua";
    REGRESS = "regress.lua";
    RENEW = "renew.lua";
    SNAPSHOT = "snapshot.lua";
    STRETCHES = "stretches.lua";
}
