//! Numbers that look drawn by chance and are the same each time.

/// A well-mixed number of these two.
pub(crate) fn mix(seed: u64, what: u64) -> u64 {
    // the finalizer of SplitMix64
    let mut z =
        seed.wrapping_add(what.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in a text's stead.
pub(crate) fn number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash, u64::from(byte)))
}

/// So many letters and digits as Kubernetes generates for names: no vowels, nothing that reads like a word.
pub(crate) fn suffix(number: u64, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let letter = |place: u64| {
        let at = mix(number, place) as usize % LETTERS.len();
        char::from(LETTERS.get(at).copied().unwrap_or(b'x'))
    };
    (0..length as u64).map(letter).collect()
}

/// A uid: `5d0649b1-5def-4583-9b3b-dcb73950af73`.
pub(crate) fn uid(number: u64) -> String {
    let (a, b) = (mix(number, 1), mix(number, 2));
    format!(
        "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

/// A container's id: 64 hexadecimal digits.
pub(crate) fn id(number: u64) -> String {
    let part = |place| format!("{:016x}", mix(number, place));
    [part(3), part(4), part(5), part(6)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_kubernetes() {
        let one = uid(7);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!((id(7).len(), suffix(7, 5).len()), (64, 5));
        assert_eq!((uid(7), suffix(7, 5)), (one, suffix(7, 5)));
        assert_ne!((uid(7), id(7)), (uid(8), id(8)));
    }
}
