//! A record with every sort of part.

use plimsoll_core::columnar;
use plimsoll_core::columns::Named;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub total: u64,
    pub signed: i64,
    pub on: bool,
    pub number: Option<u64>,
    pub items: Vec<Named<Vec<u64>>>,
}

columnar!(Record { total, signed, on, number, items });
