//! A predicate as people read it: `score > 80 and tags contains "urgent"`.

use std::fmt;

use super::scalar::Scalar;
use super::tree::{Check, Node, Predicate, Test};

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.node(), Binding::Loose)
    }
}

/// How tightly the surroundings bind: what binds less tightly needs parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binding {
    Loose,
    And,
    Not,
}

fn write(f: &mut fmt::Formatter<'_>, node: &Node, around: Binding) -> fmt::Result {
    let binding = match node {
        Node::Any(_) => Binding::Loose,
        Node::All(_) => Binding::And,
        Node::Not(_) | Node::Test(_) => Binding::Not,
    };
    let parentheses = binding < around;
    f.write_str(if parentheses { "(" } else { "" })?;
    match node {
        Node::Any(nodes) => list(f, nodes, " or ", Binding::And)?,
        Node::All(nodes) => list(f, nodes, " and ", Binding::Not)?,
        Node::Not(node) => {
            f.write_str("not (")?;
            write(f, node, Binding::Loose)?;
            f.write_str(")")?;
        }
        Node::Test(test) => write!(f, "{test}")?,
    }
    f.write_str(if parentheses { ")" } else { "" })
}

fn list(f: &mut fmt::Formatter<'_>, nodes: &[Node], with: &str, inner: Binding) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        f.write_str(if index > 0 { with } else { "" })?;
        write(f, node, inner)?;
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, optional, check } = self;
        write!(f, "{path}{}", if *optional { "?" } else { "" })?;
        match check {
            Check::Exists => f.write_str(" exists"),
            Check::Equal(value) => write!(f, " = {value}"),
            Check::NotEqual(value) => write!(f, " != {value}"),
            Check::Less(value) => write!(f, " < {value}"),
            Check::AtMost(value) => write!(f, " <= {value}"),
            Check::Greater(value) => write!(f, " > {value}"),
            Check::AtLeast(value) => write!(f, " >= {value}"),
            Check::OneOf(values) => {
                let values: Vec<_> = values.iter().map(Scalar::to_string).collect();
                write!(f, " in [{}]", values.join(", "))
            }
            Check::Contains(value) => write!(f, " contains {value}"),
            Check::StartsWith(text) => write!(f, " starts with {:?}", text.as_str()),
        }
    }
}
