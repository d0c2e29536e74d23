//! Any bytes are a block or are refused, and a block that was read is written and read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_retain::block::Block;

mod record;

fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = Block::from_bytes(bytes) else { return };
    assert_eq!(Block::from_bytes(&block.to_bytes()).as_ref(), Ok(&block));
    if let Ok(records) = block.decode::<record::Record>() {
        assert_eq!(records.len(), block.records());
    }
});
