//! Tables for people: no lines, two blanks between columns, fitted to the terminal where there is
//! one. Columns that people copy from are never wrapped.

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement};

use crate::output::clean_line;

/// How narrow a column that may be wrapped becomes before the table is wider than the terminal.
const WRAPPED_WIDTH_MIN: u16 = 8;
/// Blanks between two columns.
const GAP: u16 = 2;

/// A column's header, and whether its text may be wrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// Never wrapped: ids, numbers, times.
    Whole(&'static str),
    /// Wrapped where the terminal is narrow.
    Wrapped(&'static str),
}

/// Rows under headers.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [Column; N]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, which has a text for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| clean_line(&cell)).collect());
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, at most as wide as the terminal if its columns allow it.
    pub(crate) fn render(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        table.set_header(self.columns.iter().map(|column| column.header()));
        for row in &self.rows {
            table.add_row(row);
        }
        let widths = table.column_max_content_widths();
        let is_whole = |at: usize| matches!(self.columns[at], Column::Whole(_));
        let needed = widths.iter().enumerate().map(|(at, &width)| {
            GAP + if is_whole(at) { width } else { width.min(WRAPPED_WIDTH_MIN) }
        });
        let needed: u16 = needed.fold(0, u16::saturating_add);
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, GAP));
            if is_whole(at) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        match width {
            Some(width) if needed <= width => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            // Wider than the terminal, or no terminal: lines stay lines.
            Some(_) | None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }
}

impl Column {
    const fn header(self) -> &'static str {
        match self {
            Self::Whole(header) | Self::Wrapped(header) => header,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Column::Whole("ID"), Column::Wrapped("ERROR")]);
        table.row(["0193f2a0".to_owned(), "cannot read the manifest of the package".to_owned()]);
        table.row(["7".to_owned(), "two\nlines".to_owned()]);
        table
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line() {
        let expected = "ID        ERROR\n\
                        0193f2a0  cannot read the manifest of the package\n\
                        7         two\\nlines\n";
        assert_eq!(table().render(None), expected);
        assert_eq!(table().render(Some(9)), expected, "too narrow: left to the terminal");
    }

    #[test]
    fn on_a_terminal_ids_stay_whole() {
        let text = table().render(Some(32));
        assert!(text.lines().all(|line| line.len() <= 32), "{text}");
        assert!(text.contains("0193f2a0  cannot read the"), "{text}");
        assert!(text.lines().count() > 3, "{text}");
    }
}
