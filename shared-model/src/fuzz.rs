//! Inputs that nobody would write, for the tests of whoever reads any: examples whose bytes are changed at random.

use std::{
    env,
    time::{Duration, Instant},
};

/// How long a test tries inputs where nobody says; `make fuzz` says `FUZZ_SECONDS`.
const MOMENT: Duration = Duration::from_millis(500);
/// Changes to an example, and bytes of each, at most.
const CHANGES: usize = 8;
const LENGTH: usize = 60;

/// Numbers that look random, from a seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// Hands changed examples to a target until the time is over, at least one. Every input is the outcome of its number, which a
/// target that panics leaves on standard error.
pub fn fuzz(examples: &[Vec<u8>], target: impl Fn(Vec<u8>)) {
    let seconds = env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let time = seconds.map_or(MOMENT, Duration::from_secs);
    let (start, mut number) = (Instant::now(), 0);
    loop {
        let told = Told(number);
        target(input(examples, number));
        drop(told);
        number += 1;
        if start.elapsed() >= time {
            break;
        }
    }
    eprintln!("{number} inputs");
}

/// The input of a number.
fn input(examples: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut numbers = Numbers(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let empty = Vec::new();
    let pick = |numbers: &mut Numbers| examples.get(numbers.below(examples.len())).unwrap_or(&empty);
    let mut input = pick(&mut numbers).clone();
    for _ in 0..numbers.below(CHANGES) {
        let at = numbers.below(input.len());
        let end = (at + numbers.below(LENGTH)).min(input.len());
        let other = pick(&mut numbers);
        let from = numbers.below(other.len());
        let part = &other[from..(from + numbers.below(LENGTH)).min(other.len())];
        match numbers.below(4) {
            // one of the bytes that mean something to most readers, or any
            0 if !input.is_empty() => {
                let odd = b"\0\t\n\r \"#%&'*+,-./0:;<=>?@[\\]^`{|}~\x7f\x80\xff";
                let any = numbers.below(256) as u8;
                input[at] = odd.get(numbers.below(2 * odd.len())).copied().unwrap_or(any);
            }
            1 => drop(input.drain(at..end)),
            2 => drop(input.splice(at..end, part.iter().copied())),
            _ => drop(input.splice(at..at, part.iter().copied())),
        }
    }
    input
}

/// Says which input it was that a target did not survive.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("input {}", self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_the_outcome_of_its_number() {
        let examples = [b"example".to_vec(), b"another".to_vec(), Vec::new()];
        let all: Vec<_> = (0..1000).map(|number| input(&examples, number)).collect();
        assert_eq!(
            all,
            (0..1000)
                .map(|number| input(&examples, number))
                .collect::<Vec<_>>()
        );
        let other = all.iter().filter(|input| !examples.contains(input)).count();
        assert!(other > 500, "{other}");
    }
}
