//! Units of figures, and values in words.

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Things a second.
    PerSecond,
    /// A time in seconds.
    Seconds,
    /// A size in bytes.
    Bytes,
    /// A share between 0 and 1.
    Share,
    /// A condition: 1 where it holds, 0 where it does not.
    Flag,
}

/// Factors of sizes, the largest first.
const SIZES: [(f64, &str); 4] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1_024.0, "KiB"),
];
/// Factors of numbers, the largest first.
const NUMBERS: [(f64, &str); 2] = [(1e9, "G"), (1e6, "M")];
/// Factors of times, the largest first.
const TIMES: [(f64, &str, f64); 6] = [
    (2.0 * 86_400.0, "d", 86_400.0),
    (2.0 * 3_600.0, "h", 3_600.0),
    (2.0 * 60.0, "min", 60.0),
    (1.0, "s", 1.0),
    (0.001, "ms", 0.001),
    (0.000_001, "µs", 0.000_001),
];

impl Unit {
    /// Returns the value in words of at most nine columns.
    pub fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        match self {
            Self::Count => number(value),
            Self::PerSecond => format!("{}/s", rate(value)),
            Self::Seconds => time(value),
            Self::Bytes => size(value),
            Self::Share => format!("{} %", three_digits(100.0 * value)),
            Self::Flag => if value == 0.0 { "no" } else { "yes" }.to_owned(),
        }
    }
}

fn number(value: f64) -> String {
    let factor = NUMBERS.iter().find(|(least, _)| value.abs() >= *least);
    match factor {
        Some((factor, letter)) => format!("{}{letter}", three_digits(value / factor)),
        None => grouped(value),
    }
}

/// Returns a whole number with commas between thousands, one of few things with its fraction.
fn grouped(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return three_digits(value);
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

fn rate(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value < 0.01 {
        "<0.01".to_owned()
    } else if value >= 1e4 {
        let (factor, letter) = if value >= 1e6 { (1e6, "M") } else { (1e3, "k") };
        format!("{}{letter}", three_digits(value / factor))
    } else {
        three_digits(value)
    }
}

fn size(value: f64) -> String {
    match SIZES.iter().find(|(factor, _)| value.abs() >= *factor) {
        Some((factor, name)) => format!("{} {name}", three_digits(value / factor)),
        None => format!("{value:.0} B"),
    }
}

fn time(value: f64) -> String {
    match TIMES.iter().find(|(least, ..)| value.abs() >= *least) {
        Some((_, name, factor)) => format!("{} {name}", three_digits(value / factor)),
        None => "0 s".to_owned(),
    }
}

/// Returns a number with about three digits, and no fraction that is zero.
fn three_digits(value: f64) -> String {
    let size = value.abs();
    let digits = if size >= 99.95 {
        0
    } else if size >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if digits == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_in_their_units() {
        let shown = [
            (Unit::Count, 0.0, "0"),
            (Unit::Count, 12_345.0, "12,345"),
            (Unit::Count, 3_500_000.0, "3.5M"),
            (Unit::Count, 2.5, "2.5"),
            (Unit::Count, -1_234.0, "-1,234"),
            (Unit::PerSecond, 0.0, "0/s"),
            (Unit::PerSecond, 0.001, "<0.01/s"),
            (Unit::PerSecond, 0.25, "0.25/s"),
            (Unit::PerSecond, 123.4, "123/s"),
            (Unit::PerSecond, 45_678.0, "45.7k/s"),
            (Unit::Seconds, 0.000_085, "85 µs"),
            (Unit::Seconds, 0.001_25, "1.25 ms"),
            (Unit::Seconds, 0.34, "340 ms"),
            (Unit::Seconds, 90.0, "90 s"),
            (Unit::Seconds, 7_200.0, "2 h"),
            (Unit::Seconds, 30.0 * 86_400.0, "30 d"),
            (Unit::Seconds, -5.0, "-5 s"),
            (Unit::Bytes, 512.0, "512 B"),
            (Unit::Bytes, 3.5 * 1_073_741_824.0, "3.5 GiB"),
            (Unit::Share, 0.991, "99.1 %"),
            (Unit::Share, 1.0, "100 %"),
            (Unit::Flag, 1.0, "yes"),
            (Unit::Seconds, f64::NAN, "–"),
        ];
        for (unit, value, text) in shown {
            assert_eq!(unit.text(value), text, "{unit:?} {value}");
        }
    }
}
