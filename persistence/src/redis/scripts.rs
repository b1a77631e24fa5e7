//! The scripts that run on the server, and how they are called: by their hash, and by their text where the
//! server does not know them yet.

use std::fmt;
use std::io::Write;
use std::sync::LazyLock;

use redis::Cmd;

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
    let count = keys.len() + arguments.ends.len();
    let len = script.len() + arguments.bytes.len() + keys.iter().map(Vec::len).sum::<usize>();
    let mut call = Cmd::with_capacity(count + 3, name.len() + len);
    call.arg(name).arg(script).arg(keys.len());
    for key in keys {
        call.arg(&key[..]);
    }
    let mut begin = 0;
    for end in &arguments.ends {
        call.arg(&arguments.bytes[begin..*end]);
        begin = *end;
    }
    call
}

/// What a script is given, one behind the other: an append has thousands, most of them short.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Arguments {
    pub(super) fn push(&mut self, argument: impl AsRef<[u8]>) {
        self.put(|bytes| bytes.extend_from_slice(argument.as_ref()));
    }

    pub(super) fn number(&mut self, number: impl fmt::Display) {
        self.put(|bytes| write!(bytes, "{number}").expect("memory takes what is written"));
    }

    /// An argument that is written where it stands.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn extend(&mut self, all: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        all.into_iter().for_each(|one| self.push(one));
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
    MARK = "mark.lua";
    OWN = "own.lua";
    PROCESSES = "processes.lua";
    READ = "read.lua";
    REGRESS = "regress.lua";
    RENEW = "renew.lua";
    SNAPSHOT = "snapshot.lua";
    STRETCHES = "stretches.lua";
}
