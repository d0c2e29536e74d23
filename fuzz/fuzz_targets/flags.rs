//! Any command line is taken or refused with a sentence; a duration that is read is printed and read the same.
//!
//! The input is the words of the command line, each ended by a NUL.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use plimsoll::flags::{self, Command, value};

fuzz_target!(|input: &[u8]| {
    let words = || input.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    for program in ["plimsoll", "/usr/bin/cadvisor"] {
        match flags::parse(program, words()) {
            Ok(Command::Health(health)) => drop(health.of_agent(input)),
            Ok(_) => {}
            Err(error) => assert!(!error.message.is_empty() && error.exit_code != 0),
        }
    }
    for word in input.split(|byte| *byte == 0).filter_map(|word| std::str::from_utf8(word).ok()) {
        if let Ok(nanos) = value::duration(word)
            && let Ok(positive) = u64::try_from(nanos)
        {
            let printed = value::print_duration(std::time::Duration::from_nanos(positive));
            assert_eq!(value::duration(&printed), Ok(nanos), "{word} is printed as {printed}");
        }
        let _ = (value::boolean(word), value::integer(word), value::unsigned(word), value::float(word));
    }
});
