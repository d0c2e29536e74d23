//! Medians and tables.

/// The value at a share of the sorted values; 0 when there is none.
pub(crate) fn at(share: f64, values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    at(0.5, values)
}

/// A number with as many digits as mean something.
pub(crate) fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// A table in Markdown, printed as it grows.
pub(crate) struct Table;

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        println!("\n### {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", " --- |".repeat(columns.len()));
        Self
    }

    pub(crate) fn row(&self, cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_is_the_middle_one_and_p99_of_few_the_largest() {
        let values: Vec<f64> = (1..=50).rev().map(f64::from).collect();
        assert_eq!((super::median(&values), super::at(0.99, &values)), (26.0, 50.0));
        assert_eq!(super::median(&[]), 0.0);
    }
}
