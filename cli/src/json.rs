//! Payloads as people read them: JSON text with line breaks, and otherwise letter by letter as it is
//! stored, so that no number changes on the way.

/// Lays compact JSON out over lines, two blanks a level.
pub(crate) fn pretty(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 2);
    let mut depth = 0_usize;
    let mut chars = compact.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                text.push(c);
                string(&mut chars, &mut text);
            }
            '{' | '[' => {
                text.push(c);
                let close = if c == '{' { '}' } else { ']' };
                if chars.next_if_eq(&close).is_some() {
                    text.push(close);
                } else {
                    depth += 1;
                    break_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                break_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c => text.push(c),
        }
    }
    text
}

/// The rest of a string, its closing quote included.
fn string(chars: &mut impl Iterator<Item = char>, text: &mut String) {
    let mut escaped = false;
    for c in chars {
        text.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return,
            _ => {}
        }
    }
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    for _ in 0..depth {
        text.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blanks_are_added() {
        let compact = r#"{"a":[1.10,{"b":[]}],"c":{},"quote \" { , :":"[x,y]","d":null}"#;
        let expected = r#"{
  "a": [
    1.10,
    {
      "b": []
    }
  ],
  "c": {},
  "quote \" { , :": "[x,y]",
  "d": null
}"#;
        assert_eq!(pretty(compact), expected);
        assert_eq!(pretty("\"text\""), "\"text\"");
    }
}
