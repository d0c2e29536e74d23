//! MD5-crypt: how `$1$` and Apache's `$apr1$` passwords are hashed.
//!
//! Poul-Henning Kamp's scheme of 1994: a first sum that mixes password and salt by the bits of the length,
//! then a thousand rounds, then base 64 with its own alphabet and an order of bytes of its own.

use md5::{Digest, Md5};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The sum's bytes in the order in which they are written, three at a time.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// The whole hash: magic, salt (eight bytes at most), sum.
pub(super) fn hash(password: &[u8], salt: &[u8], magic: &[u8]) -> String {
    let salt = salt.get(..8).unwrap_or(salt);
    let mut sum = first(password, salt, magic);
    for round in 0..1000 {
        sum = again(password, salt, &sum, round);
    }
    let byte = |at: usize| u32::from(sum.get(at).copied().unwrap_or_default());
    let mut out = [magic, salt, b"$"].concat();
    for [high, middle, low] in ORDER {
        base64(&mut out, byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    base64(&mut out, byte(11), 2);
    String::from_utf8_lossy(&out).into_owned()
}

fn first(password: &[u8], salt: &[u8], magic: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] =
        Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut outer = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for chunk in password.chunks(16) {
        outer.update(inner.get(..chunk.len()).unwrap_or(&inner));
    }
    let mut bits = password.len();
    while bits > 0 {
        // the first byte of the password where the original meant that of the sum; it stayed
        outer.update(if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    outer.finalize().into()
}

fn again(password: &[u8], salt: &[u8], sum: &[u8], round: usize) -> [u8; 16] {
    let odd = round % 2 == 1;
    let mut next = Md5::new();
    next.update(if odd { password } else { sum });
    if round % 3 != 0 {
        next.update(salt);
    }
    if round % 7 != 0 {
        next.update(password);
    }
    next.update(if odd { sum } else { password });
    next.finalize().into()
}

fn base64(out: &mut Vec<u8>, mut bits: u32, digits: usize) {
    for _ in 0..digits {
        out.extend(ALPHABET.get((bits & 63) as usize));
        bits >>= 6;
    }
}
