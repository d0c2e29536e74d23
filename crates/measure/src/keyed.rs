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
            /// Reads the keys that are known; none of a text that is absent.
            pub(crate) fn parse(text: Option<&[u8]>) -> Result<Self, plimsoll_kernel::error::ParseError> {
                let mut record = Self::default();
                for entry in plimsoll_kernel::format::flat_keyed(text.unwrap_or_default()) {
                    match entry.key {
                        $($key => record.$field = Some(entry.number()?),)*
                        _ => {}
                    }
                }
                Ok(record)
            }
        }
    };
}
pub(crate) use keyed;
