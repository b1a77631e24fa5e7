//! Numbers that are derived from a recorded seed: the same seed gives the same numbers, in a retry,
//! in a replay, on any machine.

/// One step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014): spreads a seed over all 64 bits.
#[must_use]
pub const fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Sixteen bytes that are derived from a seed and a counter.
#[must_use]
pub fn derive(seed: u64, counter: u64) -> [u8; 16] {
    let first = split_mix(seed ^ split_mix(counter));
    let second = split_mix(first ^ seed.rotate_left(32));
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}
