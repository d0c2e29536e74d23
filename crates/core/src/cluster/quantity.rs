//! Kubernetes' quantities: `100m`, `1.5`, `2Gi`, `12E6`: read, and written as its API writes them.
//!
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>

/// A text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no quantity: expected a number with a suffix such as m, k, M, G, Ki, Mi or Gi, or with an exponent, \
     as in 100m, 1.5, 2Gi or 1e3"
)]
pub struct QuantityError(String);

/// Thousandths: `0.5` and `500m` are 500. What is smaller is rounded away from zero, as Kubernetes does; what is too
/// large is the largest number.
///
/// # Errors
/// The text is no quantity.
pub fn parse_milli(text: &str) -> Result<i64, QuantityError> {
    scaled(text, 3).ok_or_else(|| QuantityError(text.to_owned()))
}

/// Whole units: `2Ki` is 2048 and `1500m` is 2. What is smaller is rounded away from zero, as Kubernetes does; what is
/// too large is the largest number.
///
/// # Errors
/// The text is no quantity.
pub fn parse_value(text: &str) -> Result<i64, QuantityError> {
    scaled(text, 0).ok_or_else(|| QuantityError(text.to_owned()))
}

/// Billionths of a core as the API writes a decimal quantity: `156324907n`, `125m`, `2`.
pub fn format_nanocores(nanocores: u64) -> String {
    joined(split_nanocores(nanocores))
}

/// Bytes as the API writes a binary quantity: `1578392Ki`. Under 1024 it is a decimal one, as there: `1k` is 1000.
pub fn format_binary(bytes: u64) -> String {
    joined(split_binary(bytes))
}

fn joined((number, suffix): (u64, &str)) -> String {
    format!("{number}{suffix}")
}

/// The number and the suffix of [`format_nanocores`], for who writes many.
pub fn split_nanocores(nanocores: u64) -> (u64, &'static str) {
    canonical(nanocores, -9)
}

/// The number and the suffix of [`format_binary`], for who writes many.
pub fn split_binary(bytes: u64) -> (u64, &'static str) {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if bytes < 1024 {
        return canonical(bytes, 0);
    }
    let tens = bytes.trailing_zeros() / 10;
    let suffix = usize::try_from(tens).ok().and_then(|place| SUFFIXES.get(place));
    (bytes >> (tens * 10), suffix.unwrap_or(&""))
}

/// `number` × 10^`exponent` with the greatest suffix that needs no fraction.
fn canonical(number: u64, exponent: i32) -> (u64, &'static str) {
    if number == 0 {
        return (0, "");
    }
    let (mut number, mut exponent) = (number, exponent);
    while number.is_multiple_of(1000) && exponent < 18 {
        number /= 1000;
        exponent += 3;
    }
    let suffix = match exponent {
        -9 => "n",
        -6 => "u",
        -3 => "m",
        0 => "",
        3 => "k",
        6 => "M",
        9 => "G",
        12 => "T",
        15 => "P",
        _ => "E",
    };
    (number, suffix)
}

/// The number times 10^`places`, rounded away from zero; `None` where the text is no quantity.
fn scaled(text: &str, places: i64) -> Option<i64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (whole, rest) = digits(rest);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (tens, twos) = scale(suffix)?;
    let size = magnitude(whole, fraction, tens.saturating_add(places), twos);
    Some(if negative { -size } else { size })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// What a suffix multiplies with: a power of ten and one of two.
fn scale(suffix: &str) -> Option<(i64, u32)> {
    Some(match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    })
}

/// `whole.fraction` × 10^`tens` × 2^`twos`, rounded up; the largest number where it is larger.
///
/// The digits before the moved point are multiplied as they are. Those behind it are doubled `twos` times, and what
/// comes over the point is counted: exact, whatever the number of twos, with as many digits as fit.
fn magnitude(whole: &str, fraction: &str, tens: i64, twos: u32) -> i64 {
    // with its doubling below 2^128
    const FITS: usize = 37;
    let all = whole.bytes().chain(fraction.bytes()).map(|digit| u128::from(digit - b'0'));
    let significant = all.skip_while(|digit| *digit == 0);
    let count = significant.clone().count();
    if count == 0 {
        return 0;
    }
    let to_i64 = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
    let behind = to_i64(fraction.len() as i128 - i128::from(tens));
    let before = to_i64(count as i128 - i128::from(behind));
    if before > FITS as i64 {
        return i64::MAX;
    }
    let mut units: u128 = 0;
    let mut part: u128 = 0;
    let mut beyond = false;
    let in_front = usize::try_from(before).unwrap_or_default();
    for digit in significant.clone().chain(std::iter::repeat(0)).take(in_front) {
        units = units * 10 + digit;
    }
    let zeros = usize::try_from(before.saturating_neg()).unwrap_or_default();
    let padded = std::iter::repeat_n(0, zeros.min(FITS)).chain(significant.skip(in_front));
    let mut taken = 0;
    for digit in padded {
        if taken < FITS {
            part = part * 10 + digit;
            taken += 1;
        } else {
            beyond |= digit != 0;
        }
    }
    let one = 10_u128.pow(u32::try_from(taken).unwrap_or_default());
    let mut over: u128 = 0;
    for _ in 0..twos {
        (over, part) = (over * 2, part * 2);
        if part >= one {
            (over, part) = (over + 1, part - one);
        }
    }
    let up = u128::from(part > 0 || beyond);
    let total = units.checked_mul(1 << twos).and_then(|units| units.checked_add(over + up));
    total.and_then(|total| i64::try_from(total).ok()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// (text, MilliValue, Value) as Kubernetes' library answers; where its numbers overflow, the largest.
    const KNOWN: [(&str, i64, i64); 46] = [
        ("0", 0, 0),
        ("100m", 100, 1),
        ("1.5", 1500, 2),
        ("-1.5", -1500, -2),
        ("+2", 2000, 2),
        ("1", 1000, 1),
        ("2Gi", 2_147_483_648_000, 2_147_483_648),
        ("0.5Ki", 512_000, 512),
        ("0.3Ki", 307_200, 308),
        (".5", 500, 1),
        ("5.", 5000, 5),
        ("1e3", 1_000_000, 1000),
        ("1E3", 1_000_000, 1000),
        ("12E6", 12_000_000_000, 12_000_000),
        ("1e-3", 1, 1),
        ("1E-9", 1, 1),
        ("1e-12", 1, 1),
        ("-1e-12", -1, -1),
        ("15e+2", 1_500_000, 1500),
        ("1n", 1, 1),
        ("1000001n", 2, 1),
        ("100u", 1, 1),
        ("1k", 1_000_000, 1000),
        ("3M", 3_000_000_000, 3_000_000),
        ("1G", 1_000_000_000_000, 1_000_000_000),
        ("1T", 1_000_000_000_000_000, 1_000_000_000_000),
        ("1P", 1_000_000_000_000_000_000, 1_000_000_000_000_000),
        ("1E", i64::MAX, 1_000_000_000_000_000_000),
        ("1Ki", 1_024_000, 1024),
        ("1Mi", 1_048_576_000, 1_048_576),
        ("1Ti", 1_099_511_627_776_000, 1_099_511_627_776),
        ("1Pi", 1_125_899_906_842_624_000, 1_125_899_906_842_624),
        ("7Ei", i64::MAX, 8_070_450_532_247_928_832),
        ("8Ei", i64::MAX, i64::MAX),
        ("-8Ei", -i64::MAX, -i64::MAX),
        ("9223372036854775807", i64::MAX, i64::MAX),
        ("9223372036854775808", i64::MAX, i64::MAX),
        ("0.0000000000000000000000000000000000000000001Ei", 1, 1),
        ("0000000000000000000000000000000000000000000000001", 1000, 1),
        ("1.0000000000000000000000000000000000000000000000000001", 1001, 2),
        ("100000000000000000000000000000000000000000000000000e-50", 1000, 1),
        ("0e999", 0, 0),
        ("1e999", i64::MAX, i64::MAX),
        ("1e9223372036854775807", i64::MAX, i64::MAX),
        ("1e-9223372036854775808", 1, 1),
        ("24684092Ki", 25_276_510_208_000, 25_276_510_208),
    ];

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, milli, value) in KNOWN {
            assert_eq!((parse_milli(text), parse_value(text)), (Ok(milli), Ok(value)), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_told() {
        let wrong = [
            "",
            "-",
            "+",
            ".",
            "-.",
            "m",
            "Ki",
            "1i",
            "1 Gi",
            " 1",
            "1K",
            "1mi",
            "1.2.3",
            "1e",
            "1e-",
            "1e1.5",
            "1e1Ki",
            "0x10",
            "1b",
            "١",
            "1e99999999999999999999",
            "--1",
            "1kk",
            "Inf",
            "NaN",
        ];
        for text in wrong {
            let error = parse_milli(text).unwrap_err();
            assert_eq!(parse_value(text), Err(error), "{text}");
        }
        assert!(
            parse_value("12x")
                .unwrap_err()
                .to_string()
                .starts_with("\"12x\" is no quantity: expected a number")
        );
    }

    #[test]
    fn quantities_are_written_as_the_api_writes_them() {
        let cores = [
            (0, "0"),
            (1, "1n"),
            (156_324_907, "156324907n"),
            (1500, "1500n"),
            (1000, "1u"),
            (125_000_000, "125m"),
            (1_500_000_000, "1500m"),
            (2_000_000_000, "2"),
            (20_000_000_000, "20"),
            (1_000_000_000_000, "1k"),
            (u64::MAX, "18446744073709551615n"),
            (10_000_000_000_000_000_000, "10G"),
        ];
        for (nano, text) in cores {
            assert_eq!(format_nanocores(nano), text);
        }
        let bytes = [
            (0, "0"),
            (1, "1"),
            (500, "500"),
            (1000, "1k"),
            (1023, "1023"),
            (1024, "1Ki"),
            (1025, "1025"),
            (2000, "2000"),
            (1 << 20, "1Mi"),
            (1_616_273_408, "1578392Ki"),
            (3 << 30, "3Gi"),
            (1 << 63, "8Ei"),
            (u64::MAX, "18446744073709551615"),
        ];
        for (number, text) in bytes {
            assert_eq!(format_binary(number), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(text in "\\PC{0,40}") {
            let _ = parse_milli(&text);
        }

        #[test]
        fn what_looks_like_a_number_has_bounds(text in "[-+]?[0-9]{0,60}\\.?[0-9]{0,60}([eE][-+]?[0-9]{1,4}|[numkMGTPE]|[KMGTPE]i)?") {
            if let (Ok(milli), Ok(value)) = (parse_milli(&text), parse_value(&text)) {
                prop_assert_eq!(milli.signum(), value.signum());
                prop_assert!(milli.unsigned_abs().div_ceil(1000) <= value.unsigned_abs());
            }
        }

        #[test]
        fn what_is_written_is_read_again(number in 0..=i64::MAX) {
            let size = number.unsigned_abs();
            prop_assert_eq!(parse_value(&format_binary(size)), Ok(number));
            let milli = i64::try_from(size.div_ceil(1_000_000)).unwrap();
            prop_assert_eq!(parse_milli(&format_nanocores(size)), Ok(milli));
        }

        #[test]
        fn fractions_are_rounded_away_from_zero(whole in 0_u32.., thousandths in 0_u32..1000, shift in 0_u32..3) {
            let text = format!("{whole}.{thousandths:03}{}", ["", "Ki", "Mi"][shift as usize]);
            let exact = (u128::from(whole) * 1000 + u128::from(thousandths)) << (10 * shift);
            prop_assert_eq!(parse_milli(&text), Ok(i64::try_from(exact).unwrap()));
            prop_assert_eq!(parse_value(&text), Ok(i64::try_from(exact.div_ceil(1000)).unwrap()));
        }
    }
}
