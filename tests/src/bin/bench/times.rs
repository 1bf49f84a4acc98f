//! Times, and what is shown of them.

use std::time::Duration;

/// The heads of the columns, below a title.
pub(crate) fn title(text: &str) {
    println!("\n{text}, in milliseconds");
    println!("{:<28} {:>8} {:>8} {:>8} {:>16}", "", "median", "p95", "max", "ratio of medians");
}

/// Prints a line, and gives the median in milliseconds. The ratio is that to `base`, or to itself.
pub(crate) fn line(name: &str, times: &mut [Duration], base: Option<f64>) -> f64 {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    let ratio = at(50) / base.unwrap_or(at(50));
    println!("{name:<28} {:>8.2} {:>8.2} {:>8.2} {ratio:>15.2}x", at(50), at(95), at(100));
    at(50)
}
