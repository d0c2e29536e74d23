use proptest::prelude::*;

use super::*;

#[test]
fn reads_numbers() {
    let f = |text: &str, n| assert_eq!(number(text.as_bytes()), n, "{text:?}");
    f("0", Some(0));
    f("007", Some(7));
    f("9999999999999999999", Some(9_999_999_999_999_999_999));
    f("18446744073709551615", Some(u64::MAX));
    f("18446744073709551616", None);
    f("", None);
    f("-1", None);
    f("1 ", None);
    f("1a", None);
    f(":", None);
    f("/", None);
}

#[test]
fn reads_signed_numbers() {
    let f = |text: &str, n| assert_eq!(signed(text.as_bytes()), n, "{text:?}");
    f("-1", Some(-1));
    f("100000", Some(100_000));
    f("-9223372036854775808", Some(i64::MIN));
    f("9223372036854775808", None);
    f("--1", None);
    f("-", None);
}

#[test]
fn reads_hundredths() {
    let f = |text: &str, n| assert_eq!(hundredths(text.as_bytes()), n, "{text:?}");
    f("0.00", Some(0));
    f("73.88", Some(7388));
    f("100.00", Some(10_000));
    f("1.5", None);
    f(".50", None);
    f("", None);
    f("nan", None);
}

#[test]
fn reads_single_values() {
    let f = |text: &str, n| assert_eq!(single_value(text.as_bytes()).ok(), n, "{text:?}");
    f("13891473775\n", Some(13_891_473_775));
    f("7", Some(7));
    f("", None);
    f("max\n", None);
    f("1\n2\n", None);
    assert_eq!(signed_value(b"-1\n"), Ok(-1));
}

#[test]
fn reads_limits() {
    let f = |text: &str, limit| assert_eq!(super::limit(text.as_bytes()).ok(), limit, "{text:?}");
    f("max\n", Some(Limit::Max));
    f("-1\n", Some(Limit::Max));
    f("64\n", Some(Limit::At(64)));
    f("\n", None);
    f("maximum\n", None);
}

#[test]
fn reads_lists_of_values() {
    let got: Result<Vec<u64>, _> = values(b"13891473775 0 \n").collect();
    assert_eq!(got, Ok(vec![13_891_473_775, 0]));
    assert!(values(b"1 x 2").any(|n| n.is_err()));
}

#[test]
fn flat_keyed_passes_over_lines_of_another_shape() {
    let text = b"nr_periods 559\n\nunknown\nother 1 2\nthrottled_time 32857080310";
    let got: Vec<_> = flat_keyed(text).map(|e| (e.line, e.key, e.number().ok())).collect();
    assert_eq!(
        got,
        [
            (1, b"nr_periods".as_slice(), Some(559)),
            (4, b"other".as_slice(), None),
            (5, b"throttled_time".as_slice(), Some(32_857_080_310)),
        ]
    );
}

#[test]
fn nested_keyed_reads_io_stat_and_pressure() {
    let text = b"7:7 \n254:0 rbytes=3 wbytes=4 odd\nsome avg10=73.88 total=41948995\n";
    let got: Vec<_> = nested_keyed(text).collect();
    assert_eq!(got[0].device(), Some((7, 7)));
    assert_eq!(got[0].pairs().count(), 0);
    assert_eq!(got[1].device(), Some((254, 0)));
    let pairs: Vec<_> = got[1].pairs().map(|e| (e.key, e.number())).collect();
    assert_eq!(pairs, [(b"rbytes".as_slice(), Ok(3)), (b"wbytes".as_slice(), Ok(4))]);
    assert_eq!((got[2].name, got[2].device()), (b"some".as_slice(), None));
    let values: Vec<_> = got[2].pairs().map(|e| e.hundredths().or(e.number())).collect();
    assert_eq!(values, [Ok(7388), Ok(41_948_995)]);
}

#[test]
fn an_error_says_the_line() {
    let entry = flat_keyed(b"a 1\nb two\n").nth(1).unwrap();
    assert_eq!(entry.number().unwrap_err().to_string(), "line 2: expected a number, found \"two\"");
}

#[test]
fn escapes_are_undone_and_the_rest_stays() {
    for (escaped, name) in [
        (r"qemu\x2d1\x2dweb", "qemu-1-web"),
        ("a-b", "a-b"),
        (r"a\x2", r"a\x2"),
        (r"\xzz\", r"\xzz\"),
        (r"\xc3\xa9", "é"),
        ("", ""),
    ] {
        assert_eq!(unescape_hex(escaped.as_bytes()), name.as_bytes());
    }
    for (escaped, name) in [(r"a\040b\134040", r"a b\040"), (r"\777\8", r"\777\8"), (r"\04", r"\04")] {
        assert_eq!(unescape_octal(escaped.as_bytes()), name.as_bytes());
    }
}

proptest! {
    #[test]
    fn what_is_escaped_is_read_back(name in any::<Vec<u8>>()) {
        let hex: String = name.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
        prop_assert_eq!(unescape_hex(hex.as_bytes()), name.clone());
        let octal: String = name.iter().map(|byte| format!(r"\{byte:03o}")).collect();
        prop_assert_eq!(unescape_octal(octal.as_bytes()), name.clone());
        let (_, _) = (unescape_hex(&name), unescape_octal(&name));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (number(&text), signed(&text), hundredths(&text), device(&text));
        let _ = (single_value(&text), signed_value(&text), limit(&text));
        let _ = values(&text).count();
        for entry in flat_keyed(&text) { let _ = (entry.number(), entry.hundredths()); }
        for nested in nested_keyed(&text) {
            let _ = nested.device();
            for pair in nested.pairs() { let _ = (pair.number(), pair.hundredths()); }
        }
    }

    #[test]
    fn what_is_printed_is_read_back(n in any::<u64>(), m in any::<i64>(), a in any::<u32>(), b in any::<u32>()) {
        prop_assert_eq!(number(n.to_string().as_bytes()), Some(n));
        prop_assert_eq!(single_value(format!("{n}\n").as_bytes()), Ok(n));
        prop_assert_eq!(signed(m.to_string().as_bytes()), Some(m));
        prop_assert_eq!(limit(format!("{n}\n").as_bytes()), Ok(Limit::At(n)));
        prop_assert_eq!(device(format!("{a}:{b}").as_bytes()), Some((a, b)));
        let n = u64::from(a);
        prop_assert_eq!(hundredths(format!("{}.{:02}", n / 100, n % 100).as_bytes()), Some(n));
    }

    #[test]
    fn keyed_files_are_read_back(pairs in prop::collection::vec(("[a-z_]{1,20}", any::<u64>()), 0..40)) {
        let flat: String = pairs.iter().map(|(key, n)| format!("{key} {n}\n")).collect();
        let got: Vec<_> = flat_keyed(flat.as_bytes())
            .map(|e| (String::from_utf8(e.key.to_vec()).unwrap(), e.number().unwrap())).collect();
        prop_assert_eq!(&got, &pairs);

        let mut nested = "8:0".to_owned();
        for (key, n) in &pairs { nested += &format!(" {key}={n}"); }
        let line = nested_keyed(nested.as_bytes()).next().unwrap();
        let got: Vec<_> = line.pairs()
            .map(|e| (String::from_utf8(e.key.to_vec()).unwrap(), e.number().unwrap())).collect();
        prop_assert_eq!(&got, &pairs);
    }

    // bytes next to each other in value are what looking at eight at once could mistake
    #[test]
    fn a_byte_is_found_where_it_is_first(text in prop::collection::vec(prop_oneof![9..13u8, any::<u8>()], 0..60), at in prop_oneof![9..13u8, any::<u8>()]) {
        let first = text.iter().position(|&byte| byte == at);
        prop_assert_eq!(split_once(&text, at), first.map(|first| (&text[..first], &text[first + 1..])));
    }

    #[test]
    fn words_are_those_of_a_split(text in "[ \\n\\ta-c]{0,40}") {
        let split: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        prop_assert_eq!(words(text.as_bytes()).collect::<Vec<_>>(), split);
    }

    #[test]
    fn lists_of_values_are_read_back(list in prop::collection::vec(any::<u64>(), 0..40)) {
        let text: String = list.iter().map(|n| format!("{n} ")).collect();
        let got: Result<Vec<u64>, _> = values(text.as_bytes()).collect();
        prop_assert_eq!(got, Ok(list));
    }
}
