use plimsoll_core::time::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::reader::tests::host_of_nothing;

const HEAD: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";

fn read(text: &str, sample: &mut Sample) -> Result<bool, ParseError> {
    let (_folder, host) = host_of_nothing();
    parse(&Context { host: &host, at: Timestamp(1) }, Some(text.as_bytes()), sample)
}

#[test]
fn reads_each_column_and_leaves_inner_interfaces_out() {
    let text = format!(
        "{HEAD}    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n  \
         eth0:     1      2    3    4    5     6          7         8        9       10    11    12    13     14       15          16\n\
         veth5ca97d4: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\nDocker0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
    );
    let mut sample = Sample::default();
    assert_eq!(read(&text, &mut sample), Ok(true));
    let eth0 = Interface {
        name: "eth0".to_owned(),
        rx_bytes: 1,
        rx_packets: 2,
        rx_errors: 3,
        rx_dropped: 4,
        tx_bytes: 9,
        tx_packets: 10,
        tx_errors: 11,
        tx_dropped: 12,
    };
    assert_eq!(sample.network.as_ref().unwrap().interfaces, [eth0]);
    assert_eq!(read(&text, &mut sample), Ok(false));
    assert_eq!(read(HEAD, &mut sample), Ok(true));
    assert_eq!(sample.network.unwrap().interfaces, []);
}

#[test]
fn another_number_of_columns_is_a_fault() {
    for row in ["eth0: 1 2 3", "eth0 1 2 3", "eth0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "eth0: x"] {
        let error = read(&format!("{HEAD}{row}\n"), &mut Sample::default()).unwrap_err();
        assert_eq!(error.line, 3, "{row}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(rows in prop::collection::vec(("e[a-z0-9]{1,10}", any::<[u64; 8]>()), 0..5)) {
        let mut text = HEAD.to_owned();
        for (name, n) in &rows {
            text += &format!("{name:>6}: {} {} {} {} 0 0 0 0 {} {} {} {} 0 0 0 0\n", n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
        }
        let mut sample = Sample::default();
        read(&text, &mut sample).unwrap();
        let got: Vec<_> = sample.network.unwrap().interfaces.into_iter().map(|i| (i.name, [
            i.rx_bytes, i.rx_packets, i.rx_errors, i.rx_dropped,
            i.tx_bytes, i.tx_packets, i.tx_errors, i.tx_dropped,
        ])).collect();
        prop_assert_eq!(got, rows);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = read(&format!("{HEAD}{text}"), &mut Sample::default());
    }
}
