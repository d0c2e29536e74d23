//! A record as columns: how a sample becomes numbers that can be kept, compared and restored.
//!
//! One method, [`Columnar::visit`], names every part of a record in one order. Writing, comparing and
//! restoring all walk that order, so they cannot disagree. Parts are of two sorts: *numbers*, which
//! move from sample to sample, and the *shape* (which parts are present, how long lists are, what devices
//! are called), which seldom does.

/// A record that can be walked part by part.
pub trait Columnar {
    /// Shows every part to the visitor, in one order that depends on the shape alone.
    /// A visitor that restores writes into the parts; one that stores only reads them.
    fn visit<V: Visitor>(&mut self, visitor: &mut V);

    /// Becomes equal to the other in what [`Columnar::visit`] shows, and keeps the room of lists and names: a copy
    /// every second must not allocate every second, which a derived `clone_from` does.
    fn assign(&mut self, from: &Self);
}

/// Who walks over a record.
pub trait Visitor {
    /// A number that moves.
    fn number(&mut self, value: &mut u64);
    /// Shape: whether a part is present.
    fn present(&mut self, value: &mut bool);
    /// Shape: how many items a list has.
    fn length(&mut self, value: &mut usize);
    /// Shape: a name.
    fn name(&mut self, value: &mut String);
}

impl Columnar for u64 {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        visitor.number(self);
    }

    fn assign(&mut self, from: &Self) {
        *self = *from;
    }
}

impl Columnar for i64 {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        let mut bits = self.cast_unsigned();
        visitor.number(&mut bits);
        *self = bits.cast_signed();
    }

    fn assign(&mut self, from: &Self) {
        *self = *from;
    }
}

impl Columnar for String {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        visitor.name(self);
    }

    fn assign(&mut self, from: &Self) {
        self.clone_from(from);
    }
}

impl Columnar for bool {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        visitor.present(self);
    }

    fn assign(&mut self, from: &Self) {
        *self = *from;
    }
}

impl<T: Columnar + Default> Columnar for Option<T> {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        let mut present = self.is_some();
        visitor.present(&mut present);
        if present {
            self.get_or_insert_default().visit(visitor);
        } else {
            *self = None;
        }
    }

    fn assign(&mut self, from: &Self) {
        match from {
            Some(from) => self.get_or_insert_default().assign(from),
            None => *self = None,
        }
    }
}

/// What is seldom there and large lies apart.
impl<T: Columnar> Columnar for Box<T> {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        (**self).visit(visitor);
    }

    fn assign(&mut self, from: &Self) {
        (**self).assign(from);
    }
}

impl<T: Columnar + Default> Columnar for Vec<T> {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        let mut length = self.len();
        visitor.length(&mut length);
        self.resize_with(length, T::default);
        for item in self {
            item.visit(visitor);
        }
    }

    fn assign(&mut self, from: &Self) {
        self.resize_with(from.len(), T::default);
        for (item, from) in self.iter_mut().zip(from) {
            item.assign(from);
        }
    }
}

/// A value under a name; a list of them is written as a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named<T> {
    /// The key.
    pub name: String,
    /// The value.
    pub value: T,
}

impl<T: Columnar> Columnar for Named<T> {
    fn visit<V: Visitor>(&mut self, visitor: &mut V) {
        visitor.name(&mut self.name);
        self.value.visit(visitor);
    }

    fn assign(&mut self, from: &Self) {
        self.name.clone_from(&from.name);
        self.value.assign(&from.value);
    }
}

/// For `#[serde(serialize_with)]`: named values as one JSON object, in their order.
///
/// # Errors
/// Those of the serializer.
pub fn as_map<T: serde::Serialize, S: serde::Serializer>(
    items: &[Named<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(items.iter().map(|item| (&item.name, &item.value)))
}

/// Implements [`Columnar`] for a struct by naming its fields in order; those after `but not` are no columns.
#[macro_export]
macro_rules! columnar {
    ($type:ty { $($field:ident),* $(,)? } $(but not $($left:ident),*)?) => {
        impl $crate::columns::Columnar for $type {
            fn visit<V: $crate::columns::Visitor>(&mut self, visitor: &mut V) {
                // naming every field keeps the list complete: a forgotten one does not compile
                let Self { $($field,)* $($($left: _,)*)? } = self;
                $($crate::columns::Columnar::visit($field, visitor);)*
            }

            fn assign(&mut self, from: &Self) {
                $($crate::columns::Columnar::assign(&mut self.$field, &from.$field);)*
            }
        }
    };
}
