//! The last numbers of a row, one for each interval: what a sparkline is drawn from.

use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

/// How many intervals a spark shows.
pub(super) const LENGTH: usize = 30;

/// CPU in cores and memory in bytes, oldest first; `None` is a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spark {
    cpu: Line,
    memory: Line,
}

/// One number of either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Dot {
    /// Cores.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Line {
    numbers: [Option<f64>; LENGTH],
    length: u8,
}

impl Default for Line {
    fn default() -> Self {
        Self { numbers: [None; LENGTH], length: 0 }
    }
}

impl Line {
    fn push(&mut self, number: Option<f64>) {
        // gaps before the first number tell nothing
        if number.is_none() && self.length == 0 {
            return;
        }
        if usize::from(self.length) == LENGTH {
            self.numbers.rotate_left(1);
        } else {
            self.length += 1;
        }
        if let Some(slot) = self.numbers.get_mut(usize::from(self.length) - 1) {
            *slot = number;
        }
    }

    fn numbers(&self) -> &[Option<f64>] {
        self.numbers.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn is_flat(&self) -> bool {
        self.numbers().windows(2).all(|pair| pair.first() == pair.last())
    }
}

impl Spark {
    /// Adds the newest; the oldest of more than [`LENGTH`] goes.
    pub fn push(&mut self, dot: Dot) {
        self.cpu.push(dot.cpu);
        self.memory.push(dot.memory.map(|bytes| bytes as f64));
    }

    /// The newest.
    pub fn last(&self) -> Dot {
        let newest = |line: &Line| line.numbers().last().copied().flatten();
        Dot { cpu: newest(&self.cpu), memory: newest(&self.memory).map(|bytes| bytes as u64) }
    }

    /// CPU in cores.
    pub fn cpu(&self) -> &[Option<f64>] {
        self.cpu.numbers()
    }

    /// Memory in bytes.
    pub fn memory(&self) -> &[Option<f64>] {
        self.memory.numbers()
    }

    /// Whether all its numbers are the same, so that one more of them changes nothing to look at.
    pub fn is_flat(&self) -> bool {
        self.cpu.is_flat() && self.memory.is_flat()
    }
}

impl<'de> Deserialize<'de> for Spark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// As it is written.
        #[derive(Deserialize)]
        struct Lists {
            cpu: Vec<Option<f64>>,
            memory: Vec<Option<f64>>,
        }
        let Lists { cpu, memory } = Lists::deserialize(deserializer)?;
        let mut spark = Self::default();
        cpu.into_iter().for_each(|number| spark.cpu.push(number));
        memory.into_iter().for_each(|number| spark.memory.push(number));
        Ok(spark)
    }
}

impl Serialize for Spark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("cpu", self.cpu())?;
        map.serialize_entry("memory", &Whole(self.memory()))?;
        map.end()
    }
}

/// Numbers without decimals.
struct Whole<'a>(&'a [Option<f64>]);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for number in self.0 {
            list.serialize_element(&number.map(|number| number as u64))?;
        }
        list.end()
    }
}

/// Both keys always, `null` for a gap.
impl Serialize for Dot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("cpu", &self.cpu)?;
        map.serialize_entry("memory", &self.memory)?;
        map.end()
    }
}
