//! Shapes of JSON that take what fits and pass over what does not, so that one broken field costs itself.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use plimsoll_core::time::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ENTITIES;

/// Members of a visitor for what does not fit: it becomes the default.
macro_rules! pass_over {
    ($($visit:ident),*) => { $(pass_over!(@ $visit);)* };
    (@ null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ bool) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ number) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}
pub(super) use pass_over;

/// A visitor's word for what it wants; nothing is refused, so nobody reads it.
macro_rules! anything {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }
    };
}
pub(super) use anything;

/// A whole number from zero on; absent for everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Number;
            anything!();
            pass_over!(null, bool, text, list, map);

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(Some(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(u64::try_from(value).ok()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number((0.0..1.8e19).contains(&value).then_some(value as u64)))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// A number, whole or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fraction(pub(super) Option<f64>);

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Fraction;
            anything!();
            pass_over!(null, bool, text, list, map);

            fn visit_u64<E>(self, value: u64) -> Result<Fraction, E> {
                Ok(Fraction(Some(value as f64)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Fraction, E> {
                Ok(Fraction(Some(value as f64)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Fraction, E> {
                Ok(Fraction(Some(value)))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// Whether; false for everything else than `true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Flag;
            anything!();
            pass_over!(null, number, text, list, map);

            fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// A time as RFC 3339; absent when it was never set or is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time(pub(super) Option<Timestamp>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Time;
            anything!();
            pass_over!(null, bool, number, list, map);

            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                let at = Timestamp::parse(text).ok().flatten();
                Ok(Time(at.filter(|at| at.nanos() > 0)))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// A text, not copied where it has no escapes; empty for everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Text<'de>;
            anything!();
            pass_over!(null, bool, number, list, map);

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// An object; the default for everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Object<T>(pub(super) T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Wanted<T> {
            type Value = Object<T>;
            anything!();
            pass_over!(null, bool, number, text, list);

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_any(Wanted(PhantomData))
    }
}

/// A list, of bounded length; empty for everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Wanted<T> {
            type Value = List<T>;
            anything!();
            pass_over!(null, bool, number, text, map);

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    if all.len() >= ENTITIES {
                        return Err(A::Error::custom(format_args!("a list of more than {ENTITIES}")));
                    }
                    all.push(one);
                }
                Ok(List(all))
            }
        }
        deserializer.deserialize_any(Wanted(PhantomData))
    }
}

/// The last of a list; absent for everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last<T>(pub(super) Option<T>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Last<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Wanted<T> {
            type Value = Last<T>;
            anything!();
            pass_over!(null, bool, number, text, map);

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Last<T>, A::Error> {
                let mut last = None;
                while let Some(one) = list.next_element()? {
                    last = Some(one);
                }
                Ok(Last(last))
            }
        }
        deserializer.deserialize_any(Wanted(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct All<'a> {
        number: Number,
        fraction: Fraction,
        flag: Flag,
        time: Time,
        #[serde(borrow)]
        text: Text<'a>,
        object: Object<Inner>,
        list: List<Number>,
        last: Last<Number>,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        n: Number,
    }

    #[test]
    fn what_fits_is_taken() {
        let text = r#"{"number":5,"fraction":-1.5,"flag":true,"time":"1970-01-01T00:00:01Z","text":"a",
            "object":{"n":1,"other":[{}]},"list":[1,"x",2],"last":[1,{},3],"more":{"a":[null]}}"#;
        let all: All<'_> = serde_json::from_str(text).unwrap();
        let wanted = All {
            number: Number(Some(5)),
            fraction: Fraction(Some(-1.5)),
            flag: Flag(true),
            time: Time(Some(Timestamp::from_secs(1))),
            text: Text(Cow::Borrowed("a")),
            object: Object(Inner { n: Number(Some(1)) }),
            list: List(vec![Number(Some(1)), Number(None), Number(Some(2))]),
            last: Last(Some(Number(Some(3)))),
        };
        assert_eq!(all, wanted);
    }

    #[test]
    fn everything_else_costs_its_own_field() {
        let fields = ["number", "fraction", "flag", "time", "text", "object", "list", "last"];
        let values = [
            "null",
            "true",
            "-7",
            "1e300",
            "18446744073709551616",
            r#""x\u0041""#,
            "[[1]]",
            r#"{"a":{"n":2}}"#,
        ];
        for field in fields {
            for value in values {
                let text = format!(r#"{{"{field}":{value},"number2":1}}"#);
                assert!(serde_json::from_str::<All<'_>>(&text).is_ok(), "{text}");
            }
        }
        let number = |text| serde_json::from_str::<Number>(text).unwrap().0;
        assert_eq!((number("-1"), number("1.5e3"), number("\"7\"")), (None, Some(1500), None));
        let time = |text| serde_json::from_str::<Time>(text).unwrap().0;
        assert_eq!((time(r#""0001-01-01T00:00:00Z""#), time(r#""soon""#), time("null")), (None, None, None));
        let long = format!("[{}0]", "0,".repeat(ENTITIES));
        assert!(
            serde_json::from_str::<List<Number>>(&long)
                .unwrap_err()
                .to_string()
                .starts_with("a list of more")
        );
    }
}
