//! Tables for people: aligned columns without lines, as wide as they need to be or as the terminal allows.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// A column: its heading, and whether it holds figures, which are aligned to the right.
pub type Column = (&'static str, bool);

/// A table of `columns`.
pub struct Rows {
    table: Table,
    figures: Vec<bool>,
}

impl Rows {
    /// An empty table.
    pub fn of(columns: &[Column]) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(columns.iter().map(|(heading, figure)| aligned(heading, *figure)));
        Rows { table, figures: columns.iter().map(|(_, figure)| *figure).collect() }
    }

    /// Adds a row; it has a cell for every column.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().zip(&self.figures).map(|(text, figure)| aligned(&text, *figure));
        self.table.add_row(cells.collect::<Vec<_>>());
    }

    /// The table's lines, without blanks at their ends.
    pub fn text(&self) -> String {
        self.table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }
}

fn aligned(text: &str, figure: bool) -> Cell {
    Cell::new(text).set_alignment(if figure { CellAlignment::Right } else { CellAlignment::Left })
}
