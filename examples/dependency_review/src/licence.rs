//! The licence files of a package, and which licences they are.
//!
//! [`texts`] and [`bundled`] are called by the agents `licence` and `bundled`, [`recognise`] by whoever
//! classifies. A text is recognised by sentences that its licence has and no other one: good enough to
//! notice that a manifest says one thing and the files another, and no legal advice. Blocks: call it
//! off the async threads.

use std::fs;
use std::io;
use std::path::Path;

use walkdir::WalkDir;

/// How the names of licence files begin.
const NAMES: [&str; 5] = ["license", "licence", "copying", "copyright", "unlicense"];

/// The folder that the REUSE convention puts licence files in.
const REUSE_FOLDER: &str = "LICENSES";

/// How a licence is told from the others: the sentences that it has, and that it must not have, in
/// lower case with single spaces.
struct Mark {
    id: &'static str,
    has: &'static [&'static str],
    lacks: &'static [&'static str],
}

const MIT_GRANT: &str =
    "permission is hereby granted, free of charge, to any person obtaining a copy";
const MIT_NOTICE: &str = "shall be included in all copies or substantial portions";
const BSD_GRANT: &str = "redistribution and use in source and binary forms";
const BSD_NAMES: &str = "endorse or promote products derived from";
const ISC_GRANT: &str = "permission to use, copy, modify, and/or distribute this software for any";
const ISC_NOTICE: &str =
    "provided that the above copyright notice and this permission notice appear";
const UNICODE_GRANT: &str = "data files and any associated documentation";

const MARKS: [Mark; 19] = [
    Mark { id: "MIT", has: &[MIT_GRANT, MIT_NOTICE], lacks: &[UNICODE_GRANT] },
    Mark { id: "MIT-0", has: &[MIT_GRANT], lacks: &[MIT_NOTICE, UNICODE_GRANT] },
    Mark { id: "Apache-2.0", has: &["apache license version 2.0, january 2004"], lacks: &[] },
    Mark { id: "BSD-2-Clause", has: &[BSD_GRANT], lacks: &[BSD_NAMES] },
    Mark { id: "BSD-3-Clause", has: &[BSD_GRANT, BSD_NAMES], lacks: &[] },
    Mark { id: "ISC", has: &[ISC_GRANT, ISC_NOTICE], lacks: &[] },
    Mark { id: "0BSD", has: &[ISC_GRANT], lacks: &[ISC_NOTICE] },
    Mark {
        id: "Zlib",
        has: &["altered source versions must be plainly marked as such"],
        lacks: &[],
    },
    Mark {
        id: "Unlicense",
        has: &["this is free and unencumbered software released into the public domain"],
        lacks: &[],
    },
    Mark { id: "CC0-1.0", has: &["cc0 1.0 universal"], lacks: &[] },
    Mark { id: "BSL-1.0", has: &["boost software license - version 1.0"], lacks: &[] },
    Mark { id: "MPL-2.0", has: &["mozilla public license version 2.0"], lacks: &[] },
    Mark { id: "MPL-2.0", has: &["mozilla public license, version 2.0"], lacks: &[] },
    Mark { id: "Unicode-3.0", has: &["unicode license v3"], lacks: &[] },
    Mark {
        id: "Unicode-DFS-2016",
        has: &["unicode, inc. license agreement - data files and software"],
        lacks: &[],
    },
    Mark {
        id: "CDLA-Permissive-2.0",
        has: &["community data license agreement - permissive - version 2.0"],
        lacks: &[],
    },
    Mark {
        id: "GPL-3.0",
        has: &["gnu general public license version 3, 29 june 2007"],
        lacks: &[],
    },
    Mark { id: "GPL-2.0", has: &["gnu general public license version 2, june 1991"], lacks: &[] },
    Mark {
        id: "AGPL-3.0",
        has: &["gnu affero general public license version 3, 19 november 2007"],
        lacks: &[],
    },
];

/// A licence file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Where it is, relative to the package's folder.
    pub(crate) path: String,
    /// How long it is.
    pub(crate) bytes: u64,
    /// What stands in it.
    pub(crate) text: String,
}

/// Finds the licence files of the package in `dir`, the one that its manifest names included.
///
/// # Errors
/// When the folder or one of the files cannot be read.
pub(crate) fn texts(dir: &Path, named: Option<&str>) -> io::Result<Vec<Text>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == REUSE_FOLDER && entry.file_type()?.is_dir() {
            for text in fs::read_dir(entry.path())? {
                let text = text?;
                if text.file_type()?.is_file() {
                    paths.push(format!("{name}/{}", text.file_name().to_string_lossy()));
                }
            }
        } else if is_licence_name(&name) && entry.file_type()?.is_file() {
            paths.push(name);
        }
    }
    // What the manifest names may be missing from the package: then there is simply no such text.
    if let Some(named) = named
        && dir.join(named).is_file()
    {
        paths.push(named.to_owned());
    }
    paths.sort();
    paths.dedup();
    paths.into_iter().map(|path| read(dir, path)).collect()
}

/// Finds the licence files further down in `dir`: those of what the package carries along.
///
/// # Errors
/// When the folder or one of the files cannot be read.
pub(crate) fn bundled(dir: &Path, named: Option<&str>) -> io::Result<Vec<Text>> {
    // What the package says of itself is no part of it, and neither is what cargo put there.
    let walk = WalkDir::new(dir).into_iter().filter_entry(|entry| {
        let its_own = |name| name == REUSE_FOLDER || name == "target" || name == ".git";
        entry.depth() != 1 || !entry.file_name().to_str().is_some_and(its_own)
    });
    let mut paths = Vec::new();
    for entry in walk {
        let entry = entry?;
        let inside = entry.depth() > 1 && entry.file_type().is_file();
        if inside && is_licence_name(&entry.file_name().to_string_lossy()) {
            let path = entry.path().strip_prefix(dir).unwrap_or_else(|_| entry.path());
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    paths.retain(|path| Some(path.as_str()) != named);
    paths.sort();
    paths.into_iter().map(|path| read(dir, path)).collect()
}

fn is_licence_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|beginning| name.starts_with(beginning)) && !name.ends_with(".rs")
}

fn read(dir: &Path, path: String) -> io::Result<Text> {
    let bytes = fs::read(dir.join(&path))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Text { path, bytes: bytes.len() as u64, text })
}

/// The SPDX ids of the licences that the text contains, each once, in a fixed order.
pub(crate) fn recognise(text: &str) -> Vec<String> {
    let text = normal_form(text);
    let mut ids: Vec<String> = MARKS
        .iter()
        .filter(|mark| mark.has.iter().all(|sentence| text.contains(sentence)))
        .filter(|mark| !mark.lacks.iter().any(|sentence| text.contains(sentence)))
        .map(|mark| mark.id.to_owned())
        .collect();
    ids.dedup();
    ids
}

/// Lower case, straight quotes, single spaces, no comment signs: what the sentences are looked for
/// in.
fn normal_form(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || "*#<>\"".contains(c)) {
        if !word.is_empty() && word != "//" {
            normal.push_str(&word.to_lowercase());
            normal.push(' ');
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_that_share_sentences_are_told_apart() {
        let mit =
            "Permission is hereby granted, free of charge, to any\n person obtaining a copy of";
        assert_eq!(recognise(mit), ["MIT-0"]);
        let notice = "The above copyright notice and this permission notice shall be included in all copies \
                      or substantial portions";
        assert_eq!(recognise(&format!("{mit}\n\n{notice}")), ["MIT"]);
        let unicode =
            format!("Unicode License v3\n\n{mit} data files and any associated documentation");
        assert_eq!(recognise(&unicode), ["Unicode-3.0"]);

        let bsd = "Redistribution and use in source and binary forms, with or without";
        assert_eq!(recognise(bsd), ["BSD-2-Clause"]);
        let names = "be used to endorse or promote products derived from this software";
        assert_eq!(recognise(&format!("{bsd} {names}")), ["BSD-3-Clause"]);

        let isc =
            "Permission to use, copy, modify, and/or distribute this software for any purpose";
        assert_eq!(recognise(isc), ["0BSD"]);
        let notice =
            "provided that the above\ncopyright notice and this permission notice appear in";
        assert_eq!(recognise(&format!("{isc} {notice}")), ["ISC"]);
    }

    #[test]
    fn a_text_may_hold_several_licences_or_none() {
        let both = "Apache License\n   Version 2.0, January 2004\n\n\
                    // This is free and unencumbered software released into\n// the public domain.";
        assert_eq!(recognise(both), ["Apache-2.0", "Unlicense"]);
        assert!(recognise("All rights reserved.").is_empty());
        assert_eq!(
            recognise("Mozilla Public License Version 2.0 … Mozilla Public License, version 2.0"),
            ["MPL-2.0"]
        );
    }

    #[test]
    fn licence_files_are_found_by_name_by_folder_and_by_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("LICENSE-MIT", "");
        put("Unlicense", "This is free and unencumbered software released into the public domain");
        put("licenses.rs", "");
        put("README.md", "");
        put("LICENSES/CC0-1.0.txt", "CC0 1.0 Universal");
        put("doc/terms.txt", "All rights reserved.");

        put("vendor/zlib/LICENSE", "altered source versions must be plainly marked as such");

        let texts = texts(dir.path(), Some("doc/terms.txt")).unwrap();
        let found: Vec<_> = texts
            .iter()
            .map(|text| (text.path.as_str(), text.bytes, recognise(&text.text).join(" ")))
            .collect();
        assert_eq!(
            found,
            [
                ("LICENSE-MIT", 0, String::new()),
                ("LICENSES/CC0-1.0.txt", 17, "CC0-1.0".to_owned()),
                ("Unlicense", 70, "Unlicense".to_owned()),
                ("doc/terms.txt", 20, String::new()),
            ]
        );
        let [carried] = &bundled(dir.path(), Some("doc/terms.txt")).unwrap()[..] else {
            panic!("one text lies further down")
        };
        assert_eq!(carried.path, "vendor/zlib/LICENSE");
        assert_eq!(recognise(&carried.text), ["Zlib"]);
    }

    #[test]
    fn a_licence_file_that_the_package_lacks_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(texts(dir.path(), Some("../LICENSE")).unwrap().is_empty());
        assert!(texts(&dir.path().join("gone"), None).is_err());
        assert!(bundled(&dir.path().join("gone"), None).is_err());
    }
}
