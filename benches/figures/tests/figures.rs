//! The program behind `dev/bench`, as the script meets it.

#[cfg(test)]
mod figures {
    mod program;
}
