//! Schemas of any shape, written down in any way, have one normal form.

use super::*;

/// A type, in no particular writing.
#[derive(Clone, Debug)]
enum Shape {
    Any,
    Kind(&'static str),
    Integer(&'static str),
    Values(BTreeSet<u8>),
    List(Box<Self>),
    Map(Box<Self>),
    Optional(Box<Self>),
    Object(BTreeMap<String, (Self, bool)>),
    Choice(BTreeSet<u8>, BTreeMap<String, Self>),
    Recursive(Box<Self>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Any),
        prop_oneof![Just("string"), Just("boolean"), Just("number")].prop_map(Shape::Kind),
        prop_oneof![Just("uint8"), Just("int32")].prop_map(Shape::Integer),
        proptest::collection::btree_set(0_u8..4, 1..3).prop_map(Shape::Values),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.clone().prop_map(Shape::Map),
            boxed.clone().prop_map(Shape::Optional),
            boxed.prop_map(Shape::Recursive),
            proptest::collection::btree_map("[ab/% ]", (inner.clone(), any::<bool>()), 0..3)
                .prop_map(Shape::Object),
            (
                proptest::collection::btree_set(0_u8..4, 0..3),
                proptest::collection::btree_map("[AB]", inner, 1..3)
            )
                .prop_map(|(values, variants)| Shape::Choice(values, variants)),
        ]
    })
}

/// One way of writing a schema down.
struct Writer {
    names: &'static str,
    documented: bool,
    inline: bool,
    definitions: Map<String, Value>,
}

impl Writer {
    fn root(shape: &Shape, names: &'static str, documented: bool, inline: bool) -> Value {
        let mut writer = Self { names, documented, inline, definitions: Map::new() };
        let mut root = writer.write(shape);
        if let Value::Object(root) = &mut root {
            root.insert("$defs".to_owned(), Value::Object(writer.definitions));
        }
        root
    }

    fn define(&mut self, write: impl FnOnce(&mut Self, &str) -> Value) -> Value {
        let name = format!("{}{}", self.names, self.definitions.len());
        let reference = format!("#/$defs/{name}");
        self.definitions.insert(name.clone(), Value::Null);
        let schema = write(self, &reference);
        self.definitions.insert(name, schema);
        json!({"$ref": reference})
    }

    fn write(&mut self, shape: &Shape) -> Value {
        let schema = match shape {
            Shape::Recursive(_) => return self.write_whole(shape),
            _ if self.inline => self.write_whole(shape),
            Shape::Object(_) | Shape::Choice(..) => {
                self.define(|writer, _| writer.write_whole(shape))
            }
            _ => self.write_whole(shape),
        };
        self.document(schema)
    }

    fn document(&self, mut schema: Value) -> Value {
        if let (true, Value::Object(keywords)) = (self.documented, &mut schema) {
            keywords.insert("description".to_owned(), json!("words"));
            keywords.insert("title".to_owned(), json!(self.names));
        }
        schema
    }

    fn write_whole(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Any => json!(true),
            Shape::Kind(kind) => json!({"type": kind}),
            Shape::Integer(format) => json!({"type": "integer", "format": format}),
            Shape::Values(values) => self.values(values, &[]),
            Shape::List(inner) => json!({"type": "array", "items": self.write(inner)}),
            Shape::Map(inner) => {
                json!({"type": "object", "additionalProperties": self.write(inner)})
            }
            Shape::Optional(inner) => json!({"anyOf": [self.write(inner), {"type": "null"}]}),
            Shape::Object(fields) => {
                let mut required: Vec<&String> = fields
                    .iter()
                    .filter(|(_, (_, required))| *required)
                    .map(|(name, _)| name)
                    .collect();
                if self.documented {
                    required.reverse();
                }
                let required = json!(required);
                let properties: Map<String, Value> = fields
                    .iter()
                    .map(|(name, (shape, _))| (name.clone(), self.write(shape)))
                    .collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
            Shape::Choice(values, variants) => {
                let branches: Vec<Value> = variants
                    .iter()
                    .map(|(name, shape)| {
                        let schema = self.write(shape);
                        self.document(json!({
                            "type": "object",
                            "properties": {name: schema},
                            "required": [name],
                            "additionalProperties": false,
                        }))
                    })
                    .collect();
                self.values(values, &branches)
            }
            Shape::Recursive(inner) => self.define(|writer, reference| {
                let inner = writer.write(inner);
                json!({"type": "object", "properties": {
                    "inner": inner, "again": {"type": "array", "items": {"$ref": reference}},
                }})
            }),
        }
    }

    /// Values among branches, each a branch of its own or all in one.
    fn values(&self, values: &BTreeSet<u8>, branches: &[Value]) -> Value {
        let mut branches = branches.to_vec();
        if self.documented {
            branches.extend(
                values
                    .iter()
                    .rev()
                    .map(|value| self.document(json!({"type": "integer", "const": value}))),
            );
        } else if branches.is_empty() {
            return json!({"type": "integer", "enum": values});
        } else if !values.is_empty() {
            branches.insert(0, json!({"type": "integer", "enum": values}));
        }
        json!({"oneOf": branches})
    }
}

proptest! {
    /// TYPE-3: however a type is written down, its normal form is one, and its own normal form.
    #[test]
    fn normal_form_is_one(shape in shapes()) {
        let plain = normal(&Writer::root(&shape, "A", false, false));
        prop_assert_eq!(&normal(&Writer::root(&shape, "Zz", true, true)), &plain);
        prop_assert_eq!(&normal(&Writer::root(&shape, "M", true, false)), &plain);
        prop_assert_eq!(&normal(plain.value()), &plain);
        prop_assert_eq!(diff(&plain, &plain), vec![]);
        type_schema(plain);
    }

    /// TYPE-1: a diff is empty exactly when nothing changed.
    #[test]
    fn a_diff_is_empty_when_nothing_changed(old in shapes(), new in shapes()) {
        let schema = |shape| normal(&Writer::root(shape, "A", false, false));
        let (old, new) = (schema(&old), schema(&new));
        let changes = diff(&old, &new);
        prop_assert_eq!(changes.is_empty(), old == new, "{:?} {:?}", old, new);
        for change in changes {
            let nothing = matches!(&change.what, What::Type { from, to } if from == to);
            prop_assert!(!nothing, "{change}");
        }
    }
}
