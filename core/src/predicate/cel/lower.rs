//! From what the parser read to a tree of what a predicate may contain; everything else is refused
//! where it stands, with what to write instead.

use ::cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};
use regex::RegexBuilder;

use super::compile::{place, start_of};
use super::malformed::Malformed;
use super::tree::{Attribute, Comparison, Function, Node, Operator, TextTest};
use super::value::Value;
use super::{DEPTH_MAX, NODES_MAX, PATTERN_LEN_MAX};
use crate::predicate::path::Path;

pub(super) struct Lower<'a> {
    source: &'a str,
    nodes: usize,
    depth: usize,
}

impl<'a> Lower<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { source, nodes: 0, depth: 0 }
    }

    /// The whole expression.
    pub(super) fn whole(&mut self, expression: &IdedExpr) -> Result<Node, Malformed> {
        let node = self.node(expression)?;
        if self.nodes > NODES_MAX {
            return Err(Malformed::TooManyNodes { nodes: self.nodes });
        }
        Ok(node)
    }

    /// The refusal of a part.
    pub(super) fn refused(
        &self,
        expression: &IdedExpr,
        problem: String,
        advice: &'static str,
    ) -> Malformed {
        let (line, column) = self.place(expression);
        Malformed::Refused { line, column, problem, advice }
    }

    /// Where a part stands: an operator where it is written, between its operands.
    fn place(&self, expression: &IdedExpr) -> (usize, usize) {
        place(self.source, start_of(self.source, expression.id).unwrap_or_default())
    }

    fn node(&mut self, expression: &IdedExpr) -> Result<Node, Malformed> {
        self.nodes += 1;
        if self.depth == DEPTH_MAX {
            let (line, column) = self.place(expression);
            return Err(Malformed::TooDeep { line, column });
        }
        self.depth += 1;
        let node = match &expression.expr {
            Expr::Literal(value) => self.literal(expression, value).map(Node::Literal),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::List(list) => {
                let elements = list.elements.iter().map(|element| self.node(element));
                elements.collect::<Result<_, _>>().map(Node::List)
            }
            Expr::Comprehension(_) => Err(self.refused(
                expression,
                "`all`, `exists`, `exists_one`, `map` and `filter` loop, which has no bound"
                    .to_owned(),
                "ask with `in` for an element, or write a closure with `.filter`",
            )),
            Expr::Map(_) | Expr::Struct(_) => Err(self.refused(
                expression,
                "an object cannot be written in a predicate".to_owned(),
                "compare its fields one by one",
            )),
            Expr::Unspecified => Err(self.refused(
                expression,
                "there is a part that says nothing".to_owned(),
                "write what it should say",
            )),
        };
        self.depth -= 1;
        node
    }

    fn boxed(&mut self, expression: &IdedExpr) -> Result<Box<Node>, Malformed> {
        self.node(expression).map(Box::new)
    }

    fn literal(
        &self,
        expression: &IdedExpr,
        value: &LiteralValue,
    ) -> Result<Value<'static>, Malformed> {
        Ok(match value {
            LiteralValue::Null => Value::Null,
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Int(value) => Value::Integer((*value.inner()).into()),
            LiteralValue::UInt(value) => Value::Integer((*value.inner()).into()),
            LiteralValue::Double(value) => Value::Fraction(*value.inner()),
            LiteralValue::String(value) => Value::Text(value.inner().to_owned().into()),
            LiteralValue::Bytes(_) => {
                let problem = "a payload holds no bytes".to_owned();
                return Err(self.refused(expression, problem, "compare with text"));
            }
        })
    }

    fn name(&self, expression: &IdedExpr, name: &str) -> Result<Node, Malformed> {
        match name {
            "payload" => Ok(Node::Payload(Path::default())),
            "artifact" => Err(self.refused(
                expression,
                "`artifact` is no value by itself".to_owned(),
                "name one of its attributes, such as `artifact.tags`",
            )),
            other => Err(self.refused(
                expression,
                format!("there is no `{other}`"),
                "begin with `payload` or `artifact`, and write text in quotes",
            )),
        }
    }

    fn select(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Result<Node, Malformed> {
        if let Expr::Ident(name) = &select.operand.expr
            && name == "artifact"
        {
            let found = Attribute::ALL.into_iter().find(|known| known.name() == select.field);
            let Some(attribute) = found else {
                let problem =
                    format!("an artifact has no attribute `{}` when it is matched", select.field);
                return Err(self.refused(
                    expression,
                    problem,
                    "there are id, type, producer, producer_kind, correlation, depth, tags and \
                     ordering_key",
                ));
            };
            return Ok(if select.test {
                Node::HasAttribute(attribute)
            } else {
                Node::Artifact(attribute)
            });
        }
        let object = self.node(&select.operand)?;
        let key = select.field.as_str();
        Ok(match object {
            _ if select.test => Node::Has(Box::new(object), key.into()),
            Node::Payload(path) => Node::Payload(path.then(key)),
            object => Node::Select(Box::new(object), key.into()),
        })
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Result<Node, Malformed> {
        let name = call.func_name.as_str();
        match (call.target.as_deref(), call.args.as_slice()) {
            (None, [operand]) if name == operators::LOGICAL_NOT => {
                Ok(Node::Not(self.boxed(operand)?))
            }
            (None, [operand]) if name == operators::NEGATE => {
                Ok(Node::Negate(self.boxed(operand)?))
            }
            (None, [condition, yes, no]) if name == operators::CONDITIONAL => {
                let parts = [self.node(condition)?, self.node(yes)?, self.node(no)?];
                Ok(Node::Choose(Box::new(parts)))
            }
            (None, [left, right]) if is_operator(name) => self.operator(expression, name, left, right),
            (None, [argument]) if function(name).is_some() => {
                let argument = self.boxed(argument)?;
                Ok(Node::Call(function(name).unwrap_or(Function::Size), argument))
            }
            (Some(target), []) if name == "size" => {
                Ok(Node::Call(Function::Size, self.boxed(target)?))
            }
            (Some(text), [part]) if text_test(name).is_some() => {
                let operands = [self.node(text)?, self.node(part)?];
                let test = text_test(name).unwrap_or(TextTest::Contains);
                Ok(Node::OfText(test, Box::new(operands)))
            }
            (Some(text), [pattern]) | (None, [text, pattern]) if name == "matches" => {
                self.matches(text, pattern)
            }
            _ => Err(self.refused(
                expression,
                format!("there is no function `{name}` that is called in this way"),
                "there are size, int, uint, double, string, has, and of a text contains, startsWith, \
                 endsWith and matches",
            )),
        }
    }

    fn operator(
        &mut self,
        expression: &IdedExpr,
        name: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<Node, Malformed> {
        let operands = Box::new([self.node(left)?, self.node(right)?]);
        Ok(match name {
            operators::LOGICAL_AND => Node::And(operands),
            operators::LOGICAL_OR => Node::Or(operands),
            operators::EQUALS => Node::Equal { negated: false, operands },
            operators::NOT_EQUALS => Node::Equal { negated: true, operands },
            operators::LESS => Node::Compare(Comparison::Less, operands),
            operators::LESS_EQUALS => Node::Compare(Comparison::AtMost, operands),
            operators::GREATER => Node::Compare(Comparison::Greater, operands),
            operators::GREATER_EQUALS => Node::Compare(Comparison::AtLeast, operands),
            operators::IN => Node::In(operands),
            operators::ADD => Node::Arithmetic(Operator::Add, operands),
            operators::SUBSTRACT => Node::Arithmetic(Operator::Subtract, operands),
            operators::MULTIPLY => Node::Arithmetic(Operator::Multiply, operands),
            operators::DIVIDE => Node::Arithmetic(Operator::Divide, operands),
            operators::MODULO => Node::Arithmetic(Operator::Remainder, operands),
            operators::INDEX => index(*operands),
            _ => {
                let problem = format!("there is no operator `{name}`");
                return Err(self.refused(
                    expression,
                    problem,
                    "ask with `has` for what may be missing",
                ));
            }
        })
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Result<Node, Malformed> {
        let text = self.boxed(text)?;
        self.nodes += 1;
        let Expr::Literal(LiteralValue::String(literal)) = &pattern.expr else {
            let problem = "the pattern of `matches` is not written out".to_owned();
            return Err(self.refused(pattern, problem, "write the pattern as a text in quotes"));
        };
        let built = RegexBuilder::new(literal.inner()).size_limit(PATTERN_LEN_MAX).build();
        match built {
            Ok(regex) => Ok(Node::Matches(text, Box::new(regex))),
            Err(regex::Error::CompiledTooBig(limit)) => {
                let problem =
                    format!("the pattern takes more than {limit} bytes when it is compiled");
                Err(self.refused(pattern, problem, "write one with fewer repetitions"))
            }
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                let problem = format!("this is no pattern: {}", last.trim_start_matches("error: "));
                Err(self.refused(pattern, problem, "see the syntax of Rust's crate `regex`"))
            }
        }
    }
}

/// A constant step from a path goes on as a path.
fn index([of, at]: [Node; 2]) -> Node {
    match (of, at) {
        (Node::Payload(path), Node::Literal(Value::Text(key))) => {
            Node::Payload(path.then(key.into_owned()))
        }
        (of, at) => Node::Index(Box::new([of, at])),
    }
}

fn is_operator(name: &str) -> bool {
    matches!(
        name,
        operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::IN
            | operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::INDEX
            | operators::OPT_INDEX
            | operators::OPT_SELECT
    )
}

fn function(name: &str) -> Option<Function> {
    match name {
        "size" => Some(Function::Size),
        "int" => Some(Function::Int),
        "uint" => Some(Function::Uint),
        "double" => Some(Function::Double),
        "string" => Some(Function::String),
        _ => None,
    }
}

fn text_test(name: &str) -> Option<TextTest> {
    match name {
        "contains" => Some(TextTest::Contains),
        "startsWith" => Some(TextTest::StartsWith),
        "endsWith" => Some(TextTest::EndsWith),
        _ => None,
    }
}
