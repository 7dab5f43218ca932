//! Triangulation of one bin (RR22 figure 1, step 2): which row is solved at which column, and which rows are left.

/// Rows in the order in which they were taken out, each with the column at which it is solved; and the gap.
pub struct Peeled {
    pub order: Vec<(u16, u16)>,
    pub gap: Vec<u16>,
}

/// Degree of every column among the rows still in, and the XOR of those rows' numbers.
struct Columns<'a> {
    rows: &'a [[u16; 3]],
    degree: Vec<u16>,
    members: Vec<u16>,
    ready: Vec<u16>,
}

impl Columns<'_> {
    fn remove(&mut self, row: u16) {
        for column in self.rows[usize::from(row)] {
            let at = usize::from(column);
            self.degree[at] -= 1;
            self.members[at] ^= row;
            if self.degree[at] == 1 {
                self.ready.push(column);
            }
        }
    }

    /// The column of least degree, none when no row is in.
    fn lightest(&self) -> Option<u16> {
        let used = (0_u16..).zip(&self.degree).filter(|(_, degree)| **degree > 0);
        used.min_by_key(|(_, degree)| **degree).map(|(column, _)| column)
    }
}

/// Peel `rows` over `columns` columns; both are below 2^16.
pub fn peel(rows: &[[u16; 3]], columns: usize) -> Peeled {
    let mut state = Columns { rows, degree: vec![0; columns], members: vec![0; columns], ready: Vec::new() };
    for (row, places) in (0_u16..).zip(rows) {
        for column in places {
            state.degree[usize::from(*column)] += 1;
            state.members[usize::from(*column)] ^= row;
        }
    }
    state.ready =
        (0_u16..).zip(&state.degree).filter(|(_, degree)| **degree == 1).map(|(at, _)| at).collect();
    let mut peeled = Peeled { order: Vec::with_capacity(rows.len()), gap: Vec::new() };
    let mut is_in = vec![true; rows.len()];
    loop {
        while let Some(column) = state.ready.pop() {
            // A column can have lost its last row since it was noted.
            if state.degree[usize::from(column)] == 1 {
                let row = state.members[usize::from(column)];
                is_in[usize::from(row)] = false;
                state.remove(row);
                peeled.order.push((row, column));
            }
        }
        let Some(column) = state.lightest() else { return peeled };
        let holders =
            (0_u16..).zip(rows).filter(|(row, places)| is_in[usize::from(*row)] && places.contains(&column));
        // The first holder stays to be solved at this column, which is of degree one once the others are out.
        let others: Vec<u16> = holders.skip(1).map(|(row, _)| row).collect();
        for row in others {
            is_in[usize::from(row)] = false;
            state.remove(row);
            peeled.gap.push(row);
        }
    }
}
