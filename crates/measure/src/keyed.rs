//! Records of the numbers that we know in a flat keyed file, and a store that says whether a number moved.

/// Stores a number; says whether it is another than before.
#[inline]
pub(crate) fn put<T: PartialEq>(slot: &mut T, new: T) -> bool {
    let moved = *slot != new;
    *slot = new;
    moved
}

/// A struct of optional numbers, each with its key in the file, and a parser that passes over other keys.
macro_rules! keyed {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $key:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub(crate) struct $name { $(pub(crate) $field: Option<u64>),* }

        impl $name {
            /// Reads the keys that are known, and no further than the last of them; none of a text that is absent.
            pub(crate) fn parse(text: Option<&[u8]>) -> Result<Self, plimsoll_kernel::error::ParseError> {
                let mut record = Self::default();
                let mut missing = [$($key.as_slice()),*].len();
                for entry in plimsoll_kernel::format::flat_keyed(text.unwrap_or_default()) {
                    let place = match entry.key {
                        $($key => &mut record.$field,)*
                        _ => continue,
                    };
                    if place.replace(entry.number()?).is_none() {
                        missing -= 1;
                        if missing == 0 {
                            break;
                        }
                    }
                }
                Ok(record)
            }
        }
    };
}
pub(crate) use keyed;

#[cfg(test)]
mod tests {
    keyed! { Two { a: b"a", b: b"b" } }

    #[test]
    fn no_more_is_read_than_has_all_numbers() {
        let read = |text: &str| Two::parse(Some(text.as_bytes()));
        let two = Two { a: Some(1), b: Some(2) };
        assert_eq!(read("a 1\nx 7\nb 2\na wrong\n"), Ok(two));
        assert!(read("a 1\na wrong\nb 2\n").is_err());
        assert_eq!(read("a 7\na 1\nb 2\n"), Ok(two), "one that stands twice is not two");
        assert_eq!(read("b 2\n"), Ok(Two { a: None, b: Some(2) }));
        assert_eq!(Two::parse(None), Ok(Two::default()));
    }
}
